//! Values that are looked at here, instead of only passing through.

use super::arrays::ElementType;
use super::{encoding, varlena};
use pgrx::pg_sys::{self, Datum, Oid};
use std::ffi::{CStr, c_char};
use std::time::Duration;

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

/// The type below a domain, all domains removed; other types are their own.
pub fn base_type(type_oid: Oid) -> Oid {
    match type_oid {
        pg_sys::INT2OID | pg_sys::INT4OID | pg_sys::INT8OID => type_oid,
        // SAFETY: a look-up in the catalogs' cache, which raises an ERROR if there is no such type.
        _ => unsafe { pg_sys::getBaseType(type_oid) },
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

/// As [`text`], for text that may be another database's: what the encoding here can't say becomes `?`.
pub fn text_from_elsewhere(value: &str) -> Datum {
    varlena::of_bytes(&encoding::to_server_from_elsewhere(value))
}

/// A text of the server's as a Datum in the current memory context; `None` for NULL. Its bytes stay as they are: names of
/// databases and roles are in no encoding that is known here.
///
/// # Safety
/// NULL, or NUL-terminated.
pub(super) unsafe fn text_of_cstr(text: *const c_char) -> Option<Datum> {
    // SAFETY: the caller's promise.
    (!text.is_null()).then(|| varlena::of_bytes(unsafe { CStr::from_ptr(text) }.to_bytes()))
}

/// A `text[]`, in the current memory context.
pub fn texts<S: AsRef<str>>(values: impl IntoIterator<Item = S>) -> Datum {
    let element = ElementType::of_array(pg_sys::TEXTARRAYOID).expect("text[] is an array");
    element.array(values.into_iter().map(|value| Some(text(value.as_ref()))))
}

/// A `boolean`.
pub fn bool(value: bool) -> Datum {
    Datum::from(value)
}

/// An `int4`.
pub fn int4(value: i32) -> Datum {
    Datum::from(value)
}

/// An `int8` of a count; one that is too large for it is its largest.
pub fn count(value: u64) -> Datum {
    Datum::from(i64::try_from(value).unwrap_or(i64::MAX))
}

/// A `float8`.
pub fn float8(value: f64) -> Datum {
    // Passed by value, like int8, as the bits that it is made of.
    Datum::from(value.to_bits())
}

/// How many milliseconds that is, as a `float8`.
pub fn milliseconds(value: Duration) -> Datum {
    float8(value.as_secs_f64() * 1000.0)
}

/// An `interval` of time alone, in the current memory context.
pub fn interval(value: Duration) -> Datum {
    let interval = pg_sys::Interval { time: i64::try_from(value.as_micros()).unwrap_or(i64::MAX), day: 0, month: 0 };
    // SAFETY: palloc gives room for it, and is aligned for everything.
    unsafe {
        let place = pg_sys::palloc(size_of::<pg_sys::Interval>()).cast::<pg_sys::Interval>();
        place.write(interval);
        Datum::from(place)
    }
}

/// A `timestamptz`, from microseconds since 2000-01-01 in UTC.
pub fn timestamptz(microseconds: i64) -> Datum {
    Datum::from(microseconds)
}
