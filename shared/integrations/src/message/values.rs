//! What the templates may name, taken from a notification and escaped.

use std::collections::HashMap;

use domain::{Notice, Notification, Severity};
use mustache2::Data;

use super::Escape;

/// The values of one message.
pub(super) struct Values {
    named: HashMap<String, Data>,
    escape: Escape,
}

impl Values {
    /// Everything that templates may name, but the title and `repeat`.
    pub(super) fn of(notification: &Notification, escape: Escape) -> Self {
        let mut values = Self { named: HashMap::new(), escape };
        let lasted = notification.occurred_at.duration_since(notification.opened_at);
        for (name, text) in [
            ("severity", notification.severity.as_str()),
            ("environment", &notification.environment),
            ("subject", &notification.subject),
            ("summary", notification.summary.trim()),
            ("source", &notification.source),
            ("occurred_at", &notification.occurred_at.to_string()),
            ("opened_at", &notification.opened_at.to_string()),
            ("lasted", &domain::duration::display(lasted)),
            ("alert_id", &notification.alert_id.to_string()),
            ("runbook", notification.runbook.as_deref().unwrap_or_default()),
            ("emoji", emoji(notification)),
        ] {
            values.put(name, Data::String(escape(text)));
        }
        values.put(notice(notification.notice), Data::Bool(true));
        values.put("fired_too", Data::Bool(notification.tells_firing_too));
        let texts = |lines: &[String]| Data::List(lines.iter().map(|line| Data::String(escape(line))).collect());
        values.put("notes", texts(&notification.notes));
        let label = |(name, value): (&String, &String)| {
            Data::map_from([("name", name), ("value", value)].map(|(key, text)| (key.to_owned(), escape(text).into())))
        };
        values.put("labels", Data::List(notification.labels.iter().map(label).collect()));
        if let Some(own) = &notification.text {
            let title = ("title".to_owned(), Data::String(escape(&own.title)));
            values.put("own", Data::map_from([title, ("lines".to_owned(), texts(&own.lines))]));
        }
        values
    }

    /// With a title, not escaped so far, and whether this may have been said before.
    pub(super) fn titled(mut self, title: &str, repeat: bool) -> Self {
        self.put("title", Data::String((self.escape)(title)));
        self.put("repeat", Data::Bool(repeat));
        self
    }

    /// As the engine takes them.
    pub(super) fn finish(self) -> Data {
        Data::Map(self.named)
    }

    fn put(&mut self, name: &str, value: Data) {
        self.named.insert(name.to_owned(), value);
    }
}

/// The section that a notice opens in a template.
const fn notice(notice: Notice) -> &'static str {
    match notice {
        // `severity` is the severity itself.
        Notice::Severity => "raised",
        other => other.as_str(),
    }
}

/// What the eye finds first in a chat.
fn emoji(notification: &Notification) -> &'static str {
    match (notification.notice, notification.severity) {
        (Notice::Resolved, _) => "✅",
        (Notice::Digest, _) => "🗒️",
        (Notice::Quarantined, _) => "⛔",
        (Notice::Released, _) => "🔓",
        (_, Severity::Critical) => "🚨",
        (_, Severity::High) => "⚠️",
        (_, Severity::Medium) => "ℹ️",
        (_, Severity::Low) => "📝",
    }
}
