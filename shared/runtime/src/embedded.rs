//! Metrics as log lines, which CloudWatch takes in: for what needs no client of its own, and for when PutMetricData does
//! not answer.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::collections::BTreeMap;

use domain::Timestamp;
use domain::check::Datum;
use domain::fingerprint::Labels;
use serde_json::{Map, Value, json};

/// One document names at most so many metrics.
const PER_DOCUMENT: usize = 100;

/// A value for CloudWatch, and where it was measured apart from the environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// Dimensions besides the environment.
    pub dimensions: Labels,
    /// The value.
    pub datum: Datum,
}

/// Logs all data, dated `now`; the environment is a dimension of each.
pub fn log(namespace: &str, environment: &str, data: &[Placed], now: Timestamp) {
    for line in lines(namespace, environment, data, now) {
        write(&line);
    }
}

/// CloudWatch reads the document only if the line is nothing else.
#[expect(clippy::print_stdout, reason = "a log line without a level or a time around it")]
fn write(line: &str) {
    println!("{line}");
}

fn lines(namespace: &str, environment: &str, data: &[Placed], now: Timestamp) -> Vec<String> {
    let mut by_place: BTreeMap<&Labels, Vec<&Placed>> = BTreeMap::new();
    for one in data {
        by_place.entry(&one.dimensions).or_default().push(one);
    }
    let documents = by_place.into_iter().flat_map(|(dimensions, data)| {
        let chunks: Vec<Vec<&Placed>> = data.chunks(PER_DOCUMENT).map(<[_]>::to_vec).collect();
        chunks.into_iter().map(move |data| document(namespace, environment, dimensions, &data, now).to_string())
    });
    documents.collect()
}

fn document(namespace: &str, environment: &str, dimensions: &Labels, data: &[&Placed], now: Timestamp) -> Value {
    let names: Vec<&str> = std::iter::once("Environment").chain(dimensions.keys().map(String::as_str)).collect();
    let metrics: Vec<Value> = data
        .iter()
        .map(|one| json!({"Name": one.datum.name, "Unit": one.datum.unit.as_deref().unwrap_or("None")}))
        .collect();
    let about = json!({
        "Timestamp": now.as_millisecond(),
        "CloudWatchMetrics": [{"Namespace": namespace, "Dimensions": [names], "Metrics": metrics}],
    });
    let mut document = Map::from_iter([("_aws".to_owned(), about), ("Environment".to_owned(), json!(environment))]);
    document.extend(dimensions.iter().map(|(name, value)| (name.clone(), json!(value))));
    document.extend(data.iter().map(|one| (one.datum.name.clone(), json!(one.datum.value))));
    Value::Object(document)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(name: &str, ticker: Option<&str>) -> Placed {
        let dimensions = ticker.map(|ticker| ("ticker".to_owned(), ticker.to_owned())).into_iter().collect();
        Placed { dimensions, datum: Datum { name: name.to_owned(), value: 4.5, unit: Some("Seconds".to_owned()) } }
    }

    #[test]
    fn each_place_has_a_document_that_names_its_dimensions_and_metrics() {
        let data = [published("Lag", None), published("Lag", Some("ACME")), published("Rows", None)];
        let now = "2026-03-01T06:00:00Z".parse().expect("an instant");
        let documents: Vec<Value> = lines("OPsPipeline", "prod", &data, now)
            .iter()
            .map(|line| serde_json::from_str(line).expect("JSON on one line"))
            .collect();
        let [plain, acme] = documents.as_slice() else { panic!("two places: {documents:?}") };
        assert_eq!(plain["_aws"]["Timestamp"], 1_772_344_800_000_i64);
        assert_eq!(plain["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["Environment"]]));
        assert_eq!(plain["_aws"]["CloudWatchMetrics"][0]["Metrics"][1], json!({"Name": "Rows", "Unit": "Seconds"}));
        assert_eq!((&plain["Environment"], &plain["Lag"]), (&json!("prod"), &json!(4.5)));
        assert_eq!(acme["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["Environment", "ticker"]]));
        assert_eq!(acme["ticker"], "ACME");
    }

    #[test]
    fn no_document_names_more_metrics_than_cloudwatch_takes() {
        let data: Vec<Placed> = (0..250).map(|n| published(&format!("M{n}"), None)).collect();
        let now = "2026-03-01T06:00:00Z".parse().expect("an instant");
        assert_eq!(lines("N", "prod", &data, now).len(), 3);
    }
}
