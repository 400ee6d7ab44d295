//! Logs: JSON lines on Lambda, text elsewhere, at the level that Lambda's own settings name.

/// Starts logging. `AWS_LAMBDA_LOG_FORMAT` and `AWS_LAMBDA_LOG_LEVEL`, which Lambda sets from the function's
/// LoggingConfig, decide format and level.
pub fn init() {
    lambda_runtime::tracing::init_default_subscriber();
}
