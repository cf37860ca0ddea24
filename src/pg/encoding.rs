//! Text between Rust and the server (`mb/pg_wchar.h`).
//!
//! In Rust all text is UTF-8. Where the database's encoding is another one, text is converted here, in both directions.
//! An SQL_ASCII database promises nothing about its bytes: those that aren't UTF-8 are carried through Rust as
//! characters of a private plane, one a byte, and turned back on the way out, so nothing is lost.

use super::memory;
use pgrx::pg_sys;
use std::borrow::Cow;
use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int};
use std::fmt::{self, Write as _};

/// Byte b that isn't part of valid UTF-8 travels as this code point plus b (plane 16, private use).
const STRAY_BYTE: u32 = 0x10_FF00;

const UTF8: c_int = pg_sys::pg_enc::PG_UTF8 as c_int;
const SQL_ASCII: c_int = pg_sys::pg_enc::PG_SQL_ASCII as c_int;

fn database_encoding() -> c_int {
    // SAFETY: reads a global of the backend.
    unsafe { pg_sys::GetDatabaseEncoding() }
}

/// Whether the database's encoding is none: its bytes are passed on as they are.
pub fn database_is_sql_ascii() -> bool {
    database_encoding() == SQL_ASCII
}

/// What the server calls the encoding of text on the wire.
pub fn of_wire() -> &'static str {
    if database_is_sql_ascii() { "SQL_ASCII" } else { "UTF8" }
}

/// Whether a server means this encoding, however it writes it.
pub fn is_of_wire(name: &[u8]) -> bool {
    let letters = |name: &[u8]| {
        name.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect::<Vec<_>>()
    };
    letters(name) == letters(of_wire().as_bytes())
}

thread_local! {
    static BEYOND_ASCII: Cell<u64> = const { Cell::new(0) };
}

/// How many texts from the wire weren't ASCII alone, so that their encoding mattered.
pub fn beyond_ascii() -> u64 {
    BEYOND_ASCII.get()
}

/// Text of the server as Rust text. Raises the server's error if the conversion is impossible.
pub fn from_server(bytes: &[u8]) -> String {
    if let Ok(text) = str::from_utf8(bytes)
        && (text.is_ascii() || matches!(database_encoding(), UTF8 | SQL_ASCII))
    {
        return text.to_owned();
    }
    match database_encoding() {
        UTF8 | SQL_ASCII => carry_stray_bytes(bytes),
        encoding => String::from_utf8_lossy(&convert(bytes, encoding, UTF8)).into_owned(),
    }
}

/// Text from the wire, where it is meant to be UTF-8, for a message: what isn't valid is replaced, but for an SQL_ASCII
/// database, where it passes. Raises an ERROR if there is no memory for it.
pub fn from_wire(bytes: &[u8]) -> String {
    match str::from_utf8(bytes) {
        Ok(text) => memory::format(format_args!("{text}")),
        Err(_) if database_is_sql_ascii() => carry_stray_bytes(bytes),
        Err(_) => memory::format(format_args!("{}", Lossy(bytes))),
    }
}

/// Displays what isn't UTF-8 as replacement characters.
struct Lossy<'a>(&'a [u8]);

impl fmt::Display for Lossy<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.utf8_chunks().try_for_each(|chunk| {
            out.write_str(chunk.valid())?;
            if chunk.invalid().is_empty() { Ok(()) } else { out.write_char(char::REPLACEMENT_CHARACTER) }
        })
    }
}

/// As [`from_server`], from a C string.
///
/// # Safety
/// `text` is NUL-terminated and stays as it is during the call.
pub unsafe fn from_server_cstr(text: *const c_char) -> String {
    // SAFETY: the caller's promise.
    from_server(unsafe { CStr::from_ptr(text) }.to_bytes())
}

/// Rust text as bytes for the server. Raises the server's error (22P05) if a character doesn't exist there.
pub fn to_server(text: &str) -> Cow<'_, [u8]> {
    match database_encoding() {
        _ if text.is_ascii() => Cow::Borrowed(text.as_bytes()),
        UTF8 | SQL_ASCII => return_stray_bytes(text),
        encoding => Cow::Owned(convert(text.as_bytes(), UTF8, encoding)),
    }
}

/// As [`to_server`], ended by a NUL for C. Text is cut at a NUL of its own, as C would read it.
pub fn to_server_cstring(text: &str) -> Vec<u8> {
    let mut bytes = to_server(text).into_owned();
    if let Some(nul) = bytes.iter().position(|&b| b == 0) {
        bytes.truncate(nul);
    }
    bytes.push(0);
    bytes
}

/// As [`to_server`], but what the server's encoding can't say becomes `?`.
pub fn to_server_lossy(text: &str) -> Cow<'_, [u8]> {
    match database_encoding() {
        _ if text.is_ascii() => Cow::Borrowed(text.as_bytes()),
        UTF8 | SQL_ASCII => return_stray_bytes(text),
        encoding => Cow::Owned(convert_lossy(text, encoding)),
    }
}

/// As [`to_server_lossy`], for text that comes from another database, and so perhaps from another encoding: stray bytes of
/// that one become `?`, too, since they needn't make sense here.
pub fn to_server_from_elsewhere(text: &str) -> Vec<u8> {
    let text: String = text.chars().map(|c| stray_byte(c).map_or(c, |_| '?')).collect();
    to_server_lossy(&text).into_owned()
}

/// Rust text for a message: what the server's encoding can't say becomes `?`, because a message must get through.
/// The result is palloc'd in the current context and NUL-terminated.
pub fn palloc_lossy(text: &str) -> *const c_char {
    let bytes = to_server_lossy(text);
    // SAFETY: pnstrdup copies at most that many bytes, up to a NUL, and appends one.
    unsafe { pg_sys::pnstrdup(bytes.as_ptr().cast(), bytes.len()) }
}

/// Bytes of the server as UTF-8 for the wire.
pub fn server_to_wire(bytes: &[u8]) -> Cow<'_, [u8]> {
    if bytes.is_ascii() {
        return Cow::Borrowed(bytes); // without asking the backend, since this is done for every value
    }
    match database_encoding() {
        UTF8 | SQL_ASCII => Cow::Borrowed(bytes),
        encoding => Cow::Owned(convert(bytes, encoding, UTF8)),
    }
}

/// Bytes from the wire in the server's encoding, checked: a remote server isn't trusted to send valid text.
/// Raises 22021 for invalid bytes, 22P05 for characters that don't exist here.
pub fn wire_to_server(bytes: &[u8]) -> Cow<'_, [u8]> {
    if bytes.is_ascii() && !bytes.contains(&0) {
        return Cow::Borrowed(bytes);
    }
    BEYOND_ASCII.set(BEYOND_ASCII.get() + 1);
    let Ok(length) = c_int::try_from(bytes.len()) else {
        return Cow::Borrowed(bytes); // longer than any Datum: the input function refuses it
    };
    let encoding = database_encoding();
    // The text must be valid UTF-8 before it is converted; for a UTF8 or SQL_ASCII database that is all.
    let source = if encoding == SQL_ASCII { SQL_ASCII } else { UTF8 };
    if str::from_utf8(bytes).is_err() || bytes.contains(&0) {
        // SAFETY: pg_verify_mbstr reads `length` bytes and raises an ERROR for what is invalid.
        unsafe { pg_sys::pg_verify_mbstr(source, bytes.as_ptr().cast(), length, false) };
    }
    match encoding {
        UTF8 | SQL_ASCII => Cow::Borrowed(bytes),
        encoding => Cow::Owned(convert(bytes, UTF8, encoding)),
    }
}

/// UTF-8 with every byte that isn't part of it carried as a private character. Raises an ERROR if there is no memory for it.
fn carry_stray_bytes(bytes: &[u8]) -> String {
    memory::format(format_args!("{}", Carried(bytes)))
}

/// Displays every byte that isn't part of valid UTF-8 as a private character.
struct Carried<'a>(&'a [u8]);

impl fmt::Display for Carried<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.utf8_chunks().try_for_each(|chunk| {
            out.write_str(chunk.valid())?;
            let mut characters = chunk.invalid().iter().filter_map(|&b| char::from_u32(STRAY_BYTE + u32::from(b)));
            characters.try_for_each(|character| out.write_char(character))
        })
    }
}

/// The reverse of [`carry_stray_bytes`].
fn return_stray_bytes(text: &str) -> Cow<'_, [u8]> {
    if !text.chars().any(|c| stray_byte(c).is_some()) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut bytes = Vec::new();
    memory::reserve(&mut bytes, text.len());
    for c in text.chars() {
        match stray_byte(c) {
            Some(byte) => bytes.push(byte as u8),
            None => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Cow::Owned(bytes)
}

/// The byte that a private character carries, if it is one of those.
fn stray_byte(c: char) -> Option<u32> {
    u32::from(c).checked_sub(STRAY_BYTE).filter(|byte| (0x80..0x100).contains(byte))
}

/// Converts valid text, or raises the conversion function's ERROR, or that there is no memory for it.
fn convert(bytes: &[u8], from: c_int, to: c_int) -> Vec<u8> {
    let Ok(length) = c_int::try_from(bytes.len()) else {
        return memory::copy(bytes);
    };
    // SAFETY: pg_do_encoding_conversion reads `length` bytes (it never writes to its argument) and returns either the
    // argument itself or a palloc'd, NUL-terminated copy.
    unsafe {
        let source = bytes.as_ptr().cast_mut();
        let converted = pg_sys::pg_do_encoding_conversion(source, length, from, to);
        if converted.is_null() || std::ptr::eq(converted, source) {
            return memory::copy(bytes);
        }
        let result = memory::copy(CStr::from_ptr(converted.cast()).to_bytes());
        pg_sys::pfree(converted.cast());
        result
    }
}

/// Converts character by character where the whole can't be converted.
fn convert_lossy(text: &str, to: c_int) -> Vec<u8> {
    // SAFETY: a syscache look-up; InvalidOid where there is no conversion (then only ASCII gets through).
    let procedure = unsafe { pg_sys::FindDefaultConversionProc(UTF8, to) };
    let mut bytes = Vec::new();
    for c in text.chars() {
        memory::reserve_ahead(&mut bytes, 16);
        let mut source = [0u8; 4];
        let source = c.encode_utf8(&mut source);
        if source.len() == 1 {
            bytes.extend_from_slice(source.as_bytes());
        } else if procedure == pg_sys::InvalidOid {
            bytes.push(b'?');
        } else {
            let mut target = [0u8; 16];
            // SAFETY: source and target have the lengths given; with noError the function stops at what it can't
            // convert, returns how many bytes it consumed, and ends the target with a NUL.
            let consumed = unsafe {
                pg_sys::pg_do_encoding_conversion_buf(
                    procedure,
                    UTF8,
                    to,
                    source.as_bytes().as_ptr().cast_mut(),
                    source.len() as c_int,
                    target.as_mut_ptr(),
                    target.len() as c_int,
                    true,
                )
            };
            match CStr::from_bytes_until_nul(&target) {
                Ok(converted) if consumed as usize == source.len() => bytes.extend_from_slice(converted.to_bytes()),
                _ => bytes.push(b'?'),
            }
        }
    }
    bytes
}
