//! Which names the watch file may give: its own, and Amazon's.

use super::reader::{Found, Table};

/// Notes a mistake unless the name is in kebab-case, as all names are that people type and route by.
pub(super) fn expect_kebab_case(table: &Table<'_>, name: &Found<&str>) {
    let word = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if !name.value.split('-').all(word) {
        table.note_at(name, "expected a name in kebab-case, as in `urgent-queue`");
    }
}

/// The region that a table names, if it does; notes a mistake where it could be none of Amazon's.
pub(super) fn region(table: &Table<'_>) -> Option<String> {
    let region = table.text("region")?;
    if !is_region(region.value) {
        table.note_at(&region, "expected the name of a region, as in `us-east-1`");
    }
    Some(region.value.to_owned())
}

/// Where it is, in words, and a number, as in `us-gov-west-1`: what Amazon opens next year is called so too.
fn is_region(name: &str) -> bool {
    let word = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase());
    let mut parts = name.split('-');
    let number = parts.next_back().unwrap_or_default();
    let words: Vec<&str> = parts.collect();
    let numbered = (1..=2).contains(&number.len()) && number.chars().all(|c| c.is_ascii_digit());
    numbered && (2..=4).contains(&words.len()) && words.iter().all(word)
}

/// What healthcheck calls its look at Watchkeeper's own database.
pub const OWN_DATABASE: &str = "watchkeeper";
/// What healthcheck calls its look at who is subscribed to the topics.
pub const SUBSCRIBERS: &str = "subscribers";

/// Notes a mistake where a check or a database has a name of healthcheck's own: their alerts could not be told apart.
pub(super) fn expect_not_our_own(table: &Table<'_>, name: &Found<&str>) {
    if [OWN_DATABASE, SUBSCRIBERS].contains(&name.value) {
        table.note_at(name, "is the name of a check that healthcheck makes by itself: expected another");
    }
}

/// The namespace. <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html>
pub(super) fn namespace(root: &Table<'_>) -> Option<String> {
    let namespace =
        root.required_text("namespace", "the CloudWatch namespace of every metric, as in \"OPsPipeline\"")?;
    if expect_namespace(root, &namespace) && namespace.value.starts_with("AWS/") {
        root.note_at(&namespace, "namespaces that begin with AWS/ are Amazon's own");
    }
    Some(namespace.value.to_owned())
}

/// Whether CloudWatch takes this as a namespace; notes a mistake where it does not.
pub(super) fn expect_namespace(table: &Table<'_>, namespace: &Found<&str>) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | '#' | ':' | ' ');
    let right = namespace.value.len() <= 255
        && !namespace.value.starts_with([':', ' '])
        && namespace.value.chars().all(allowed);
    if !right {
        table.note_at(namespace, "expected at most 255 letters, digits and . - _ / # : as in `OPsPipeline`");
    }
    right
}

/// Notes a mistake unless CloudWatch takes this as a metric's name.
pub(super) fn expect_metric_name(table: &Table<'_>, name: &Found<&str>) {
    let allowed = |c: char| matches!(c, ' '..='~');
    if name.value.len() > 240 || name.value.starts_with(':') || !name.value.chars().all(allowed) {
        table.note_at(
            name,
            "expected at most 240 ASCII characters that do not begin with a colon, as in `TelemetryLag`",
        );
    }
}

/// Every unit that CloudWatch knows.
pub(super) const UNITS: [&str; 27] = [
    "Seconds",
    "Count",
    "Percent",
    "Milliseconds",
    "Microseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    "None",
];
