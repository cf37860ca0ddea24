//! Under what functions were set up to be called (`executor/execExpr.h`, `fmgr.h`).
//!
//! What PostgreSQL's evaluator and its type functions keep of a call holds for a time: they have checked who may call what, and
//! have read what the functions are. PostgreSQL itself makes it anew for each statement. What is kept for longer here is kept
//! together with the circumstances that it was made under.

use super::inval;
use pgrx::pg_sys::{self, Oid};

/// What a function was set up under. Under anything else it must be set up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Circumstances {
    /// Who may call a function is checked when it is set up.
    user: Oid,
    /// So is what the function is.
    function_changes: u64,
    /// A function in SQL has planned its queries.
    relation_changes: u64,
    /// Whether its calls are counted is settled, too.
    track_functions: i32,
    /// A hook that is there wants to be told whenever a function is set up.
    pub is_watched: bool,
}

impl Circumstances {
    /// Those of now.
    pub fn now() -> Circumstances {
        Circumstances {
            // SAFETY: reads a variable of the backend.
            user: unsafe { pg_sys::GetUserId() },
            function_changes: inval::function_changes(),
            relation_changes: inval::relation_changes(),
            // SAFETY: a variable of the backend.
            track_functions: unsafe { pg_sys::pgstat_track_functions },
            is_watched: is_watched(),
        }
    }
}

/// Whether somebody wants to be told whenever a function is set up.
pub(super) fn is_watched() -> bool {
    // SAFETY: a variable of the backend.
    let hook = unsafe { pg_sys::object_access_hook };
    hook.is_some()
}
