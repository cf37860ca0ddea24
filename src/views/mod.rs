//! What users can look at, and act upon, in SQL: the functions behind the views, one file each.
//!
//! What it owns: which rows there are, and what their columns say. What it must not know: how any of it comes about; it asks
//! the modules whose business it is.

mod clusters;
mod connections;
mod explain;
mod functions;
mod ping;
mod stat;

pub use clusters::clusters;
pub use connections::{connections, disconnect};
pub use explain::explain;
pub use functions::functions;
pub use ping::ping;
pub use stat::{latency, reset as stat_reset, stat};
