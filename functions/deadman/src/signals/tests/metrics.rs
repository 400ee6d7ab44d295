//! Heartbeats found in CloudWatch.

use std::fmt::Write as _;

use jiff::SignedDuration;
use testkit::cloudwatch::CloudWatch;

use super::*;
use crate::signals::metric::grain;

struct World {
    cloudwatch: CloudWatch,
    readers: Readers,
    secrets: Secrets,
}

impl World {
    async fn new() -> Self {
        let cloudwatch = CloudWatch::start().await.expect("a CloudWatch");
        let readers = Readers::new(&sdk(&cloudwatch.url(), "100000000001"));
        let secrets = no_secrets().await;
        Self { cloudwatch, readers, secrets }
    }

    async fn read<'w>(&self, watch_file: &'w WatchFile) -> BTreeMap<&'w str, Reading> {
        read_all(&self.readers, watch_file, &[], None, &self.secrets, now()).await
    }

    async fn read_as<'w>(&self, watch_file: &'w WatchFile, state: &State) -> BTreeMap<&'w str, Reading> {
        let wanted = watch_file
            .heartbeats
            .iter()
            .map(|heartbeat| Wanted { heartbeat, state: Some(state), slots: &[], idle_for: SignedDuration::ZERO })
            .collect();
        let deadline = deadline(Duration::from_secs(30));
        read(&self.readers, watch_file, wanted, None, &self.secrets, now(), &deadline).await
    }
}

#[tokio::test]
async fn the_newest_datapoint_that_is_enough_is_a_success() {
    let world = World::new().await;
    let metric = "OPsPipeline/BarsWritten{Environment=local,desk=fx}";
    for (minute, value) in [("04:10", 9.0), ("04:20", 10.0), ("04:30", 9.9)] {
        world.cloudwatch.put(metric, at(&format!("2026-03-01T{minute}:00Z")), value);
    }
    // The same name, measured elsewhere, says nothing.
    world.cloudwatch.put("OPsPipeline/BarsWritten{Environment=prod,desk=fx}", at("2026-03-01T05:00:00Z"), 50.0);
    world.cloudwatch.put("AWS/Lambda/Invocations{FunctionName=orders}", at("2026-03-01T05:00:00Z"), 1.0);
    let file = watch_file(
        &[
            every("bars", "metric = \"BarsWritten\", dimensions = { desk = \"fx\" }, at_least = 10.0"),
            every(
                "orders",
                "metric = \"Invocations\", namespace = \"AWS/Lambda\", dimensions = { FunctionName = \"orders\" }",
            ),
            every("none", "metric = \"NeverPublished\""),
        ]
        .concat(),
    );
    // A success a while ago, so that little is asked for and a datapoint spans a minute.
    let readings = world.read_as(&file, &state("2026-03-01T04:00:00Z", "2026-03-01T04:00:00Z")).await;
    assert_eq!(beats(&readings["bars"]), [success("2026-03-01T04:20:00Z")]);
    assert_eq!(beats(&readings["orders"]), [success("2026-03-01T05:00:00Z")]);
    assert_eq!(readings["none"], Reading::Seen { beats: Vec::new(), note: None });
}

#[tokio::test]
async fn a_datapoint_that_spans_several_minutes_is_not_taken_for_older_than_it_is() {
    let world = World::new().await;
    world.cloudwatch.put("OPsPipeline/Done{Environment=local}", at("2026-03-01T05:01:00Z"), 1.0);
    let file = watch_file(&every("done", "metric = \"Done\""));
    // Seven hours of three minutes.
    let readings = world.read(&file).await;
    let (found, _) = seen(&readings["done"]);
    let late = found[0].at.duration_since(at("2026-03-01T05:01:00Z"));
    assert!((0..180).contains(&late.as_secs()), "{late:?}");
    assert_eq!(world.cloudwatch.asked()[0]["MetricDataQueries"][0]["MetricStat"]["Period"], 180);
}

#[tokio::test]
async fn the_datapoint_that_is_under_way_is_a_success_of_now_and_none_of_the_future() {
    let world = World::new().await;
    world.cloudwatch.put("OPsPipeline/Done{Environment=local}", at("2026-03-01T05:58:00Z"), 1.0);
    // A week is asked for in datapoints of most of an hour.
    let file = watch_file("[heartbeat.weekly]\nsignal = { metric = \"Done\" }\nevery = \"7d\"\ngrace = \"1h\"\n");
    let readings = world.read(&file).await;
    let (found, note) = seen(&readings["weekly"]);
    assert!(matches!(&found[..], [beat] if beat.at <= now() && beat.kind == BeatKind::Success), "{found:?}");
    assert_eq!(note, None);
}

#[tokio::test]
async fn a_metric_is_paid_for_only_when_it_is_its_turn() {
    let world = World::new().await;
    let file = watch_file(&every("done", "metric = \"Done\""));
    let read_lately = state("2026-03-01T04:00:00Z", "2026-03-01T05:50:00Z");
    assert_eq!(world.read_as(&file, &read_lately).await["done"], Reading::Unread);
    assert_eq!(world.cloudwatch.asked().len(), 0);
    let near = State { deadline_at: Some(at("2026-03-01T06:01:00Z")), ..read_lately };
    assert_eq!(world.read_as(&file, &near).await["done"], Reading::Seen { beats: Vec::new(), note: None });
    assert_eq!(world.cloudwatch.asked().len(), 1);
}

#[tokio::test]
async fn hundreds_of_metrics_are_read_in_few_calls_and_all_pages() {
    let world = World::new().await;
    let mut text = String::new();
    for n in 0..601 {
        write!(text, "{}", every(&format!("m-{n}"), &format!("metric = \"M{n}\", at_least = 5.0"))).expect("a text");
        let metric = format!("OPsPipeline/M{n}{{Environment=local}}");
        world.cloudwatch.put(&metric, at("2026-03-01T03:00:00Z"), 5.0);
        // What is newer is not enough, so that the answer is on the last page.
        world.cloudwatch.put(&metric, at("2026-03-01T04:00:00Z"), 1.0);
        world.cloudwatch.put(&metric, at("2026-03-01T05:00:00Z"), 1.0);
    }
    world.cloudwatch.paged(1);
    let file = watch_file(&text);
    let readings = world.read_as(&file, &state("2026-03-01T02:50:00Z", "2026-03-01T02:50:00Z")).await;
    assert_eq!(readings.len(), 601);
    for (name, reading) in &readings {
        assert_eq!(beats(reading), [success("2026-03-01T03:00:00Z")], "{name}");
    }
    let asked = world.cloudwatch.asked();
    let sizes: Vec<usize> = asked.iter().map(|call| call["MetricDataQueries"].as_array().map_or(0, Vec::len)).collect();
    assert_eq!(sizes.iter().filter(|size| **size == 500).count(), 3, "{sizes:?}");
    assert_eq!(sizes.iter().filter(|size| **size == 101).count(), 3, "{sizes:?}");
    assert!(asked.iter().all(|call| call["ScanBy"] == "TimestampDescending"));
}

#[tokio::test]
async fn what_cloudwatch_does_not_tell_of_one_metric_is_known_of_the_others() {
    let world = World::new().await;
    let mut text = String::new();
    for (name, status) in
        [("Whole", "Complete"), ("Part", "PartialData"), ("Broken", "InternalError"), ("Secret", "Forbidden")]
    {
        text.push_str(&every(&name.to_lowercase(), &format!("metric = \"{name}\"")));
        let metric = format!("OPsPipeline/{name}{{Environment=local}}");
        world.cloudwatch.put(&metric, at("2026-03-01T05:00:00Z"), 1.0);
        world.cloudwatch.status(&metric, status);
    }
    let file = watch_file(&text);
    let readings = world.read_as(&file, &state("2026-03-01T04:00:00Z", "2026-03-01T04:00:00Z")).await;
    assert_eq!(beats(&readings["whole"]), [success("2026-03-01T05:00:00Z")]);
    assert_eq!(why(&readings["part"]), "GetMetricData answered PartialData for it");
    assert_eq!(why(&readings["broken"]), "GetMetricData answered InternalError for it");
    assert_eq!(why(&readings["secret"]), "GetMetricData answered Forbidden for it");
}

#[tokio::test]
async fn a_call_that_is_throttled_says_so_of_its_metrics() {
    let world = World::new().await;
    world.cloudwatch.refuses(Some("ThrottlingException"));
    let file = watch_file(&[every("done", "metric = \"Done\""), every("told", "ping = true")].concat());
    let readings = world.read(&file).await;
    assert_eq!(why(&readings["done"]), "GetMetricData failed: ThrottlingException: told to");
    assert_eq!(readings["told"], Reading::Unread);
}

#[tokio::test]
async fn a_datapoint_from_the_future_is_no_evidence() {
    let world = World::new().await;
    let metric = "OPsPipeline/Done{Environment=local}";
    world.cloudwatch.put(metric, at("2026-03-01T05:00:00Z"), 1.0);
    world.cloudwatch.put(metric, at("2026-03-01T07:00:00Z"), 1.0);
    let file = watch_file(&every("done", "metric = \"Done\""));
    let readings = world.read_as(&file, &state("2026-03-01T04:00:00Z", "2026-03-01T04:00:00Z")).await;
    assert_eq!(beats(&readings["done"]), [success("2026-03-01T05:00:00Z")]);
    let expected = "its newest datapoint is dated 2026-03-01T07:00:00Z, in the future, and does not count";
    assert_eq!(seen(&readings["done"]).1.as_deref(), Some(expected));
}

#[tokio::test]
async fn a_cloudwatch_that_does_not_answer_keeps_nothing_else_waiting() {
    let hanging = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = hanging.local_addr().expect("its number");
    let readers = Readers::new(&sdk(&format!("http://{address}"), "100000000001"));
    let file = watch_file(&[every("done", "metric = \"Done\""), every("told", "ping = true")].concat());
    let wanted = file
        .heartbeats
        .iter()
        .map(|heartbeat| Wanted { heartbeat, state: None, slots: &[], idle_for: SignedDuration::ZERO })
        .collect();
    // Eight seconds, of which seven are kept to decide and to record.
    let deadline = deadline(Duration::from_secs(8));
    let readings = read(&readers, &file, wanted, None, &no_secrets().await, now(), &deadline).await;
    assert_eq!(why(&readings["done"]), "GetMetricData did not answer in time");
    assert!(deadline.left() > Duration::from_secs(5), "{:?} left", deadline.left());
    assert_eq!(readings["told"], Reading::Unread);
}

#[test]
fn a_heartbeat_is_read_in_at_most_two_hundred_datapoints_that_cloudwatch_still_keeps() {
    let minutes = |length: i64| grain(jiff::SignedDuration::from_mins(length)) / 60;
    for (length, expected) in [
        (0, 1),
        (1, 1),
        (200, 1),
        (201, 2),
        (24 * 60, 8),
        (14 * 24 * 60, 101),
        // Older than 15 days there are only datapoints of five minutes, than 63 only of an hour.
        (16 * 24 * 60, 120),
        (17 * 24 * 60 + 1, 125),
        (64 * 24 * 60, 480),
        (366 * 24 * 60, 2_640),
    ] {
        assert_eq!(minutes(length), expected, "{length} minutes");
        assert!(expected * 200 >= length);
    }
}
