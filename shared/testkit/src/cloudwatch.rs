//! A CloudWatch whose metrics a test puts there: GetMetricData heeds dimensions, periods and pages, and fails when told to.
//! The emulator's heeds none of these.
//!
//! It speaks Smithy's RPC v2 over CBOR, as the SDK does.
//! <https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html>

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use aws_smithy_cbor::data::Type;
use aws_smithy_cbor::{Decoder, Encoder};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A fake CloudWatch; dropping it ends it.
#[derive(Debug)]
pub struct CloudWatch {
    url: String,
    shared: Arc<Mutex<Metrics>>,
    server: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Metrics {
    points: BTreeMap<String, Vec<(Timestamp, f64)>>,
    statuses: BTreeMap<String, &'static str>,
    per_page: Option<usize>,
    refusal: Option<&'static str>,
    asked: Vec<Value>,
}

impl CloudWatch {
    /// Starts one on a free port.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start() -> Result<Self> {
        let shared = Arc::<Mutex<Metrics>>::default();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("opening a port")?;
        let url = format!("http://{}", listener.local_addr().context("reading its number")?);
        let route = post(answer).with_state(Arc::clone(&shared));
        let routes = Router::new().route("/service/{service}/operation/{operation}", route);
        let server = tokio::spawn(async move {
            // It ends with the test.
            let _ = axum::serve(listener, routes).await;
        });
        Ok(Self { url, shared, server })
    }

    /// Where it answers.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Puts a value; a metric is `Namespace/Name{dimension=value,…}`, dimensions in alphabetical order.
    pub fn put(&self, metric: &str, at: Timestamp, value: f64) {
        lock(&self.shared).points.entry(metric.to_owned()).or_default().push((at, value));
    }

    /// What the status of a metric's data is from now on.
    pub fn status(&self, metric: &str, code: &'static str) {
        lock(&self.shared).statuses.insert(metric.to_owned(), code);
    }

    /// So many datapoints of each metric are on a page.
    pub fn paged(&self, per_page: usize) {
        lock(&self.shared).per_page = Some(per_page);
    }

    /// Every call fails with this code from now on, or none does.
    pub fn refuses(&self, code: Option<&'static str>) {
        lock(&self.shared).refusal = code;
    }

    /// What GetMetricData was asked, in order; every retry and every page is one.
    #[must_use]
    pub fn asked(&self) -> Vec<Value> {
        lock(&self.shared).asked.clone()
    }
}

impl Drop for CloudWatch {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn lock(shared: &Mutex<Metrics>) -> MutexGuard<'_, Metrics> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(
    State(shared): State<Arc<Mutex<Metrics>>>,
    Path((_, operation)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    let mut encoder = Encoder::new(Vec::new());
    if operation != "GetMetricData" {
        encoder.map(0);
        return cbor(StatusCode::OK, encoder);
    }
    let Some(request) = read(&mut Decoder::new(&body)) else {
        return (StatusCode::BAD_REQUEST, "no CBOR").into_response();
    };
    let mut metrics = lock(&shared);
    metrics.asked.push(request.clone());
    if let Some(code) = metrics.refusal {
        encoder.map(2).str("__type").str(&format!("com.amazonaws.cloudwatch#{code}")).str("message").str("told to");
        return cbor(StatusCode::BAD_REQUEST, encoder);
    }
    metrics.write(&request, &mut encoder);
    cbor(StatusCode::OK, encoder)
}

fn cbor(status: StatusCode, encoder: Encoder) -> Response {
    let headers = [(CONTENT_TYPE, "application/cbor"), (HeaderName::from_static("smithy-protocol"), "rpc-v2-cbor")];
    (status, headers, encoder.into_writer()).into_response()
}

impl Metrics {
    /// Writes a page of what is asked.
    fn write(&self, request: &Value, encoder: &mut Encoder) {
        let queries = request["MetricDataQueries"].as_array().cloned().unwrap_or_default();
        let page = request["NextToken"].as_str().and_then(|token| token.parse().ok()).unwrap_or(0_usize);
        let mut more = false;
        let results: Vec<_> = queries
            .iter()
            .map(|query| {
                let metric = name(&query["MetricStat"]["Metric"]);
                let points = self.datapoints(&metric, query, request);
                let per_page = self.per_page.unwrap_or(usize::MAX);
                let rest = points.len().saturating_sub(per_page.saturating_mul(page + 1));
                more |= rest > 0;
                let status =
                    if rest > 0 { "PartialData" } else { self.statuses.get(&metric).copied().unwrap_or("Complete") };
                let points: Vec<_> = points.into_iter().skip(per_page.saturating_mul(page)).take(per_page).collect();
                (query["Id"].as_str().unwrap_or_default().to_owned(), status, points)
            })
            .collect();
        encoder.map(if more { 2 } else { 1 }).str("MetricDataResults").array(results.len());
        for (id, status, points) in results {
            encoder.map(4).str("Id").str(&id).str("StatusCode").str(status).str("Timestamps").array(points.len());
            for (at, _) in &points {
                encoder.timestamp(&aws_smithy_types::DateTime::from_secs(*at));
            }
            encoder.str("Values").array(points.len());
            for (_, value) in points {
                encoder.double(value);
            }
        }
        if more {
            encoder.str("NextToken").str(&(page + 1).to_string());
        }
    }

    /// The newest first: what a statistic makes of each period that has values.
    fn datapoints(&self, metric: &str, query: &Value, request: &Value) -> Vec<(i64, f64)> {
        let seconds = |value: &Value| value.as_f64().unwrap_or_default() as i64;
        let (start, end) = (seconds(&request["StartTime"]), seconds(&request["EndTime"]));
        let period = seconds(&query["MetricStat"]["Period"]).max(1);
        let mut periods: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        for (at, value) in self.points.get(metric).into_iter().flatten() {
            let at = at.as_second();
            if (start..end).contains(&at) {
                periods.entry(at - (at - start).rem_euclid(period)).or_default().push(*value);
            }
        }
        let stat = |values: &[f64]| match query["MetricStat"]["Stat"].as_str() {
            Some("Maximum") => values.iter().copied().fold(f64::MIN, f64::max),
            Some("Minimum") => values.iter().copied().fold(f64::MAX, f64::min),
            Some("SampleCount") => values.len() as f64,
            Some("Average") => values.iter().sum::<f64>() / values.len() as f64,
            _ => values.iter().sum(),
        };
        periods.into_iter().rev().map(|(at, values)| (at, stat(&values))).collect()
    }
}

/// `Namespace/Name{dimension=value,…}`.
fn name(metric: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut dimensions: Vec<String> = metric["Dimensions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|dimension| format!("{}={}", text(&dimension["Name"]), text(&dimension["Value"])))
        .collect();
    dimensions.sort();
    format!("{}/{}{{{}}}", text(&metric["Namespace"]), text(&metric["MetricName"]), dimensions.join(","))
}

/// A CBOR value; an instant is its seconds.
fn read(decoder: &mut Decoder<'_>) -> Option<Value> {
    Some(match decoder.datatype().ok()? {
        Type::Map | Type::MapIndef => {
            let mut left = decoder.map().ok()?;
            let mut map = Map::new();
            while more(decoder, &mut left)? {
                let key = decoder.str().ok()?.into_owned();
                map.insert(key, read(decoder)?);
            }
            Value::Object(map)
        }
        Type::Array | Type::ArrayIndef => {
            let mut left = decoder.list().ok()?;
            let mut list = Vec::new();
            while more(decoder, &mut left)? {
                list.push(read(decoder)?);
            }
            Value::Array(list)
        }
        Type::String | Type::StringIndef => decoder.str().ok()?.into_owned().into(),
        Type::Tag => decoder.timestamp().ok()?.as_secs_f64().into(),
        Type::Bool => decoder.boolean().ok()?.into(),
        Type::F16 | Type::F32 | Type::F64 => decoder.double().ok()?.into(),
        Type::Null => {
            decoder.skip().ok()?;
            Value::Null
        }
        _ => decoder.long().ok()?.into(),
    })
}

/// Whether a map or a list goes on.
fn more(decoder: &mut Decoder<'_>, left: &mut Option<u64>) -> Option<bool> {
    match left {
        Some(0) => Some(false),
        Some(left) => {
            *left -= 1;
            Some(true)
        }
        None if decoder.datatype().ok()? == Type::Break => {
            decoder.skip().ok()?;
            Some(false)
        }
        None => Some(true),
    }
}
