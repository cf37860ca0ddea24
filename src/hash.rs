//! A hash that never changes: not with PostgreSQL's version, not with the platform. Pure.
//!
//! PostgreSQL's own `hashtext` and friends make no such promise, and whoever routes by them has to move all rows on the
//! day they change. This is XXH3 with 64 bits and seed 0, of bytes that other languages can make as well: applications
//! can compute where a row is without asking.

use xxhash_rust::xxh3::xxh3_64;

/// The hash of bytes, as the int8 that PostgreSQL can hold.
///
/// | SQL type | bytes |
/// |---|---|
/// | `text` | its UTF-8, whatever the database's encoding |
/// | `bytea` | its bytes |
/// | `int8` | eight, little-endian |
/// | `uuid` | its sixteen |
pub fn hash(bytes: &[u8]) -> i64 {
    xxh3_64(bytes).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::hash;

    /// Values of the reference implementation. If one of these changes, rows are lost.
    #[test]
    fn reference_vectors() {
        assert_eq!(hash(b""), 0x2D06_8005_38D3_94C2);
        assert_eq!(hash(b"a").cast_unsigned(), 0xE6C6_32B6_1E96_4E1F);
        assert_eq!(hash(b"abc"), 0x78AF_5F94_892F_3950);
    }
}
