//! Why a receiver was not told, in the classes that decide what happens next.

use domain::delivery::Outcome;
use jiff::SignedDuration;
use secrecy::{ExposeSecret, SecretString};

/// A failed try, by class.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotifyError {
    /// It did not work now and was certainly not taken: later it may be.
    #[error("{0}")]
    Transient(Cause),
    /// The receiver takes no more for the moment.
    #[error("{cause}")]
    RateLimited {
        /// What it said.
        cause: Cause,
        /// How long it asked us to wait, if it did.
        retry_after: Option<SignedDuration>,
    },
    /// It will never be taken as it is: somebody must change the configuration.
    #[error("{0}")]
    Permanent(Cause),
    /// The request went out and no answer came back: it may or may not have been taken.
    #[error("{0}")]
    Ambiguous(Cause),
}

impl NotifyError {
    /// The class as deliveries know it.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Transient(_) => Outcome::Transient,
            Self::RateLimited { retry_after, .. } => Outcome::RateLimited { retry_after: *retry_after },
            Self::Permanent(_) => Outcome::Permanent,
            Self::Ambiguous(_) => Outcome::Ambiguous,
        }
    }

    /// What happened, without secrets.
    pub fn cause(&self) -> &Cause {
        match self {
            Self::Transient(cause)
            | Self::RateLimited { cause, .. }
            | Self::Permanent(cause)
            | Self::Ambiguous(cause) => cause,
        }
    }
}

/// What happened, in words that are safe to store and to log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Cause {
    /// The HTTP status of the answer, if one came.
    pub http_status: Option<u16>,
    /// One sentence without secrets.
    pub text: String,
}

/// Longer explanations help nobody, and they are stored once per attempt.
const LONGEST_CAUSE: usize = 500;

impl Cause {
    /// A cause in words of our own.
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self { http_status: None, text: text.into() }
    }

    /// A cause that quotes others: line breaks and control characters are flattened, the secrets that took part in the
    /// request are blotted out wherever they are echoed, and what is left is cut.
    pub(crate) fn quoting(http_status: Option<u16>, text: &str, secrets: &[&SecretString]) -> Self {
        let mut text = text.to_owned();
        for secret in secrets {
            for part in telling_parts(secret.expose_secret()) {
                text = text.replace(part, "[secret]");
            }
        }
        let words: Vec<&str> =
            text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
        Self { http_status, text: domain::notification::truncate(&words.join(" "), LONGEST_CAUSE) }
    }
}

/// The parts of a secret that give it away when they are echoed: itself and, of a URL, all that follows the host.
fn telling_parts(secret: &str) -> impl Iterator<Item = &str> {
    /// Shorter parts (the `/` of a bare host) give nothing away and occur everywhere.
    const SHORTEST: usize = 5;
    let after_host = secret.split_once("://").and_then(|(_, rest)| rest.find('/').map(|slash| &rest[slash..]));
    [Some(secret), after_host].into_iter().flatten().filter(|part| part.len() >= SHORTEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echoed_secret_is_blotted_out() {
        let key = SecretString::from("R0UT1NGKEY");
        let url = SecretString::from("https://hooks.example.com/T000/very-secret");
        let cause = Cause::quoting(
            Some(400),
            "bad key R0UT1NGKEY\r\n\tfor /T000/very-secret at https://hooks.example.com/T000/very-secret",
            &[&key, &url],
        );
        assert_eq!(cause.text, "bad key [secret] for [secret] at [secret]");
    }

    #[test]
    fn a_long_answer_is_cut_at_a_character() {
        let cause = Cause::quoting(None, &"ż".repeat(2_000), &[]);
        assert_eq!(cause.text.chars().count(), LONGEST_CAUSE);
    }
}
