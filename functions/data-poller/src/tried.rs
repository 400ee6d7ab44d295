//! What a poll tried, by the cycle: a poll of which nothing worked is a failed one, never "nothing triggered".

use std::collections::{BTreeMap, BTreeSet};

use domain::upstream::RunKey;
use runtime::{Fault, Kind};

use crate::report::name;

/// So many reasons are told.
const MOST_REASONS: usize = 5;

/// Whether anybody waits for a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    /// It is expected upstream, or a person has asked for it.
    For,
    /// Upstream is not even expected to have it: a mirror that cannot be read now keeps nobody waiting.
    NotYet,
}

/// Cycles for which something was asked of somebody, and of which nothing came of it.
#[derive(Debug, Default)]
pub(crate) struct Tried {
    all: BTreeSet<RunKey>,
    failed: BTreeMap<RunKey, String>,
    matters: bool,
}

impl Tried {
    /// Something was asked about a cycle.
    pub(crate) fn asked(&mut self, key: &RunKey) {
        self.all.insert(key.clone());
    }

    /// It failed, and why.
    pub(crate) fn failed(&mut self, key: &RunKey, why: &str) {
        self.unread(key, why, Waited::For);
    }

    /// No mirror could be read, and why.
    pub(crate) fn unread(&mut self, key: &RunKey, why: &str, waited: Waited) {
        self.asked(key);
        self.failed.insert(key.clone(), why.to_owned());
        self.matters |= waited == Waited::For;
    }

    /// # Errors
    /// `Failed` where something was tried, nothing worked, and anybody waits for some of it.
    pub(crate) fn worked(&self) -> Result<(), Fault> {
        if !self.matters || self.failed.len() < self.all.len() {
            return Ok(());
        }
        let reasons: Vec<String> =
            self.failed.iter().take(MOST_REASONS).map(|(key, why)| format!("{}: {why}", name(key))).collect();
        let more = self.failed.len().saturating_sub(MOST_REASONS);
        let more = if more == 0 { String::new() } else { format!("; and {more} more") };
        Err(Fault::new(Kind::Failed, format!("nothing of what was tried worked: {}{more}", reasons.join("; "))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(hour: i64) -> RunKey {
        RunKey::of("gfs", domain::Timestamp::from_second(hour * 3_600).expect("an instant"))
    }

    #[test]
    fn what_tried_nothing_has_not_failed() {
        assert!(Tried::default().worked().is_ok());
    }

    #[test]
    fn one_of_two_that_works_is_enough() {
        let mut tried = Tried::default();
        tried.asked(&key(0));
        tried.failed(&key(6), "403");
        assert!(tried.worked().is_ok());
    }

    #[test]
    fn what_nobody_waits_for_fails_a_poll_only_beside_what_somebody_waits_for() {
        let mut tried = Tried::default();
        tried.unread(&key(6), "503", Waited::NotYet);
        assert!(tried.worked().is_ok());
        tried.unread(&key(0), "503", Waited::For);
        assert!(tried.worked().is_err());
        tried.asked(&key(12));
        assert!(tried.worked().is_ok());
    }

    #[test]
    fn a_cycle_that_was_found_and_then_refused_has_failed() {
        let mut tried = Tried::default();
        tried.asked(&key(0));
        tried.failed(&key(0), "RunPod answered 500");
        let fault = tried.worked().expect_err("nothing worked");
        assert!(fault.message.ends_with("gfs/1970010100: RunPod answered 500"), "{}", fault.message);
    }
}
