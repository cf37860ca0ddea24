//! # plproxy: calls that reach their shard
//!
//! A PostgreSQL extension with a procedural language whose functions run somewhere else. The body of such a function says
//! where, and a call of it is forwarded there:
//!
//! ```sql
//! CREATE FUNCTION get_user(i_username text) RETURNS SETOF users LANGUAGE plproxy AS $$
//!     CLUSTER 'users';
//!     RUN ON hashtext(i_username);
//! $$;
//! ```
//!
//! It is the successor of the C PL/Proxy: the same language, catalog objects, options and messages.
//!
//! # Glossary
//!
//! | word | what it is |
//! |---|---|
//! | *coordinator* | the database that the application talks to, where the `plproxy` functions are |
//! | *shard* | a PostgreSQL database that holds a part of the rows, and functions of the same names that do the work |
//! | *cluster* | a name for a list of partitions, with options |
//! | *partition* | a place in that list, counted from 0; rows belong to partitions, and a partition is on some shard |
//! | *connection string* | how to reach a partition's shard, in libpq's notation |
//! | *endpoint* | what a connection string means, with all defaults filled in |
//! | *role* | the local user that a connection is opened for; connections are never shared between roles |
//! | *connection* | an open session on a shard, owned by one call at a time, kept in the *pool* in between |
//! | *checkout* | a connection while a call owns it |
//! | *route* | the partitions that a call goes to |
//! | *execution* | everything about one call while it runs |
//! | *reactor* | the loop that waits for sockets and interrupts |
//! | *codec* | how values of a type travel |
//!
//! # Life of one call
//!
//! ```text
//!  SELECT * FROM get_user('bob')
//!        │
//!  handler     the C function that PostgreSQL calls
//!        │
//!  function    compiled once: signature, body, remote query, codecs            (pg_proc, row types)
//!        │
//!  executor    cluster     'users' → partitions and options                    (the user's config functions)
//!        │     route       hashtext('bob') & 3 = 1 → partition 1
//!        │     codec       arguments → parameters, once for all partitions
//!        │     pool        a connection for (connection string, role)          (conninfo, if it must be opened)
//!        │     wire        Bind, Execute, Sync; and Parse, the first time
//!        │     reactor     send; wait for sockets, latch, deadline; receive     ⇄ shard
//!        │     codec       fields → a value, or rows as they are stored, into a tuplestore
//!        ▼
//!  result
//! ```
//!
//! A warm call to one shard costs four system calls: a look whether the connection is still alive, send, wait, receive.
//! With TLS, too.
//! The essays in [`executor`] and [`reactor`] tell the middle part in detail.
//!
//! # Modules
//!
//! A module uses those below it, never those above.
//!
//! | module | owns |
//! |---|---|
//! | [`handler`] | the C entry points; where `Result` becomes `ereport` |
//! | [`views`] | what users can look at, and act upon, in SQL |
//! | [`executor`] | one call: route, connections, dispatch, rows |
//! | [`function`] | compiled functions and their cache |
//! | [`cluster`] | from a name to partitions and options |
//! | [`pool`] | connections: opening, TLS, keeping, cancelling |
//! | [`stat`] | the statistics of all backends |
//! | [`reactor`] | sockets and the wait loop; knows no SQL |
//! | [`codec`] | Datums to and from the wire |
//! | [`report`] | errors and shards' notices to PostgreSQL's reports |
//! | [`settings`] | the `plproxy.*` settings |
//! | [`pg`] | PostgreSQL's C API made safe: **all** `unsafe`, and every difference between versions |
//! | [`wire`] | *pure:* the protocol: requests as bytes, bytes as messages |
//! | [`hash`] | *pure:* the stable hash functions |
//! | [`conninfo`] | *pure:* libpq's connection strings |
//! | [`parser`] | *pure:* the language |
//! | [`plain_file`] | *pure:* files that others name |
//! | [`reserve`] | *pure:* memory of a size that others decide |
//! | [`growth`] | *pure:* when a cache is looked through for what has no use any more |
//! | [`error`] | *pure:* what can go wrong, in words and SQLSTATEs |
//!
//! *Pure* modules know nothing of PostgreSQL's API, so they are tested without a server (`tests/pure.rs`); some files of
//! [`cluster`] and [`stat`] are pure too, and say so.
//!
//! # Rules that hold everywhere
//!
//! * **User code can run almost anywhere**: hash functions, input and output functions, domain checks, configuration
//!   functions; and it can raise an ERROR, or call a plproxy function again. So nothing is borrowed, and no connection is
//!   half way through something, while it runs. A cached thing is cloned out of its cache (`Rc`) first.
//! * **An ERROR unwinds.** pgrx turns PostgreSQL's longjmp into a Rust unwind and back; every `Drop` on the way runs, and
//!   must be safe while a transaction is being aborted.
//! * **Interrupts are served between things**: in the reactor's loop, when no connection is being polled, and between the
//!   elements of a SPLIT, before any connection is taken; and wherever user code does it itself.
//! * **A FATAL doesn't unwind.** The backend exits from wherever it is, and nothing on the stack is dropped. What must be
//!   done then is registered ([`pg::exit`]): shards are told to cancel, idle sessions are ended.
//! * **In doubt means closed.** A connection is marked before a step that could leave it in an unknown state, and unmarked
//!   after; one that comes back with the mark isn't used again.
//! * **Text is UTF-8** inside and on the wire; [`pg::encoding`] converts at the border to the server.

mod cluster;
mod codec;
#[allow(dead_code, reason = "parts of the interface are there for the connector to grow into")]
mod conninfo;
mod error;
mod executor;
mod function;
mod growth;
mod handler;
mod hash;
mod parser;
mod pg;
mod plain_file;
mod pool;
mod reactor;
mod report;
mod reserve;
mod settings;
mod stat;
mod views;
mod wire;

pgrx::pg_module_magic!(name, version);

#[global_allocator]
static ALLOCATOR: pg::allocator::Allocator = pg::allocator::Allocator;

// The SQL is written by hand; this has cargo-pgrx install it as it is.
pgrx::extension_sql_file!("../sql/plproxy--3.0.0.sql", name = "plproxy");

/// Called by PostgreSQL when it loads the library.
#[allow(unsafe_code, reason = "an entry point")]
#[pgrx::pg_guard]
pub extern "C-unwind" fn _PG_init() {
    settings::define();
    report::misspelt_settings();
    pg::inval::register();
    pg::transactions::at_end(pool::sweep);
    pg::external_fd::when_short(pool::close_least_recent);
    stat::define();
}
