//! The random tests: `make attack`. Each is one `#[test]`, and says at its top what must hold.
#![allow(missing_docs)]

mod conversations;
mod ddl;
mod differential;
mod functions;
mod leaks;
mod signals;
mod values;
