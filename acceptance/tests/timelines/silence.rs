//! A silence: an alarm inside it tells nobody, and pages once it is ended; the router says why, before and after.

use acceptance::{
    alarm::{Alarm, clock},
    world::{World, ask, decided, incidents, mails, only_alert, publish},
};
use anyhow::{Result, ensure};
use serde_json::json;
use testkit::pagerduty::Status;

#[test]
fn what_still_fires_when_its_silence_is_ended_pages_at_the_next_tick_and_explain_says_why_not_before() -> Result<()> {
    World::shared().play(async |cloud, record| {
        let (alarm, at) = (Alarm::on("Silenced"), clock());
        let silence = json!({"silence": {
            "matchers": {"kind": "metric", "subject": alarm.subject()}, "until": "2099-01-01T00:00:00Z",
            "author": "ana", "reason": "The exchange moves its feed",
        }});
        let silence = ask(cloud, &silence).await?["silence"].take();
        publish(cloud, &alarm.firing(at(0))).await?;
        let signals = decided(&record, &alarm.subject(), 1).await?;
        ensure!(signals[0].suppressed_as("silenced"), "{signals:?}");
        let alert = only_alert(&record, &alarm.subject()).await?;
        ask(cloud, &json!({"tick": "retry"})).await?;
        incidents(cloud, &alert, &[]).await?;
        ensure!(mails(cloud, &alarm.subject()).await?.is_empty(), "somebody got a mail");
        let before = ask(cloud, &json!({"explain": alert.id})).await?["why_nobody"].to_string();
        for part in ["It is silenced since", "ana", "The exchange moves its feed"] {
            ensure!(before.contains(part), "no {part:?} in {before}");
        }

        ask(cloud, &json!({"unsilence": {"silence_id": silence["silence_id"], "by": "ben"}})).await?;
        ask(cloud, &json!({"tick": "retry"})).await?;
        incidents(cloud, &alert, &[("HIGH", Status::Open)]).await?;
        let after = ask(cloud, &json!({"explain": alert.id})).await?;
        let why = after["why_nobody"].to_string();
        ensure!(!why.contains("It is silenced since"), "it is not any more: {why}");
        let life = after["life"].as_array().into_iter().flatten();
        let told: Vec<_> =
            life.filter(|event| event["outcome"] == "accepted").map(|event| &event["receiver"]).collect();
        ensure!(told.len() == 2 && told.contains(&&json!("on-call")), "on-call and mail were told: {after}");
        Ok(())
    })
}
