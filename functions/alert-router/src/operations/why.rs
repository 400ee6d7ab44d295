//! Why was nobody paged? Sentences, from what is on record about an alert.

use std::collections::BTreeSet;

use domain::Timestamp;
use domain::alert::Mute;
use domain::delivery::{DeliveryStatus, HeldBecause};
use domain::signal::SignalStatus;
use store::explain::{Life, MutedBy, Standing, Suppression, Telling};

/// One sentence for each reason that kept somebody from being told; none where everybody was.
pub(super) fn nobody(life: &Life, switched_off: &BTreeSet<String>, now: Timestamp) -> Vec<String> {
    let mut sentences = Vec::new();
    if let Some(alert) = &life.alert {
        sentences.extend(alert.muted.as_ref().map(|by| muted(by, alert, now)));
        sentences.extend(gathers(alert, &life.telling, now));
        sentences.extend(acknowledged(alert, now));
    }
    sentences.extend(life.suppressions.iter().map(|some| suppressed(some, life, now)));
    sentences.extend(life.telling.iter().rev().map(|telling| not_told(telling, switched_off, now)));
    sentences
}

fn until(until: Option<Timestamp>) -> String {
    until.map(|until| format!(" until {until}")).unwrap_or_default()
}

/// When it was over by `now`: at its time, or ended before it.
fn over(until: Option<Timestamp>, ended_at: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    until.into_iter().chain(ended_at).min().filter(|end| *end <= now)
}

/// What mutes it, or did until that or the alert itself was over.
fn muted(muted: &MutedBy, alert: &Standing, now: Timestamp) -> String {
    let MutedBy { why, since, until: end, by, because, ended_at } = muted;
    let over = over(*end, *ended_at, now);
    let (end, by) = (until(*end), by.as_deref().unwrap_or("another"));
    let because = because.as_ref().map(|because| format!(": {because}")).unwrap_or_default();
    let past = match (over, alert.status) {
        (Some(over), SignalStatus::Firing) => Some(format!("until {over}; the next retry tick tells it")),
        (_, SignalStatus::Firing) => None,
        (Some(over), _) => Some(format!("until {over}")),
        (None, _) => Some("until it was over itself".to_owned()),
    };
    if let Some(past) = past {
        return match why {
            Mute::Silenced => format!("It was silenced from {since} by silence {by}{because}, {past}"),
            Mute::Inhibited => format!("It was inhibited from {since} by alert {by}{because}, {past}"),
            Mute::Flapping => format!("It was flapping from {since}{because}, {past}"),
            Mute::Grouped => format!("It was grouped from {since} with alert {by}{because}, {past}"),
            Mute::Restored => format!("It was kept back from {since}{because}, {past}"),
        };
    }
    match why {
        Mute::Silenced => format!("It is silenced since {since}{end} by silence {by}{because}"),
        Mute::Inhibited => format!("It is inhibited since {since} as long as alert {by} is open{because}"),
        Mute::Flapping => format!("It is flapping since {since}, and told again once it has been quiet{end}{because}"),
        Mute::Grouped => format!("It is grouped since {since} and told with alert {by}{because}"),
        Mute::Restored => format!("It is kept back since {since}{end}, and told then if it still fires{because}"),
    }
}

/// That it waits for others to be told with.
fn gathers(alert: &Standing, telling: &[Telling], now: Timestamp) -> Option<String> {
    let end = alert.gathers_until.filter(|end| *end > now)?;
    let waits = telling.iter().any(|one| one.status == DeliveryStatus::Pending);
    waits.then(|| format!("It waits until {end} for others of its group, to be told with them"))
}

fn acknowledged(alert: &Standing, now: Timestamp) -> Option<String> {
    let (by, at, end) = alert.acknowledged.as_ref()?;
    let holds = alert.status == SignalStatus::Firing && end.is_none_or(|end| end > now);
    holds.then(|| format!("{by} acknowledged it at {at}: nobody is reminded{}", until(*end)))
}

fn suppressed(suppression: &Suppression, life: &Life, now: Timestamp) -> String {
    let Suppression { reason, by, silence, until: end, ended_at, other_told, signals, last_at } = suppression;
    let which = match signals {
        1 => format!("The signal of {last_at} was"),
        many => format!("{many} signals, the last of {last_at}, were"),
    };
    let (opens, ended) = (*end, ended_at.map(|at| format!(", which ended at {at}")).unwrap_or_default());
    let (end, by) = (until(*end), by.as_deref().unwrap_or("another"));
    match reason.as_str() {
        "duplicate" => {
            let known = life.alert_id.map(|id| format!(" of alert {id}, which was open already")).unwrap_or_default();
            format!("{which} a duplicate{known}")
        }
        "stale" => format!("{which} stale: its source had said something later"),
        "no-change" => format!("{which} no change: nothing that people did not know"),
        "nothing-open" => format!("{which} about something that was not open: nothing ended"),
        "silenced" => {
            let words = silence.as_ref().map(|(author, why)| format!(" ({author}: {why})")).unwrap_or_default();
            format!("{which} silenced{end} by silence {by}{words}{ended}")
        }
        "inhibited" => format!("{which} inhibited{end} by alert {by}, whose consequence it is"),
        "flapping" => format!("{which} suppressed{end}: the condition was flapping, and people were told so"),
        "rate-limited" => format!("{which} rate-limited{end}"),
        "grouped" => format!("{which} grouped with alert {by}, {}", told_with(*other_told, ended_at.is_some())),
        "outside-hours" => format!("{which} outside the hours of its route: {}", hours(opens, life, now)),
        "no-receiver" => format!("{which} for nobody: no route names a receiver for it"),
        "switched-off" => format!("{which} for receivers that are switched off"),
        "restored" => format!("{which} the end of what nobody had been told when the database was restored"),
        other => format!("{which} suppressed ({other}){end}"),
    }
}

/// Whether the alert that leads a group told of its members.
fn told_with(leader_told: bool, leader_over: bool) -> &'static str {
    match (leader_told, leader_over) {
        (true, _) => "of which people were told",
        (false, true) => "which ended before anybody was told of it",
        (false, false) => "with which it is told",
    }
}

/// What comes, or came, of a notice that waited for the hours to open.
fn hours(opens: Option<Timestamp>, life: &Life, now: Timestamp) -> String {
    let ended = life.alert.as_ref().is_some_and(|alert| alert.status != SignalStatus::Firing);
    let cancelled = life.telling.iter().any(|one| one.status == DeliveryStatus::Cancelled);
    match opens {
        _ if ended && cancelled => "it ended before they opened".to_owned(),
        Some(opens) if opens > now => format!("it is told when they open, at {opens}"),
        Some(opens) => format!("it waited for them to open at {opens}"),
        None => "it is told when they open".to_owned(),
    }
}

/// Why a receiver has not accepted what it is to be told.
fn not_told(telling: &Telling, switched_off: &BTreeSet<String>, now: Timestamp) -> String {
    let Telling { receiver, notice, status, held, restored, due_at, attempts, last, paused_until, fallback } = telling;
    let tried = last.as_ref().map(|(outcome, error)| {
        let error = error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
        format!("{outcome}{error}")
    });
    let instead = if fallback.is_empty() { String::new() } else { format!("; told instead: {}", fallback.join(", ")) };
    let sentence = match (status, held) {
        (DeliveryStatus::Held, Some((HeldBecause::OutsideHours, end))) => {
            format!("{receiver} is outside its hours: `{notice}` is held{}", until(*end))
        }
        (DeliveryStatus::Held, _) => format!("{receiver} is switched off: `{notice}` is held until it is on again"),
        (DeliveryStatus::Failed, _) => {
            let tried = tried.unwrap_or_else(|| "never tried".to_owned());
            format!("{receiver} did not take `{notice}`, given up after {attempts} tries ({tried})")
        }
        (DeliveryStatus::Cancelled, _) if *restored => {
            format!(
                "{receiver} was not told `{notice}`: it was too old when the database was restored, and a digest lists it"
            )
        }
        (DeliveryStatus::Cancelled, _) => format!("{receiver} was not told `{notice}`: it was over before"),
        (DeliveryStatus::Sending, _) => format!("{receiver} is being told `{notice}` right now"),
        _ if switched_off.contains(receiver) => {
            format!("{receiver} is switched off: `{notice}` waits until it is on again")
        }
        _ => waits(receiver, notice, *due_at, tried, *paused_until, now),
    };
    sentence + &instead
}

/// Why what is pending has not gone out.
fn waits(
    receiver: &str,
    notice: &str,
    due_at: Option<Timestamp>,
    tried: Option<String>,
    paused_until: Option<Timestamp>,
    now: Timestamp,
) -> String {
    if let Some(paused) = paused_until.filter(|paused| *paused > now) {
        return format!("{receiver} is rate-limited until {paused}, as it asked: `{notice}` waits");
    }
    match (due_at, tried) {
        (None, _) => format!("{receiver} is told `{notice}` once it has accepted what comes before"),
        (Some(due), Some(tried)) if due > now => {
            format!("{receiver} did not take `{notice}` ({tried}) and is tried again at {due}")
        }
        (Some(due), None) if due > now => format!("{receiver} is told `{notice}` at {due}"),
        (Some(due), _) => format!("{receiver} is about to be told `{notice}`, which is due since {due}"),
    }
}
