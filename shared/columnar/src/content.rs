//! The hash that says whether two sequences of rows are the same.

use sha2::{Digest, Sha256};

/// SHA-256 over tuples in order. A tuple says itself where it ends, so no separator is needed.
#[derive(Debug, Clone, Default)]
pub struct Content(Sha256);

impl Content {
    /// The hash of no rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next tuple in.
    pub fn update(&mut self, tuple: &[u8]) {
        self.0.update(tuple);
    }

    /// The hash in lower-case hexadecimal.
    pub fn finish(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
