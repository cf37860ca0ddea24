//! The tests of the modules that know nothing of PostgreSQL. They are compiled into this program by themselves, because
//! the library's other modules refer to symbols that only a server has.
#![allow(dead_code, unused_imports, missing_docs)]

#[path = "../src/conninfo/mod.rs"]
mod conninfo;
#[path = "../src/codec"]
mod codec {
    pub mod fixed;
    pub mod refusal;
    pub mod values;
}
#[path = "../src/error.rs"]
mod error;
#[path = "../src/growth.rs"]
mod growth;
#[path = "../src/hash.rs"]
mod hash;
#[path = "../src/parser/mod.rs"]
mod parser;
#[path = "../src/plain_file.rs"]
mod plain_file;
#[path = "../src/reserve.rs"]
mod reserve;
#[path = "../src/stat"]
mod stat {
    pub mod histogram;
    pub mod table;
}
#[path = "../src/wire/mod.rs"]
mod wire;

#[path = "../src/cluster"]
mod cluster {
    pub mod fdw_options;
    pub mod mapping;
    pub mod options;
}

#[path = "../src/pool/opening"]
mod opening {
    pub mod questions;
}

#[path = "../src/pool"]
mod pool {
    pub mod statements;
}

#[path = "../src/pool/tls"]
mod tls {
    pub mod certificate_name;
}
