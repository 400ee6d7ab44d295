//! The short story `cargo demo` tells.

use anyhow::Result;

use crate::{cloud::Cloud, progress::Progress};

/// Plays it.
///
/// # Errors
/// When something that should be seen is not.
pub async fn play(_cloud: &Cloud, _progress: Progress) -> Result<()> {
    Ok(())
}
