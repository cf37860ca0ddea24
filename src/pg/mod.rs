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
//! * A `Datum` is trusted to be a value of the type that it is used as, and to point to memory that is still there: the type
//!   is the catalog's or the caller's word, as it is for PostgreSQL's own functions, which look no closer. Functions that take
//!   one aren't `unsafe` for that; who makes a Datum of something else, or keeps one for longer than its memory context,
//!   breaks this rule. The same goes for what stands for a thing of the backend's that the running call is given and gets
//!   back ([`calls::Call`], [`tuplestore::RowStore`]), and for what is kept beside the [`memory::OwnedContext`] that it is
//!   in ([`row_type::RowType`], functions of types): these aren't kept beyond the call, or the context.
//! * Text is UTF-8 on the Rust side and in the server's encoding on the other; [`encoding`] is the only crossing.
#![allow(unsafe_code)]
#![allow(clippy::unnecessary_cast, reason = "the types of constants differ between PostgreSQL's versions")]

pub mod allocator;
pub mod arrays;
pub mod binary_io;
pub mod build;
pub mod calls;
pub mod catalog;
mod circumstances;
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
pub mod placeholders;
pub mod poll;
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
mod type_function;
pub mod type_io;
pub mod type_structure;
pub mod varlena;
pub mod waitevent;
pub mod written_call;
