//! The sample payloads under `events/`, for the tests of each function.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::binaries::workspace;

/// The samples of a folder such as `events/migrator`, by name without the ending, sorted.
///
/// # Errors
/// When the folder is missing or empty, or a file is no JSON.
pub fn samples(folder: &str) -> Result<Vec<(String, Value)>> {
    let folder = workspace().join(folder);
    let mut samples = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("listing {}", folder.display()))? {
        let path = entry.context("listing samples")?.path();
        let text = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        let event = serde_json::from_slice(&text).with_context(|| format!("{} is no JSON", path.display()))?;
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        samples.push((name, event));
    }
    anyhow::ensure!(!samples.is_empty(), "{} holds no samples", folder.display());
    samples.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(samples)
}
