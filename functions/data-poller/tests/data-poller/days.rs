//! Whole days of GFS: each cycle is processed once, and what upstream withholds is known by name.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use testkit::runtime_api::Sandbox;

use crate::world::{BUCKET, World, at, triggered, why};

/// A file of a cycle, named as NOAA names it, so many minutes after the nominal time, in the order of publication.
fn files(cycle: Timestamp) -> Vec<(String, Timestamp)> {
    let hours = (0..=120).chain((123..=384).step_by(3));
    let prefix = cycle.strftime("gfs.%Y%m%d/%H/atmos/gfs.t%Hz.pgrb2.0p25").to_string();
    let begins = cycle + SignedDuration::from_mins(210);
    // 209 files from 3 h 30 min to 5 h after the nominal time.
    let published = |n: i64| begins + SignedDuration::from_secs(n * 90 * 60 / 208);
    hours.zip(0..).map(|(hour, n)| (format!("{prefix}.f{hour:03}"), published(n))).collect()
}

/// A day, polled every quarter of an hour.
struct Day {
    world: World,
    poller: Sandbox,
    now: Timestamp,
    /// What is still to be published.
    coming: Vec<(String, Timestamp)>,
    /// What every poll answered that did something, with its time.
    triggered: Vec<(Timestamp, String)>,
}

impl Day {
    async fn of(cycles: &[&str]) -> Self {
        let world = World::new().await;
        let poller = world.polling(&world.real_gfs("late_severity = 'LOW'\nlook_back = '24h'")).await;
        let coming = cycles.iter().flat_map(|cycle| files(at(cycle))).collect();
        Self { world, poller, now: at("20 00:00"), coming, triggered: Vec::new() }
    }

    /// Polls until a time. What is due by then is published, and what was triggered takes an hour.
    async fn until(&mut self, time: &str) {
        while self.now < at(time) {
            self.now += SignedDuration::from_mins(15);
            let now = self.now;
            for (key, published) in self.coming.extract_if(.., |(_, published)| *published <= now) {
                self.world.upstream.publish(BUCKET, &key, 10, published);
            }
            self.world.runpod.set_clock(now);
            for job in self.world.runpod.jobs() {
                self.world.runpod.begin(&job.id);
                if now.duration_since(job.created_at) >= SignedDuration::from_hours(1) {
                    self.world.runpod.complete(&job.id, json!({}));
                }
            }
            let answered = self.ask(json!({})).await;
            assert_eq!((&answered["outcome"], &answered["failed"]), (&json!("ok"), &json!([])), "{answered}");
        }
    }

    async fn ask(&mut self, payload: Value) -> Value {
        let mut payload = payload;
        payload["now"] = json!(self.now);
        let answered = crate::world::answer(&self.poller, payload).await;
        self.triggered.extend(triggered(&answered).into_iter().map(|name| (self.now, name)));
        answered
    }

    /// When each was triggered, as `gfs/2026112000 05:15`.
    fn story(&self) -> Vec<String> {
        self.triggered.iter().map(|(at, name)| format!("{name} {}", at.strftime("%H:%M"))).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_cycle_of_a_day_is_triggered_once_and_only_when_its_209_files_are_there() {
    let mut day = Day::of(&["20 00:00", "20 06:00", "20 12:00", "20 18:00"]).await;
    day.until("21 01:30").await;
    // The last file is there at five hours, and has been still for a minute by the poll after that.
    let each = ["gfs/2026112000 05:15", "gfs/2026112006 11:15", "gfs/2026112012 17:15", "gfs/2026112018 23:15"];
    assert_eq!(day.story(), each);
    let runs = day.world.runs().await;
    for (cycle, row) in ["2026112000", "2026112006", "2026112012", "2026112018"].iter().zip(
        // 18Z of the day before was published before anybody looked, and is not in this bucket.
        runs.iter().filter(|row| row.starts_with("20261120")),
    ) {
        assert_eq!(row, &format!("{cycle} complete 1"));
    }
    assert_eq!(day.world.jobs(), ["2026112000 1", "2026112006 1", "2026112012 1", "2026112018 1"]);
    assert!(day.world.runpod.jobs()[..3].iter().all(|job| job.forgotten), "RunPod keeps what ended for half an hour");
    let announced =
        "select count(*)::text from watchkeeper.forecast_runs where status = 'complete' and announced_at is not null";
    assert_eq!(day.world.stored(announced).await, ["4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cycle_that_upstream_withholds_is_late_by_name_and_is_recovered_by_force_retry() {
    let mut day = Day::of(&["19 06:00", "19 12:00", "19 18:00", "20 00:00", "20 12:00", "20 18:00", "21 00:00"]).await;
    day.until("20 11:45").await;
    assert!(day.world.raised().await.is_empty());
    day.until("20 12:00").await;
    let raised = day.world.raised().await;
    let [late] = raised.as_slice() else { panic!("one signal: {raised:?}") };
    assert_eq!(
        (&late["kind"], &late["subject"], &late["status"]),
        (&json!("upstream-late"), &json!("gfs"), &json!("firing"))
    );
    assert_eq!(late["severity"], "LOW");
    let said = late["summary"].as_str().expect("a summary");
    assert!(said.starts_with("gfs 06Z of 20 Nov is late upstream, 6h after it: none of 209 files is there"), "{said}");
    assert!(said.contains("Usually a cycle is complete 5h 15m after its nominal time"), "{said}");

    // A person looks at another window meanwhile: that does not end it.
    let elsewhere = day.ask(json!({ "backfill_hours": 2 })).await;
    assert_eq!(triggered(&elsewhere), [""; 0]);
    assert!(day.world.raised().await.is_empty());
    day.until("21 06:00").await;
    let raised = day.world.raised().await;
    let words = |one: &Value| format!("{} {}", one["kind"], one["status"]);
    let mut told: Vec<String> = raised.iter().map(words).collect();
    told.sort();
    assert_eq!(told, ["\"run-failed\" \"firing\"", "\"upstream-late\" \"resolved\""], "{raised:?}");
    let failed = raised.iter().find(|one| one["kind"] == "run-failed").expect("it is raised");
    let said = failed["summary"].as_str().expect("a summary");
    assert!(said.starts_with("gfs 06Z of 20 Nov has failed: upstream has not published it within 1d"), "{said}");
    assert!(said.contains("\"force_retry\": true, \"backfill_hours\": 25}"), "{said}");
    assert!(!day.story().iter().any(|one| one.starts_with("gfs/2026112006")), "{:?}", day.story());

    // It comes after all; nobody is interested by himself any more.
    day.coming = files(at("20 06:00"));
    day.until("21 06:15").await;
    let forced = day.ask(json!({ "force_retry": true })).await;
    assert_eq!(why(&forced, "gfs/2026112006"), None, "24 hours are the usual window: {forced}");
    let forced = day.ask(json!({ "force_retry": true, "backfill_hours": 36, "source": "gfs" })).await;
    assert_eq!(triggered(&forced), ["gfs/2026112006"], "{forced}");
    day.until("21 07:30").await;
    let recovered = day.world.raised().await;
    assert_eq!((&recovered[0]["kind"], &recovered[0]["status"]), (&json!("run-failed"), &json!("resolved")));
    assert!(day.world.runs().await.contains(&"2026112006 complete 1".to_owned()));
}
