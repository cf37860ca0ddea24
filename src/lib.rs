//! plproxy
#![allow(missing_docs)]
use pgrx::prelude::*;
::pgrx::pg_module_magic!(name, version);
mod cluster;
mod codec;
#[allow(dead_code)]
mod conninfo;
mod error;
mod executor;
mod function;
mod handler;
mod parser;
mod pg;
mod pool;
mod reactor;
mod report;
mod settings;
#[pg_guard]
#[allow(unsafe_code)]
pub extern "C-unwind" fn _PG_init() {
    settings::define();
}
