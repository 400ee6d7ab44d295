//! What checks, heartbeats, sources and retention ask of other stacks' queues, functions and buckets, against what the roles
//! of `healthcheck`, `deadman`, `data-poller` and `archiver` permit.

use domain::retention::Objects;

use super::Deployment;
use crate::functions::{ArchiverConfig, DeadmanConfig, HealthcheckConfig, PollerConfig};
use crate::watch_file::{Access, Ask, HeartbeatSignal, Place, Source, TriggerKind, WatchFile};

/// The parameters that permit it.
const QUEUES: &str = "WatchedQueueArns";
const FUNCTIONS: &str = "WatchedFunctionArns";
const BUCKETS: &str = "WatchedBucketArns";
const TRIGGERS: &str = "TriggerArns";
const RETAINED: &str = "RetainedObjectsArns";

/// Stands for what this machine does not know and the stack's owner does.
const PARTITION: &str = "aws";
const ACCOUNT: &str = "<account>";
const REGION: &str = "<region>";

/// The line to add for each parameter that permits too little.
pub(super) fn problems(deployment: &Deployment, watch_file: &WatchFile) -> Vec<String> {
    let region = deployment.region.as_deref().unwrap_or(REGION);
    let queues = watch_file.checks.iter().filter_map(|check| match &check.ask {
        Ask::Sqs { queue } => Some((format!("check.{}", check.name), queue.arn(PARTITION, region, ACCOUNT))),
        Ask::Sql { .. } | Ask::Http(_) => None,
    });
    let functions = watch_file.databases.iter().filter_map(|(name, database)| match &database.access {
        Access::Lambda(function) => Some((format!("database.{name}"), function_arn(function, region))),
        Access::Url(_) => None,
    });
    let buckets = watch_file.heartbeats.iter().filter_map(|heartbeat| match &heartbeat.signal {
        HeartbeatSignal::S3(s3) => {
            Some((format!("heartbeat.{}", heartbeat.rules.name), format!("arn:{PARTITION}:s3:::{}", s3.bucket)))
        }
        _ => None,
    });
    let buckets = buckets.chain(watch_file.sources.iter().flat_map(source_buckets));
    let triggers = watch_file.sources.iter().filter_map(|source| {
        let arn = match &source.trigger.kind {
            TriggerKind::Sqs { queue } => queue.arn(PARTITION, region, ACCOUNT),
            TriggerKind::Lambda { function } => function_arn(function, region),
            TriggerKind::Runpod { .. } => return None,
        };
        Some((format!("source.{}", source.rules.name), arn))
    });
    // A bucket is listed, and what is below a prefix deleted: one ARN for each.
    let retained = watch_file.retention.iter().filter_map(|policy| {
        let Objects { bucket, prefix, .. } = policy.objects.as_ref()?;
        let arns = [format!("arn:{PARTITION}:s3:::{bucket}"), format!("arn:{PARTITION}:s3:::{bucket}/{prefix}*")];
        Some(arns.map(|arn| (format!("retention.{}", policy.name), arn)))
    });
    let retained = retained.flatten();
    let askers = format!("{} and {}", HealthcheckConfig::FUNCTION, DeadmanConfig::FUNCTION);
    let lookers = format!("{} and {}", DeadmanConfig::FUNCTION, PollerConfig::FUNCTION);
    let lacking = [
        missing(deployment, QUEUES, HealthcheckConfig::FUNCTION, queues.collect()),
        missing(deployment, FUNCTIONS, &askers, functions.collect()),
        missing(deployment, BUCKETS, &lookers, buckets.collect()),
        missing(deployment, TRIGGERS, PollerConfig::FUNCTION, triggers.collect()),
        missing(deployment, RETAINED, ArchiverConfig::FUNCTION, retained.collect()),
    ];
    lacking.into_iter().flatten().collect()
}

/// The buckets in which a source is looked for with the role's own credentials.
fn source_buckets(source: &Source) -> Vec<(String, String)> {
    let upstream = source.mirrors.values().filter_map(|mirror| match &mirror.place {
        Place::S3 { bucket, .. } if !mirror.anonymous => Some(bucket),
        Place::S3 { .. } | Place::Http { .. } => None,
    });
    let buckets = upstream.chain(source.output.as_ref().map(|output| &output.bucket));
    buckets.map(|bucket| (format!("source.{}", source.rules.name), format!("arn:{PARTITION}:s3:::{bucket}"))).collect()
}

fn missing(deployment: &Deployment, parameter: &str, by: &str, needed: Vec<(String, String)>) -> Option<String> {
    let permitted = deployment.list(parameter);
    let lacking: Vec<_> =
        needed.iter().filter(|(_, arn)| !permitted.iter().any(|permitted| covers(permitted, arn))).collect();
    if lacking.is_empty() {
        return None;
    }
    let mut who: Vec<&str> = lacking.iter().map(|(who, _)| who.as_str()).collect();
    who.dedup();
    let mut all = permitted;
    for (_, arn) in &lacking {
        if !all.contains(&arn.as_str()) {
            all.push(arn);
        }
    }
    let also =
        if parameter == QUEUES { " (with the ARN of its dead-letter queue, if a check measures `dlq`)" } else { "" };
    Some(format!(
        "{}: {by} may not ask that; [{}.deploy.parameters] in samconfig.toml needs, in parameter_overrides{also}:\n    \
         \"{parameter}={}\",",
        who.join(", "),
        deployment.environment,
        all.join(",")
    ))
}

/// Whether a permitted ARN, in which `*` stands for anything, is the needed one as far as that is known.
fn covers(permitted: &str, needed: &str) -> bool {
    let (permitted, needed): (Vec<_>, Vec<_>) = (permitted.splitn(6, ':').collect(), needed.splitn(6, ':').collect());
    let same = |(permitted, needed): (&&str, &&str)| *needed == ACCOUNT || *needed == REGION || like(permitted, needed);
    // The partition is the first part after `arn`, and ours is a guess.
    permitted.len() == needed.len() && permitted.iter().zip(&needed).skip(2).all(same)
}

/// Whether a text is like a pattern in which `*` stands for anything.
fn like(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text
            .strip_prefix(start)
            .is_some_and(|left| (0..=left.len()).any(|n| left.get(n..).is_some_and(|left| like(rest, left)))),
    }
}

/// A function's ARN from its name, if it is not one already.
fn function_arn(function: &str, region: &str) -> String {
    if function.starts_with("arn:") {
        return function.to_owned();
    }
    format!("arn:{PARTITION}:lambda:{region}:{ACCOUNT}:function:{function}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Environment;

    const WATCH_FILE: &str = r#"
namespace = "Example"
[database.main]
lambda = "run-query"
[check.lag]
database = "main"
sql = "select 1 as lag"
[check.lag.metric.lag]
name = "Lag"
[heartbeat.files]
signal = { s3 = "s3://forecasts/{yyyymmdd}/" }
schedule = "0 6 * * *"
grace = "1h"
[check.orders]
sqs = "orders"
[check.orders.metric.depth]
name = "OrdersDepth"
[receiver.mail]
sns = { topic = "pages" }
[routes]
default = ["mail"]
"#;

    const FILES: &str = "arn:aws:s3:::forecasts";

    const SOURCES: &str = r#"
namespace = "Example"
[source.gfs]
forecast_type = "medium_range"
schedule = "0 0,6,12,18 * * *"
expected_after = "5h"
late_after = "6h"
upstream.s3 = { buckets = ["copies"] }
complete = { keys = ["gfs.{yyyymmdd}/{hh}/*"], at_least = 209 }
trigger.sqs = { queue = "jobs" }
output = "s3://products/{yyyymmdd}{hh}/_SUCCESS"
max_runtime = "2h"
[source.public]
forecast_type = "nowcast"
every = "10m"
expected_after = "5m"
late_after = "10m"
upstream.s3 = { buckets = ["noaa-gfs-bdp-pds"], anonymous = true }
complete = { keys = ["{yyyymmdd}{hh}{min}/*"], at_least = 2 }
trigger.runpod = { endpoint = "abc", api_key = "ssm:sources/runpod" }
max_runtime = "20m"
[receiver.mail]
sns = { topic = "pages" }
[routes]
default = ["mail"]
"#;

    fn told(queues: &str, functions: &str, buckets: &str) -> Vec<String> {
        let parameters = [(QUEUES, queues), (FUNCTIONS, functions), (BUCKETS, buckets)];
        told_of(WATCH_FILE, &parameters)
    }

    fn told_of(watch_file: &str, parameters: &[(&str, &str)]) -> Vec<String> {
        let names =
            [QUEUES, FUNCTIONS, BUCKETS, TRIGGERS, RETAINED].map(|name| format!("  {name}:\n    Default: \"\"\n"));
        let overrides: Vec<String> = parameters.iter().map(|(name, value)| format!("\"{name}={value}\"")).collect();
        let samconfig = format!(
            "[dev.deploy.parameters]\nregion = \"eu-west-1\"\nparameter_overrides = [{}]\n",
            overrides.join(", ")
        );
        let environment = Environment::parse("dev").expect("an environment");
        let template = format!("Parameters:\n{}", names.concat());
        let deployment = Deployment::read(&template, &samconfig, &environment).expect("a deployment");
        let watch_file = WatchFile::parse(watch_file, "dev.toml", &environment).expect("a watch file");
        problems(&deployment, &watch_file)
    }

    #[test]
    fn what_sources_look_into_and_start_is_permitted_and_what_is_public_need_not_be() {
        let told = told_of(SOURCES, &[]);
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].ends_with("\"WatchedBucketArns=arn:aws:s3:::copies,arn:aws:s3:::products\","), "{}", told[0]);
        let line = "\"TriggerArns=arn:aws:sqs:eu-west-1:<account>:jobs\",";
        assert!(told[1].starts_with("source.gfs: data-poller may not") && told[1].ends_with(line), "{}", told[1]);
        let permitted = [(BUCKETS, "arn:aws:s3:::*"), (TRIGGERS, "arn:aws:sqs:eu-west-1:111122223333:jobs")];
        assert_eq!(told_of(SOURCES, &permitted), Vec::<String>::new());
    }

    #[test]
    fn objects_that_retention_deletes_are_permitted_below_their_prefix_alone() {
        let watch_file = "[database.main]\nurl = \"ssm:database/main_url\"\n[retention.files]\ndatabase = \"main\"\ntable = \"files\"\n\
            time = \"at\"\nkey = \"id\"\nkeep = \"7d\"\nobjects = { bucket = \"acme\", prefix = \"a/b/\", column = \"path\" }\n";
        let watch_file = format!(
            "namespace = \"Example\"\n{watch_file}[receiver.mail]\nsns = {{ topic = \"pages\" }}\n[routes]\ndefault = [\"mail\"]\n"
        );
        let (bucket, objects) = ("arn:aws:s3:::acme", "arn:aws:s3:::acme/a/b/*");
        for permitted in ["", bucket, "arn:aws:s3:::acme/a/", "arn:aws:s3:::acme/a/c/*", "arn:aws:s3:::other/*"] {
            let told = told_of(&watch_file, &[(RETAINED, permitted)]);
            let start = "retention.files: archiver may not ask that";
            let line = "arn:aws:s3:::acme/a/b/*\",";
            assert!(told.len() == 1 && told[0].starts_with(start) && told[0].ends_with(line), "{permitted}: {told:?}");
        }
        let told = told_of(&watch_file, &[(RETAINED, objects)]);
        assert!(
            told.len() == 1 && told[0].ends_with("arn:aws:s3:::acme/a/b/*,arn:aws:s3:::acme\","),
            "it is listed: {told:?}"
        );
        assert_eq!(told_of(&watch_file, &[(RETAINED, &format!("{bucket},{objects}"))]), Vec::<String>::new());
    }

    #[test]
    fn what_is_not_permitted_comes_with_the_line_to_add() {
        let told = told("arn:aws:sqs:eu-west-1:111122223333:other", "", "");
        assert_eq!(told.len(), 3, "{told:?}");
        let line =
            "\"WatchedQueueArns=arn:aws:sqs:eu-west-1:111122223333:other,arn:aws:sqs:eu-west-1:<account>:orders\",";
        assert!(told[0].starts_with("check.orders: ") && told[0].ends_with(line), "{}", told[0]);
        let line = "\"WatchedFunctionArns=arn:aws:lambda:eu-west-1:<account>:function:run-query\",";
        assert!(told[1].starts_with("database.main: ") && told[1].ends_with(line), "{}", told[1]);
        let (start, line) = (
            "heartbeat.files: deadman and data-poller may not ask that",
            "\"WatchedBucketArns=arn:aws:s3:::forecasts\",",
        );
        assert!(told[2].starts_with(start) && told[2].ends_with(line), "{}", told[2]);
    }

    #[test]
    fn what_is_permitted_by_name_or_pattern_in_any_account_is_fine() {
        let function = "arn:aws:lambda:eu-west-1:111122223333:function:run-query";
        for queues in ["arn:aws:sqs:eu-west-1:111122223333:orders", "arn:aws:sqs:*:111122223333:ord*"] {
            assert_eq!(told(queues, function, FILES), Vec::<String>::new());
        }
        for queues in ["arn:aws:sqs:eu-central-1:111122223333:orders", "arn:aws:sqs:eu-west-1:111122223333:orders2"] {
            assert_eq!(told(queues, function, "arn:aws:s3:::fore*").len(), 1, "{queues}");
        }
    }
}
