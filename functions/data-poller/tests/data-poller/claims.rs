//! What became of a job is not always known: nothing is started again before it is certain that it does not run, and a
//! worker that claims its run exits at once where another has it.

use std::time::Duration;

use futures::future::join;
use serde_json::{Value, json};
use testkit::receivers::{Behaviour, Cut};
use testkit::runpod::Job;

use crate::world::{World, refusal, triggered, why};

impl World {
    /// What a worker does first (docs/SOURCES.md); whether the run is its own.
    async fn claims(&self, job: &Job) -> bool {
        let (run_id, attempt) = (job.input["run_id"].as_str().expect("a run"), &job.input["attempt"]);
        let claim = format!(
            "update watchkeeper.forecast_runs set status = 'running'
             where run_id = '{run_id}' and attempts = {attempt} and status = 'triggered' returning run_id"
        );
        self.stored(&claim).await.len() == 1
    }

    /// Workers take every job that waits. Who has claimed its run does it, and says so in its row; the others exit. Answers
    /// with the cycles that were done.
    pub(crate) async fn claimed_and_done(&self) -> Vec<String> {
        let mut done = Vec::new();
        for job in self.runpod.jobs() {
            if !self.runpod.begin(&job.id) {
                continue;
            }
            if self.claims(&job).await {
                let run_id = job.input["run_id"].as_str().expect("a run");
                let says =
                    format!("update watchkeeper.forecast_runs set status = 'complete' where run_id = '{run_id}'");
                self.stored(&says).await;
                done.push(job.input["run_timestamp"].as_str().expect("a cycle").to_owned());
            }
            self.runpod.complete(&job.id, json!({}));
        }
        done
    }
}

async fn cut_off() -> (World, testkit::runtime_api::Sandbox) {
    let world = World::new().await;
    let poller = world.polling(&world.gfs("look_back = '6h'\nattempts = 2")).await;
    world.publish("20 00:00");
    world.runpod.behave(Behaviour::cut("run", Cut::After).times(1));
    let cut = world.poll(&poller, "20 05:00").await;
    assert_eq!(triggered(&cut), ["gfs/2026112000"], "it may run: {cut}");
    assert_eq!((&cut["outcome"], &cut["failed"][0]["name"]), (&json!("partial"), &json!("gfs/2026112000")));
    assert_eq!(
        (world.runs().await, world.column("external_id").await),
        (vec!["2026112000 triggered 1".to_owned()], vec!["-".to_owned()])
    );
    (world, poller)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_acceptance_was_cut_off_is_awaited_and_its_worker_ends_the_wait() {
    let (world, poller) = cut_off().await;
    for time in ["20 05:15", "20 06:00", "20 07:15"] {
        let waits = world.poll(&poller, time).await;
        assert!(why(&waits, "gfs/2026112000").is_some_and(|why| why.starts_with("in flight: attempt 1")), "{waits}");
    }
    assert_eq!(world.claimed_and_done().await, ["2026-11-20T00:00:00Z"]);
    let done = world.poll(&poller, "20 07:45").await;
    assert_eq!((&done["did"]["announced"], world.jobs()), (&json!(1), vec!["2026112000 1".to_owned()]), "{done}");
    assert_eq!(world.runs().await[0], "2026112000 complete 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_shows_up_after_its_time_finds_its_run_taken() {
    let (world, poller) = cut_off().await;
    let late = world.poll(&poller, "20 07:30").await;
    let said = why(&late, "gfs/2026112000").expect("it is named");
    assert!(said.contains("tried again at 07:32Z") && said.contains("nothing has shown for 2h 30m"), "{said}");
    let first = world.runpod.jobs().remove(0);
    world.poll(&poller, "20 07:35").await;
    assert_eq!(world.jobs(), ["2026112000 1", "2026112000 2"]);
    assert!(!world.claims(&first).await, "the first job's worker");
    assert_eq!(world.claimed_and_done().await, ["2026-11-20T00:00:00Z"], "the second's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_quicker_than_the_record_leaves_the_job_known() {
    let world = World::new().await;
    let poller = world.polling(&world.gfs("look_back = '6h'")).await;
    world.publish("20 00:00");
    world.runpod.behave(Behaviour::late("run", Duration::from_secs(2)).times(1));
    let claiming = async {
        loop {
            if let Some(job) = world.runpod.jobs().first() {
                return world.claims(job).await;
            }
            tokio::task::yield_now().await;
        }
    };
    let (answered, claimed) = join(world.poll(&poller, "20 05:00"), claiming).await;
    assert_eq!((claimed, triggered(&answered).len()), (true, 1), "{answered}");
    assert_eq!(world.runs().await, ["2026112000 running 1"]);
    assert_eq!(world.column("external_id").await, [world.runpod.jobs()[0].id.clone()], "it can be asked about");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_could_not_be_recorded_because_postgres_went_is_awaited_by_its_intent() {
    let (mut server, world) = World::with_own_store().await;
    let poller = world.polling(&world.gfs("look_back = '6h'")).await;
    world.publish("20 00:00");
    world.runpod.behave(Behaviour::late("run", Duration::from_secs(3)).times(1));
    let going = async {
        while world.runpod.jobs().is_empty() {
            tokio::task::yield_now().await;
        }
        server.stop();
    };
    let ((kind, said), ()) = join(refusal(&poller, world.dated(json!({}), "20 05:00")), going).await;
    assert_eq!(kind, "Unavailable", "{said}");
    server.start_again().expect("Postgres is back");
    let waits = world.poll(&poller, "20 05:15").await;
    assert!(why(&waits, "gfs/2026112000").is_some_and(|why| why.starts_with("in flight: attempt 1")), "{waits}");
    assert_eq!(world.claimed_and_done().await, ["2026-11-20T00:00:00Z"]);
    assert_eq!(world.poll(&poller, "20 05:30").await["did"]["announced"], 1);
    assert_eq!(world.jobs(), ["2026112000 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_takes_too_long_is_cancelled_tried_again_and_at_last_failed_with_its_reason() {
    let world = World::new().await;
    let poller = world.polling(&world.gfs("look_back = '6h'\nattempts = 2")).await;
    world.publish("20 00:00");
    for (sent, over) in [("20 03:00", "20 05:29"), ("20 05:45", "20 08:14")] {
        world.poll(&poller, sent).await;
        let job = world.runpod.jobs().pop().expect("a job");
        world.runpod.begin(&job.id);
        let within = world.poll(&poller, over).await;
        assert!(why(&within, "gfs/2026112000").is_some_and(|why| why.starts_with("in flight")), "{within}");
        // RunPod's own clock stands still: it is ours that ends the job.
        let stopped: Value =
            json!({ "now": format!("2026-11-20T{}:00Z", if sent == "20 03:00" { "05:30" } else { "08:15" }) });
        crate::world::answer(&poller, stopped).await;
        let job = world.runpod.jobs().pop().expect("a job");
        assert_eq!(job.status, testkit::runpod::Status::Cancelled);
    }
    assert_eq!(world.runs().await[0], "2026112000 failed 2");
    let reason = world.column("failure_reason").await.remove(0);
    assert_eq!(reason, "attempt 2 of 2: it took longer than 2h 30m and was cancelled");
    let raised = world.raised().await;
    let [failed] = raised.as_slice() else { panic!("one signal: {raised:?}") };
    assert_eq!((&failed["kind"], &failed["severity"]), (&json!("run-failed"), &json!("HIGH")));
    assert_eq!(failed["labels"], json!({ "run_timestamp": "2026-11-20T00:00:00Z" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runpod_has_forgotten_is_unknown_and_what_the_run_made_shows_that_it_ended() {
    let world = World::new().await;
    let output = "look_back = '6h'\noutput = 's3://forecasts/{yyyymmdd}{hh}/_SUCCESS'";
    let poller = world.polling(&world.gfs(output)).await;
    world.publish("20 00:00");
    world.poll(&poller, "20 04:00").await;
    let job = world.runpod.jobs().remove(0);
    assert!(world.runpod.begin(&job.id) && world.runpod.complete(&job.id, json!({})));
    let forgotten = world.poll(&poller, "20 04:45").await;
    assert!(why(&forgotten, "gfs/2026112000").is_some_and(|why| why.starts_with("in flight")), "{forgotten}");
    world.upstream.publish("forecasts", "2026112000/_SUCCESS", 1, crate::world::at("20 04:10"));
    world.poll(&poller, "20 05:00").await;
    assert_eq!((world.runs().await, world.jobs().len()), (vec!["2026112000 complete 1".to_owned()], 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_before_has_made_does_not_end_the_one_that_was_begun_anew() {
    let world = World::new().await;
    let output = "look_back = '6h'\noutput = 's3://forecasts/{yyyymmdd}{hh}/_SUCCESS'";
    let poller = world.polling(&world.gfs(output)).await;
    world.publish("20 00:00");
    world.poll(&poller, "20 04:00").await;
    world.upstream.publish("forecasts", "2026112000/_SUCCESS", 1, crate::world::at("20 04:10"));
    world.poll(&poller, "20 04:15").await;
    assert_eq!(world.runs().await, ["2026112000 complete 1"]);
    world.stored("update watchkeeper.forecast_runs set status = 'failed', storage_path = ''").await;
    world.ask(&poller, json!({ "backfill_hours": 6 }), "20 04:20").await;
    world.poll(&poller, "20 04:25").await;
    assert_eq!((world.runs().await, world.jobs().len()), (vec!["2026112000 triggered 1".to_owned()], 2));
}
