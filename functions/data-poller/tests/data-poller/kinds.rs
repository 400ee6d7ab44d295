//! Other triggers, other upstreams, and completions that come by themselves.

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionCode, Runtime};
use serde_json::{Value, json};

use crate::upstream::{Asked, Misbehaviour};
use crate::world::{World, answer, at, refusal, triggered, why};

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_of_jobs_gets_one_message_a_cycle_and_the_workers_row_says_when_it_is_done() {
    let world = World::new().await;
    let jobs = world.queue("nowcast-jobs").await;
    let source = "look_back = '6h'\ntrigger.sqs = { queue = 'nowcast-jobs', input = { model = 'x' } }";
    let poller = world.polling(&world.gfs(source)).await;
    world.publish("20 00:00");
    assert_eq!(triggered(&world.poll(&poller, "20 05:00").await), ["gfs/2026112000"]);
    world.poll(&poller, "20 05:15").await;
    let messages = world.messages(&jobs).await;
    let [job] = messages.as_slice() else { panic!("one message: {messages:?}") };
    assert_eq!(
        (&job["model"], &job["attempt"], &job["run_timestamp"]),
        (&json!("x"), &json!(1), &json!("2026-11-20T00:00:00Z"))
    );
    assert_eq!(job["run_id"], json!(world.column("run_id").await[0]));
    world.stored("update watchkeeper.forecast_runs set status = 'complete', inference_duration_ms = 90000").await;
    assert_eq!(world.poll(&poller, "20 05:30").await["did"]["announced"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_not_there_is_refused_with_what_helps() {
    let world = World::new().await;
    let poller = world.polling(&world.gfs("look_back = '6h'\ntrigger.sqs = { queue = 'no-such-jobs' }")).await;
    world.publish("20 00:00");
    let (kind, said) = refusal(&poller, world.dated(json!({}), "20 05:00")).await;
    assert!(kind == "Failed" && said.contains("no-such-jobs") && said.contains("`queue` in the watch file"), "{said}");
    assert_eq!(world.runs().await, ["2026112000 due 0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_invoked_once_a_cycle_without_waiting_for_it() {
    let world = World::new().await;
    let lambda = aws_sdk_lambda::Client::new(world.aws());
    let code = FunctionCode::builder().zip_file(Blob::new(ZIP)).build();
    let made = lambda.create_function().function_name("run-nowcast").runtime(Runtime::Python311).handler("f.h");
    made.role("arn:aws:iam::1:role/x").code(code).send().await.expect("a function");
    let poller = world.polling(&world.gfs("look_back = '6h'\ntrigger.lambda = { function = 'run-nowcast' }")).await;
    world.publish("20 00:00");
    assert_eq!(triggered(&world.poll(&poller, "20 05:00").await), ["gfs/2026112000"]);
    assert_eq!(triggered(&world.poll(&poller, "20 05:15").await).len(), 0);
    assert_eq!(world.runs().await, ["2026112000 triggered 1"]);
}

/// An archive without files.
const ZIP: &[u8] = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

fn batch(messages: &[(&str, String)]) -> Value {
    let record = |(id, body): &(&str, String)| json!({ "messageId": id, "body": body, "eventSource": "aws:sqs" });
    json!({ "Records": messages.iter().map(record).collect::<Vec<_>>() })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runpod_posts_completes_a_run_and_what_nobody_can_read_is_given_back_by_its_id() {
    let world = World::new().await;
    let runpod = world.runpod.url();
    let trigger = format!(
        "look_back = '6h'\ntrigger.runpod = {{ endpoint = 'medium', api_key = 'ssm:sources/runpod', url = '{runpod}', \
         webhook = 'https://hooks.example.com/completions' }}"
    );
    let poller = world.polling(&world.gfs(&trigger)).await;
    world.publish("20 00:00");
    world.poll(&poller, "20 05:00").await;
    world.work_off();
    let webhooks = world.runpod.webhooks();
    let [webhook] = webhooks.as_slice() else { panic!("one webhook: {webhooks:?}") };
    assert_eq!(webhook.url, "https://hooks.example.com/completions");

    let mut nobodys = webhook.body.clone();
    nobodys["input"]["run_id"] = json!("00000000-0000-0000-0000-000000000000");
    let taken = batch(&[
        ("one", webhook.body.to_string()),
        ("two", json!({ "job": "done" }).to_string()),
        ("three", nobodys.to_string()),
        ("four", "not JSON".to_owned()),
    ]);
    let answered = answer(&poller, taken).await;
    let refused = json!({ "batchItemFailures": [{ "itemIdentifier": "two" }, { "itemIdentifier": "four" }] });
    assert_eq!(answered, refused);
    assert_eq!(world.runs().await, ["2026112000 complete 1"]);
    let again = answer(&poller, batch(&[("one", webhook.body.to_string())])).await;
    assert_eq!(again, json!({ "batchItemFailures": [] }), "a message may come twice");
    assert_eq!(world.poll(&poller, "20 05:15").await["did"]["announced"], 1);

    let (kind, said) = refusal(&poller, batch(&[("five", json!({ "id": 7 }).to_string())])).await;
    assert_eq!(kind, "BadPayload");
    assert!(said.contains("five: not a completion of a RunPod job: `id` is 7"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_repeat_its_input_is_known_by_its_job() {
    let world = World::new().await;
    let poller = world.polling(&world.gfs("look_back = '6h'")).await;
    world.publish("20 00:00");
    world.poll(&poller, "20 05:00").await;
    let job = world.runpod.jobs().remove(0).id;
    let others = json!({ "id": "somebody-elses", "status": "COMPLETED", "output": null });
    let ours = json!({ "id": job, "status": "COMPLETED", "output": null });
    let taken = answer(&poller, batch(&[("one", others.to_string()), ("two", ours.to_string())])).await;
    assert_eq!(taken, json!({ "batchItemFailures": [] }));
    assert_eq!(world.runs().await, ["2026112000 complete 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_runpod_posts_is_tried_again_and_told_when_it_was_the_last() {
    let world = World::new().await;
    let runpod = world.runpod.url();
    let trigger = format!(
        "look_back = '6h'\nattempts = 1\ntrigger.runpod = {{ endpoint = 'medium', api_key = 'ssm:sources/runpod', \
         url = '{runpod}', webhook = 'https://hooks.example.com/completions' }}"
    );
    let poller = world.polling(&world.gfs(&trigger)).await;
    world.publish("20 00:00");
    world.poll(&poller, "20 05:00").await;
    let job = world.runpod.jobs().remove(0);
    assert!(world.runpod.begin(&job.id) && world.runpod.fail(&job.id, "CUDA out of memory"));
    let failed = batch(&[("one", world.runpod.webhooks()[0].body.to_string())]);
    for _ in 0..2 {
        assert_eq!(answer(&poller, failed.clone()).await, json!({ "batchItemFailures": [] }));
    }
    assert_eq!(world.runs().await, ["2026112000 failed 1"]);
    let raised = world.raised().await;
    let [signal] = raised.as_slice() else { panic!("one signal: {raised:?}") };
    assert!(signal["summary"].as_str().is_some_and(|said| said.contains("CUDA out of memory")), "{signal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_server_is_asked_for_each_file_until_one_is_missing() {
    let world = World::new().await;
    let url = format!("{}/pub/", world.upstream.url());
    let http = format!(
        "look_back = '6h'\nupstream.http = {{ urls = ['{url}'] }}\n\
         complete = {{ keys = ['gfs.{{yyyymmdd}}/{{hh}}/f{{000..006..3}}'], min_bytes = 4 }}"
    );
    let poller = world.polling(&world.gfs(&http)).await;
    let publish = |file: &str| world.upstream.publish("pub", &format!("gfs.20261120/00/{file}"), 10, at("20 03:00"));
    publish("f000");
    publish("f006");
    let waits = world.poll(&poller, "20 05:00").await;
    assert!(
        why(&waits, "gfs/2026112000").is_some_and(|why| why.contains("missing, the first gfs.20261120/00/f003")),
        "{waits}"
    );
    let asked = |file: &str| Asked { what: format!("HEAD pub gfs.20261120/00/{file}"), signed: false };
    let mut all = world.upstream.asked();
    assert_eq!(all.remove(0), asked("f000"), "of a cycle that has not begun one file is asked for");
    assert!(all.contains(&asked("f003")), "{all:?}");
    publish("f003");
    let settling = world.poll(&poller, "20 05:15").await;
    assert!(why(&settling, "gfs/2026112000").is_some_and(|why| why.contains("not settled yet")), "{settling}");
    assert_eq!(triggered(&world.poll(&poller, "20 05:30").await), ["gfs/2026112000"]);
    let job = world.runpod.jobs().remove(0);
    assert_eq!((&job.input["url"], &job.input["prefixes"]), (&json!(url), &json!(["gfs.20261120/00/f"])));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_server_that_fails_is_passed_over_for_the_next() {
    let world = World::new().await;
    let url = world.upstream.url().to_owned();
    let http = format!(
        "look_back = '6h'\nupstream.http = {{ urls = ['{url}/down/', '{url}/copy/'] }}\n\
         complete = {{ keys = ['gfs.{{yyyymmdd}}/{{hh}}/f{{000..006..3}}'], settle = '0s' }}"
    );
    let poller = world.polling(&world.gfs(&http)).await;
    for file in ["f000", "f003", "f006"] {
        world.upstream.publish("copy", &format!("gfs.20261120/00/{file}"), 10, at("20 03:00"));
    }
    world.upstream.behaves("down", Some(Misbehaviour::Status(503)));
    world.upstream.behaves("copy", Some(Misbehaviour::Status(403)));
    let (kind, said) = refusal(&poller, world.dated(json!({}), "20 05:15")).await;
    assert!(kind == "Failed" && said.contains("it answered 503") && said.contains("it answered 403"), "{said}");
    world.upstream.behaves("copy", None);
    assert_eq!(triggered(&world.poll(&poller, "20 05:30").await), ["gfs/2026112000"]);
    assert_eq!(world.runpod.jobs()[0].input["url"], json!(format!("{url}/copy/")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nowcast_is_ready_when_satellite_and_radar_are_at_most_five_minutes_apart() {
    let world = World::new().await;
    let jobs = world.queue("nowcast-jobs").await;
    let instrument = |name: &str, bucket: &str, keys: &str| {
        format!("[upstream.{name}]\ns3 = {{ buckets = ['{bucket}'], anonymous = true }}\nkeys = '{keys}'\n")
    };
    let sources = instrument("goes", "noaa-goes19", domain::upstream::presets::GOES_KEYS)
        + &instrument("mrms", "noaa-mrms-pds", domain::upstream::presets::MRMS_KEYS)
        + "[source.nowcast]\nforecast_type = 'nowcast'\nevery = '10m'\nexpected_after = '15m'\nlate_after = '25m'\n\
           look_back = '30m'\nupstream.joint = { of = ['goes', 'mrms'], within = '5m' }\n\
           trigger.sqs = { queue = 'nowcast-jobs' }\nmax_runtime = '20m'\n";
    let poller = world.polling(&sources).await;
    let scan = "ABI-L2-RRQPEF/2026/324/06/OR_ABI-L2-RRQPEF-M6_G19_s20263240610207_e20263240619515_c20263240619565.nc";
    let mosaic = |time: &str| format!("CONUS/PrecipRate_00.00/20261120/MRMS_PrecipRate_00.00_20261120-{time}.grib2.gz");
    world.upstream.publish("noaa-goes19", scan, 1_000, at("20 06:20"));
    world.upstream.publish("noaa-mrms-pds", &mosaic("060510"), 1_000, at("20 06:06"));
    let waits = world.poll(&poller, "20 06:20").await;
    let said = why(&waits, "nowcast/202611200610").expect("it is named");
    assert!(said.contains("nearest observation of mrms is 5m 10s away"), "{said}");
    world.upstream.publish("noaa-mrms-pds", &mosaic("061200"), 1_000, at("20 06:13"));
    let ready = world.poll(&poller, "20 06:22").await;
    assert_eq!(triggered(&ready), ["nowcast/202611200610"], "{ready}");
    let job = world.messages(&jobs).await.remove(0);
    assert_eq!(job["keys"], json!({ "goes": scan, "mrms": mosaic("061200") }));
    let observed =
        "select to_char(source_data_timestamp at time zone 'UTC', 'HH24:MI:SS') from watchkeeper.forecast_runs
                    where status = 'triggered'";
    assert_eq!(world.stored(observed).await, ["06:10:20"]);
}
