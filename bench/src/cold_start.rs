//! How long a function takes from the start of its process to its first poll and to its first answer, and the memory
//! it holds in between; the peer takes turns with it, so that both meet the same machine.

use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use testkit::runtime_api::Sandbox;

use crate::memory;
use crate::stats::Samples;
use crate::table::Row;
use crate::world::{Subject, World};

/// Starts of each, ours and the peer's. The design asks for 20.
const RUNS: usize = 25;

/// One start.
struct Start {
    first_poll: Duration,
    /// From the start of the process, without the time in which it waited for us to invoke it.
    first_answer: Duration,
    resident_mib: f64,
}

/// The rows of one function.
pub(crate) async fn measure(world: &World, subject: &Subject) -> anyhow::Result<Vec<Row>> {
    let (mut ours, mut peers) = (Vec::new(), Vec::new());
    for run in 0..=RUNS {
        let our = start(&world.sandbox(subject).await?, &subject.dry_run).await;
        let our = our.with_context(|| format!("starting {}", subject.function))?;
        let peer = start(&world.peer(subject).await?, &subject.dry_run).await;
        let peer = peer.with_context(|| format!("starting the peer of {}", subject.function))?;
        // The first start reads the binary from disk, and Python compiles: that belongs to nobody.
        if run > 0 {
            ours.push(our);
            peers.push(peer);
        }
    }
    let times = |starts: &[Start], time: fn(&Start) -> Duration| {
        Samples::of_times(&starts.iter().map(time).collect::<Vec<_>>())
    };
    let polls = times(&ours, |start| start.first_poll);
    let answers = times(&ours, |start| start.first_answer);
    let memory = Samples::new(ours.iter().map(|start| start.resident_mib));
    let peer_memory = Samples::new(peers.iter().map(|start| start.resident_mib));
    let name = subject.function;
    Ok(vec![
        Row::new(format!("{name}: start to first poll"), polls.median(), "ms")
            .note(spread(&polls))
            .budget(15.0)
            .peer("Python", times(&peers, |start| start.first_poll).median())
            .at_most_times_the_peer(1.0 / 30.0),
        Row::new(format!("{name}: start to first answer"), answers.median(), "ms")
            .note(spread(&answers))
            .budget(60.0)
            .peer("Python", times(&peers, |start| start.first_answer).median()),
        Row::new(format!("{name}: memory at first poll"), memory.median(), "MiB")
            .note(format!("largest {:.1}", memory.largest()))
            .budget(16.0)
            .peer("Python", peer_memory.median()),
    ])
}

async fn start(sandbox: &Sandbox, dry_run: &Value) -> anyhow::Result<Start> {
    let first_poll = sandbox.first_poll().await?;
    let resident_mib = memory::of(sandbox.pid().context("it ended at once")?)?.resident;
    let invocation = sandbox.invoke_timed(dry_run, Duration::from_secs(30)).await?;
    let answering = invocation.ended - invocation.offered;
    invocation.outcome.answered().with_context(|| sandbox.output())?;
    Ok(Start { first_poll, first_answer: first_poll + answering, resident_mib })
}

fn spread(samples: &Samples) -> String {
    format!("p90 {:.1}", samples.percentile(90))
}
