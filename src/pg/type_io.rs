//! Types and their text form (`lsyscache.h`, `fmgr.h`).

use super::encoding;
use super::memory::{self, OwnedContext};
use super::type_function::TypeFunction;
use pgrx::pg_sys::{self, Datum, Oid};
use std::ffi::CStr;

/// What must be known of a type before a value of it can travel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeName {
    /// As SQL wants it: quoted where needed, with the schema unless that is pg_catalog.
    pub sql: String,
    /// Whether it is a pseudo-type, of which no value can travel.
    pub is_pseudo: bool,
    /// Whether it is a true array type.
    pub is_array: bool,
    /// The type below, if it is a domain (all domains removed); itself otherwise.
    pub base: Oid,
}

/// Looks a type up. `None` if it doesn't exist (any more).
pub fn type_name(oid: Oid) -> Option<TypeName> {
    // SAFETY: the syscache tuple is pinned until ReleaseSysCache, and the fixed part of a pg_type row is always there.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::TYPEOID as i32, pg_sys::Datum::from(oid));
        if tuple.is_null() {
            return None;
        }
        let row = &*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_type>();
        let bare = encoding::from_server_cstr(row.typname.data.as_ptr());
        let namespace = row.typnamespace;
        let is_pseudo = row.typtype == pg_sys::TYPTYPE_PSEUDO as std::ffi::c_char;
        let is_array =
            row.typelem != pg_sys::InvalidOid && row.typlen == -1 && pg_sys::get_element_type(oid) == row.typelem;
        pg_sys::ReleaseSysCache(tuple);

        let sql = if namespace == Oid::from(pg_sys::PG_CATALOG_NAMESPACE) {
            quote_identifier(&bare)
        } else {
            qualified_name(namespace, &bare)?
        };
        Some(TypeName { sql, is_pseudo, is_array, base: pg_sys::getBaseType(oid) })
    }
}

/// `schema.name`, both quoted where SQL needs it. `None` if the schema doesn't exist.
pub fn qualified_name(namespace: Oid, name: &str) -> Option<String> {
    // SAFETY: get_namespace_name returns a palloc'd name or NULL.
    let schema = unsafe {
        let schema = pg_sys::get_namespace_name(namespace);
        (!schema.is_null()).then(|| encoding::from_server_cstr(schema))
    }?;
    Some(format!("{}.{}", quote_identifier(&schema), quote_identifier(name)))
}

/// The identifier as SQL needs it: in double quotes unless it is plain, lower-case and no keyword.
pub fn quote_identifier(name: &str) -> String {
    let server_name = encoding::to_server_cstring(name);
    // SAFETY: quote_identifier reads NUL-terminated text and returns it or a palloc'd copy.
    unsafe { encoding::from_server_cstr(pg_sys::quote_identifier(server_name.as_ptr().cast())) }
}

/// A type's input function, ready to be called.
#[derive(Debug)]
pub struct Input(TypeFunction);

impl Input {
    /// Looks the function up; what it notes for itself may be kept in `context`, which must outlive it.
    pub fn of(oid: Oid, context: &OwnedContext) -> Input {
        Input(TypeFunction::of(oid, look_up_input, context))
    }

    /// The value that this text stands for, in the current memory context. The text is in the server's encoding and
    /// NUL-terminated. NULL is passed to functions that want to see it (domains check it); the result is `None` if
    /// the value is NULL. Typmod is -1: lengths and precisions aren't enforced, as for any function's result.
    pub fn read(&self, text: Option<&CStr>) -> Option<Datum> {
        let pointer = text.map_or(std::ptr::null_mut(), |text| text.as_ptr().cast_mut());
        // SAFETY: input functions don't write to their argument.
        let datum = self.0.with(|info, parameter| unsafe { pg_sys::InputFunctionCall(info, pointer, parameter, -1) });
        text.map(|_| datum)
    }
}

/// A type's output function, ready to be called.
#[derive(Debug)]
pub struct Output(TypeFunction);

impl Output {
    /// Looks the function up; what it notes for itself may be kept in `context`, which must outlive it.
    pub fn of(oid: Oid, context: &OwnedContext) -> Output {
        Output(TypeFunction::of(oid, look_up_output, context))
    }

    /// Appends the value's text form, as UTF-8.
    pub fn write(&self, value: Datum, out: &mut Vec<u8>) {
        // SAFETY: the caller's Datum is of the type that this is for; the result is palloc'd and NUL-terminated.
        unsafe {
            let text = self.0.with(|info, _| pg_sys::OutputFunctionCall(info, value));
            memory::extend(out, &encoding::server_to_wire(CStr::from_ptr(text).to_bytes()));
            pg_sys::pfree(text.cast());
        }
    }
}

fn look_up_input(oid: Oid) -> (Oid, Oid) {
    let (mut function, mut parameter) = (pg_sys::InvalidOid, pg_sys::InvalidOid);
    // SAFETY: raises an ERROR if the type doesn't exist or has no input function.
    unsafe { pg_sys::getTypeInputInfo(oid, &raw mut function, &raw mut parameter) };
    (function, parameter)
}

fn look_up_output(oid: Oid) -> (Oid, Oid) {
    let (mut function, mut is_varlena) = (pg_sys::InvalidOid, false);
    // SAFETY: raises an ERROR if the type doesn't exist or has no output function.
    unsafe { pg_sys::getTypeOutputInfo(oid, &raw mut function, &raw mut is_varlena) };
    (function, pg_sys::InvalidOid)
}
