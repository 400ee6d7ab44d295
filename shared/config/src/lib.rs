//! The only reader of environment variables, SSM parameters and the watch file.

mod environment;
mod functions;
mod nearest;
mod reference;
pub mod secrets;
pub mod watch_file;

pub use environment::{Environment, VariableError};
pub use functions::{HealthcheckConfig, MigratorConfig, RouterConfig};
pub use nearest::nearest;
pub use reference::{Address, BadReference, Branch, SecretRef};
pub use secrets::{SecretError, Secrets};
pub use watch_file::{WatchFile, WatchFileError};
