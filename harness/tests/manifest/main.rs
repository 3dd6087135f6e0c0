//! Manifests, and the glue that is written from them, driven on an engine.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod errors;
mod glue;
mod rewriting;
