//! What can be looked at with SQL: a file for each view, with the C functions behind it.
//!
//! What it owns: which column gets what. What it must not know: how what is shown comes about.

pub mod stat;
