//! Types' own binary form (`lsyscache.h`, `fmgr.h`). Not for text: that would be converted from and to the encoding of
//! this session's client.

use super::memory::{self, OwnedContext};
use super::type_function::TypeFunction;
use super::varlena;
use pgrx::pg_sys::{self, Datum, Oid};

/// Whether there are infinite intervals. Before there were, their bytes meant something else.
pub const HAS_INFINITE_INTERVALS: bool = !cfg!(any(feature = "pg14", feature = "pg15", feature = "pg16"));

/// A type's receive function, ready to be called.
#[derive(Debug)]
pub struct Receive(TypeFunction);

impl Receive {
    /// Looks the function up; what it notes for itself may be kept in `context`, which must outlive it.
    pub fn of(oid: Oid, context: &OwnedContext) -> Receive {
        Receive(TypeFunction::of(oid, look_up_receive, context))
    }

    /// The value that these bytes stand for, in the current memory context. `None` if the function leaves some of them;
    /// for what else it doesn't like, or if there is no memory for it, it raises an ERROR. Typmod is -1. `scratch` is for the function's own copy.
    pub fn read(&self, bytes: &[u8], scratch: &mut Vec<u8>) -> Option<Datum> {
        scratch.clear();
        memory::reserve_ahead(scratch, bytes.len() + 1);
        scratch.extend_from_slice(bytes);
        scratch.push(0);
        // The field of a message, which is of less than 2 GB.
        let len = i32::try_from(bytes.len()).ok()?;
        let mut message =
            pg_sys::StringInfoData { data: scratch.as_mut_ptr().cast(), len, maxlen: len.saturating_add(1), cursor: 0 };
        // SAFETY: the message is `len` bytes and a NUL, as a StringInfo has to be, and the function's to change; it reads
        // no further, and appends nothing.
        let value = self
            .0
            .with(|info, parameter| unsafe { pg_sys::ReceiveFunctionCall(info, &raw mut message, parameter, -1) });
        (message.cursor == len).then_some(value)
    }
}

/// A type's send function, ready to be called.
#[derive(Debug)]
pub struct Send(TypeFunction);

impl Send {
    /// Looks the function up; what it notes for itself may be kept in `context`, which must outlive it.
    pub fn of(oid: Oid, context: &OwnedContext) -> Send {
        Send(TypeFunction::of(oid, look_up_send, context))
    }

    /// Appends the value's binary form.
    pub fn write(&self, value: Datum, out: &mut Vec<u8>) {
        // SAFETY: the caller's Datum is of the type that this is for; the result is a palloc'd bytea of its own.
        unsafe {
            let bytes = self.0.with(|info, _| pg_sys::SendFunctionCall(info, value));
            varlena::with_bytes(Datum::from(bytes), |bytes| memory::extend(out, bytes));
            pg_sys::pfree(bytes.cast());
        }
    }
}

fn look_up_receive(oid: Oid) -> (Oid, Oid) {
    let (mut function, mut parameter) = (pg_sys::InvalidOid, pg_sys::InvalidOid);
    // SAFETY: raises an ERROR if the type doesn't exist or has no receive function.
    unsafe { pg_sys::getTypeBinaryInputInfo(oid, &raw mut function, &raw mut parameter) };
    (function, parameter)
}

fn look_up_send(oid: Oid) -> (Oid, Oid) {
    let (mut function, mut is_varlena) = (pg_sys::InvalidOid, false);
    // SAFETY: raises an ERROR if the type doesn't exist or has no send function.
    unsafe { pg_sys::getTypeBinaryOutputInfo(oid, &raw mut function, &raw mut is_varlena) };
    (function, pg_sys::InvalidOid)
}
