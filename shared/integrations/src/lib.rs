//! Tells people: one trait, one folder per kind of receiver.
//!
//! Every kind keeps one contract (`tests/contract.rs`): which answer is which class of failure, that the key of the
//! notice goes along, that a resolve closes what the firing opened, and that no secret leaks.

mod error;
mod http;
mod message;
pub mod null;
pub mod pagerduty;
pub mod slack;
pub mod sns;
pub mod telegram;
mod text;
pub mod webhook;

use async_trait::async_trait;
use domain::Notification;

pub use error::NotifyError;
pub use http::Http;
pub use outbound::Cause;

/// A receiver that can be told something.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Tells the receiver, once.
    ///
    /// `repeat` says that this notice may have arrived before. Kinds whose receiver merges by key ignore it; the others
    /// mark the notice "(repeat)", and every kind sends the same `dedup_key` again.
    ///
    /// # Errors
    /// The class of the failure says what to do next: [`NotifyError::outcome`].
    async fn notify(&self, notification: &Notification, repeat: bool) -> Result<Receipt, NotifyError>;
}

/// What the receiver answered when it accepted; stored with the delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// What the provider calls it: PagerDuty's `dedup_key`, the SNS or Telegram message id.
    pub provider_id: Option<String>,
    /// The HTTP status of the answer.
    pub http_status: Option<u16>,
}
