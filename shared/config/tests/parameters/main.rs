//! What SSM holds is read by branches, kept while it is fresh, and used on when SSM is gone.

#![expect(clippy::expect_used, reason = "a stage that cannot be set is a failed test")]

mod branches;
mod freshness;
mod ssm;
