//! Environment variables, and the one that says where we are.

use std::fmt;

/// The environment this function runs in: `local`, `dev`, `staging`, `prod` or a name of the user's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment(String);

/// The environment in which plain HTTP and payloads from another time are allowed.
const LOCAL: &str = "local";

impl Environment {
    /// The environment of this name, in its one spelling (`production` and `prd` are `prod`).
    ///
    /// # Errors
    /// When the name could not be part of a path: it names the watch file and the branch of secrets.
    pub fn parse(name: &str) -> Result<Self, VariableError> {
        let canonical = domain::environment::canonical(name);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if canonical.is_empty() || !canonical.chars().all(plain) {
            return Err(VariableError::Environment(name.to_owned()));
        }
        Ok(Self(canonical))
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the local cloud.
    pub fn is_local(&self) -> bool {
        self.0 == LOCAL
    }

    /// Where its secrets stand in SSM, without a slash at the end.
    pub fn ssm_prefix(&self) -> String {
        format!("/{}/watchkeeper", self.0)
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An environment variable that is missing or says nothing usable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VariableError {
    /// It is not set, or empty.
    #[error("environment variable {name} is not set: template.yaml sets it under {set_in}.Environment.Variables")]
    Missing {
        /// The variable.
        name: &'static str,
        /// Where in `template.yaml` it belongs.
        set_in: &'static str,
    },
    /// `ENVIRONMENT` names nothing.
    #[error(
        "environment variable ENVIRONMENT is `{0}`: expected a name of letters, digits and hyphens, as in dev, staging, prod"
    )]
    Environment(String),
    /// `ARCHIVE_STORAGE_CLASS` is none that objects are put in.
    #[error("environment variable ARCHIVE_STORAGE_CLASS is `{0}`: expected GLACIER_IR or GLACIER")]
    StorageClass(String),
}

/// Where variables are looked up: the process, or a table in tests.
pub(crate) struct Variables<'a>(pub(crate) &'a dyn Fn(&str) -> Option<String>);

impl Variables<'_> {
    /// Reads with the process's own variables.
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    pub(crate) fn of_process<T>(read: impl FnOnce(&Variables<'_>) -> T) -> T {
        read(&Variables(&|name| std::env::var(name).ok()))
    }

    /// A variable that may be absent; empty counts as absent.
    pub(crate) fn optional(&self, name: &str) -> Option<String> {
        (self.0)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// A variable that must be there.
    pub(crate) fn required(&self, name: &'static str, set_in: &'static str) -> Result<String, VariableError> {
        self.optional(name).ok_or(VariableError::Missing { name, set_in })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_has_one_spelling_and_fits_into_a_path() {
        assert_eq!(Environment::parse("Production").map(|env| env.ssm_prefix()), Ok("/prod/watchkeeper".to_owned()));
        for name in ["", " ", "../etc", "dev/eu", "prod eu"] {
            assert!(Environment::parse(name).is_err(), "{name}");
        }
    }
}
