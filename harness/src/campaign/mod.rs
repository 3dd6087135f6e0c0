//! Campaigns.
mod statistics;
pub use statistics::*;
