//! Values that are looked at here, instead of only passing through.

use super::{encoding, varlena};
use pgrx::pg_sys::{self, Datum, Oid};

/// An integer Datum; `None` if the type isn't int2, int4 or int8.
pub fn integer(type_oid: Oid, value: Datum) -> Option<i64> {
    // An integer Datum is the sign-extended value; int8 is passed by value on every platform that we are built for.
    match type_oid {
        pg_sys::INT2OID => Some(i64::from(value.value() as i16)),
        pg_sys::INT4OID => Some(i64::from(value.value() as i32)),
        pg_sys::INT8OID => Some(value.value() as i64),
        _ => None,
    }
}

const _: () = assert!(size_of::<Datum>() == 8, "int8 must be passed by value");

/// The bytes of a `text` or `bytea` value; text is in the server's encoding.
pub fn varlena_bytes(value: Datum) -> Vec<u8> {
    varlena::with_bytes(value, <[u8]>::to_vec)
}

/// The sixteen bytes of a `uuid`.
pub fn uuid_bytes(value: Datum) -> [u8; 16] {
    // SAFETY: the caller's Datum is a uuid, which is passed by reference.
    unsafe { *value.cast_mut_ptr::<[u8; 16]>() }
}

/// A `uuid` of these bytes, in the current memory context.
pub fn uuid(bytes: [u8; 16]) -> Datum {
    // SAFETY: palloc gives room for them; a uuid needs no alignment.
    unsafe {
        let uuid = pg_sys::palloc(bytes.len()).cast::<[u8; 16]>();
        uuid.write(bytes);
        Datum::from(uuid)
    }
}

/// A text value as a Datum in the current memory context.
pub fn text(value: &str) -> Datum {
    varlena::of_bytes(&encoding::to_server(value))
}
