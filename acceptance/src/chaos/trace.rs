//! The whole life of one condition, for whoever has to find out why something is wrong with it.

use anyhow::Result;
use domain::Timestamp;

use super::aws::Published;
use super::world::World;

/// When, which comes first at one instant, and what.
type Line = (Timestamp, u8, String);

/// What is on record of a condition, and what receivers were sent about it, in order.
pub(super) async fn of(world: &World, subject: &str) -> Result<String> {
    let mut lines = on_record(world, subject).await?;
    let fingerprints = world
        .rows(&format!("select distinct fingerprint from watchkeeper.signals where subject = '{subject}'"))
        .await?;
    let fingerprint = fingerprints.first().and_then(|row| row.first()).map_or("-", String::as_str);
    lines.extend(sent(world, fingerprint));
    lines.sort();
    let said: Vec<String> = lines.into_iter().map(|(at, _, said)| format!("{at:.6} {said}")).collect();
    Ok(format!("{subject}:\n    {}", said.join("\n    ")))
}

/// Ids are shown by their ends, since those of one moment begin alike.
async fn on_record(world: &World, subject: &str) -> Result<Vec<Line>> {
    // Subjects are the run's own; none holds a quote.
    let life = world
        .rows(&format!(
            "with mine as (
                 select alert.*, right(alert_id::text, 5) as id from watchkeeper.alerts as alert
                 where subject = '{subject}'
             ),
             told as (
                 select delivery.*, mine.id as alert, right(delivery_id::text, 5) as id
                 from watchkeeper.deliveries as delivery join mine using (alert_id)
             ),
             life as (
                 select opened_at as at, 1 as place,
                        format('opens alert %s (at last %s, told as %s, %s)', id, severity, notified_severity, event_key)
                            as said
                 from mine
                 union all
                 select received_at, 2,
                        format('%s  %s %s %s of %s: %s %s %s', right(source, 10), idempotency_key, status, severity,
                               occurred_at::time, decision, reason, right(alert_id::text, 5))
                 from watchkeeper.signals where subject = '{subject}'
                 union all
                 select created_at, 3,
                        format('  alert %s: delivery %s to %s, %s %s %s, in the end %s%s', alert, id, receiver, sequence,
                               notice, split_part(dedup_key, ':', 2), status, ' in ' || right(folded_into::text, 5))
                 from told
                 union all
                 select attempted_at, 4, format('    delivery %s to %s was %s %s', id, receiver, outcome, error)
                 from watchkeeper.delivery_attempts join told using (delivery_id)
                 union all
                 select resolved_at, 6, format('closes alert %s: %s', id, close_reason)
                 from mine where resolved_at is not null
             )
             select to_char(at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), place, said from life"
        ))
        .await?;
    let line = |row: Vec<String>| {
        let [at, place, said] = row.try_into().ok()?;
        Some((at.parse().ok()?, place.parse().ok()?, said))
    };
    Ok(life.into_iter().filter_map(line).collect())
}

fn sent(world: &World, fingerprint: &str) -> Vec<Line> {
    let severity = |key: &str| key.split(':').skip(1).collect::<Vec<_>>().join(":");
    let requests = world.receivers.received().into_iter().filter(|request| request.body.contains(fingerprint));
    let requests = requests.map(|request| {
        let word = |name: &str| request.json[name].as_str().unwrap_or_default().to_owned();
        let what = format!("{}{} {}", word("event_action"), word("notice"), severity(&word("dedup_key")));
        (request.at, 5, format!("    {} got {what}: {:?}", request.path, request.answered))
    });
    let word = |mail: &Published, name: &str| mail.attributes.get(name).cloned().unwrap_or_default();
    let mails = world.aws.cloud.published().into_iter();
    let mails = mails.filter(|mail| word(mail, "dedup_key").starts_with(fingerprint)).map(|mail| {
        let what = format!("{} {}", word(&mail, "notice"), severity(&word(&mail, "dedup_key")));
        (mail.at, 5, format!("    topic {} got {what}: taken {}, heard {}", mail.topic, mail.taken, mail.heard))
    });
    requests.chain(mails).collect()
}
