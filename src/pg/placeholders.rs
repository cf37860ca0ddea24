//! Settings by their names (`guc_tables.h`): those that are defined, and placeholders, which PostgreSQL makes for a name with
//! a dot in it that nobody has defined.

use pgrx::pg_sys;
use std::ffi::{CStr, c_int};

/// Names of settings.
#[derive(Debug, Default)]
pub struct Names {
    /// Of those that the library that owns the prefix, or another one, has defined.
    pub defined: Vec<String>,
    /// Of those that are only set.
    pub placeholders: Vec<String>,
}

/// The names that begin so, in any case. Those that aren't UTF-8 are left out.
pub fn with_prefix(prefix: &str) -> Names {
    let mut names = Names::default();
    // SAFETY: the backend's array has as many settings as it says, each with a NUL-terminated name. Nothing here changes it.
    // Since PostgreSQL 16 it is a copy for the caller.
    unsafe {
        let mut count: c_int = 0;
        #[cfg(any(feature = "pg14", feature = "pg15"))]
        let settings = {
            count += pg_sys::GetNumConfigOptions();
            pg_sys::get_guc_variables()
        };
        #[cfg(not(any(feature = "pg14", feature = "pg15")))]
        let settings = pg_sys::get_guc_variables(&raw mut count);
        for i in 0..count as usize {
            let setting = &**settings.add(i);
            let Ok(name) = CStr::from_ptr(setting.name).to_str() else { continue };
            if !name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)) {
                continue;
            }
            let name = name.to_owned();
            let is_placeholder = setting.flags & pg_sys::GUC_CUSTOM_PLACEHOLDER as c_int != 0;
            if is_placeholder { names.placeholders.push(name) } else { names.defined.push(name) }
        }
        #[cfg(not(any(feature = "pg14", feature = "pg15")))]
        pg_sys::pfree(settings.cast());
    }
    names
}

/// Whether so few letters must be put in, taken away or replaced to make one name of another. Only of names that are ASCII: how
/// long another character is depends on the database's encoding.
pub fn are_near(one: &str, other: &str, most: i32) -> bool {
    const LONGEST: usize = 100;
    if !one.is_ascii() || !other.is_ascii() || one.len().max(other.len()) > LONGEST {
        return false;
    }
    let length = |name: &str| name.len() as c_int;
    // SAFETY: reads as many bytes as it is told, each of which is a character.
    let distance = unsafe {
        pg_sys::varstr_levenshtein_less_equal(
            one.as_ptr().cast(),
            length(one),
            other.as_ptr().cast(),
            length(other),
            1,
            1,
            1,
            most,
            true,
        )
    };
    distance <= most
}
