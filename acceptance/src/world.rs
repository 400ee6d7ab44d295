//! One local cloud for all tests of a binary, deployed on first use.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock, PoisonError, RwLock},
    time::Duration,
};

use anyhow::{Context, Result};
use localstack::{
    cloud::{Cloud, LOCK, Options},
    progress::Progress,
    record::{Alert, Decided, Record},
    supervisor,
    wait::eventually,
};
use serde_json::Value;
use testkit::{
    binaries::workspace,
    pagerduty::{Incident, Status},
    tools::target,
};
use tokio::runtime::Runtime;

/// A message whose body holds this kills the process that reads it (`FAILPOINT_ABORT_ON`, debug builds only).
pub const KILLER: &str = "kills-whoever-reads-this";

/// The topic whose claims may bar a worker.
pub const CLAIMS: &str = "claims";

/// A notification passes SNS, SQS, the router and a receiver in about two seconds; one that is received again waits for
/// the queue's visibility timeout of six, and what could not be told at once for the next tick, a minute away.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// The cloud, and the runtime it lives on: a test's own would end with the test.
#[derive(Debug)]
pub struct World {
    runtime: Runtime,
    cloud: Cloud,
    /// Held by every timeline; alone by one that takes a part of the cloud away from all.
    turns: RwLock<()>,
}

impl World {
    /// The world of this process.
    ///
    /// # Panics
    /// When it cannot be started: no test of the binary could say anything then.
    pub fn shared() -> &'static Self {
        static WORLD: OnceLock<World> = OnceLock::new();
        WORLD.get_or_init(|| match Self::start() {
            Ok(world) => world,
            #[expect(clippy::panic, reason = "tests cannot go on without it, and the message says why")]
            Err(error) => panic!("no local cloud for the tests: {error:#}"),
        })
    }

    fn start() -> Result<Self> {
        let runtime = Runtime::new().context("making a runtime")?;
        let mut options = Options::at(state_directory()?);
        options.watch_file = Some(watch_file(&options.directory)?);
        options.variables.push(("FAILPOINT_ABORT_ON".to_owned(), KILLER.to_owned()));
        let cloud = runtime.block_on(Cloud::start(&options, Progress::start()))?;
        Ok(Self { runtime, cloud, turns: RwLock::default() })
    }

    /// Tells a timeline, beside others.
    ///
    /// # Errors
    /// What the timeline answers.
    pub fn play<T>(&'static self, timeline: impl AsyncFnOnce(&'static Cloud, Record) -> Result<T>) -> Result<T> {
        let _turn = self.turns.read().unwrap_or_else(PoisonError::into_inner);
        self.tell(timeline)
    }

    /// Tells a timeline that takes a part of the cloud away, while no other is told. It has to put the part back.
    ///
    /// # Errors
    /// What the timeline answers.
    pub fn play_alone<T>(&'static self, timeline: impl AsyncFnOnce(&'static Cloud, Record) -> Result<T>) -> Result<T> {
        let _turn = self.turns.write().unwrap_or_else(PoisonError::into_inner);
        self.tell(timeline)
    }

    fn tell<T>(&'static self, timeline: impl AsyncFnOnce(&'static Cloud, Record) -> Result<T>) -> Result<T> {
        self.runtime.block_on(async {
            let record = Record::open(&self.cloud.stack.database_url).await?;
            timeline(&self.cloud, record).await
        })
    }
}

/// A directory for this process. What processes that have ended left in theirs is removed.
fn state_directory() -> Result<PathBuf> {
    let root = target().join("acceptance");
    fs::create_dir_all(&root).with_context(|| format!("making {}", root.display()))?;
    for old in fs::read_dir(&root).with_context(|| format!("listing {}", root.display()))?.flatten() {
        let was_used = old.path().join(LOCK).exists();
        if was_used && supervisor::holder(&old.path())?.is_none() {
            let _ = fs::remove_dir_all(old.path());
        }
    }
    Ok(root.join(std::process::id().to_string()))
}

/// Heartbeats of the timelines alone. Where nothing comes, they are down within hours of their first evaluation.
const HEARTBEATS: &str = r#"
[heartbeat.hourly-load]
signal = { ping = true }
schedule = "0 * * * *"
grace = "10m"
severity = "CRITICAL"

[heartbeat.hourly-archive]
signal = { ledger = "archiver" }
every = "1h"
grace = "10m"

[heartbeat.queued-load]
signal = { ping = true }
every = "1d"
grace = "1h"
"#;

/// The watch file of the local cloud, with [`HEARTBEATS`], in which claims that come through [`CLAIMS`] may bar a worker.
fn watch_file(directory: &Path) -> Result<PathBuf> {
    let local = workspace().join("config/local.toml");
    let mut text = fs::read_to_string(&local).with_context(|| format!("reading {}", local.display()))?;
    text += &format!(
        "\n[[quarantine]]\nwhen = {{ kind = \"claim\", severity = \"CRITICAL\" }}\nfrom = [\"topic:{CLAIMS}\"]\n{HEARTBEATS}"
    );
    fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;
    let file = directory.join("watch-file.toml");
    fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
    Ok(file)
}

/// Mails about something that people got so far, through the topic `pages`: those whose text holds `about`.
///
/// # Errors
/// When the queue they land in does not answer.
pub async fn mails(cloud: &Cloud, about: &str) -> Result<Vec<String>> {
    static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());
    landed(cloud, "pages", &SEEN, about).await
}

/// What came through a topic whose messages land in a queue of that name. Whoever looks takes them off the queue; those that
/// are about something else are kept for whoever looks for them.
async fn landed(cloud: &Cloud, topic: &str, seen: &Mutex<Vec<String>>, about: &str) -> Result<Vec<String>> {
    let queue = cloud.stack.queues.get(topic).with_context(|| format!("no queue {topic}"))?;
    let taken = cloud.aws.take_messages(queue).await?;
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    seen.extend(taken.into_iter().map(|message| message.body));
    Ok(seen.iter().filter(|mail| mail.contains(about)).cloned().collect())
}

/// Waits until exactly so many mails about something have come.
///
/// # Errors
/// When they do not come, or there are more.
pub async fn mailed(cloud: &Cloud, about: &str, count: usize) -> Result<()> {
    exactly(about, count, async || mails(cloud, about).await).await.map(|_| ())
}

/// Waits until the topic `self` was told exactly so often about something, and returns what.
///
/// # Errors
/// When it is not told, or more often.
pub async fn told_self(cloud: &Cloud, about: &str, count: usize) -> Result<Vec<String>> {
    static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());
    exactly(about, count, async || landed(cloud, "self", &SEEN, about).await).await
}

async fn exactly(about: &str, count: usize, mut look: impl AsyncFnMut() -> Result<Vec<String>>) -> Result<Vec<String>> {
    let what = format!("{count} mails about {about}");
    let mails = eventually(&what, PATIENCE, async || {
        let mails = look().await?;
        Ok((mails.len() >= count).then_some(mails))
    })
    .await?;
    anyhow::ensure!(mails.len() == count, "{count} mails about {about} were expected: {mails:#?}");
    Ok(mails)
}

/// Invokes deadman and returns what it answers.
///
/// # Errors
/// When it fails.
pub async fn tell_deadman(cloud: &Cloud, payload: &Value) -> Result<Value> {
    let answer = cloud.invoke("deadman", payload).await?;
    anyhow::ensure!(!answer.failed, "deadman refused {payload}: {}", answer.payload);
    Ok(answer.payload)
}

/// Invokes the router and returns what it answers.
///
/// # Errors
/// When it fails.
pub async fn ask(cloud: &Cloud, payload: &Value) -> Result<Value> {
    let answer = cloud.invoke("alert-router", payload).await?;
    anyhow::ensure!(!answer.failed, "alert-router refused {payload}: {}", answer.payload);
    Ok(answer.payload)
}

/// Publishes to the topic that alarms publish to.
///
/// # Errors
/// When it is refused.
pub async fn publish(cloud: &Cloud, notification: &str) -> Result<()> {
    let topic = cloud.stack.topics.get("alarms").context("no topic alarms")?;
    cloud.aws.publish(topic, notification).await
}

/// Waits until so many signals about a subject are decided, and returns them.
///
/// # Errors
/// When that does not happen.
pub async fn decided(record: &Record, subject: &str, count: usize) -> Result<Vec<Decided>> {
    eventually(&format!("{count} decided signals about {subject}"), PATIENCE, async || {
        let signals = record.signals(subject).await?;
        let done = signals.len() >= count && signals.iter().all(|signal| signal.decision.is_some());
        Ok(done.then_some(signals))
    })
    .await
}

/// Waits until exactly these incidents exist about an alert, as (severity in the key, status) in order of opening.
///
/// # Errors
/// When they do not come to be.
pub async fn incidents(cloud: &Cloud, alert: &Alert, expected: &[(&str, Status)]) -> Result<Vec<Incident>> {
    let key = |severity: &str| format!("{}:{severity}", alert.fingerprint);
    let expected: Vec<_> = expected.iter().map(|(severity, status)| (key(severity), *status)).collect();
    let ours = || {
        let all = cloud.receivers.incidents().into_iter();
        all.filter(|one| one.dedup_key.starts_with(&alert.fingerprint)).collect::<Vec<_>>()
    };
    let what = format!("PagerDuty incidents {expected:?}");
    let seen = eventually(&what, PATIENCE, async || {
        let ours = ours();
        let seen: Vec<_> = ours.iter().map(|one| (without_event(&one.dedup_key), one.status)).collect();
        Ok((seen == expected).then_some(ours))
    });
    match seen.await {
        Ok(seen) => Ok(seen),
        Err(late) => {
            // What the router knows says why: a try that failed, a receiver that waits, an end that never came.
            let life = ask(cloud, &serde_json::json!({"explain": alert.id})).await;
            let life = life.map_or_else(|why| format!("not to be had: {why:#}"), |life| format!("{life:#}"));
            Err(late.context(format!("PagerDuty has {:?}; the alert's life is {life}", ours())))
        }
    }
}

/// `FINGERPRINT:SEVERITY` of a key; where an event opened the alert, which event it was follows.
fn without_event(dedup_key: &str) -> String {
    dedup_key.split(':').take(2).collect::<Vec<_>>().join(":")
}

/// The only alert about a subject.
///
/// # Errors
/// When there is none, or more than one.
pub async fn only_alert(record: &Record, subject: &str) -> Result<Alert> {
    let mut alerts = record.alerts(subject).await?;
    anyhow::ensure!(alerts.len() == 1, "one alert about {subject} was expected: {alerts:?}");
    alerts.pop().context("no alert")
}
