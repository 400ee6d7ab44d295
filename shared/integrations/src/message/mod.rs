//! Writes what people read, from the templates in `templates/`, escaped for where it is shown.
//!
//! Values are escaped here, before they meet a template, because each channel has its own rules; templates therefore write
//! `{{{name}}}` and never `{{name}}`, which would escape once more.

mod cut;
mod template;
mod values;

use domain::Notification;
use domain::notification::truncate;

pub(crate) use cut::{cut_raw, cut_visible};

use crate::error::NotifyError;
use template::Template;
use values::Values;

/// The longest title that is shown whole; Alertmanager holds Slack's to it, and nobody reads further. Characters.
const LONGEST_TITLE: usize = 1_024;

/// Makes a text safe for where it is shown.
type Escape = fn(&str) -> String;

/// One line: how bad, where, what. Without line breaks, and not escaped.
pub(crate) fn title(notification: &Notification) -> Result<String, NotifyError> {
    let title = template::render(Template::Title, Values::of(notification, str::to_owned).finish())?;
    Ok(one_line(&title))
}

/// The lines below the title, for whatever shows plain text.
pub(crate) fn plain_body(notification: &Notification) -> Result<String, NotifyError> {
    template::render(Template::Body, Values::of(notification, str::to_owned).finish())
}

/// A mail: title and body.
pub(crate) fn sns(notification: &Notification, repeat: bool) -> Result<String, NotifyError> {
    shown(Template::Sns, notification, repeat, str::to_owned)
}

/// The summary of an incident.
pub(crate) fn pagerduty(notification: &Notification) -> Result<String, NotifyError> {
    shown(Template::Pagerduty, notification, false, str::to_owned).map(|summary| one_line(&summary))
}

/// The first line of a message to Slack, in its mrkdwn.
pub(crate) fn slack_title(notification: &Notification, repeat: bool) -> Result<String, NotifyError> {
    shown(Template::Slack, notification, repeat, without_markup)
}

/// What stands below it.
pub(crate) fn slack_body(notification: &Notification) -> Result<String, NotifyError> {
    template::render(Template::Body, Values::of(notification, without_markup).finish())
}

/// A whole message to Telegram, in its HTML.
pub(crate) fn telegram(notification: &Notification, repeat: bool) -> Result<String, NotifyError> {
    shown(Template::Telegram, notification, repeat, without_markup)
}

fn shown(template: Template, notification: &Notification, repeat: bool, escape: Escape) -> Result<String, NotifyError> {
    let title = truncate(&title(notification)?, LONGEST_TITLE);
    template::render(template, Values::of(notification, escape).titled(&title, repeat).finish())
}

/// Replaces the three characters that begin markup in Slack's mrkdwn and in Telegram's HTML, and no others: neither knows
/// many more entities. <https://docs.slack.dev/messaging/formatting-message-text>
/// <https://core.telegram.org/bots/api#html-style>
fn without_markup(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use domain::notification::Text;
    use domain::{Fingerprint, Notice, Severity, Timestamp};
    use proptest::prelude::*;

    use super::*;

    fn notification(notice: Notice, said: &str, own: Option<Text>) -> Notification {
        let labels = [("l".to_owned(), said.to_owned())].into();
        Notification {
            notice,
            alert_id: Default::default(),
            fingerprint: Fingerprint::of("prod", "k", said, &labels),
            dedup_key: "key".to_owned(),
            severity: Severity::Low,
            environment: "prod".to_owned(),
            kind: "k".to_owned(),
            subject: said.to_owned(),
            labels,
            summary: said.to_owned(),
            source: said.to_owned(),
            occurred_at: Timestamp::UNIX_EPOCH,
            opened_at: Timestamp::UNIX_EPOCH,
            runbook: None,
            tells_firing_too: false,
            notes: vec![said.to_owned()],
            text: own,
        }
    }

    fn without_entities(text: &str) -> String {
        text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    }

    proptest! {
        #[test]
        fn whatever_is_said_arrives_and_is_neither_markup_nor_template(said in r#"[ -~żó🚨{}<>&#/^!\n"]{1,60}"#, own: bool) {
            let text = own.then(|| Text { title: said.clone(), lines: vec![said.clone()] });
            for notice in [Notice::Firing, Notice::Resolved, Notice::Digest] {
                let notification = notification(notice, &said, text.clone());
                prop_assert!(plain_body(&notification).expect("a body").contains(said.trim()));
                prop_assert!(sns(&notification, true).expect("a mail").contains("(repeat)"));
                prop_assert!(!title(&notification).expect("a title").contains('\n'));
                prop_assert!(!pagerduty(&notification).expect("a summary").contains('\n'));
                let html = telegram(&notification, false).expect("a message");
                let shown = html.replacen("<b>", "", 1).replacen("</b>", "", 1);
                prop_assert!(!shown.contains(['<', '>']), "{shown}");
                prop_assert!(without_entities(&shown).contains(said.trim()), "{shown}");
                let slack = slack_body(&notification).expect("a body");
                prop_assert!(!slack.contains(['<', '>']) && without_entities(&slack).contains(said.trim()), "{slack}");
            }
        }
    }
}
