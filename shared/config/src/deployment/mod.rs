//! What `template.yaml` and `samconfig.toml` deploy into one environment, compared with its watch file.

mod alarms;
mod permits;
mod template;

use std::collections::BTreeMap;

use toml::de::DeTable;

use crate::environment::Environment;
use crate::watch_file::WatchFile;

pub use template::Alarm;

/// One environment's deployment, its parameters filled in.
#[derive(Clone, Debug)]
pub struct Deployment {
    environment: Environment,
    region: Option<String>,
    parameters: BTreeMap<String, String>,
    alarms: Vec<Alarm>,
}

/// Why a deployment cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeploymentError {
    /// It is not TOML.
    #[error("samconfig.toml: {0}")]
    Samconfig(String),
    /// Nothing is deployed there.
    #[error("samconfig.toml has no [{0}.deploy.parameters]")]
    NoEnvironment(String),
    /// It does not look as we write it.
    #[error("template.yaml: {0}")]
    Template(String),
}

impl Deployment {
    /// Reads both files for one environment: what `samconfig.toml` does not say has the template's default.
    ///
    /// # Errors
    /// When `samconfig.toml` does not deploy to the environment, or one of the files cannot be understood.
    pub fn read(template: &str, samconfig: &str, environment: &Environment) -> Result<Self, DeploymentError> {
        let samconfig =
            DeTable::parse(samconfig).map_err(|error| DeploymentError::Samconfig(error.to_string()))?.into_inner();
        let section = samconfig.get(environment.as_str()).and_then(|section| {
            let deploy = section.get_ref().as_table()?.get("deploy")?;
            deploy.get_ref().as_table()?.get("parameters")?.get_ref().as_table()
        });
        let section = section.ok_or_else(|| DeploymentError::NoEnvironment(environment.to_string()))?;
        let region = section.get("region").and_then(|region| region.get_ref().as_str()).map(str::to_owned);
        let mut parameters = template::defaults(template).map_err(DeploymentError::Template)?;
        let overrides = section.get("parameter_overrides").and_then(|overrides| overrides.get_ref().as_array());
        for pair in overrides.into_iter().flatten().filter_map(|pair| pair.get_ref().as_str()) {
            let (name, value) = pair.split_once('=').ok_or_else(|| {
                DeploymentError::Samconfig(format!("{environment}: {pair:?}: expected \"Parameter=value\""))
            })?;
            if !parameters.contains_key(name) {
                let why = format!("{environment}: template.yaml has no parameter {name}");
                return Err(DeploymentError::Samconfig(why));
            }
            // SAM takes a value with blanks in double quotes.
            parameters.insert(name.to_owned(), value.trim_matches('"').to_owned());
        }
        let alarms = template::alarms(template, &parameters).map_err(DeploymentError::Template)?;
        Ok(Self { environment: environment.clone(), region, parameters, alarms })
    }

    /// A parameter's value here; empty where the template has no default and nobody gives one.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// The alarms.
    pub fn alarms(&self) -> &[Alarm] {
        &self.alarms
    }

    /// What does not fit together: the namespace, alarms and metrics, and what checks ask and may not ask.
    pub fn problems(&self, watch_file: &WatchFile) -> Vec<String> {
        let mut problems = alarms::problems(self, watch_file);
        problems.extend(permits::problems(self, watch_file));
        problems
    }

    /// The elements of a parameter that is a list.
    fn list(&self, name: &str) -> Vec<&str> {
        let value = self.parameter(name).unwrap_or_default();
        value.split(',').map(str::trim).filter(|element| !element.is_empty()).collect()
    }
}
