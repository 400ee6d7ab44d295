//! What each function is called, and which operations of AWS it calls, by the names that IAM policies know them by.
//!
//! Debug builds refuse a call that is not listed (`runtime::operations`), a test compares the lists with the roles in
//! `template.yaml`, and `cargo local operations` says what is listed but was never called by any test.

use crate::functions::{ArchiverConfig, DeadmanConfig, HealthcheckConfig, MigratorConfig, PollerConfig, RouterConfig};

/// Every function of the suite, by name. What each has done stands in the ledger under it.
pub(crate) const FUNCTIONS: [&str; 6] = [
    HealthcheckConfig::FUNCTION,
    DeadmanConfig::FUNCTION,
    PollerConfig::FUNCTION,
    ArchiverConfig::FUNCTION,
    RouterConfig::FUNCTION,
    MigratorConfig::FUNCTION,
];

impl RouterConfig {
    /// What the function is called: its package, its binary, the end of its name in AWS.
    pub const FUNCTION: &str = "alert-router";
    /// The IAM actions that the function's own code needs.
    pub const OPERATIONS: &[&str] = &[
        "ssm:GetParametersByPath",
        "sqs:DeleteMessage",
        "sqs:SendMessage",
        "sqs:ReceiveMessage",
        "sns:Publish",
        "cloudwatch:DescribeAlarms",
    ];
}

impl ArchiverConfig {
    /// What the function is called: its package, its binary, the end of its name in AWS.
    pub const FUNCTION: &str = "archiver";
    /// The IAM actions that the function's own code needs.
    pub const OPERATIONS: &[&str] = &[
        "ssm:GetParametersByPath",
        "cloudwatch:PutMetricData",
        "sqs:SendMessage",
        // The archive: parts of an object, and its manifest.
        "s3:PutObject",
        "s3:AbortMultipartUpload",
        "s3:GetObject",
        "s3:RestoreObject",
        // What is stored for rows that are deleted.
        "s3:ListBucket",
        "s3:DeleteObject",
    ];
}

impl HealthcheckConfig {
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

impl DeadmanConfig {
    /// What the function is called: its package, its binary, the end of its name in AWS.
    pub const FUNCTION: &str = "deadman";
    /// The IAM actions that the function's own code needs.
    pub const OPERATIONS: &[&str] = &[
        "ssm:GetParametersByPath",
        "cloudwatch:PutMetricData",
        "sqs:SendMessage",
        "sns:Publish",
        // Heartbeats found in metrics, in buckets, and in databases behind query functions.
        "cloudwatch:GetMetricData",
        "s3:ListBucket",
        "lambda:InvokeFunction",
    ];
}

impl PollerConfig {
    /// What the function is called: its package, its binary, the end of its name in AWS.
    pub const FUNCTION: &str = "data-poller";
    /// The IAM actions that the function's own code needs.
    pub const OPERATIONS: &[&str] = &[
        "ssm:GetParametersByPath",
        "cloudwatch:PutMetricData",
        "s3:ListBucket",
        "sqs:SendMessage",
        // Triggers.
        "sqs:GetQueueUrl",
        "lambda:InvokeFunction",
    ];
}

impl MigratorConfig {
    /// What the function is called: its package, its binary, the end of its name in AWS.
    pub const FUNCTION: &str = "migrator";
    /// The IAM actions that the function's own code needs.
    pub const OPERATIONS: &[&str] = &["ssm:GetParametersByPath"];
}
