//! A type's function (`lsyscache.h`, `fmgr.h`), called for one value after the other: it reads the type's text or binary form,
//! or writes it.
//!
//! Such a function may run code of users: a domain's checks, in an array, a row or a range as well. What that code has begun
//! is in the function's `FmgrInfo` (`fn_extra`), for which PostgreSQL has three rules that it keeps by itself, since it makes a
//! new one for each statement: it is in use once at a time, it isn't used again after an ERROR, and it is used by the role that
//! it was set up for. Here it is kept from call to call. So it is taken out while it is in use: a call of the same type inside
//! of it makes its own, and an ERROR drops it. And it is made again when the circumstances are others.
//!
//! Functions of built-in types run no code of users, and what they keep they check themselves. For them one is enough.

use super::circumstances::Circumstances;
use super::inval;
use super::memory::OwnedContext;
use pgrx::pg_sys::{self, FmgrInfo, Oid};
use std::cell::{Cell, UnsafeCell};
use std::ffi::CStr;
use std::fmt;

/// Looks up a type's function, and what it wants to be told besides the value (`typioparam`). Raises an ERROR if the type
/// doesn't exist or has no such function.
pub(super) type LookUp = fn(Oid) -> (Oid, Oid);

/// A type's function, ready to be called.
pub(super) struct TypeFunction(Kind);

enum Kind {
    /// An UnsafeCell, because the function keeps its own notes in it.
    BuiltIn { info: Box<UnsafeCell<FmgrInfo>>, parameter: Oid },
    /// `prepared` is empty while the function runs.
    Any { type_oid: Oid, look_up: LookUp, prepared: Cell<Option<Box<Prepared>>> },
}

impl fmt::Debug for TypeFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::BuiltIn { parameter, .. } => f.debug_tuple("BuiltIn").field(parameter).finish(),
            Kind::Any { type_oid, .. } => f.debug_tuple("Any").field(type_oid).finish(),
        }
    }
}

/// A function that has been set up.
struct Prepared {
    info: FmgrInfo,
    parameter: Oid,
    circumstances: Circumstances,
    /// A type may get other functions, a domain other checks.
    type_changes: u64,
    /// Where a function in SQL has looked names up.
    search_path: Box<CStr>,
    /// Where its notes are. Deleted when this is dropped, also while an ERROR unwinds: as for an executor's state, what they
    /// refer to is released by the resource owner.
    _context: OwnedContext,
}

impl TypeFunction {
    /// For this type. A built-in type's function is looked up now, and its notes are kept in `context`, which must outlive it.
    pub fn of(type_oid: Oid, look_up: LookUp, context: &OwnedContext) -> TypeFunction {
        let (function, parameter) = look_up(type_oid);
        TypeFunction(match is_built_in(type_oid) {
            true => Kind::BuiltIn { info: Box::new(UnsafeCell::new(function_info(function, context))), parameter },
            false => Kind::Any { type_oid, look_up, prepared: Cell::new(None) },
        })
    }

    /// Has `call` call the function; it gets what the function is called with besides the value.
    pub fn with<T>(&self, call: impl FnOnce(*mut FmgrInfo, Oid) -> T) -> T {
        match &self.0 {
            Kind::BuiltIn { info, parameter } => call(info.get(), *parameter),
            Kind::Any { type_oid, look_up, prepared } => {
                let taken = prepared.take().filter(|taken| taken.is_current());
                let mut taken = taken.unwrap_or_else(|| Prepared::new(*type_oid, *look_up));
                let result = call(&raw mut taken.info, taken.parameter);
                if !taken.circumstances.is_watched {
                    prepared.set(Some(taken));
                }
                result
            }
        }
    }
}

impl Prepared {
    fn new(type_oid: Oid, look_up: LookUp) -> Box<Prepared> {
        // Before the look-up, so that a change meanwhile is noticed.
        let (circumstances, type_changes) = (Circumstances::now(), inval::type_changes());
        let search_path = with_search_path(|path| Box::from(path));
        let (function, parameter) = look_up(type_oid);
        let context = OwnedContext::for_backend(c"plproxy type function");
        let info = function_info(function, &context);
        Box::new(Prepared { info, parameter, circumstances, type_changes, search_path, _context: context })
    }

    fn is_current(&self) -> bool {
        self.circumstances == Circumstances::now()
            && self.type_changes == inval::type_changes()
            && with_search_path(|now| *self.search_path == *now)
    }
}

/// Whether PostgreSQL itself brings the type, with functions that nobody changes. (Types that a superuser has made in an
/// installation's template, such as those of the information schema, have higher numbers.)
fn is_built_in(type_oid: Oid) -> bool {
    type_oid.to_u32() < pg_sys::FirstGenbkiObjectId
}

/// Shows `look` the setting `search_path`.
fn with_search_path<T>(look: impl FnOnce(&CStr) -> T) -> T {
    // SAFETY: a setting's variable, which is text once the backend runs queries, and stays as it is while `look` calls nothing.
    look(unsafe { CStr::from_ptr(pg_sys::namespace_search_path) })
}

/// A function, looked up for many calls; what it notes for itself is kept in `context`, which must outlive the result.
fn function_info(function: Oid, context: &OwnedContext) -> FmgrInfo {
    // SAFETY: FmgrInfo is plain C data, which may be moved; fmgr_info_cxt fills it in, with `context` for the function's notes.
    unsafe {
        let mut info: FmgrInfo = std::mem::zeroed();
        pg_sys::fmgr_info_cxt(function, &raw mut info, context.as_ptr());
        info
    }
}
