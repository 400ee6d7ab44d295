//! What each function is called, and which operations of AWS it calls, by the names that IAM policies know them by.
//!
//! Debug builds refuse a call that is not listed (`runtime::operations`), a test compares the lists with the roles in
//! `template.yaml`, and `cargo local operations` says what is listed but was never called by any test.

use crate::functions::{HealthcheckConfig, MigratorConfig, RouterConfig};

impl RouterConfig {
    /// The metric that says for how many seconds the oldest unsent delivery has been there, in the watch file's namespace.
    pub const OLDEST_DELIVERY: &str = "OldestDueDelivery";
    /// What the function is called: its package, its binary, the end of its name in AWS.
    pub const FUNCTION: &str = "alert-router";
    /// The IAM actions that the function's own code needs.
    pub const OPERATIONS: &[&str] =
        &["ssm:GetParametersByPath", "sqs:DeleteMessage", "sqs:SendMessage", "sqs:ReceiveMessage", "sns:Publish"];
}

impl HealthcheckConfig {
    /// The metric that ends every complete run, in the watch file's namespace. An alarm misses it.
    pub const HEARTBEAT: &str = "HealthcheckHeartbeat";
    /// What the function is called: its package, its binary, the end of its name in AWS.
    pub const FUNCTION: &str = "healthcheck";
    /// The IAM actions that the function's own code needs.
    pub const OPERATIONS: &[&str] = &[
        "ssm:GetParametersByPath",
        "cloudwatch:PutMetricData",
        "sqs:SendMessage",
        "sns:GetTopicAttributes",
        // Checks over queues.
        "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl",
        "cloudwatch:GetMetricData",
        // Checks over query functions.
        "lambda:InvokeFunction",
    ];
}

impl MigratorConfig {
    /// What the function is called: its package, its binary, the end of its name in AWS.
    pub const FUNCTION: &str = "migrator";
    /// The IAM actions that the function's own code needs.
    pub const OPERATIONS: &[&str] = &["ssm:GetParametersByPath"];
}
