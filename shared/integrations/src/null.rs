//! Takes everything and tells nobody: where the synthetic alert ends, which shows that the way there is open.

use async_trait::async_trait;
use domain::Notification;

use crate::{Notifier, NotifyError, Receipt};

/// Nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Null;

#[async_trait]
impl Notifier for Null {
    async fn notify(&self, _: &Notification, _: bool) -> Result<Receipt, NotifyError> {
        Ok(Receipt::default())
    }
}
