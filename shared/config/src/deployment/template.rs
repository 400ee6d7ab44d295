//! Reads parameters and alarms out of `template.yaml`, which is YAML as we write it: two spaces a level, one key a line.
//!
//! It is no YAML parser, so that functions need none; a test compares what it reads with what SAM makes of the template.

use std::collections::BTreeMap;
use std::str::FromStr;

/// A CloudWatch alarm, its parameters filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Alarm {
    /// Its logical id.
    pub id: String,
    /// Its metric's namespace.
    pub namespace: String,
    /// Its metric.
    pub metric: String,
    /// What is compared with.
    pub threshold: f64,
    /// How, in CloudWatch's words: `GreaterThanThreshold`.
    pub comparison: String,
    /// Seconds.
    pub period: u64,
    /// How many periods in a row.
    pub periods: u64,
    /// The condition under which it is deployed, if not always.
    pub condition: Option<String>,
}

/// A line's depth, key and value.
struct Line<'t> {
    depth: usize,
    key: &'t str,
    value: &'t str,
}

/// The lines of a top-level section that carry a key.
fn section<'t>(template: &'t str, name: &str) -> impl Iterator<Item = Line<'t>> {
    let start = format!("{name}:");
    let lines = template.lines().skip_while(move |line| *line != start).skip(1);
    let inside = lines.take_while(|line| line.is_empty() || line.starts_with([' ', '#']));
    inside.filter_map(|line| {
        let text = line.trim_start();
        let (key, value) = text.split_once(':')?;
        let value = value.trim().trim_matches(['"', '\'']);
        (!text.starts_with(['#', '-'])).then_some(Line { depth: line.len() - text.len(), key, value })
    })
}

/// Every parameter with its default; empty where it has none.
pub(super) fn defaults(template: &str) -> Result<BTreeMap<String, String>, String> {
    let mut found = BTreeMap::new();
    let mut current = String::new();
    for line in section(template, "Parameters") {
        match (line.depth, line.key) {
            (2, name) => {
                current = name.to_owned();
                found.insert(current.clone(), String::new());
            }
            (4, "Default") => {
                found.insert(current.clone(), line.value.to_owned());
            }
            _ => {}
        }
    }
    if found.is_empty() {
        Err("it has no Parameters, or is indented as we do not expect".to_owned())
    } else {
        Ok(found)
    }
}

/// A resource: what stands directly below its id, and its properties.
struct Resource<'t> {
    id: &'t str,
    attributes: BTreeMap<&'t str, &'t str>,
    properties: BTreeMap<&'t str, &'t str>,
}

/// Every alarm on one metric; one that reckons with several is not compared with any.
pub(super) fn alarms(template: &str, parameters: &BTreeMap<String, String>) -> Result<Vec<Alarm>, String> {
    let mut resources: Vec<Resource<'_>> = Vec::new();
    for line in section(template, "Resources") {
        match (line.depth, line.key, resources.last_mut()) {
            (2, id, _) => resources.push(Resource { id, attributes: BTreeMap::new(), properties: BTreeMap::new() }),
            (4, key, Some(resource)) => {
                resource.attributes.insert(key, line.value);
            }
            (6, key, Some(resource)) => {
                resource.properties.insert(key, line.value);
            }
            _ => {}
        }
    }
    let alarms = resources.iter().filter(|one| one.attributes.get("Type") == Some(&"AWS::CloudWatch::Alarm"));
    let alarms = alarms.filter(|one| !one.properties.contains_key("Metrics"));
    let read = |one: &Resource<'_>| {
        let condition = one.attributes.get("Condition").map(|name| (*name).to_owned());
        alarm(one.id, &one.properties, parameters).map(|alarm| Alarm { condition, ..alarm })
    };
    alarms.map(read).collect()
}

fn alarm(id: &str, properties: &BTreeMap<&str, &str>, parameters: &BTreeMap<String, String>) -> Result<Alarm, String> {
    let text = |key: &str| -> Result<&str, String> {
        let value = *properties.get(key).ok_or_else(|| format!("{id} has no {key}"))?;
        let Some(name) = value.strip_prefix("!Ref ") else { return Ok(value) };
        // What AWS fills in is compared with nothing.
        Ok(parameters.get(name.trim()).map_or(value, String::as_str))
    };
    Ok(Alarm {
        id: id.to_owned(),
        namespace: text("Namespace")?.to_owned(),
        metric: text("MetricName")?.to_owned(),
        threshold: number(id, "Threshold", text("Threshold")?)?,
        comparison: text("ComparisonOperator")?.to_owned(),
        period: number(id, "Period", text("Period")?)?,
        periods: number(id, "EvaluationPeriods", text("EvaluationPeriods")?)?,
        condition: None,
    })
}

fn number<T: FromStr>(id: &str, key: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{id}: {key} is {value:?}, expected a number or a parameter that is one"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "\
Parameters:
  Threshold:
    Description: Seconds.
    Default: 180
  Email:
    Default: \"\"

Resources:
  # AWS::CloudWatch::Alarm in a comment: not one.
  Queue:
    Type: AWS::SQS::Queue
  Late:
    Type: AWS::CloudWatch::Alarm
    Condition: Wanted
    Properties:
      Namespace: Example
      MetricName: Lag
      Dimensions: [{Name: Environment, Value: !Ref Environment}]
      Period: 60
      # Two in a row: one may be late.
      EvaluationPeriods: 2
      Threshold: !Ref Threshold
      ComparisonOperator: GreaterThanThreshold
  Odd:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Metrics:
        - Id: share
          Expression: 100 * some / all
      ComparisonOperator: GreaterThanThreshold
Outputs:
  Late:
    Value: 1
";

    #[test]
    fn parameters_and_alarms_are_read_and_filled_in() {
        let mut parameters = defaults(TEMPLATE).expect("parameters");
        assert_eq!(parameters.get("Threshold").map(String::as_str), Some("180"));
        assert_eq!(parameters.get("Email").map(String::as_str), Some(""));
        parameters.insert("Threshold".to_owned(), "90".to_owned());
        let alarms = alarms(TEMPLATE, &parameters).expect("alarms");
        let expected = Alarm {
            id: "Late".to_owned(),
            namespace: "Example".to_owned(),
            metric: "Lag".to_owned(),
            threshold: 90.0,
            comparison: "GreaterThanThreshold".to_owned(),
            period: 60,
            periods: 2,
            condition: Some("Wanted".to_owned()),
        };
        assert_eq!(alarms, [expected]);
    }

    #[test]
    fn what_is_not_as_expected_is_named() {
        let parameters = defaults(TEMPLATE).expect("parameters");
        let error = alarms(&TEMPLATE.replace("Period: 60", "Period: soon"), &parameters).expect_err("no number");
        assert!(error.contains("Late: Period is \"soon\""), "{error}");
        let error = alarms(&TEMPLATE.replace("      MetricName: Lag\n", ""), &parameters).expect_err("no metric");
        assert_eq!(error, "Late has no MetricName");
        assert!(defaults("Resources:\n").is_err());
    }
}
