//! What must hold whatever comes, in whatever order and however often.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::tests::{Says, World, says};
use super::*;
use crate::signal::SignalStatus;

/// What a source may say: which source, firing or over, how bad, at which minute.
type Word = (usize, bool, usize, u8);

fn word() -> impl Strategy<Value = Word> {
    (0..3usize, any::<bool>(), 0..4usize, 0..30u8)
}

fn spoken((source, firing, severity, minute): Word) -> Says {
    let status = if firing { SignalStatus::Firing } else { SignalStatus::Resolved };
    says(["alarm", "check", "probe"][source], status, Severity::ALL[severity], &format!("06:{minute:02}:00"))
}

fn heard(words: &[Word], one_at_a_time: bool) -> World {
    let mut world = World::default();
    if one_at_a_time {
        for word in words {
            world.hears("07:00:00", vec![spoken(*word)]);
        }
    } else {
        world.hears("07:00:00", words.iter().map(|word| spoken(*word)).collect());
    }
    world
}

/// Who fires, and how badly.
fn firing(world: &World) -> BTreeMap<&str, Severity> {
    let firing = world.state.sources.iter().filter(|(_, source)| source.status == SignalStatus::Firing);
    firing.map(|((_, name), source)| (name.as_str(), source.severity)).collect()
}

proptest! {
    #[test]
    fn an_alert_is_open_exactly_while_a_source_fires(words in prop::collection::vec(word(), 0..20), apart in any::<bool>()) {
        let world = heard(&words, apart);
        prop_assert_eq!(!firing(&world).is_empty(), !world.state.alerts.is_empty());
        for alert in world.state.alerts.values() {
            prop_assert_eq!(Some(alert.severity), firing(&world).into_values().max());
        }
    }

    #[test]
    fn the_order_of_arrival_does_not_change_who_fires(
        words in prop::collection::vec(word(), 0..12).prop_flat_map(|words| (Just(words.clone()), Just(words).prop_shuffle())),
    ) {
        let (words, shuffled) = words;
        // One source saying several things of one status within one status run may differ in dates, not in outcome:
        // compare what the last word of each source is when every word has an instant of its own.
        let distinct = |words: &[Word]| {
            let mut seen = BTreeMap::new();
            words.iter().copied().filter(|word| seen.insert((word.0, word.3), ()).is_none()).collect::<Vec<_>>()
        };
        let kept = distinct(&words);
        let reordered: Vec<Word> = shuffled.into_iter().filter(|word| kept.contains(word)).collect();
        let (straight, shuffled) = (heard(&kept, true), heard(&reordered, true));
        prop_assert_eq!(firing(&straight), firing(&shuffled));
    }

    #[test]
    fn hearing_everything_twice_tells_nobody_twice(words in prop::collection::vec(word(), 0..12)) {
        let once = heard(&words, false);
        let mut twice = heard(&words, false);
        let decisions = twice.hears("07:00:00", words.iter().map(|word| spoken(*word)).collect());
        let notices = |world: &World| world.everyone().map(|alert| alert.deliveries.len()).sum::<usize>();
        prop_assert_eq!(notices(&once), notices(&twice));
        prop_assert!(decisions.iter().all(|decision| matches!(decision, Decision::Suppressed(_))));
    }

    #[test]
    fn every_key_is_triggered_once_and_closed_once_when_it_is_over(
        words in prop::collection::vec((word(), any::<bool>()), 0..20),
    ) {
        let mut world = World::default();
        for (word, sent) in words {
            world.hears("07:00:00", vec![spoken(word)]);
            if sent {
                world.everything_is_sent();
            }
        }
        for alert in world.everyone() {
            let mut keys: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
            for row in alert.deliveries.iter().filter(|row| row.integration.keeps_incidents()) {
                let (triggers, closes) = keys.entry(&row.dedup_key).or_default();
                *(if row.notice.triggers() { triggers } else { closes }) += 1;
            }
            for (key, (triggers, closes)) in keys {
                prop_assert_eq!(triggers, 1, "{}", key);
                prop_assert!(closes <= 1, "{}", key);
                if alert.closed.is_some() {
                    prop_assert_eq!(closes, 1, "{} is left open", key);
                }
            }
        }
    }

    #[test]
    fn who_was_told_that_it_began_is_told_that_it_ended(words in prop::collection::vec(word(), 0..20)) {
        let mut world = World::default();
        for word in words {
            world.hears("07:00:00", vec![spoken(word)]);
            world.everything_is_sent();
        }
        for alert in world.ended.iter() {
            let told = |began: bool| {
                alert.deliveries.iter().filter(|row| row.notice.triggers() == began).map(|row| row.receiver.as_str()).collect::<BTreeSet<_>>()
            };
            prop_assert_eq!(told(true), told(false));
        }
    }
}
