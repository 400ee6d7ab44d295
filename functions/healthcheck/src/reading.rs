//! One check's row becomes readings of its metrics.

use config::watch_file::Check;
use domain::check::{Measured, Metric};
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use crate::number::Number;

/// What one metric amounts to, or why it could not be read.
pub(crate) struct Reading<'w> {
    pub(crate) metric: &'w Metric,
    pub(crate) measured: Result<Measured, String>,
}

/// Reads every metric of a check; a column that does not fit costs no other.
pub(crate) fn read<'w>(check: &'w Check, row: &Row) -> Vec<Reading<'w>> {
    let measure = |metric: &'w Metric| column(row, &metric.column).map(|value| metric.measure(value));
    check.metrics.iter().map(|metric| Reading { metric, measured: measure(metric) }).collect()
}

/// The number in a column; `None` is NULL.
fn column(row: &Row, name: &str) -> Result<Option<f64>, String> {
    let columns = row.columns();
    let Some(index) = columns.iter().position(|column| column.name() == name) else {
        let there: Vec<_> = columns.iter().map(tokio_postgres::Column::name).collect();
        return Err(format!("the row has no column `{name}`, it has {}", there.join(", ")));
    };
    let ty = columns[index].type_();
    if !Number::accepts(ty) {
        return Err(format!(
            "column `{name}` is of type {ty}, expected a number: cast it, as in extract(epoch from …)"
        ));
    }
    let number: Option<Number> = row.try_get(index).map_err(|err| format!("column `{name}` cannot be read: {err}"))?;
    Ok(number.map(|Number(value)| value))
}
