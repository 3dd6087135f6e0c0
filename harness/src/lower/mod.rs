//! Lowerings.
