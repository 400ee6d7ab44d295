//! Logs: JSON lines on Lambda, text elsewhere, at the level that Lambda's own settings name.

use std::str::FromStr;

use lambda_runtime::tracing::subscriber;
use subscriber::filter::LevelFilter;

/// Starts logging. `AWS_LAMBDA_LOG_FORMAT` and `AWS_LAMBDA_LOG_LEVEL`, which Lambda sets from the function's
/// LoggingConfig, decide format and level; outside Lambda `RUST_LOG` may name a level.
///
/// One level for everything: the filter by target that lambda_runtime would set up brings engines for regular expressions,
/// which are a twentieth of every package.
#[expect(clippy::disallowed_methods, reason = "these are Lambda's variables, not settings of ours")]
pub fn init() {
    let variable = |name: &str| std::env::var(name).ok();
    let level = variable("AWS_LAMBDA_LOG_LEVEL").or_else(|| variable("RUST_LOG"));
    let level = level.and_then(|word| LevelFilter::from_str(&word).ok()).unwrap_or(LevelFilter::INFO);
    let lines = subscriber::fmt().with_target(false).without_time().with_max_level(level);
    match variable("AWS_LAMBDA_LOG_FORMAT") {
        Some(format) if format.eq_ignore_ascii_case("json") => lines.json().init(),
        _ => lines.init(),
    }
}
