//! The fault matrix. Each case has the number of its row.
#![allow(missing_docs)]

mod callers;
mod malformed;
mod network;
mod scripted;
