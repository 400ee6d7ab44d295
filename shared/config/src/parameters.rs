//! What SSM holds for a function: read at a cold start, read again when it is old or was refused, and used on when SSM
//! is gone.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_ssm::Client;
use futures::future::join_all;
use secrecy::ExposeSecret;

use crate::branch::{self, Values};
use crate::environment::Environment;
use crate::reference::Branch;
use crate::secrets::Secrets;
use crate::switches::Switches;

/// How long a first read may take, every try of it: nothing works without it.
const FIRST_READ: Duration = Duration::from_secs(6);
/// How long a later one may take: there are values to go on with, and somebody is waiting.
const LATER_READ: Duration = Duration::from_secs(2);
/// How soon SSM is asked again after it failed, or for values that were refused before: a storm of invocations must not
/// use up what SSM allows an account.
const PAUSE: Duration = Duration::from_secs(5);

/// The branches of a function, and how fresh each of them is.
#[derive(Debug)]
pub struct Parameters {
    ssm: Client,
    environment: Environment,
    branches: BTreeMap<Branch, Kept>,
    /// When the invocation under way began.
    invoked_at: Option<Instant>,
    /// Counts the reads that changed something.
    edition: u64,
}

/// One branch.
#[derive(Debug, Default)]
struct Kept {
    read: Option<Read>,
    /// Why the last read failed; none once one worked.
    failure: Option<Failure>,
    /// One of its values was refused by what it is for.
    refused: bool,
    /// When it was last read for that reason.
    reread_at: Option<Instant>,
}

#[derive(Debug)]
struct Read {
    values: Arc<Values>,
    at: Instant,
}

#[derive(Clone, Debug)]
struct Failure {
    why: String,
    at: Instant,
}

/// What an invocation works with.
#[derive(Clone, Debug)]
pub struct Current {
    /// The SecureStrings of the function's branches.
    pub secrets: Secrets,
    /// The kill switches.
    pub switches: Switches,
    /// Branches that SSM did not give when they were due; every run says so.
    pub stale: Vec<Stale>,
    /// Another number whenever any value is another.
    pub edition: u64,
}

/// A branch whose values are older than they should be, or not there at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale {
    /// Which one.
    pub branch: Branch,
    /// Its full path in SSM.
    pub path: String,
    /// How old the values in use are; `None` when there are none.
    pub age: Option<Duration>,
    /// What SSM said.
    pub why: String,
}

impl Stale {
    /// What a summary calls it: `ssm:features`.
    pub fn name(&self) -> String {
        format!("ssm:{}", self.branch.as_str())
    }
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, why, .. } = self;
        match self.age {
            Some(age) => {
                let age = domain::duration::display(jiff::SignedDuration::try_from(age).unwrap_or_default());
                write!(f, "SSM {path} could not be read again ({why}): its values of {age} ago are used")
            }
            None => write!(f, "SSM {path} could not be read ({why}): nothing of it is known"),
        }
    }
}

impl Parameters {
    /// The branches that a function may read; nothing is called yet.
    pub fn new(ssm: Client, environment: Environment, branches: &[Branch]) -> Self {
        let branches = branches.iter().map(|branch| (*branch, Kept::default())).collect();
        Self { ssm, environment, branches, invoked_at: None, edition: 0 }
    }

    /// Makes everything fresh for an invocation that began at `at`, all branches at once, and answers with what there is.
    ///
    /// It does not fail: old values are used and said to be old, and what was never read is said when it is asked for.
    pub async fn refresh(&mut self, at: Instant) -> Current {
        self.invoked_at = Some(at);
        let due = self.branches.iter().filter(|(branch, kept)| kept.is_due(**branch, at));
        let due: Vec<Branch> = due.map(|(branch, _)| *branch).collect();
        self.read(&due, at).await;
        self.current(at)
    }

    /// The same, with switches that were read after `at` however fresh they are, unless SSM has failed a moment ago: whoever
    /// acts on the world asks right before that.
    pub async fn refresh_switches(&mut self, at: Instant) -> Current {
        let rested = |kept: &Kept| {
            let failed_at = kept.failure.as_ref().map(|failure| failure.at);
            failed_at.is_none_or(|failed_at| at.saturating_duration_since(failed_at) >= PAUSE)
        };
        if self.branches.get(&Branch::Features).is_some_and(rested) {
            self.read(&[Branch::Features], at).await;
        }
        self.current(at)
    }

    /// A secret was refused by what it is for, so it may have changed. Reads the secrets again, unless this invocation
    /// has read them or they were read for that reason a moment ago; the next invocation then does.
    ///
    /// Answers with what there is if anything has changed: then it is worth another try, and only then.
    pub async fn refused(&mut self, at: Instant) -> Option<Current> {
        let invoked_at = self.invoked_at;
        let mut due = Vec::new();
        for (branch, kept) in self.branches.iter_mut().filter(|(branch, _)| branch.is_secret()) {
            kept.refused = true;
            if kept.is_due(*branch, at) && kept.asked_at() < invoked_at {
                due.push(*branch);
            }
        }
        let changed = self.read(&due, at).await;
        changed.then(|| self.current(at))
    }

    /// Reads branches; whether any value is another now.
    async fn read(&mut self, branches: &[Branch], at: Instant) -> bool {
        let reading = branches.iter().map(|branch| async {
            let known = self.branches.get(branch).is_some_and(|kept| kept.read.is_some());
            let patience = if known { LATER_READ } else { FIRST_READ };
            (*branch, branch::read(&self.ssm, &self.environment, *branch, patience).await)
        });
        let mut changed = false;
        for (branch, read) in join_all(reading).await {
            changed |= self.branches.entry(branch).or_default().take(read, at);
        }
        self.edition += u64::from(changed);
        changed
    }

    fn current(&self, at: Instant) -> Current {
        let path = |branch: Branch| format!("{}/{}", self.environment.ssm_prefix(), branch.as_str());
        let values = |kept: &Kept| match (&kept.read, &kept.failure) {
            (Some(read), _) => Ok(Arc::clone(&read.values)),
            (None, failure) => Err(failure.as_ref().map(|failure| failure.why.clone()).unwrap_or_default()),
        };
        let stale = self.branches.iter().filter_map(|(branch, kept)| {
            let why = kept.failure.as_ref()?.why.clone();
            let age = kept.read.as_ref().map(|read| at.saturating_duration_since(read.at));
            Some(Stale { branch: *branch, path: path(*branch), age, why })
        });
        let switches = match self.branches.get(&Branch::Features).map(values) {
            Some(Ok(values)) => {
                let named = values.iter().filter_map(|(path, value)| {
                    Some((path.strip_prefix(Branch::Features.as_str())?.strip_prefix('/')?, value.expose_secret()))
                });
                Switches::of(&path(Branch::Features), named)
            }
            Some(Err(why)) => Switches::unknown(format!("SSM {} could not be read: {why}", path(Branch::Features))),
            None => Switches::unknown("this function does not read the switches".to_owned()),
        };
        let secrets = self.branches.iter().filter(|(branch, _)| branch.is_secret());
        let secrets = secrets.map(|(branch, kept)| (*branch, values(kept))).collect();
        let secrets = Secrets::new(self.environment.clone(), secrets);
        Current { secrets, switches, stale: stale.collect(), edition: self.edition }
    }
}

impl Kept {
    /// Whether SSM has to be asked in an invocation that began at `at`.
    fn is_due(&self, branch: Branch, at: Instant) -> bool {
        let since = |then: Instant| at.saturating_duration_since(then);
        let rested = |then: Option<Instant>| then.is_none_or(|then| since(then) >= PAUSE);
        let failed_at = self.failure.as_ref().map(|failure| failure.at);
        match &self.read {
            // Nothing works without a secret: every invocation tries once.
            None if branch.is_secret() => failed_at.is_none_or(|failed_at| failed_at < at),
            None => rested(failed_at),
            Some(read) => {
                let old = since(read.at) >= branch.fresh_for();
                (old || self.refused && rested(self.reread_at)) && rested(failed_at)
            }
        }
    }

    /// When SSM last answered, or failed to.
    fn asked_at(&self) -> Option<Instant> {
        self.read.as_ref().map(|read| read.at).max(self.failure.as_ref().map(|failure| failure.at))
    }

    /// Takes what SSM answered; whether any value is another now.
    fn take(&mut self, answer: Result<Values, String>, at: Instant) -> bool {
        if std::mem::take(&mut self.refused) {
            self.reread_at = Some(at);
        }
        match answer {
            Ok(values) => {
                let changed = self.read.as_ref().is_none_or(|read| !same(&read.values, &values));
                self.read = Some(Read { values: Arc::new(values), at });
                self.failure = None;
                changed
            }
            Err(why) => {
                self.failure = Some(Failure { why, at });
                false
            }
        }
    }
}

fn same(one: &Values, other: &Values) -> bool {
    let exposed = |values: &Values| -> Vec<(String, String)> {
        values.iter().map(|(path, value)| (path.clone(), value.expose_secret().to_owned())).collect()
    };
    one.len() == other.len() && exposed(one) == exposed(other)
}
