//! What goes wrong around the routers, now and then, for a while.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use testkit::proxy::{Fault, Towards};
use testkit::receivers::{Behaviour, Cut};

use super::dice::Dice;
use super::world::World;

/// Breaks the way to Postgres again and again; counts how often. Ends by being dropped.
pub(super) async fn over_postgres(world: &World, outages: &AtomicUsize, mut dice: Dice) {
    loop {
        tokio::time::sleep(dice.millis(150, 900)).await;
        let towards = *dice.pick(&[Towards::Server, Towards::Client]);
        let fault = match dice.below(8) {
            0 | 1 => Fault::Refuse,
            2 => Fault::PoolerIsFull,
            3 => Fault::Hang,
            4 => Fault::Delay(dice.millis(5, 60)),
            5 => Fault::Cut { towards, after: dice.between(100, 40_000) },
            6 => Fault::CutAt { statement: "commit", arrives: dice.permille(500) },
            _ => Fault::HalfOpen { lost: towards },
        };
        world.proxy.behave(fault);
        outages.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(dice.millis(100, 1_200)).await;
        world.proxy.behave(Fault::None);
    }
}

/// Lets receivers misbehave again and again.
pub(super) async fn over_receivers(world: &World, mut dice: Dice) {
    world.aws.cloud.publish_badly(40);
    loop {
        tokio::time::sleep(dice.millis(50, 400)).await;
        let integration = *dice.pick(&["pagerduty", "webhook"]);
        let times = u32::try_from(dice.between(1, 6)).unwrap_or(1);
        let behaviour = match dice.below(10) {
            0 | 1 => Behaviour::answer(integration, 500),
            2 => Behaviour::answer(integration, 429).header("retry-after", "1"),
            3 | 4 => Behaviour::cut(integration, Cut::Before),
            5 | 6 => Behaviour::cut(integration, Cut::After),
            7 => Behaviour::answer(integration, 400),
            _ => Behaviour::late(integration, dice.millis(50, 600)),
        };
        world.receivers.behave(behaviour.times(times));
    }
}

/// Everything is well again.
pub(super) fn clear(world: &World) {
    world.proxy.behave(Fault::None);
    world.receivers.behave_normally();
    world.aws.cloud.publish_badly(0);
}

/// When a process is killed, if it is: some time into an invocation.
pub(super) fn kill_after(dice: &mut Dice) -> Option<Duration> {
    dice.permille(80).then(|| dice.millis(1, 250))
}
