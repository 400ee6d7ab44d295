//! A job falls silent, and one of Watchkeeper's own functions does: who hears of it, of what, and when it is over.
//!
//! Evaluations come at instants of the timeline's own clock, hours ahead; nothing older is evaluated afterwards.

use acceptance::world::{PATIENCE, World, decided, incidents, mailed, only_alert, tell_deadman, told_self};
use anyhow::{Context, Result, ensure};
use jiff::{RoundMode, SignedDuration, Timestamp, TimestampRound, Unit};
use localstack::{cloud::Cloud, record::Record, wait::eventually};
use serde_json::{Value, json};
use testkit::pagerduty::Status;

/// By ping, every full hour, ten minutes of grace, CRITICAL.
const LOAD: &str = "hourly-load";
/// By the ledger of a function that runs only when a timeline asks for it, every hour, ten minutes of grace.
const OWN: &str = "hourly-archive";
/// By ping, told by messages.
const QUEUED: &str = "queued-load";

/// The timeline's clock: it begins with the full hour that comes.
#[derive(Clone, Copy)]
struct Clock(Timestamp);

impl Clock {
    fn after(begun: Timestamp) -> Result<Self> {
        let hour = TimestampRound::new().smallest(Unit::Hour).mode(RoundMode::Ceil);
        Ok(Self(begun.round(hour).context("finding the full hour")?))
    }

    fn at(self, minutes: i64) -> Timestamp {
        self.0 + SignedDuration::from_mins(minutes)
    }

    /// A nominal time as people call it.
    fn slot(self, hours: i64) -> String {
        self.at(60 * hours).strftime("%HZ of %-d %b").to_string()
    }
}

async fn succeed(cloud: &Cloud, at: Timestamp) -> Result<()> {
    tell_deadman(cloud, &json!({"ping": {"heartbeat": LOAD, "signal": "success"}, "now": at.to_string()})).await?;
    Ok(())
}

/// Evaluates at an instant, as the schedule would.
async fn evaluate(cloud: &Cloud, at: Timestamp) -> Result<()> {
    let answer = tell_deadman(cloud, &json!({"now": at.to_string()})).await?;
    let skipped = answer["skipped"].as_array().into_iter().flatten();
    let skipped: Vec<&Value> = skipped.filter(|skipped| skipped["name"] == "evaluation").collect();
    ensure!(skipped.is_empty(), "nothing was evaluated at {at}: {skipped:?}");
    Ok(())
}

async fn status(record: &Record) -> Result<String> {
    Ok(record.heartbeat(LOAD).await?.context("it was never evaluated")?.status)
}

#[test]
fn a_job_that_falls_silent_is_one_page_that_names_the_slot_and_one_recovery_with_the_downtime() -> Result<()> {
    World::shared().play_alone(async |cloud, record| {
        // Whatever was expected before, the watch begins now.
        tell_deadman(cloud, &json!({"pause": LOAD})).await?;
        let begun = tell_deadman(cloud, &json!({"resume": LOAD})).await?;
        let begun: Timestamp = begun["now"].as_str().context("no instant")?.parse().context("reading the instant")?;
        let clock = Clock::after(begun)?;

        // Two successes come in time, and one comes late but within its grace.
        for minutes in [2, 62, 128] {
            evaluate(cloud, clock.at(minutes - 1)).await?;
            succeed(cloud, clock.at(minutes)).await?;
            evaluate(cloud, clock.at(minutes + 1)).await?;
            ensure!(status(&record).await? == "up");
        }
        // The next stays away: it is late, and nobody is told before its grace is over.
        evaluate(cloud, clock.at(189)).await?;
        ensure!(status(&record).await? == "late");
        ensure!(record.signals(LOAD).await?.is_empty(), "its grace is not over, and somebody was told");
        evaluate(cloud, clock.at(191)).await?;
        decided(&record, LOAD, 1).await?;
        let alert = only_alert(&record, LOAD).await?;
        let seen = incidents(cloud, &alert, &[("CRITICAL", Status::Open)]).await?;
        let (missing, good) = (format!("{LOAD} {} is missing", clock.slot(3)), format!("last good {}", clock.slot(2)));
        for part in [&missing, &good] {
            ensure!(seen[0].summary.contains(part.as_str()), "no {part:?} in {:?}", seen[0].summary);
        }
        mailed(cloud, &missing, 1).await?;

        // It goes on, through another nominal time: that is on record, and wakes nobody again.
        for minutes in [192, 193, 251] {
            evaluate(cloud, clock.at(minutes)).await?;
        }
        let signals = decided(&record, LOAD, 2).await?;
        ensure!(signals[1..].iter().all(|signal| signal.decision.as_deref() == Some("suppressed")), "{signals:?}");

        // It has been down since the grace of the first ended, at minute 190.
        succeed(cloud, clock.at(262)).await?;
        evaluate(cloud, clock.at(263)).await?;
        let seen = incidents(cloud, &alert, &[("CRITICAL", Status::Resolved)]).await?;
        ensure!(seen[0].triggers == 1, "PagerDuty was told again: {seen:?}");
        mailed(cloud, &format!("{LOAD} is back after 1h 12m"), 1).await?;
        mailed(cloud, &format!("{} never came", clock.slot(3)), 1).await?;
        mailed(cloud, LOAD, 2).await?;
        ensure!(status(&record).await? == "up" && only_alert(&record, LOAD).await?.status == "resolved");

        // All the while one of our own did not run: the topic `self` hears of that, and the router does not.
        let told = told_self(cloud, OWN, 1).await?;
        ensure!(told[0].contains("is silent"), "{told:?}");
        ensure!(record.signals(OWN).await?.is_empty(), "what is about Watchkeeper itself went through its own queue");
        Ok(())
    })
}

#[test]
fn a_job_that_tells_by_messages_is_heard() -> Result<()> {
    World::shared().play(async |cloud, record| {
        let queue = cloud.stack.queues.get("pings").context("no queue pings")?;
        for says in [json!({"signal": "start"}), json!({"exit_status": 0})] {
            let ping = json!({"ping": {
                "heartbeat": QUEUED, "run_id": "one",
                "signal": says.get("signal"), "exit_status": says.get("exit_status"),
            }});
            cloud.aws.send_message(queue, &ping.to_string()).await?;
        }
        eventually("a success by message", PATIENCE, async || {
            let beating = record.heartbeat(QUEUED).await?;
            Ok(beating.filter(|beating| beating.status == "up" && beating.has_succeeded))
        })
        .await?;
        eventually("an empty queue", PATIENCE, async || Ok((cloud.aws.queue_depth(queue).await? == 0).then_some(())))
            .await
    })
}
