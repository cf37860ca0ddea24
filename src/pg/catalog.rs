//! Rows of `pg_proc`: what a function is, and whether it is still the one that was compiled.

use super::{encoding, type_io};
use pgrx::pg_sys::{self, Oid};
use std::ffi::{c_char, c_int};

/// Which version of a catalog row was read: it differs after every change of the row. (The transaction that wrote it
/// alone isn't enough: one transaction can change a row twice.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowVersion {
    xmin: u32,
    block: (u16, u16),
    offset: u16,
}

/// An argument whose value the caller passes: IN, INOUT or VARIADIC.
#[derive(Clone, Debug)]
pub struct ProcedureArgument {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its type.
    pub type_oid: Oid,
}

/// What pg_proc says of a function.
#[derive(Clone, Debug)]
pub struct Procedure {
    /// Version of the row.
    pub version: RowVersion,
    /// Whether it is declared VOLATILE.
    pub is_volatile: bool,
    /// Whether it has a VARIADIC argument.
    pub is_variadic: bool,
    /// Whether it returns a set.
    pub returns_set: bool,
    /// The body.
    pub source: String,
    /// The arguments that a call passes.
    pub arguments: Vec<ProcedureArgument>,
}

/// A pinned syscache tuple, released when dropped.
struct ProcTuple(pg_sys::HeapTuple);

impl ProcTuple {
    fn find(function: Oid) -> Option<ProcTuple> {
        // SAFETY: a syscache look-up by OID.
        let tuple = unsafe {
            pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::PROCOID as i32, pg_sys::Datum::from(function))
        };
        (!tuple.is_null()).then(|| ProcTuple(tuple))
    }

    fn version(&self) -> RowVersion {
        // SAFETY: the tuple is pinned and has a header.
        unsafe {
            let place = (*self.0).t_self;
            RowVersion {
                xmin: (*(*self.0).t_data).t_choice.t_heap.t_xmin.into_inner(),
                block: (place.ip_blkid.bi_hi, place.ip_blkid.bi_lo),
                offset: place.ip_posid,
            }
        }
    }
}

impl Drop for ProcTuple {
    fn drop(&mut self) {
        // SAFETY: pinned by us. After an ERROR the resource owner still has the pin while the stack unwinds: the
        // transaction is only aborted by whoever catches it.
        unsafe { pg_sys::ReleaseSysCache(self.0) }
    }
}

/// The current version of a function's row. `None` if there is no such function.
pub fn procedure_version(function: Oid) -> Option<RowVersion> {
    ProcTuple::find(function).map(|tuple| tuple.version())
}

/// A function's name as SQL wants it, with the schema's. `None` if there is no such function.
pub fn qualified_procedure_name(function: Oid) -> Option<String> {
    let tuple = ProcTuple::find(function)?;
    // SAFETY: the fixed part of a pg_proc row is always there, and a Name is NUL-terminated.
    let (namespace, name) = unsafe {
        let row = &*pg_sys::GETSTRUCT(tuple.0).cast::<pg_sys::FormData_pg_proc>();
        (row.pronamespace, encoding::from_server_cstr(row.proname.data.as_ptr()))
    };
    type_io::qualified_name(namespace, &name)
}

/// Reads a function's row. `None` if there is no such function.
pub fn procedure(function: Oid) -> Option<Procedure> {
    let tuple = ProcTuple::find(function)?;
    // SAFETY: the fixed part of a pg_proc row is always there.
    let row = unsafe { &*pg_sys::GETSTRUCT(tuple.0).cast::<pg_sys::FormData_pg_proc>() };
    Some(Procedure {
        version: tuple.version(),
        is_volatile: row.provolatile == pg_sys::PROVOLATILE_VOLATILE as c_char,
        is_variadic: row.provariadic != pg_sys::InvalidOid,
        returns_set: row.proretset,
        source: source(&tuple),
        arguments: arguments(&tuple),
    })
}

fn source(tuple: &ProcTuple) -> String {
    let mut is_null = true;
    // SAFETY: prosrc is a text column, never NULL for a function of a procedural language; text_to_cstring detoasts
    // and returns palloc'd text.
    unsafe {
        let source = pg_sys::SysCacheGetAttr(
            pg_sys::SysCacheIdentifier::PROCOID as c_int,
            tuple.0,
            pg_sys::Anum_pg_proc_prosrc as i16,
            &raw mut is_null,
        );
        if is_null {
            return String::new();
        }
        encoding::from_server_cstr(pg_sys::text_to_cstring(source.cast_mut_ptr()))
    }
}

fn arguments(tuple: &ProcTuple) -> Vec<ProcedureArgument> {
    let (mut types, mut names, mut modes) = (std::ptr::null_mut(), std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: get_func_arg_info fills palloc'd arrays of the length it returns; `names` and `modes` may stay NULL,
    // and so may single names.
    unsafe {
        let count = pg_sys::get_func_arg_info(tuple.0, &raw mut types, &raw mut names, &raw mut modes);
        (0..count as usize)
            .filter(|&i| {
                let mode = if modes.is_null() { pg_sys::PROARGMODE_IN } else { *modes.add(i) as u8 };
                mode != pg_sys::PROARGMODE_OUT && mode != pg_sys::PROARGMODE_TABLE
            })
            .map(|i| {
                let name = if names.is_null() { std::ptr::null_mut() } else { *names.add(i) };
                let name = (!name.is_null()).then(|| encoding::from_server_cstr(name));
                ProcedureArgument { name: name.filter(|n| !n.is_empty()), type_oid: *types.add(i) }
            })
            .collect()
    }
}

/// Whether the function is of a language that this C function is the handler of, whatever the language is called.
pub fn is_handled_by(function: Oid, handler: &str) -> bool {
    let Some(tuple) = ProcTuple::find(function) else { return false };
    // SAFETY: a syscache look-up; the fixed parts of the rows are always there.
    let handler_oid = unsafe {
        let language = (*pg_sys::GETSTRUCT(tuple.0).cast::<pg_sys::FormData_pg_proc>()).prolang;
        let language = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::LANGOID as c_int, language.into());
        if language.is_null() {
            return false;
        }
        let handler = (*pg_sys::GETSTRUCT(language).cast::<pg_sys::FormData_pg_language>()).lanplcallfoid;
        pg_sys::ReleaseSysCache(language);
        handler
    };
    // prosrc of a C function is its name.
    ProcTuple::find(handler_oid).is_some_and(|tuple| source(&tuple) == handler)
}

/// The arguments of a call of the function as its declaration orders them, with its defaults where the call has none.
/// `result` is the call's result type. The list is in the current memory context.
///
/// # Safety
/// `arguments` are those of an analyzed call of the function.
pub(super) unsafe fn with_all_arguments(function: Oid, arguments: *mut pg_sys::List, result: Oid) -> *mut pg_sys::List {
    let Some(tuple) = ProcTuple::find(function) else { return arguments };
    // SAFETY: the caller's promise; the tuple is pinned.
    unsafe { pg_sys::expand_function_arguments(arguments, false, result, tuple.0) }
}

/// Whether a schema has a function of this name that takes one `text`.
pub fn text_function_exists(schema: &str, name: &str) -> bool {
    text_function(schema, name).is_some()
}

/// Whether the current user may call the function of this name that takes one `text`: he has USAGE on the schema, and
/// EXECUTE. `false` if there is none.
pub fn may_call_text_function(schema: &str, name: &str) -> bool {
    text_function(schema, name).is_some_and(|(namespace, function)| {
        // SAFETY: look-ups in the catalog caches.
        unsafe {
            let user = pg_sys::GetUserId();
            #[cfg(any(feature = "pg14", feature = "pg15"))]
            let results = [
                pg_sys::pg_namespace_aclcheck(namespace, user, pg_sys::ACL_USAGE),
                pg_sys::pg_proc_aclcheck(function, user, pg_sys::ACL_EXECUTE),
            ];
            #[cfg(not(any(feature = "pg14", feature = "pg15")))]
            let results = [
                pg_sys::object_aclcheck(pg_sys::NamespaceRelationId, namespace, user, pg_sys::ACL_USAGE.into()),
                pg_sys::object_aclcheck(pg_sys::ProcedureRelationId, function, user, pg_sys::ACL_EXECUTE.into()),
            ];
            results.iter().all(|&result| result == pg_sys::AclResult::ACLCHECK_OK)
        }
    })
}

/// The owner of a schema. `None` if there is no such schema.
pub fn schema_owner(schema: &str) -> Option<Oid> {
    let schema = encoding::to_server_cstring(schema);
    // SAFETY: NUL-terminated text; with missing_ok the result is InvalidOid instead of an ERROR. The syscache tuple is pinned
    // until ReleaseSysCache, and the fixed part of a pg_namespace row is always there.
    unsafe {
        let namespace = pg_sys::get_namespace_oid(schema.as_ptr().cast(), true);
        let cache = pg_sys::SysCacheIdentifier::NAMESPACEOID as c_int;
        let tuple = pg_sys::SearchSysCache1(cache, pg_sys::Datum::from(namespace));
        if tuple.is_null() {
            return None;
        }
        let owner = (*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_namespace>()).nspowner;
        pg_sys::ReleaseSysCache(tuple);
        Some(owner)
    }
}

/// The schema, and in it the function of this name that takes one `text`.
fn text_function(schema: &str, name: &str) -> Option<(Oid, Oid)> {
    let (schema, name) = (encoding::to_server_cstring(schema), encoding::to_server_cstring(name));
    // SAFETY: NUL-terminated text; with missing_ok the result is InvalidOid instead of an ERROR. buildoidvector copies
    // its argument.
    unsafe {
        let namespace = pg_sys::get_namespace_oid(schema.as_ptr().cast(), true);
        let arguments = pg_sys::buildoidvector([pg_sys::TEXTOID].as_ptr(), 1);
        if namespace == pg_sys::InvalidOid {
            return None;
        }
        let function = pg_sys::GetSysCacheOid(
            pg_sys::SysCacheIdentifier::PROCNAMEARGSNSP as c_int,
            pg_sys::Anum_pg_proc_oid as i16,
            pg_sys::Datum::from(name.as_ptr()),
            pg_sys::Datum::from(arguments),
            pg_sys::Datum::from(namespace),
            pg_sys::Datum::null(),
        );
        (function != pg_sys::InvalidOid).then_some((namespace, function))
    }
}
