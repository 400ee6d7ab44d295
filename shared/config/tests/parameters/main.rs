//! What SSM holds is read by branches, kept while it is fresh, and used on when SSM is gone.

mod branches;
mod freshness;
mod ssm;
