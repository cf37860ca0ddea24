//! Types' own binary form (`lsyscache.h`, `fmgr.h`). Not for text: that would be converted from and to the encoding of
//! this session's client.

use super::memory::OwnedContext;
use super::type_io::function_info;
use super::varlena;
use pgrx::pg_sys::{self, Datum, Oid};
use std::cell::UnsafeCell;

/// Whether there are infinite intervals. Before there were, their bytes meant something else.
pub const HAS_INFINITE_INTERVALS: bool = !cfg!(any(feature = "pg14", feature = "pg15", feature = "pg16"));

/// A type's receive function, ready to be called.
#[derive(Debug)]
pub struct Receive {
    function: Box<UnsafeCell<pg_sys::FmgrInfo>>,
    parameter: Oid,
}

impl Receive {
    /// Looks the function up; its notes are kept in `context`, which must outlive it.
    pub fn of(oid: Oid, context: &OwnedContext) -> Receive {
        let (mut function, mut parameter) = (pg_sys::InvalidOid, pg_sys::InvalidOid);
        // SAFETY: raises an ERROR if the type doesn't exist or has no receive function.
        unsafe { pg_sys::getTypeBinaryInputInfo(oid, &raw mut function, &raw mut parameter) };
        Receive { function: function_info(function, context), parameter }
    }

    /// The value that these bytes stand for, in the current memory context. `None` if the function leaves some of them;
    /// for what else it doesn't like it raises an ERROR. Typmod is -1. `scratch` is for the function's own copy.
    pub fn read(&self, bytes: &[u8], scratch: &mut Vec<u8>) -> Option<Datum> {
        scratch.clear();
        scratch.extend_from_slice(bytes);
        scratch.push(0);
        // The field of a message, which is of less than 2 GB.
        let len = i32::try_from(bytes.len()).ok()?;
        let mut message =
            pg_sys::StringInfoData { data: scratch.as_mut_ptr().cast(), len, maxlen: len.saturating_add(1), cursor: 0 };
        // SAFETY: the message is `len` bytes and a NUL, as a StringInfo has to be, and the function's to change; it reads
        // no further, and appends nothing. fmgr allows a FmgrInfo to be in use more than once.
        let value = unsafe { pg_sys::ReceiveFunctionCall(self.function.get(), &raw mut message, self.parameter, -1) };
        (message.cursor == len).then_some(value)
    }
}

/// A type's send function, ready to be called.
#[derive(Debug)]
pub struct Send {
    function: Box<UnsafeCell<pg_sys::FmgrInfo>>,
}

impl Send {
    /// Looks the function up; its notes are kept in `context`, which must outlive it.
    pub fn of(oid: Oid, context: &OwnedContext) -> Send {
        let (mut function, mut varlena) = (pg_sys::InvalidOid, false);
        // SAFETY: raises an ERROR if the type doesn't exist or has no send function.
        unsafe { pg_sys::getTypeBinaryOutputInfo(oid, &raw mut function, &raw mut varlena) };
        Send { function: function_info(function, context) }
    }

    /// Appends the value's binary form.
    pub fn write(&self, value: Datum, out: &mut Vec<u8>) {
        // SAFETY: the caller's Datum is of the type that this is for; the result is a palloc'd bytea of its own.
        unsafe {
            let bytes = pg_sys::SendFunctionCall(self.function.get(), value);
            varlena::with_bytes(Datum::from(bytes), |bytes| out.extend_from_slice(bytes));
            pg_sys::pfree(bytes.cast());
        }
    }
}
