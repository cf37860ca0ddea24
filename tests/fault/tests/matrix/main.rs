//! The fault matrix. Each case has the number of its row.
#![allow(missing_docs)]

mod asides;
mod callers;
mod cancel;
mod configuration;
mod connecting;
mod descriptors;
mod drift;
mod encoding;
mod endless;
mod limits;
mod malformed;
mod memory;
mod network;
mod pings;
mod scripted;
mod sessions;
mod soak;
mod tls;
