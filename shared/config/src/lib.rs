//! The only reader of environment variables, SSM parameters and the watch file.

mod branch;
pub mod deployment;
mod environment;
mod functions;
mod metrics;
mod nearest;
mod operations;
pub mod parameters;
mod reference;
pub mod secrets;
mod switches;
pub mod watch_file;

pub use deployment::{Deployment, DeploymentError};
pub use environment::{Environment, VariableError};
pub use functions::{
    ArchiverConfig, DeadmanConfig, HealthcheckConfig, MigratorConfig, PollerConfig, RouterConfig, StorageClass,
};
pub use metrics::ForecastMetrics;
pub use nearest::nearest;
pub use parameters::{Current, Parameters, Stale};
pub use reference::{Address, BadReference, Branch, SecretRef};
pub use secrets::{SecretError, Secrets};
pub use switches::{Switch, Switches};
pub use watch_file::{WatchFile, WatchFileError};
