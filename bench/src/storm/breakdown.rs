//! Where the time of a large batch goes: Postgres is told to log how long each statement took it, and what is left of the
//! way from the invocation to its answer is the router's own.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;

use super::traffic::{Storm, Traffic};
use super::{Field, record};

/// Signals of a batch, and how many are looked at.
const BATCH: usize = 1_000;
const BATCHES: usize = 10;

/// What a statement belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// Locks are taken, and read is what is known.
    Load,
    /// What was decided is written and committed.
    Apply,
    /// What is due is looked for.
    #[default]
    Deliver,
}

/// A sentence about a storm.
pub(super) async fn measure(field: &Field<'_>, traffic: Traffic) -> anyhow::Result<String> {
    let name = "alter database bench";
    let logged = format!("{name} set log_min_duration_statement = 0; {name} set log_parameter_max_length = 0");
    field.floor.run(&logged).await?;
    let mut storm = Storm::of(traffic);
    let sandbox = field.sandbox(&mut storm).await?;
    field.floor.run(&format!("{name} reset log_min_duration_statement; {name} reset log_parameter_max_length")).await?;
    let log = field.world.postgres.log();
    let already = std::fs::metadata(&log).context("looking at the log of Postgres")?.len();
    let (mut took, mut deleting) = (Duration::ZERO, Duration::ZERO);
    field.queue.busy();
    for _ in 0..BATCHES {
        took += record(&sandbox, &storm.batch(BATCH).event).await?;
        deleting += field.queue.busy();
    }
    let text = std::fs::read(&log).context("reading the log of Postgres")?;
    let text = String::from_utf8_lossy(&text[usize::try_from(already)?.min(text.len())..]).into_owned();
    let (parts, statements) = spent(&text);
    let (all, deleting) = (took.as_secs_f64() * 1_000.0, deleting.as_secs_f64() * 1_000.0);
    let share = |ms: f64| format!("{:.0} %", 100.0 * ms / all);
    let of = |part: Part| parts.get(&part).copied().unwrap_or_default();
    let rest = all - parts.values().sum::<f64>();
    let mut largest: Vec<(&String, &f64)> = statements.iter().collect();
    largest.sort_by(|one, other| other.1.total_cmp(one.1));
    let largest: Vec<String> = largest.iter().take(5).map(|(name, ms)| format!("“{name} …” {}", share(**ms))).collect();
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    let each = all / BATCHES as f64;
    let what = match traffic {
        Traffic::Distinct => "that each open an alert",
        Traffic::Duplicates => "of one alert",
        Traffic::Half => "two of each alert",
    };
    Ok(format!(
        "Where the {each:.0} ms of {BATCH} signals {what} go: Postgres reads what is known {}, writes what was decided {}, \
         looks for what is due {}; what is left, {}, is the router's own. Deleting from the queue goes on during {} of the \
         time, beside the look for what is due. The largest statements: {}.",
        share(of(Part::Load)),
        share(of(Part::Apply)),
        share(of(Part::Deliver)),
        share(rest),
        share(deleting),
        largest.join(", ")
    ))
}

/// Milliseconds by part and by statement, from lines such as `… LOG:  duration: 0.052 ms  bind <unnamed>: select …`.
fn spent(log: &str) -> (BTreeMap<Part, f64>, BTreeMap<String, f64>) {
    let (mut parts, mut statements) = (BTreeMap::new(), BTreeMap::new());
    let mut part = Part::default();
    let mut lines = log.lines().peekable();
    while let Some(line) = lines.next() {
        let Some((_, rest)) = line.split_once("duration: ") else { continue };
        let Some((ms, statement)) = rest.split_once(" ms  ") else { continue };
        let Ok(ms) = ms.parse::<f64>() else { continue };
        let text = statement.split_once(": ").map_or(statement, |(_, text)| text).trim();
        // The second line says more than the first where that is a select.
        let next = lines.peek().map_or("", |next| next.trim());
        let words = if text.starts_with("--") {
            text.trim_start_matches(['-', ' ']).to_owned()
        } else {
            format!("{text} {next}")
        };
        let words = words.split_whitespace().take(5).collect::<Vec<_>>().join(" ");
        if text.starts_with("begin") {
            part = Part::Load;
        } else if part == Part::Load && (text.starts_with("--") || text.starts_with("insert")) {
            part = Part::Apply;
        }
        *parts.entry(part).or_insert(0.0) += ms;
        *statements.entry(words).or_insert(0.0) += ms;
        if text.starts_with("commit") || text.starts_with("rollback") {
            part = Part::Deliver;
        }
    }
    (parts, statements)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_belong_to_the_flush_they_are_sent_in() {
        let log = "2026-11-22 10:00:00 UTC [7] LOG:  duration: 0.500 ms  statement: begin isolation level\n\
                   2026-11-22 10:00:00 UTC [7] LOG:  duration: 1.000 ms  bind <unnamed>: select a\n\tfrom b\n\
                   2026-11-22 10:00:00 UTC [7] LOG:  duration: 2.000 ms  execute <unnamed>: -- insert_signals\n\
                   \t-- Signals with what was decided of them.\n\
                   2026-11-22 10:00:00 UTC [7] LOG:  duration: 0.250 ms  statement: commit\n\
                   2026-11-22 10:00:00 UTC [7] LOG:  duration: 4.000 ms  execute <unnamed>: -- lease_deliveries\n";
        let (parts, statements) = spent(log);
        assert_eq!(parts, BTreeMap::from([(Part::Load, 1.5), (Part::Apply, 2.25), (Part::Deliver, 4.0)]));
        assert_eq!(statements["insert_signals"], 2.0);
        assert_eq!(statements["select a from b"], 1.0);
    }
}
