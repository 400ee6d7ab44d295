//! Reads metrics: a datapoint that is enough is a success.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Instant;

use aws_config::SdkConfig;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, ScanBy, StatusCode};
use config::WatchFile;
use config::watch_file::MetricSignal;
use domain::Timestamp;
use domain::heartbeat::{AHEAD, Beat, BeatKind, Reading, looking};
use futures::StreamExt;
use futures::stream;
use jiff::SignedDuration;

use super::evidence::{said, seen};
use super::{Readings, Wanted, left};

/// GetMetricData takes at most so many metrics at once.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>
const PER_CALL: usize = 500;
/// So many datapoints of each are read at most; with more, an answer would have pages for no gain.
const MOST_POINTS: u64 = 200;
/// In seconds.
const DAY: u64 = 24 * 60 * 60;
/// CloudWatch takes data dated this far ahead. They are asked for, so that a clock that is wrong can be told of.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>
const FUTURE: SignedDuration = SignedDuration::from_hours(2);
/// How many calls at once.
const AT_ONCE: usize = 4;

/// Reads metrics of this account and region; made when the first is read.
#[derive(Debug)]
pub(super) struct Metrics {
    sdk: SdkConfig,
    client: OnceLock<Client>,
}

impl Metrics {
    pub(super) fn new(sdk: &SdkConfig) -> Self {
        Self { sdk: sdk.clone(), client: OnceLock::new() }
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| Client::new(&runtime::aws::for_service(&self.sdk, "CLOUDWATCH")))
    }
}

/// A metric that is asked for, and since when.
struct Asked<'w> {
    name: &'w str,
    signal: &'w MetricSignal,
    since: Timestamp,
}

/// Reads those whose turn it is; each read costs money.
pub(super) async fn read<'w>(
    metrics: &Metrics,
    watch_file: &WatchFile,
    wanted: Vec<(Wanted<'w, '_>, &'w MetricSignal)>,
    now: Timestamp,
    until: Instant,
) -> Readings<'w> {
    let mut readings = Readings::new();
    // One call has one time range, and how fine its data may be depends on that.
    let mut by_grain: BTreeMap<i64, Vec<Asked<'w>>> = BTreeMap::new();
    for (wanted, signal) in wanted {
        let rules = &wanted.heartbeat.rules;
        if looking::is_due(rules, wanted.state, now) {
            let since = looking::since(rules, wanted.state, now);
            let asked = Asked { name: wanted.name(), signal, since };
            by_grain.entry(grain(now.duration_since(since))).or_default().push(asked);
        } else {
            readings.push((wanted.name(), Reading::Unread));
        }
    }
    let chunks = by_grain.iter().flat_map(|(grain, asked)| asked.chunks(PER_CALL).map(|some| (*grain, some)));
    let calls: Vec<_> = chunks.map(|(grain, some)| call(metrics, watch_file, grain, some, now, until)).collect();
    let called: Vec<Readings<'w>> = stream::iter(calls).buffer_unordered(AT_ONCE).collect().await;
    readings.extend(called.into_iter().flatten());
    readings
}

/// How many seconds a datapoint of so long a time spans: as few as leave no more than 200 of them, and none that
/// CloudWatch no longer keeps. It keeps those of 60 s for 15 days, and those of 5 minutes for 63.
pub(super) fn grain(length: SignedDuration) -> i64 {
    let seconds = length.as_secs().max(0).unsigned_abs();
    let kept = match seconds / DAY {
        0..15 => 1,
        15..63 => 5,
        _ => 60,
    };
    let minutes = seconds.div_ceil(60 * MOST_POINTS).max(1).next_multiple_of(kept);
    i64::try_from(minutes * 60).unwrap_or(i64::MAX)
}

/// When a datapoint begins, and when what it tells of happened at the latest.
struct Datapoint {
    begins: Timestamp,
    dated: Timestamp,
}

/// What a call has brought of one metric so far.
#[derive(Default)]
struct Found {
    /// When its datapoints that are enough were.
    enough: Vec<Datapoint>,
    status: Option<StatusCode>,
    messages: Vec<String>,
}

async fn call<'w>(
    metrics: &Metrics,
    watch_file: &WatchFile,
    grain: i64,
    asked: &[Asked<'w>],
    now: Timestamp,
    until: Instant,
) -> Readings<'w> {
    let since = asked.iter().map(|asked| asked.since.as_second()).min().unwrap_or_default();
    let end = now.saturating_add(FUTURE).unwrap_or(now).as_second();
    let queries = asked.iter().enumerate().map(|(n, asked)| query(n, asked.signal, watch_file, grain));
    let mut pages = metrics
        .client()
        .get_metric_data()
        .set_metric_data_queries(Some(queries.collect()))
        // To where a datapoint begins: CloudWatch would otherwise begin them wherever this one does.
        .start_time(DateTime::from_secs(since - since.rem_euclid(grain)))
        .end_time(DateTime::from_secs(end))
        .scan_by(ScanBy::TimestampDescending)
        .into_paginator()
        .send();
    let mut found: Vec<Found> = asked.iter().map(|_| Found::default()).collect();
    let failure = loop {
        match tokio::time::timeout(left(until), pages.next()).await {
            Ok(Some(Ok(page))) => {
                for result in page.metric_data_results.unwrap_or_default() {
                    take(&mut found, asked, grain, result);
                }
            }
            Ok(Some(Err(err))) => break format!("GetMetricData failed: {}", said(&err)),
            Ok(None) => break "GetMetricData answered nothing about it".to_owned(),
            Err(_) => break "GetMetricData did not answer in time".to_owned(),
        }
    };
    asked.iter().zip(found).map(|(asked, found)| (asked.name, reading(found, &failure, now))).collect()
}

fn query(n: usize, signal: &MetricSignal, watch_file: &WatchFile, grain: i64) -> MetricDataQuery {
    let namespace = signal.namespace.as_ref().unwrap_or(&watch_file.namespace);
    let dimension = |name: &str, value: &str| Dimension::builder().name(name).value(value).build();
    let mut dimensions: Vec<_> = signal.dimensions.iter().map(|(name, value)| dimension(name, value)).collect();
    // Metrics of our own namespace carry it; AWS's know nothing of it.
    if *namespace == watch_file.namespace && !signal.dimensions.contains_key("Environment") {
        dimensions.push(dimension("Environment", watch_file.environment.as_str()));
    }
    let metric = Metric::builder().namespace(namespace).metric_name(&signal.name).set_dimensions(Some(dimensions));
    let period = i32::try_from(grain).unwrap_or(i32::MAX);
    let stat = MetricStat::builder().metric(metric.build()).period(period).stat(signal.stat.as_str()).build();
    MetricDataQuery::builder().id(format!("m{n}")).metric_stat(stat).build()
}

/// Takes one metric's part of a page. What was said of it last stands: while there are pages, it is partial.
fn take(found: &mut [Found], asked: &[Asked<'_>], grain: i64, result: MetricDataResult) {
    let place = result.id().and_then(|id| id.strip_prefix('m')?.parse::<usize>().ok());
    let Some((found, asked)) = place.and_then(|n| Some((found.get_mut(n)?, asked.get(n)?))) else { return };
    let MetricDataResult { timestamps, values, status_code, messages, .. } = result;
    let points = timestamps.unwrap_or_default().into_iter().zip(values.unwrap_or_default());
    let enough = points.filter(|(_, value)| *value >= asked.signal.at_least);
    // A datapoint is dated with its beginning; what it tells of happened in its last minute at the latest. To take it for
    // older would make something late that is not.
    found.enough.extend(enough.filter_map(|(at, _)| {
        let (begins, dated) = (Timestamp::from_second(at.secs()), Timestamp::from_second(at.secs() + grain - 60));
        Some(Datapoint { begins: begins.ok()?, dated: dated.ok()? })
    }));
    found.status = status_code.or(found.status.take());
    found.messages.extend(messages.unwrap_or_default().into_iter().filter_map(|message| message.value));
}

fn reading(found: Found, failure: &str, now: Timestamp) -> Reading {
    match found.status {
        Some(StatusCode::Complete) => {}
        Some(status) => {
            let messages: String = found.messages.iter().map(|message| format!(": {message}")).collect();
            let failure = if failure.starts_with("GetMetricData answered nothing") { "" } else { failure };
            let why = format!("GetMetricData answered {} for it{messages}", status.as_str());
            let why = if failure.is_empty() { why } else { format!("{why}; then {failure}") };
            return Reading::Unknown { why };
        }
        None => return Reading::Unknown { why: failure.to_owned() },
    }
    let latest = now.saturating_add(AHEAD).unwrap_or(now);
    // The datapoint that is under way ends in the future; only one that begins there has a clock that is wrong.
    let (past, future): (Vec<Datapoint>, Vec<Datapoint>) =
        found.enough.into_iter().partition(|point| point.begins <= latest);
    // The newest tells it all.
    let newest = past.into_iter().map(|point| point.dated.min(now)).max();
    let beats = newest
        .into_iter()
        .chain(future.into_iter().map(|point| point.begins).max())
        .map(|at| Beat::found(BeatKind::Success, at));
    seen(beats.collect(), None, "newest datapoint", now)
}
