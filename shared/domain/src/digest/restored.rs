//! The digest after a restore: what the backup held still to be told, and is not sent any more.

use jiff::Timestamp;
use uuid::Uuid;

use super::{MOST_LINES, quiet};
use crate::notification::{Notification, Text};
use crate::severity::Severity;

/// How many alerts a digest asks for: the last of its lines counts what is left.
pub const MOST_NAMED: usize = MOST_LINES - 1;

/// What is not told any more of one alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// `None` where it was no alert, as with another digest.
    pub alert_id: Option<Uuid>,
    /// How bad it was.
    pub severity: Severity,
    /// What sort of condition.
    pub kind: String,
    /// Of what.
    pub subject: String,
    /// Since when.
    pub since: Timestamp,
    /// What would have been told and whom, as in `firing to on-call`.
    pub notices: Vec<String>,
}

/// All that is not told any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Untold {
    /// By alert, the worst first, no more than [`MOST_NAMED`].
    pub named: Vec<GivenUp>,
    /// How many alerts there are.
    pub alerts: usize,
    /// How many deliveries.
    pub deliveries: usize,
}

/// What a digest says of it at `now`; `None` where there is nothing to say.
pub fn notification(digest_id: Uuid, environment: &str, untold: &Untold, now: Timestamp) -> Option<Notification> {
    let severity = untold.named.iter().map(|one| one.severity).max()?;
    let since = untold.named.iter().map(|one| one.since).min()?;
    let were = if untold.deliveries == 1 { "delivery was" } else { "deliveries were" };
    let text = Text {
        title: format!("[digest] {environment}: restored: {} {were} not sent", untold.deliveries),
        lines: lines(untold),
    };
    Some(quiet(digest_id, (since, now), environment, severity, text))
}

fn lines(untold: &Untold) -> Vec<String> {
    let named = untold.named.iter().take(MOST_NAMED);
    let mut lines: Vec<String> = named.map(line).collect();
    let left = untold.alerts.saturating_sub(lines.len());
    if left > 0 {
        lines.push(format!("and {left} more: watchkeeper.deliveries, listed_in the id of this digest"));
    }
    lines
}

fn line(one: &GivenUp) -> String {
    let GivenUp { alert_id, severity, kind, subject, since, notices } = one;
    let alert = alert_id.map(|id| format!(" (alert {id})")).unwrap_or_default();
    format!("[{severity}] {kind} {subject} since {since}: {}{alert}", notices.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given_up(n: u128) -> GivenUp {
        GivenUp {
            alert_id: Some(Uuid::from_u128(n)),
            severity: Severity::High,
            kind: "metric".to_owned(),
            subject: format!("Q/{n}"),
            since: "2026-03-01T06:00:00Z".parse().expect("an instant"),
            notices: vec!["firing to on-call".to_owned(), "firing to mail".to_owned()],
        }
    }

    fn told(untold: &Untold) -> Option<Text> {
        let now = "2026-03-02T06:00:00Z".parse().expect("an instant");
        notification(Uuid::from_u128(7), "prod", untold, now)?.text
    }

    #[test]
    fn each_is_named_with_its_alert_its_severity_and_since_when() {
        let told = told(&Untold { named: vec![given_up(5)], alerts: 1, deliveries: 2 }).expect("a digest");
        assert_eq!(told.title, "[digest] prod: restored: 2 deliveries were not sent");
        assert_eq!(
            told.lines,
            ["[HIGH] metric Q/5 since 2026-03-01T06:00:00Z: firing to on-call, firing to mail \
              (alert 00000000-0000-0000-0000-000000000005)"]
        );
    }

    #[test]
    fn however_much_there_is_a_digest_stays_short_and_says_where_the_rest_is() {
        let named = (0..59).map(given_up).collect();
        let told = told(&Untold { named, alerts: 500, deliveries: 1_000 }).expect("a digest");
        assert_eq!(told.lines.len(), MOST_LINES);
        assert!(told.lines.last().is_some_and(|last| last.starts_with("and 441 more: ")), "{:?}", told.lines.last());
    }

    #[test]
    fn nothing_is_said_where_nothing_was_given_up() {
        assert_eq!(told(&Untold::default()), None);
    }
}
