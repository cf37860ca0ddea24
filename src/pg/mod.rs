//! The unsafe folder: everything that touches PostgreSQL's C API lives here, one file per backend header or topic.
//!
//! What it owns: turning the backend's rules (memory contexts, error unwinding, reference counts, version
//! differences) into safe Rust functions and types. Every `#[cfg(feature = "pgNN")]` of the project is in here.
//!
//! What it must not know: clusters, partitions, parsing, the wire. Its callers speak of those; it speaks of Datums.
//!
//! Invariants:
//! * A PostgreSQL ERROR raised inside any function here arrives in the caller as a Rust unwind (pgrx turns the
//!   longjmp into a panic and back again at [`elog::boundary`]), so every `Drop` between is run.
//! * Nothing here holds a `RefCell` borrow while it calls the backend.
//! * Text is UTF-8 on the Rust side and in the server's encoding on the other; [`encoding`] is the only crossing.
#![allow(unsafe_code)]
#![allow(clippy::unnecessary_cast, reason = "the types of constants differ between PostgreSQL's versions")]

pub mod allocator;
pub mod arrays;
pub mod binary_io;
pub mod build;
pub mod calls;
pub mod catalog;
pub mod clock;
pub mod databases;
pub mod datum;
pub mod elog;
pub mod encoding;
pub mod exit;
pub mod expression;
pub mod external_fd;
pub mod foreign;
pub mod guc;
pub mod idle_timer;
pub mod interrupts;
pub mod inval;
pub mod memory;
pub mod openssl;
pub mod options;
pub mod peer;
pub mod portals;
pub mod result_rows;
pub mod roles;
pub mod row_type;
pub mod session;
pub mod shared_memory;
pub mod spi;
pub mod temp_file;
pub mod transactions;
pub mod tuples;
pub mod tuplestore;
pub mod type_io;
pub mod type_structure;
pub mod varlena;
pub mod waitevent;
pub mod written_call;
