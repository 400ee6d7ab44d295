//! References to secrets in the watch file: in a branch that the function which needs them may read.

use super::reader::{Found, Table};
use crate::environment::Environment;
use crate::functions::{DeadmanConfig, HealthcheckConfig, PollerConfig, RouterConfig};
use crate::reference::{Address, Branch, SecretRef};
use crate::secrets::is_address;

/// Who needs a secret.
#[derive(Clone, Copy)]
pub(super) struct Needed {
    by: &'static str,
    branches: &'static [Branch],
}

/// What checks ask with. Heartbeats ask the same databases, and deadman may read that branch too.
pub(super) const BY_CHECKS: Needed = Needed { by: HealthcheckConfig::FUNCTION, branches: HealthcheckConfig::BRANCHES };
/// What receivers are told with.
pub(super) const BY_RECEIVERS: Needed = Needed { by: RouterConfig::FUNCTION, branches: RouterConfig::BRANCHES };
/// What data-poller triggers runs with.
pub(super) const BY_POLLER: Needed = Needed { by: PollerConfig::FUNCTION, branches: PollerConfig::BRANCHES };
/// What deadman tells that it is alive.
pub(super) const BY_DEADMAN: Needed = Needed { by: DeadmanConfig::FUNCTION, branches: DeadmanConfig::BRANCHES };

/// A reference; `example` shows in errors what was expected. The text may be a secret itself, so it is not repeated.
pub(super) fn secret(
    table: &Table<'_>,
    text: &Found<&str>,
    example: &'static str,
    needed: Needed,
) -> Option<SecretRef> {
    match SecretRef::parse(text.value, example) {
        Ok(reference) if needed.branches.contains(&reference.branch()) => Some(reference),
        Ok(reference) => {
            let (by, branch) = (needed.by, reference.branch().as_str());
            table.note_at(text, format!("{by} may not read the branch {branch}: expected `ssm:{example}`"));
            None
        }
        Err(bad) => {
            table.note_at(text, bad.to_string());
            None
        }
    }
}

/// A reference, or an address written out.
pub(super) fn address(
    table: &Table<'_>,
    text: &Found<&str>,
    example: &'static str,
    needed: Needed,
    environment: &Environment,
) -> Option<Address> {
    if text.value.starts_with("ssm:") {
        return secret(table, text, example, needed).map(Address::Secret);
    }
    if is_address(text.value, environment) {
        return Some(Address::Url(text.value.to_owned()));
    }
    // The text may hold a password, so it is not repeated.
    let what = format!("expected a reference such as `ssm:{example}` or an address https://host/path");
    let exception = if environment.is_local() { "" } else { " (plain http is for the environment `local` only)" };
    table.note_at(text, format!("{what}{exception}"));
    None
}
