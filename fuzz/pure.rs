//! The modules that are fuzzed, compiled as `tests/pure.rs` does it: without PostgreSQL.

#[path = "../src/conninfo/mod.rs"]
pub mod conninfo;
#[path = "../src/codec"]
pub mod codec {
    pub mod fixed;
    pub mod refusal;
    pub mod values;
}
#[path = "../src/error.rs"]
pub mod error;
#[path = "../src/parser/mod.rs"]
pub mod parser;
#[path = "../src/plain_file.rs"]
pub mod plain_file;
#[path = "../src/reserve.rs"]
pub mod reserve;
#[path = "../src/wire/mod.rs"]
pub mod wire;

#[path = "../src/pool/opening"]
pub mod opening {
    pub mod questions;
}

/// Cuts bytes into pieces whose sizes, 1 to 128, look random but are the same for the same `seed`.
pub fn pieces(bytes: &[u8], seed: u8) -> impl Iterator<Item = &[u8]> {
    let (mut rest, mut state) = (bytes, u32::from(seed) + 1);
    std::iter::from_fn(move || {
        // Marsaglia's xorshift.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let size = (state as usize % (1 << (state >> 29))) + 1;
        let (piece, after) = rest.split_at(size.min(rest.len()));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}
