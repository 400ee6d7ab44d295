//! What happened when somebody was called, in words that are safe to store and to log.

use std::borrow::Cow;

use secrecy::{ExposeSecret, SecretString};

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
    pub fn plain(text: impl Into<String>) -> Self {
        Self { http_status: None, text: text.into() }
    }

    /// A cause that quotes others: line breaks and control characters are flattened, the secrets that took part in the
    /// request and what signs an address are blotted out wherever they are echoed, and what is left is cut.
    pub fn quoting(http_status: Option<u16>, text: &str, secrets: &[&SecretString]) -> Self {
        let mut text = text.to_owned();
        for secret in secrets {
            for part in telling_parts(secret.expose_secret()) {
                text = text.replace(part, "[secret]");
            }
        }
        let words: Vec<Cow<'_, str>> = text
            .split(|c: char| c.is_whitespace() || c.is_control())
            .filter(|word| !word.is_empty())
            .map(unsigned)
            .collect();
        Self { http_status, text: domain::notification::truncate(&words.join(" "), LONGEST_CAUSE) }
    }
}

/// A word without the query of an address that is signed: whoever has it may read what the address is of.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>
fn unsigned(word: &str) -> Cow<'_, str> {
    let signed = word.to_ascii_lowercase().find("x-amz-").and_then(|at| word[..at].rfind('?'));
    signed.map_or(Cow::Borrowed(word), |query| Cow::Owned(format!("{}?[secret]", &word[..query])))
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
    fn what_signs_an_address_is_blotted_out_whoever_made_it() {
        let said =
            "403 for https://b.s3.amazonaws.com/k?X-Amz-Credential=A&X-Amz-Signature=abc, see x-amz-request-id 7";
        let cause = Cause::quoting(None, said, &[]);
        assert_eq!(cause.text, "403 for https://b.s3.amazonaws.com/k?[secret] see x-amz-request-id 7");
    }

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
