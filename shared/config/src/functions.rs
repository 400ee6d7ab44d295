//! What each function takes from its environment variables. All of them are deploy-time shape: changing one is a deploy.

use std::path::{Path, PathBuf};

use crate::environment::{Environment, VariableError, Variables};
use crate::reference::Branch;

/// Variables that every function has.
const GLOBALS: &str = "Globals.Function";
/// Variables of alert-router alone.
const ROUTER: &str = "AlertRouterFunction.Properties";
/// Variables of deadman alone.
const DEADMAN: &str = "DeadmanFunction.Properties";
/// Variables of data-poller alone.
const POLLER: &str = "DataPollerFunction.Properties";
/// Variables of archiver alone.
const ARCHIVER: &str = "ArchiverFunction.Properties";
/// Variables of healthcheck alone.
const HEALTHCHECK: &str = "HealthcheckFunction.Properties";

/// What `alert-router` needs to know before it reads anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouterConfig {
    /// `ENVIRONMENT`.
    pub environment: Environment,
    /// `WATCH_FILE`, else `config/$ENVIRONMENT.toml`; a relative path starts at `LAMBDA_TASK_ROOT`.
    pub watch_file: PathBuf,
    /// `ALERTS_QUEUE_URL`: the queue that signals come from and go back to.
    pub alerts_queue_url: String,
    /// `ALERTS_HELD_QUEUE_URL`: where messages wait while Postgres is gone.
    pub held_queue_url: String,
    /// `PAGES_TOPIC_ARN`: the topic that receivers with `sns = { topic = "pages" }` publish to.
    pub pages_topic_arn: String,
    /// `SELF_TOPIC_ARN`: straight to people, where no receiver of the watch file is left to tell them.
    pub self_topic_arn: String,
    /// `ALARMS_TOPIC_ARN`: the topic by which alarms notify us; how they stand is compared with the record.
    pub alarms_topic_arn: String,
}

impl RouterConfig {
    /// The branches of SSM that the function reads, and its role may read.
    pub const BRANCHES: &[Branch] = &[Branch::Features, Branch::Database, Branch::Receivers];
    /// The variables that the template has to set.
    pub const REQUIRED: &[&str] = &[
        "ENVIRONMENT",
        "ALERTS_QUEUE_URL",
        "ALERTS_HELD_QUEUE_URL",
        "PAGES_TOPIC_ARN",
        "SELF_TOPIC_ARN",
        "ALARMS_TOPIC_ARN",
    ];

    /// Reads the variables of this process.
    ///
    /// # Errors
    /// Names the first that is missing and where `template.yaml` sets it.
    pub fn from_env() -> Result<Self, VariableError> {
        Variables::of_process(Self::read)
    }

    fn read(variables: &Variables<'_>) -> Result<Self, VariableError> {
        let environment = environment(variables)?;
        Ok(Self {
            watch_file: watch_file(variables, &environment),
            environment,
            alerts_queue_url: variables.required("ALERTS_QUEUE_URL", ROUTER)?,
            held_queue_url: variables.required("ALERTS_HELD_QUEUE_URL", ROUTER)?,
            pages_topic_arn: variables.required("PAGES_TOPIC_ARN", ROUTER)?,
            self_topic_arn: variables.required("SELF_TOPIC_ARN", ROUTER)?,
            alarms_topic_arn: variables.required("ALARMS_TOPIC_ARN", ROUTER)?,
        })
    }

    /// The ARN of the topic that the watch file calls by this name.
    pub fn topic_arn(&self, name: &str) -> Option<&str> {
        (name == crate::watch_file::PAGES_TOPIC).then_some(&self.pages_topic_arn)
    }
}

/// What `healthcheck` needs to know before it reads anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthcheckConfig {
    /// `ENVIRONMENT`.
    pub environment: Environment,
    /// `WATCH_FILE`, else `config/$ENVIRONMENT.toml`; a relative path starts at `LAMBDA_TASK_ROOT`.
    pub watch_file: PathBuf,
    /// `ALERTS_QUEUE_URL`: where what crossed its threshold is raised.
    pub alerts_queue_url: String,
    /// `PAGES_TOPIC_ARN`: pages go there, so somebody must have subscribed to it.
    pub pages_topic_arn: String,
    /// `SELF_TOPIC_ARN`: failures of Watchkeeper itself go there, so somebody must have subscribed to it.
    pub self_topic_arn: String,
}

impl HealthcheckConfig {
    /// The branches of SSM that the function reads, and its role may read.
    pub const BRANCHES: &[Branch] = &[Branch::Features, Branch::Database];
    /// The variables that the template has to set.
    pub const REQUIRED: &[&str] = &["ENVIRONMENT", "ALERTS_QUEUE_URL", "PAGES_TOPIC_ARN", "SELF_TOPIC_ARN"];

    /// Reads the variables of this process.
    ///
    /// # Errors
    /// Names the first that is missing and where `template.yaml` sets it.
    pub fn from_env() -> Result<Self, VariableError> {
        Variables::of_process(Self::read)
    }

    fn read(variables: &Variables<'_>) -> Result<Self, VariableError> {
        let environment = environment(variables)?;
        Ok(Self {
            watch_file: watch_file(variables, &environment),
            environment,
            alerts_queue_url: variables.required("ALERTS_QUEUE_URL", HEALTHCHECK)?,
            pages_topic_arn: variables.required("PAGES_TOPIC_ARN", HEALTHCHECK)?,
            self_topic_arn: variables.required("SELF_TOPIC_ARN", HEALTHCHECK)?,
        })
    }
}

/// What `deadman` needs to know before it reads anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadmanConfig {
    /// `ENVIRONMENT`.
    pub environment: Environment,
    /// `WATCH_FILE`, else `config/$ENVIRONMENT.toml`; a relative path starts at `LAMBDA_TASK_ROOT`.
    pub watch_file: PathBuf,
    /// `ALERTS_QUEUE_URL`: where heartbeats that are down, and those that are up again, are raised.
    pub alerts_queue_url: String,
    /// `SELF_TOPIC_ARN`: where those of our own functions are told of.
    pub self_topic_arn: String,
}

impl DeadmanConfig {
    /// The branches of SSM that the function reads, and its role may read.
    pub const BRANCHES: &[Branch] = &[Branch::Features, Branch::Database, Branch::Deadman];
    /// The variables that the template has to set.
    pub const REQUIRED: &[&str] = &["ENVIRONMENT", "ALERTS_QUEUE_URL", "SELF_TOPIC_ARN"];

    /// Reads the variables of this process.
    ///
    /// # Errors
    /// Names the first that is missing and where `template.yaml` sets it.
    pub fn from_env() -> Result<Self, VariableError> {
        Variables::of_process(Self::read)
    }

    fn read(variables: &Variables<'_>) -> Result<Self, VariableError> {
        let environment = environment(variables)?;
        Ok(Self {
            watch_file: watch_file(variables, &environment),
            environment,
            alerts_queue_url: variables.required("ALERTS_QUEUE_URL", DEADMAN)?,
            self_topic_arn: variables.required("SELF_TOPIC_ARN", DEADMAN)?,
        })
    }
}

/// What `data-poller` needs to know before it reads anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollerConfig {
    /// `ENVIRONMENT`.
    pub environment: Environment,
    /// `WATCH_FILE`, else `config/$ENVIRONMENT.toml`; a relative path starts at `LAMBDA_TASK_ROOT`.
    pub watch_file: PathBuf,
    /// `ALERTS_QUEUE_URL`: where cycles that are late and runs that failed are raised.
    pub alerts_queue_url: String,
}

impl PollerConfig {
    /// The branches of SSM that the function reads, and its role may read.
    pub const BRANCHES: &[Branch] = &[Branch::Features, Branch::Database, Branch::Sources];
    /// The variables that the template has to set.
    pub const REQUIRED: &[&str] = &["ENVIRONMENT", "ALERTS_QUEUE_URL"];

    /// Reads the variables of this process.
    ///
    /// # Errors
    /// Names the first that is missing and where `template.yaml` sets it.
    pub fn from_env() -> Result<Self, VariableError> {
        Variables::of_process(Self::read)
    }

    fn read(variables: &Variables<'_>) -> Result<Self, VariableError> {
        let environment = environment(variables)?;
        Ok(Self {
            watch_file: watch_file(variables, &environment),
            environment,
            alerts_queue_url: variables.required("ALERTS_QUEUE_URL", POLLER)?,
        })
    }
}

/// The class in which objects of the archive end up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorageClass {
    /// Read within milliseconds.
    GlacierIr,
    /// Cheaper, and read within hours: objects are written in S3's standard class, read back, and moved by the bucket's
    /// lifecycle after a day.
    Glacier,
}

/// What `archiver` needs to know before it reads anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiverConfig {
    /// `ENVIRONMENT`.
    pub environment: Environment,
    /// `WATCH_FILE`, else `config/$ENVIRONMENT.toml`; a relative path starts at `LAMBDA_TASK_ROOT`.
    pub watch_file: PathBuf,
    /// `ALERTS_QUEUE_URL`: where policies that fail are raised.
    pub alerts_queue_url: String,
    /// `ARCHIVE_BUCKET`: where old rows go.
    pub archive_bucket: String,
    /// `ARCHIVE_STORAGE_CLASS`: `GLACIER_IR` or `GLACIER`.
    pub storage_class: StorageClass,
}

impl ArchiverConfig {
    /// The branches of SSM that the function reads, and its role may read.
    pub const BRANCHES: &[Branch] = &[Branch::Database];
    /// The variables that the template has to set.
    pub const REQUIRED: &[&str] = &["ENVIRONMENT", "ALERTS_QUEUE_URL", "ARCHIVE_BUCKET", "ARCHIVE_STORAGE_CLASS"];

    /// Reads the variables of this process.
    ///
    /// # Errors
    /// Names the first that is missing, or says nothing usable, and where `template.yaml` sets it.
    pub fn from_env() -> Result<Self, VariableError> {
        Variables::of_process(Self::read)
    }

    fn read(variables: &Variables<'_>) -> Result<Self, VariableError> {
        let environment = environment(variables)?;
        let class = variables.required("ARCHIVE_STORAGE_CLASS", ARCHIVER)?;
        Ok(Self {
            watch_file: watch_file(variables, &environment),
            environment,
            alerts_queue_url: variables.required("ALERTS_QUEUE_URL", ARCHIVER)?,
            archive_bucket: variables.required("ARCHIVE_BUCKET", ARCHIVER)?,
            storage_class: match class.as_str() {
                "GLACIER_IR" => StorageClass::GlacierIr,
                "GLACIER" => StorageClass::Glacier,
                _ => return Err(VariableError::StorageClass(class)),
            },
        })
    }
}

/// What `migrator` needs to know before it reads anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigratorConfig {
    /// `ENVIRONMENT`.
    pub environment: Environment,
    /// `WATCH_FILE`, else `config/$ENVIRONMENT.toml`; a relative path starts at `LAMBDA_TASK_ROOT`.
    pub watch_file: PathBuf,
}

impl MigratorConfig {
    /// The branches of SSM that the function reads, and its role may read.
    pub const BRANCHES: &[Branch] = &[Branch::Database];
    /// The variables that the template has to set.
    pub const REQUIRED: &[&str] = &["ENVIRONMENT"];

    /// Reads the variables of this process.
    ///
    /// # Errors
    /// Names the first that is missing and where `template.yaml` sets it.
    pub fn from_env() -> Result<Self, VariableError> {
        Variables::of_process(|variables| {
            let environment = environment(variables)?;
            Ok(Self { watch_file: watch_file(variables, &environment), environment })
        })
    }
}

fn environment(variables: &Variables<'_>) -> Result<Environment, VariableError> {
    Environment::parse(&variables.required("ENVIRONMENT", GLOBALS)?)
}

fn watch_file(variables: &Variables<'_>, environment: &Environment) -> PathBuf {
    let named = variables.optional("WATCH_FILE").unwrap_or_else(|| format!("config/{environment}.toml"));
    match variables.optional("LAMBDA_TASK_ROOT") {
        Some(root) => Path::new(&root).join(named),
        None => PathBuf::from(named),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router(pairs: &[(&str, &str)]) -> Result<RouterConfig, VariableError> {
        let look_up = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        RouterConfig::read(&Variables(&look_up))
    }

    const ENVIRONMENT: (&str, &str) = ("ENVIRONMENT", "prd");
    const QUEUE: (&str, &str) = ("ALERTS_QUEUE_URL", "https://sqs.example/alerts");
    const HELD: (&str, &str) = ("ALERTS_HELD_QUEUE_URL", "https://sqs.example/alerts-held");
    const TOPIC: (&str, &str) = ("PAGES_TOPIC_ARN", "arn:aws:sns:eu-central-1:1:pages");
    const SELF: (&str, &str) = ("SELF_TOPIC_ARN", "arn:aws:sns:eu-central-1:1:self");
    const ALARMS: (&str, &str) = ("ALARMS_TOPIC_ARN", "arn:aws:sns:eu-central-1:1:alarms");
    const ALL: [(&str, &str); 6] = [ENVIRONMENT, QUEUE, HELD, TOPIC, SELF, ALARMS];

    #[test]
    fn the_watch_file_stands_beside_the_function_unless_it_is_named() {
        let path = |extra: &[(&str, &str)]| router(&[&ALL, extra].concat()).map(|config| config.watch_file);
        assert_eq!(path(&[]), Ok("config/prod.toml".into()));
        assert_eq!(path(&[("LAMBDA_TASK_ROOT", "/var/task")]), Ok("/var/task/config/prod.toml".into()));
        let named = [("LAMBDA_TASK_ROOT", "/var/task"), ("WATCH_FILE", "config/drill.toml")];
        assert_eq!(path(&named), Ok("/var/task/config/drill.toml".into()));
        assert_eq!(path(&[("LAMBDA_TASK_ROOT", "/var/task"), ("WATCH_FILE", "/tmp/w.toml")]), Ok("/tmp/w.toml".into()));
    }

    #[test]
    fn a_missing_variable_is_named_with_the_place_that_sets_it() {
        let error = router(&[ENVIRONMENT, QUEUE, HELD]).expect_err("no topic").to_string();
        assert!(error.contains("PAGES_TOPIC_ARN") && error.contains("AlertRouterFunction"), "{error}");
        let error = router(&[QUEUE, TOPIC, ("ENVIRONMENT", " ")]).expect_err("no environment").to_string();
        assert!(error.contains("ENVIRONMENT") && error.contains("Globals.Function"), "{error}");
    }

    #[test]
    fn required_is_what_is_missed_when_it_is_not_there() {
        /// What is wrong with these variables, if anything is.
        type Read = fn(&Variables<'_>) -> Option<String>;
        let functions: [(&[&str], Read); 4] = [
            (RouterConfig::REQUIRED, |variables| RouterConfig::read(variables).err().map(|error| error.to_string())),
            (HealthcheckConfig::REQUIRED, |variables| {
                HealthcheckConfig::read(variables).err().map(|error| error.to_string())
            }),
            (DeadmanConfig::REQUIRED, |variables| DeadmanConfig::read(variables).err().map(|error| error.to_string())),
            (ArchiverConfig::REQUIRED, |variables| {
                ArchiverConfig::read(&Variables(&|name| match name {
                    "ARCHIVE_STORAGE_CLASS" => (variables.0)(name).map(|_| "GLACIER_IR".to_owned()),
                    other => (variables.0)(other),
                }))
                .err()
                .map(|error| error.to_string())
            }),
        ];
        for (required, read) in functions {
            assert_eq!(read(&Variables(&|name| required.contains(&name).then(|| "local".to_owned()))), None, "enough");
            for left_out in required {
                let set = |name: &str| (name != *left_out && required.contains(&name)).then(|| "local".to_owned());
                let error = read(&Variables(&set)).expect("incomplete");
                assert!(error.contains(left_out), "{left_out}: {error}");
            }
        }
    }

    #[test]
    fn only_the_topic_pages_is_known_by_name() {
        let config = router(&ALL).expect("complete");
        assert_eq!(config.topic_arn("pages"), Some(TOPIC.1));
        assert_eq!(config.topic_arn("self"), None);
    }
}
