//! Signs what a webhook is sent, so that its receiver can tell who sent it and when. `docs/RECEIVERS.md` says how to check.

use std::fmt;

use domain::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use outbound::Cause;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use crate::error::NotifyError;

/// The header that carries a signature.
pub(super) const HEADER: &str = "watchkeeper-signature";

/// A secret shared with the receiver, and the clock that dates signatures.
#[derive(Clone)]
pub struct Signing {
    secret: SecretString,
    clock: fn() -> Timestamp,
}

impl Signing {
    /// Signs with `secret`, dated by `clock`: the wall clock, since the receiver compares it with its own.
    pub fn new(secret: SecretString, clock: fn() -> Timestamp) -> Self {
        Self { secret, clock }
    }

    /// `t=SECONDS,v1=HEX`: the HMAC-SHA256 over `SECONDS.BODY`, so that neither can be replaced without the other.
    pub(super) fn sign(&self, body: &[u8]) -> Result<String, NotifyError> {
        let seconds = (self.clock)().as_second();
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.expose_secret().as_bytes())
            .map_err(|_| NotifyError::Permanent(Cause::plain("the webhook's `secret` cannot sign anything")))?;
        mac.update(format!("{seconds}.").as_bytes());
        mac.update(body);
        let digest = mac.finalize().into_bytes();
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(format!("t={seconds},v1={hex}"))
    }

    /// What must not show in errors.
    pub(super) fn secret(&self) -> &SecretString {
        &self.secret
    }
}

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signing").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_covers_time_and_body() {
        let signing = |clock| Signing::new("key".into(), clock);
        let at_epoch = signing(|| Timestamp::UNIX_EPOCH).sign(b"body").expect("a signature");
        // printf '0.body' | openssl dgst -sha256 -hmac key
        let expected = "e0af04d5c83b24373ff89f540d0c8fd9a4e097e2b3ee8318ab5541047697626d";
        assert_eq!(at_epoch, format!("t=0,v1={expected}"));
        let later = signing(|| Timestamp::constant(1, 0)).sign(b"body").expect("a signature");
        assert_ne!(at_epoch.split_once(",v1=").map(|(_, hex)| hex), later.split_once(",v1=").map(|(_, hex)| hex));
    }
}
