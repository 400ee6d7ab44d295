//! What a check's answer amounts to: rows become readings of its metrics.

use std::collections::BTreeMap;

use config::watch_file::Check;
use domain::check::{Measured, Metric};

use watched::{Cell, Failure, Rows};

/// A check without dimensions answers one row, and one with dimensions at most so many: each row of a metric is a metric
/// that CloudWatch bills.
pub(crate) const MOST_ROWS: usize = 100;
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Dimension.html>
const LONGEST_DIMENSION: usize = 1_024;
/// What Postgres calls the type of an instant.
const INSTANT: &str = "timestamptz";
/// What to do about a value that is no number.
const CAST: &str = ": cast it, as in extract(epoch from …)";

/// What one metric amounts to, or why it could not be read.
#[derive(Debug)]
pub(crate) struct Reading<'w> {
    pub(crate) metric: &'w Metric,
    /// What tells it from the others of its metric.
    pub(crate) dimensions: BTreeMap<String, String>,
    pub(crate) measured: Result<Measured, String>,
    /// What was found, for people, where a number does not say it.
    pub(crate) note: Option<String>,
}

/// How many rows a check may answer.
pub(crate) fn most_rows(check: &Check) -> usize {
    if check.dimensions.is_empty() { 1 } else { MOST_ROWS }
}

/// Reads every metric of a check; a column or a row that does not fit costs no other.
///
/// # Errors
/// When there is no row, or more than there may be.
pub(crate) fn read<'w>(check: &'w Check, answer: &Rows) -> Result<Vec<Reading<'w>>, Failure> {
    let by = check.dimensions.join(", ");
    match answer.rows.len() {
        0 if by.is_empty() => return Err(Failure::refused("the statement answered no row, expected one")),
        0 => return Err(Failure::refused(format!("the statement answered no row, expected one for each {by}"))),
        count if count > most_rows(check) => {
            return Err(Failure::refused(if by.is_empty() {
                "the statement answered several rows, expected one (`dimensions` names columns that tell rows apart)"
                    .to_owned()
            } else {
                format!("the statement answered more than {MOST_ROWS} rows: each {by} costs a metric of its own")
            }));
        }
        _ => {}
    }
    let labels: Vec<_> = answer.rows.iter().map(|row| labels(check, &answer.columns, row)).collect();
    let mut readings = Vec::new();
    for (row, labelled) in answer.rows.iter().zip(&labels) {
        let twice = || labels.iter().filter(|other| *other == labelled).count() > 1;
        let dimensions = match labelled {
            Ok(dimensions) if !dimensions.is_empty() && twice() => {
                let same: Vec<_> = dimensions.iter().map(|(name, value)| format!("{name} = {value}")).collect();
                Err(format!("several rows have {}: expected one", same.join(", ")))
            }
            other => other.clone(),
        };
        match dimensions {
            Ok(dimensions) => readings.extend(check.metrics.iter().map(|metric| Reading {
                metric,
                dimensions: dimensions.clone(),
                measured: number(&answer.columns, row, &metric.column).map(|value| metric.measure(value)),
                note: None,
            })),
            // Said once for the row.
            Err(why) => readings.extend(check.metrics.first().map(|metric| Reading {
                metric,
                dimensions: BTreeMap::new(),
                measured: Err(why),
                note: None,
            })),
        }
    }
    Ok(readings)
}

/// The dimensions of a row.
fn labels(check: &Check, columns: &[String], row: &[Cell]) -> Result<BTreeMap<String, String>, String> {
    let label = |name: &String| {
        let value = match cell(columns, row, name)? {
            Cell::Text(value) | Cell::Written(value) => value,
            Cell::Null => return Err(format!("column `{name}` is null, and it is a dimension: leave such rows out")),
            Cell::Number(_) => return Err(format!("column `{name}` is a number, expected a text: cast it to text")),
            Cell::Instant(_) => return Err(not_a_text(name, INSTANT)),
            Cell::Other(ty) => return Err(not_a_text(name, ty)),
        };
        // What CloudWatch takes as the value of a dimension.
        let allowed = value.len() <= LONGEST_DIMENSION && value.chars().all(|c| matches!(c, ' '..='~'));
        if !allowed || value.trim().is_empty() {
            let value = domain::notification::truncate(value, 40);
            return Err(format!(
                "column `{name}` is `{value}`, expected 1 to {LONGEST_DIMENSION} ASCII characters: it is a dimension"
            ));
        }
        Ok((name.clone(), value.clone()))
    };
    check.dimensions.iter().map(label).collect()
}

fn not_a_text(name: &str, ty: &str) -> String {
    format!("column `{name}` is of type {ty}, expected a text: cast it to text")
}

/// The number in a column; `None` is NULL.
fn number(columns: &[String], row: &[Cell], name: &str) -> Result<Option<f64>, String> {
    let expected = |what: &str| format!("column `{name}` is {what}, expected a number");
    match cell(columns, row, name)? {
        Cell::Null => Ok(None),
        Cell::Number(value) => Ok(Some(*value)),
        Cell::Written(text) => text.trim().parse().map(Some).map_err(|_| {
            let text = domain::notification::truncate(text, 40);
            expected(&format!("the text `{text}`"))
        }),
        Cell::Text(_) => Err(expected("of type text") + CAST),
        Cell::Instant(_) => Err(expected(&format!("of type {INSTANT}")) + CAST),
        Cell::Other(ty) => Err(expected(&format!("of type {ty}")) + CAST),
    }
}

fn cell<'r>(columns: &[String], row: &'r [Cell], name: &str) -> Result<&'r Cell, String> {
    let index = columns.iter().position(|column| column == name);
    index
        .and_then(|index| row.get(index))
        .ok_or_else(|| format!("the row has no column `{name}`, it has {}", columns.join(", ")))
}
