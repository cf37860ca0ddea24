//! The call that PostgreSQL makes to us (`fmgr.h`, the set-returning part of `funcapi.h`).

use super::row_type::RowType;
use super::tuplestore::{RowStore, work_mem};
use pgrx::pg_sys::{self, Datum, Oid};

/// One call of a function of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call(pg_sys::FunctionCallInfo);

impl Call {
    /// # Safety
    /// `fcinfo` is what PostgreSQL passed to the C function that is running.
    pub unsafe fn new(fcinfo: pg_sys::FunctionCallInfo) -> Call {
        Call(fcinfo)
    }

    fn info(&self) -> &pg_sys::FunctionCallInfoBaseData {
        // SAFETY: valid while the C function runs, by the promise of `new`.
        unsafe { &*self.0 }
    }

    /// For the backend's functions that want it.
    pub(super) fn info_ptr(&self) -> pg_sys::FunctionCallInfo {
        self.0
    }

    /// The function that is called.
    pub fn function(&self) -> Oid {
        // SAFETY: fmgr sets flinfo for every call of a language's handler.
        unsafe { (*self.info().flinfo).fn_oid }
    }

    /// Whether it is called as a trigger. An event trigger is known by what its function returns.
    pub fn is_trigger(&self) -> bool {
        // SAFETY: context is NULL or a node.
        unsafe { self.info().context.as_ref() }.is_some_and(|node| node.type_ == pg_sys::NodeTag::T_TriggerData)
    }

    /// An argument's value; `None` if it is NULL.
    pub fn argument(&self, index: usize) -> Option<Datum> {
        let info = self.info();
        assert!(index < info.nargs as usize, "argument {index} of {}", info.nargs);
        // SAFETY: fcinfo has `nargs` arguments.
        let argument = unsafe { *info.args.as_ptr().add(index) };
        (!argument.isnull).then_some(argument.value)
    }

    /// The result: NULL.
    pub fn null(&self) -> Datum {
        // SAFETY: fcinfo is ours to write the result's null flag to.
        unsafe { (*self.0).isnull = true };
        Datum::null()
    }

    /// Starts the result of a set-returning function in materialize mode: everything that is appended to the store is
    /// returned. `None` if the caller can't take a set. Must be called at most once for a call.
    pub fn begin_set(&self, row_type: &RowType) -> Option<RowStore> {
        // SAFETY: resultinfo is NULL or a node; a ReturnSetInfo's econtext is there. The store and the descriptor
        // must live in the per-query context, and from then on belong to the executor.
        unsafe {
            let info = self.info().resultinfo.cast::<pg_sys::ReturnSetInfo>().as_mut()?;
            let modes = info.allowedModes as u32;
            if info.type_ != pg_sys::NodeTag::T_ReturnSetInfo
                || modes & pg_sys::SetFunctionReturnMode::SFRM_Materialize == 0
            {
                return None;
            }
            let random_access = modes & pg_sys::SetFunctionReturnMode::SFRM_Materialize_Random != 0;
            super::memory::enter((*info.econtext).ecxt_per_query_memory, || {
                let store = pg_sys::tuplestore_begin_heap(random_access, false, work_mem());
                info.returnMode = pg_sys::SetFunctionReturnMode::SFRM_Materialize;
                info.setResult = store;
                info.setDesc = pg_sys::CreateTupleDescCopy(row_type.descriptor());
                Some(RowStore::from_ptr(store))
            })
        }
    }
}

/// `check_function_bodies`: off while a dump is restored, when what a body uses may not exist yet.
pub fn check_function_bodies() -> bool {
    // SAFETY: a GUC's variable.
    unsafe { pg_sys::check_function_bodies }
}

/// `standard_conforming_strings`: whether a backslash in `'…'` is an ordinary character.
pub fn standard_conforming_strings() -> bool {
    // PostgreSQL 19 did away with the choice.
    #[cfg(feature = "pg19")]
    return true;
    // SAFETY: a GUC's variable.
    #[cfg(not(feature = "pg19"))]
    return unsafe { pg_sys::standard_conforming_strings };
}

/// Whether the calling user may have this function validated by the validator `validator`.
pub fn validator_may_check(validator: Oid, function: Oid) -> bool {
    // SAFETY: raises an ERROR if it may not, and returns false if there is nothing to do.
    unsafe { pg_sys::CheckFunctionValidatorAccess(validator, function) }
}
