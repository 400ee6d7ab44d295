//! `stack.json`: where everything of a deployed local cloud is. Tests and people's scripts start from it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// Its name inside the state directory.
pub const FILE: &str = "stack.json";

/// The contents of `stack.json` (CONTRACTS, "Local cloud").
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stack {
    /// The emulator.
    pub aws_endpoint: String,
    /// Its region.
    pub region: String,
    /// Its account; also the access key id.
    pub account: String,
    /// `local`.
    pub environment: String,
    /// The CloudFormation stack.
    pub stack_name: String,
    /// One database: ours in schema `watchkeeper`, the example pipeline in `public`.
    pub database_url: String,
    /// ARN of each function's alias, by the name of its folder.
    pub functions: BTreeMap<String, String>,
    /// URLs of `alerts`, `alerts_dlq`, `alerts_held`, `pings`, `pings_dlq`, `pages`, `self`.
    pub queues: BTreeMap<String, String>,
    /// ARNs of `alarms`, `pages`, `self`.
    pub topics: BTreeMap<String, String>,
    /// Names of `archive` and `upstream`.
    pub buckets: BTreeMap<String, String>,
    /// Names of the alarms by their logical id.
    pub alarms: BTreeMap<String, String>,
    /// Where secrets stand.
    pub ssm_prefix: String,
    /// The fake receivers.
    pub receivers_url: String,
    /// The fake RunPod.
    pub runpod_url: String,
    /// The watch file the functions read.
    pub watch_file: PathBuf,
    /// Logs of what runs beside the functions; theirs are in CloudWatch Logs (`cargo local logs FUNCTION`).
    pub log_dir: PathBuf,
}

impl Stack {
    /// Sorts a stack's resources into `functions`, `queues`, `topics`, `buckets` and `alarms`.
    pub fn adopt(&mut self, resources: &[(String, String, String)]) {
        for (logical, kind, physical) in resources {
            let physical = physical.clone();
            match kind.as_str() {
                "AWS::Lambda::Alias" => {
                    if let Some((function, _)) = logical.split_once("FunctionAlias") {
                        self.functions.insert(separated(function, '-'), physical);
                    }
                }
                "AWS::SQS::Queue" => {
                    let name = logical.trim_end_matches("Queue").replace("DeadLetter", "Dlq");
                    self.queues.insert(separated(&name, '_'), physical);
                }
                "AWS::SNS::Topic" => {
                    self.topics.insert(separated(logical.trim_end_matches("Topic"), '_'), physical);
                }
                "AWS::S3::Bucket" => {
                    self.buckets.insert(separated(logical.trim_end_matches("Bucket"), '_'), physical);
                }
                "AWS::CloudWatch::Alarm" => {
                    self.alarms.insert(logical.clone(), physical);
                }
                _ => {}
            }
        }
    }

    /// The name Lambda knows a function by, from the name of its folder.
    #[must_use]
    pub fn function_name(&self, function: &str) -> String {
        format!("{}-{function}", self.stack_name)
    }

    /// The log group of a function, from the name of its folder.
    #[must_use]
    pub fn log_group(&self, function: &str) -> String {
        format!("/aws/lambda/{}", self.function_name(function))
    }

    /// Reads it from a state directory.
    ///
    /// # Errors
    /// When nothing is deployed there.
    pub fn read(directory: &Path) -> Result<Self> {
        let file = directory.join(FILE);
        let text = fs::read_to_string(&file).with_context(|| {
            format!("no local cloud runs here ({} is missing): start it with `cargo local up`", file.display())
        })?;
        serde_json::from_str(&text).with_context(|| format!("reading {}", file.display()))
    }

    /// Writes it, whole or not at all.
    ///
    /// # Errors
    /// When the directory cannot be written.
    pub fn write(&self, directory: &Path) -> Result<()> {
        let (file, draft) = (directory.join(FILE), directory.join("stack.json.new"));
        let text = serde_json::to_string_pretty(self).context("writing stack.json")?;
        fs::write(&draft, text + "\n").with_context(|| format!("writing {}", draft.display()))?;
        fs::rename(&draft, &file).with_context(|| format!("writing {}", file.display()))
    }
}

/// `AlertRouter` to `alert-router`.
fn separated(name: &str, separator: char) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push(separator);
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::separated;

    #[test]
    fn logical_ids_become_the_names_people_use() {
        assert_eq!(separated("AlertRouter", '-'), "alert-router");
        assert_eq!(separated("AlertsDlq", '_'), "alerts_dlq");
        assert_eq!(separated("Self", '_'), "self");
    }
}
