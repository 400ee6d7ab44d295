//! What receivers were sent, in one shape for all of them.

use std::collections::BTreeMap;

use testkit::receivers::Answered;

use super::world::World;

/// What every notice says that was told without the record.
const WITHOUT_RECORD: &str = "Postgres is gone: this is told from the watch file alone";

/// Notices of one receiver, of one key, of one sort (it begins, or it ends).
pub(super) type Group = (String, String, bool);

/// How often something was said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sends {
    /// Accepted, and the sender heard so, on the record's behalf.
    pub(super) by_record: usize,
    /// The same, without the record.
    pub(super) without_record: usize,
    /// The sender did not hear what came of it.
    pub(super) unheard: usize,
}

impl Sends {
    pub(super) fn accepted(self) -> usize {
        self.by_record + self.without_record
    }
}

/// Everything that was sent.
pub(super) fn all(world: &World) -> BTreeMap<Group, Sends> {
    let mut all: BTreeMap<Group, Sends> = BTreeMap::new();
    let mut add = |group: Group, heard: Option<bool>, text: &str| {
        let sends = all.entry(group).or_default();
        match heard {
            None => sends.unheard += 1,
            Some(true) if text.contains(WITHOUT_RECORD) => sends.without_record += 1,
            Some(true) => sends.by_record += 1,
            Some(false) => {}
        }
    };
    for request in world.receivers.received() {
        let heard = match request.answered {
            Answered::Status(status) => Some(status < 300),
            Answered::Cut => None,
        };
        let word = |name: &str| request.json[name].as_str().unwrap_or_default().to_owned();
        let (receiver, ends) = match request.integration {
            "pagerduty" => ("on-call", word("event_action") == "resolve"),
            _ if request.path.starts_with("/hook/bulk") => ("bulk", word("notice") == "resolved"),
            _ => ("hook", word("notice") == "resolved"),
        };
        // In a storm the worst notice leads: its key comes first.
        let key = word("dedup_key").split('+').next().unwrap_or_default().to_owned();
        add((receiver.to_owned(), key, ends), heard, &request.body);
    }
    for mail in world.aws.cloud.published() {
        let receiver = if mail.topic == "self" { "self" } else { "mail" };
        let word = |name: &str| mail.attributes.get(name).cloned().unwrap_or_default();
        let heard = mail.heard.then_some(mail.taken);
        add((receiver.to_owned(), word("dedup_key"), word("notice") == "resolved"), heard, &mail.text);
    }
    all
}
