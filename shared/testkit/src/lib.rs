//! Development only: what tests, the local cloud and the bench start and talk to.

pub mod children;
pub mod postgres;
