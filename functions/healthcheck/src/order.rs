//! In which order checks are asked: what ran out of its time comes last, what there was no time for comes first.

use std::collections::BTreeMap;

use config::watch_file::Check;
use domain::Timestamp;
use store::check_states::Turn;

/// Orders checks by how they fared before; among equals the watch file's order stands. So one that hangs costs others
/// nothing but the time left over, and none is left out twice while others run twice.
pub(crate) fn in_turn<'w>(mut checks: Vec<&'w Check>, turns: &BTreeMap<String, Turn>) -> Vec<&'w Check> {
    checks.sort_by_key(|check| rank(turns.get(&check.name)));
    checks
}

fn rank(turn: Option<&Turn>) -> (bool, Timestamp) {
    turn.map_or((false, Timestamp::MIN), |turn| (turn.timed_out, turn.evaluated_at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_timed_out_comes_last_and_what_had_no_turn_comes_first() {
        let turn =
            |timed_out, at: &str| Turn { timed_out, firing: false, evaluated_at: at.parse().expect("an instant") };
        let hung = turn(true, "2026-03-01T06:00:00Z");
        let left_over = turn(false, "2026-03-01T05:55:00Z");
        let ran = turn(false, "2026-03-01T06:00:00Z");
        assert!(rank(None) < rank(Some(&left_over)));
        assert!(rank(Some(&left_over)) < rank(Some(&ran)));
        assert!(rank(Some(&ran)) < rank(Some(&hung)));
    }
}
