//! What users can look at, and act upon, in SQL: the functions behind the views, one file each.
//!
//! What it owns: which rows there are, and what their columns say. What it must not know: how any of it comes about; it asks
//! the modules whose business it is.

mod ping;

pub use ping::ping;
