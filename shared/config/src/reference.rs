//! References to secrets (`ssm:receivers/pagerduty`), and addresses that may be one.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// A branch of the environment's parameters. A function's role may read the branches it needs and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Branch {
    /// Kill switches.
    Features,
    /// Addresses of databases: our own and the watched ones.
    Database,
    /// Keys and addresses of receivers.
    Receivers,
    /// Keys of what runs are triggered at.
    Sources,
    /// What deadman tells that it is alive.
    Deadman,
}

impl Branch {
    /// All branches.
    pub const ALL: [Self; 5] = [Self::Features, Self::Database, Self::Receivers, Self::Sources, Self::Deadman];

    /// Its name in a reference and in SSM.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Features => "features",
            Self::Database => "database",
            Self::Receivers => "receivers",
            Self::Sources => "sources",
            Self::Deadman => "deadman",
        }
    }

    /// Whether it holds SecureStrings; the others hold plain Strings.
    pub const fn is_secret(self) -> bool {
        !matches!(self, Self::Features)
    }

    /// How old what was read of it may get. A switch has to act within 60 seconds, also in a function that a schedule
    /// starts every minute, a little sooner or later each time.
    pub const fn fresh_for(self) -> Duration {
        match self {
            Self::Features => Duration::from_secs(50),
            Self::Database | Self::Receivers | Self::Sources | Self::Deadman => Duration::from_mins(10),
        }
    }
}

/// A secret by its place below the environment's SSM path: `database/url` is `/{env}/watchkeeper/database/url`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretRef {
    branch: Branch,
    path: Cow<'static, str>,
}

/// Watchkeeper's own database.
const STORE: SecretRef = SecretRef { branch: Branch::Database, path: Cow::Borrowed("database/url") };
/// The same, past any pooler.
const STORE_DIRECT: SecretRef = SecretRef { branch: Branch::Database, path: Cow::Borrowed("database/direct_url") };
/// Certificate authorities of databases that use none of the public ones, as PEM.
const AUTHORITY: SecretRef = SecretRef { branch: Branch::Database, path: Cow::Borrowed("database/ca_pem") };

/// What announces a reference.
const SCHEME: &str = "ssm:";

/// What is wrong with a reference's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a reference such as `ssm:{example}`, relative to /ENVIRONMENT/watchkeeper/ and in one of the branches database, receivers, sources, deadman"
)]
pub struct BadReference {
    /// What a right one could look like.
    pub example: &'static str,
}

impl SecretRef {
    /// The address of Watchkeeper's own database.
    pub const fn store() -> Self {
        STORE
    }

    /// The address of Watchkeeper's own database without a pooler between; it need not exist.
    pub const fn store_direct() -> Self {
        STORE_DIRECT
    }

    /// The certificate authorities of the databases, as PEM; it need not exist.
    pub const fn database_authority() -> Self {
        AUTHORITY
    }

    /// Reads `ssm:branch/name`. `example` shows in the error what was expected.
    ///
    /// # Errors
    /// When the text is anything else; it is not repeated, since it may be the secret itself.
    pub fn parse(text: &str, example: &'static str) -> Result<Self, BadReference> {
        let bad = BadReference { example };
        let path = text.strip_prefix(SCHEME).ok_or_else(|| bad.clone())?;
        let (first, name) = path.split_once('/').ok_or_else(|| bad.clone())?;
        let mut branches = Branch::ALL.into_iter().filter(|branch| branch.is_secret());
        let branch = branches.find(|branch| branch.as_str() == first).ok_or_else(|| bad.clone())?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let named = name.split('/').all(|part| !part.is_empty() && part.chars().all(plain));
        if named { Ok(Self { branch, path: Cow::Owned(path.to_owned()) }) } else { Err(bad) }
    }

    /// The branch it is in.
    pub fn branch(&self) -> Branch {
        self.branch
    }

    /// `branch/name`.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.path)
    }
}

/// Where something is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// Written out in the watch file.
    Url(String),
    /// Kept in SSM, because it carries its own password.
    Secret(SecretRef),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_names_its_branch() {
        let reference = SecretRef::parse("ssm:receivers/pagerduty", "").expect("a reference");
        assert_eq!((reference.branch(), reference.path()), (Branch::Receivers, "receivers/pagerduty"));
        assert_eq!(reference.to_string(), "ssm:receivers/pagerduty");
    }

    #[test]
    fn what_is_no_reference_is_refused_without_repeating_it() {
        for text in [
            "",
            "pagerduty-key",
            "ssm:",
            "ssm:receivers",
            "ssm:receivers/",
            "ssm:secrets/x",
            "ssm:features/x",
            "ssm:/prod/x/y",
            "ssm:receivers//x",
            "ssm:receivers/a b",
            "SSM:receivers/x",
        ] {
            let error = SecretRef::parse(text, "receivers/pagerduty").expect_err(text).to_string();
            assert!(error.contains("`ssm:receivers/pagerduty`") && !error.contains("pagerduty-key"), "{error}");
        }
    }
}
