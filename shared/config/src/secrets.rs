//! Secrets as an invocation sees them: by reference, never printed.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use crate::branch::Values;
use crate::environment::Environment;
use crate::reference::{Address, Branch, SecretRef};

/// What the function's branches held when they were read.
#[derive(Clone, Debug)]
pub struct Secrets {
    environment: Environment,
    branches: BTreeMap<Branch, Result<Arc<Values>, String>>,
}

/// Why a secret is not to be had. None of it is secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reference} (SSM parameter {parameter}) {why}")]
pub struct SecretError {
    /// As the watch file writes it.
    pub reference: SecretRef,
    /// The full name in SSM.
    pub parameter: String,
    /// What is wrong and what to do.
    pub why: SecretProblem,
}

impl SecretError {
    /// Whether SSM did not answer, so that nothing is known about the secret itself.
    pub fn is_unreadable(&self) -> bool {
        matches!(self.why, SecretProblem::Unreadable(_))
    }
}

/// What is wrong with a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretProblem {
    /// The branch was read and it was not there.
    #[error("does not exist: put it there as a SecureString")]
    Missing,
    /// The branch could not be read.
    #[error("could not be read: {0}")]
    Unreadable(String),
    /// Another function's branch.
    #[error("is in a branch that this function does not read: its role and its code must both name it")]
    OtherBranch,
    /// It is no address.
    #[error("is not an address: expected https://host/path")]
    NoAddress,
}

impl Secrets {
    /// What was read of each branch, or why nothing was.
    pub(crate) fn new(environment: Environment, branches: BTreeMap<Branch, Result<Arc<Values>, String>>) -> Self {
        Self { environment, branches }
    }

    /// A secret by its reference.
    ///
    /// # Errors
    /// Names the parameter in full and says whether it, its branch or the right to read it is missing.
    pub fn get(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        let why = match self.branches.get(&reference.branch()) {
            Some(Ok(found)) => match found.get(reference.path()) {
                Some(secret) => return Ok(secret.clone()),
                None => SecretProblem::Missing,
            },
            Some(Err(failure)) => SecretProblem::Unreadable(failure.clone()),
            None => SecretProblem::OtherBranch,
        };
        Err(self.error(reference, why))
    }

    /// An address, from the watch file or from SSM. Only the local environment may speak plain HTTP.
    ///
    /// # Errors
    /// As [`get`](Self::get), and when the secret is no address.
    pub fn address(&self, address: &Address) -> Result<SecretString, SecretError> {
        let reference = match address {
            Address::Url(url) => return Ok(SecretString::from(url.as_str())),
            Address::Secret(reference) => reference,
        };
        let secret = self.get(reference)?;
        if is_address(secret.expose_secret(), &self.environment) {
            Ok(secret)
        } else {
            Err(self.error(reference, SecretProblem::NoAddress))
        }
    }

    fn error(&self, reference: &SecretRef, why: SecretProblem) -> SecretError {
        let parameter = format!("{}/{}", self.environment.ssm_prefix(), reference.path());
        SecretError { reference: reference.clone(), parameter, why }
    }
}

/// Whether a text is an address we may send to.
pub(crate) fn is_address(text: &str, environment: &Environment) -> bool {
    let plain = || text.strip_prefix("http://").filter(|_| environment.is_local());
    let rest = text.strip_prefix("https://").or_else(plain);
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && !rest.contains(char::is_whitespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(text: &str) -> SecretRef {
        SecretRef::parse(text, "receivers/x").expect("a reference")
    }

    fn secrets(environment: &str, receivers: Result<&[(&str, &str)], &str>) -> Secrets {
        let receivers = receivers
            .map_err(str::to_owned)
            .map(|pairs| pairs.iter().map(|(path, value)| ((*path).to_owned(), SecretString::from(*value))).collect());
        let receivers = receivers.map(Arc::new);
        Secrets::new(Environment::parse(environment).expect("a name"), BTreeMap::from([(Branch::Receivers, receivers)]))
    }

    #[test]
    fn a_secret_that_is_not_to_be_had_is_named_in_full_with_the_reason() {
        let some = secrets("prd", Ok(&[("receivers/pagerduty", "k3y")]));
        assert_eq!(some.get(&reference("ssm:receivers/pagerduty")).expect("there").expose_secret(), "k3y");
        let missing = some.get(&reference("ssm:receivers/hook_url")).expect_err("missing").to_string();
        assert!(missing.contains("/prod/watchkeeper/receivers/hook_url") && missing.contains("does not exist"));
        let other = some.get(&reference("ssm:database/url")).expect_err("another branch");
        assert_eq!(other.why, SecretProblem::OtherBranch);
        let unreadable = secrets("prd", Err("AccessDeniedException: no")).get(&reference("ssm:receivers/pagerduty"));
        assert!(unreadable.expect_err("unreadable").to_string().contains("AccessDeniedException: no"));
    }

    #[test]
    fn nothing_of_a_secret_shows_when_it_is_printed() {
        let some = secrets("local", Ok(&[("receivers/pagerduty", "k3y")]));
        assert!(!format!("{some:?}").contains("k3y"));
        let no_address = some.address(&Address::Secret(reference("ssm:receivers/pagerduty"))).expect_err("no address");
        assert!(!no_address.to_string().contains("k3y"), "{no_address}");
    }

    #[test]
    fn plain_http_is_for_the_local_cloud_only() {
        let hook = Address::Secret(reference("ssm:receivers/hook_url"));
        let plain: &[(&str, &str)] = &[("receivers/hook_url", "http://127.0.0.1:1/hook")];
        assert!(secrets("local", Ok(plain)).address(&hook).is_ok());
        assert!(secrets("dev", Ok(plain)).address(&hook).is_err());
        let encrypted: &[(&str, &str)] = &[("receivers/hook_url", "https://hooks.example.com/x")];
        assert!(secrets("dev", Ok(encrypted)).address(&hook).is_ok());
    }
}
