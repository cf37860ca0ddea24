//! `bytea` and `text` (`varatt.h`): a length word, and bytes.

use pgrx::pg_sys::{self, Datum, varlena};
use pgrx::{set_varsize_4b, varlena_to_byte_slice};

/// Runs `look` on the bytes of a `bytea` or `text` value; text is in the server's encoding.
pub fn with_bytes<T>(value: Datum, look: impl FnOnce(&[u8]) -> T) -> T {
    let stored = value.cast_mut_ptr::<varlena>();
    // SAFETY: the caller's Datum is of such a type, so it points to a varlena, whose header says how it is stored. What is
    // neither compressed nor elsewhere has its length in its header; detoasting makes that of the rest, as a copy which is
    // ours to free.
    unsafe {
        if is_plain(stored) {
            return look(varlena_to_byte_slice(stored));
        }
        let copy = pg_sys::pg_detoast_datum_packed(stored);
        let result = look(varlena_to_byte_slice(copy));
        if !std::ptr::eq(copy, stored) {
            pg_sys::pfree(copy.cast());
        }
        result
    }
}

/// The bytes of a varlena that is neither compressed nor elsewhere.
///
/// # Safety
/// The Datum is a varlena that lasts as long as the result.
pub(super) unsafe fn plain_bytes<'d>(value: Datum) -> Option<&'d [u8]> {
    let stored = value.cast_mut_ptr::<varlena>();
    // SAFETY: the caller's promise; then the bytes follow the header.
    unsafe { is_plain(stored).then(|| varlena_to_byte_slice(stored)) }
}

/// The header of a short varlena of this size, itself included: at most 127.
pub(super) fn short_header(size: usize) -> u8 {
    // `SET_VARSIZE_1B`
    if cfg!(target_endian = "little") { (size as u8) << 1 | 1 } else { size as u8 | 0x80 }
}

/// The header of a varlena of this size, itself included: less than a gigabyte, or it is part of a row that is refused.
pub(super) fn long_header(size: usize) -> [u8; pg_sys::VARHDRSZ] {
    // `SET_VARSIZE_4B`
    let size = size as u32 & 0x3fff_ffff;
    if cfg!(target_endian = "little") { (size << 2).to_ne_bytes() } else { size.to_ne_bytes() }
}

/// A `bytea` or `text` value of these bytes, in the current memory context; text is in the server's encoding. Raises an
/// ERROR for more than a value can hold.
pub fn of_bytes(bytes: &[u8]) -> Datum {
    let size = pg_sys::VARHDRSZ + bytes.len();
    // SAFETY: palloc gives `size` bytes, aligned for a header, or raises an ERROR if that is 1 GB or more, so that the
    // length fits into the header's 30 bits.
    unsafe {
        let value = pg_sys::palloc(size).cast::<varlena>();
        set_varsize_4b(value, size as i32);
        let data = value.cast::<u8>().add(pg_sys::VARHDRSZ);
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), data, bytes.len());
        Datum::from(value)
    }
}

/// Whether the bytes follow the header, long or short.
///
/// # Safety
/// `value` points to a varlena.
unsafe fn is_plain(value: *const varlena) -> bool {
    // SAFETY: the first byte of the header is always there, and tells.
    unsafe { pgrx::varatt_is_4b_u(value) || (pgrx::varatt_is_1b(value) && !pgrx::varatt_is_1b_e(value)) }
}
