//! Where functions under test write down which operations of AWS they call (`runtime::operations`, debug builds).

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::tools::target;

/// The variable that tells them.
pub const VARIABLE: &str = "OPERATIONS_FOLDER";

/// The folder, made if need be. Every process of every test run appends to one file per function in it.
///
/// # Errors
/// When it cannot be made.
pub fn folder() -> Result<PathBuf> {
    let folder = target().join("operations");
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    // A function's working directory is its own.
    folder.canonicalize().with_context(|| format!("finding {}", folder.display()))
}

/// What a function has called since the records were last forgotten, as IAM names it.
///
/// # Errors
/// When its record cannot be read.
pub fn observed(function: &str) -> Result<BTreeSet<String>> {
    let file = folder()?.join(function);
    match fs::read_to_string(&file) {
        Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(error).with_context(|| format!("reading {}", file.display())),
    }
}

/// Forgets all records. The folder stays: a process that runs meanwhile would fail without it.
///
/// # Errors
/// When they cannot be removed.
pub fn forget() -> Result<()> {
    let folder = folder()?;
    for record in fs::read_dir(&folder).with_context(|| format!("listing {}", folder.display()))? {
        let record = record.with_context(|| format!("listing {}", folder.display()))?.path();
        fs::remove_file(&record).with_context(|| format!("removing {}", record.display()))?;
    }
    Ok(())
}
