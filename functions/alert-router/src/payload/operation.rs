//! What people and programs ask of the router: one operation a payload, each field strict.

use std::collections::BTreeMap;

use domain::policy::Matcher;
use domain::silence::Written;
use jiff::Timestamp;
use runtime::{Fault, payload};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::said::{Called, Name, Said, Severities, Words};

/// One operation, with what every payload may carry.
#[derive(Debug)]
pub(crate) struct Requested {
    /// Which one.
    pub(crate) operation: Operation,
    /// Beside `quarantined`: where; anywhere where nothing is said.
    pub(crate) environment: Option<String>,
    /// When a scheduler meant it to run; written into the ledger.
    pub(crate) scheduled_at: Option<Timestamp>,
}

/// What can be asked. The key in the payload names it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Operation {
    /// Somebody looks after an alert.
    Acknowledge(Acknowledge),
    /// Nobody is to be told of some alerts for a while.
    Silence(Box<Silence>),
    /// A silence ends before its time.
    Unsilence(Unsilence),
    /// A barred worker may act again.
    Release(Release),
    /// Which of some workers are barred.
    Quarantined(Vec<Called>),
    /// The life of an alert or a signal.
    Explain(Said),
    /// Alerts, a page at a time.
    Query(Query),
    /// What another watch file would have made of recorded signals.
    Replay(Replay),
}

/// The keys of operations, for whoever has none or two of them.
pub(super) const OPERATIONS: [&str; 9] =
    ["tick", "acknowledge", "silence", "unsilence", "release", "quarantined", "explain", "query", "replay"];

/// `{"acknowledge": {…}}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Acknowledge {
    /// Which alert.
    #[serde(deserialize_with = "alert_id")]
    pub(crate) alert_id: Uuid,
    /// Who looks after it.
    pub(crate) by: Said,
    /// Until when; a day from now where nothing is said.
    #[serde(default, deserialize_with = "payload::optional_instant")]
    pub(crate) until: Option<Timestamp>,
    /// What they say about it.
    pub(crate) note: Option<Said>,
}

/// `{"silence": {…}}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Silence {
    /// Which alerts.
    pub(crate) matchers: Matchers,
    /// From when; now where nothing is said.
    #[serde(default, deserialize_with = "payload::optional_instant")]
    pub(crate) from: Option<Timestamp>,
    /// Until when.
    #[serde(deserialize_with = "payload::instant")]
    pub(crate) until: Timestamp,
    /// Who asks for it.
    pub(crate) author: Said,
    /// Why.
    pub(crate) reason: Said,
    /// During which windows only.
    pub(crate) recurring: Option<Written>,
}

/// `matchers` of a silence.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Asked")]
pub(crate) struct Matchers(pub(crate) Matcher);

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Asked {
    severity: Severities,
    kind: Words,
    subject: Words,
    environment: Words,
    labels: BTreeMap<Name, Words>,
}

/// More than any alert has.
const MOST_LABELS: usize = 200;

impl TryFrom<Asked> for Matchers {
    type Error = &'static str;

    fn try_from(asked: Asked) -> Result<Self, &'static str> {
        if asked.labels.len() > MOST_LABELS {
            return Err("more than 200 labels: expected fewer");
        }
        let canonical = |name: String| match name.ends_with('*') {
            true => name,
            false => domain::environment::canonical(&name),
        };
        let matcher = Matcher {
            severity: asked.severity.0,
            kind: asked.kind.0,
            subject: asked.subject.0,
            environment: asked.environment.0.into_iter().map(canonical).collect(),
            labels: asked.labels.into_iter().map(|(name, words)| (name.0, words.0)).collect(),
        };
        // It would mute everything, itself included.
        match matcher.asks() {
            true => Ok(Self(matcher)),
            false => Err("they ask nothing: expected severity, kind, subject, environment or labels"),
        }
    }
}

/// `{"unsilence": {…}}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unsilence {
    /// Which silence.
    #[serde(deserialize_with = "silence_id")]
    pub(crate) silence_id: Uuid,
    /// Who ends it.
    pub(crate) by: Said,
}

/// `{"release": {…}}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Release {
    /// Which worker.
    pub(crate) worker_id: Option<Said>,
    /// All of them.
    #[serde(default)]
    pub(crate) all: bool,
    /// Where; everywhere where nothing is said.
    pub(crate) environment: Option<Said>,
    /// Who says so.
    pub(crate) by: Said,
    /// Why.
    pub(crate) reason: Said,
}

/// `{"query": {…}}`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Query {
    /// One severity or several.
    pub(crate) severity: Severities,
    /// Opened then or later.
    #[serde(deserialize_with = "payload::optional_instant")]
    pub(crate) since: Option<Timestamp>,
    /// How many at most.
    pub(crate) limit: Limit,
    /// About this worker.
    pub(crate) worker_id: Option<Said>,
    /// Only open ones that nobody looks after.
    pub(crate) unacknowledged: bool,
    /// `next` of the page before.
    pub(crate) cursor: Option<Cursor>,
}

/// `{"replay": {…}}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Replay {
    /// Signals received then or later.
    #[serde(deserialize_with = "payload::instant")]
    pub(crate) since: Timestamp,
    /// And before then.
    #[serde(deserialize_with = "payload::instant")]
    pub(crate) until: Timestamp,
    /// The text of the other watch file; the one in force where nothing is said.
    pub(crate) watch_file: Option<String>,
}

fn alert_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
    id(deserializer, "an alert's id, as `query` lists it")
}

fn silence_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
    id(deserializer, "a silence's id, as it was answered when it was made")
}

fn id<'de, D: Deserializer<'de>>(deserializer: D, expected: &str) -> Result<Uuid, D::Error> {
    let written = Value::deserialize(deserializer)?;
    let id = written.as_str().and_then(|text| text.trim().parse().ok());
    id.ok_or_else(|| D::Error::custom(format!("expected {expected}")))
}

/// How many alerts a page has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "i64")]
pub(crate) struct Limit(pub(crate) i64);

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

impl TryFrom<i64> for Limit {
    type Error = String;

    fn try_from(limit: i64) -> Result<Self, String> {
        if (1..=500).contains(&limit) { Ok(Self(limit)) } else { Err(format!("{limit} is not from 1 to 500")) }
    }
}

/// Where a page ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Cursor(pub(crate) Uuid);

impl TryFrom<String> for Cursor {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        text.parse().map(Self).map_err(|_| "is no cursor: expected `next` of the page before, as it was answered")
    }
}

impl Cursor {
    /// As it is answered.
    pub(crate) fn as_text(self) -> String {
        self.0.simple().to_string()
    }
}

/// What may stand beside an operation.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Beside {
    #[serde(deserialize_with = "payload::scheduled_at")]
    scheduled_at: Option<Timestamp>,
}

/// Reads an operation.
///
/// # Errors
/// `BadPayload` that names the field.
pub(super) fn parse(mut fields: Map<String, Value>) -> Result<Requested, Fault> {
    let asked: Vec<&str> = OPERATIONS.into_iter().filter(|name| fields.contains_key(*name)).collect();
    let [name] = asked[..] else {
        let listed = OPERATIONS.join(", ");
        let stray = fields.keys().find(|key| *key != "scheduled_at").filter(|_| asked.is_empty());
        return Err(Fault::bad_payload(match (asked.as_slice(), stray) {
            ([], None) => format!("nothing is asked: expected `Records` or one of {listed}"),
            ([], Some(stray)) => format!("unknown field `{stray}`: expected `Records` or one of {listed}"),
            (several, _) => format!("{} are asked at once: expected one of {listed}", several.join(" and ")),
        }));
    };
    let operation = Map::from_iter(fields.remove_entry(name));
    let environment = (name == "quarantined").then(|| fields.remove("environment")).flatten();
    let operation = payload::parse::<Operation>(Value::Object(operation))?;
    for key in ["dry_run", "now"] {
        if fields.contains_key(key) {
            return Err(Fault::bad_payload(format!("unknown field `{key}`: `{name}` has none")));
        }
    }
    let Beside { scheduled_at } = payload::parse(Value::Object(fields))?;
    let environment: Option<Said> = environment
        .map(payload::parse_part)
        .transpose()
        .map_err(|fault: Fault| Fault::bad_payload(format!("environment: {}", fault.message)))?;
    let environment = environment.map(|name| domain::environment::canonical(name.as_str()));
    Ok(Requested { operation, environment, scheduled_at })
}
