//! Reports to the client and the log: `elog.h`, called directly.
//!
//! pgrx's own `ereport!` can't set CONTEXT, and below ERROR it may unwind through a pending interrupt; so errors and
//! notices of this extension pass here instead. There are two ways out: [`boundary`] for errors, [`emit`] for
//! everything milder.

use super::encoding;
use super::memory::OwnedContext;
use pgrx::pg_sys;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

/// A five-character SQLSTATE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SqlState(pub [u8; 5]);

impl SqlState {
    /// The code from text that a server sent; what isn't five characters of the SQLSTATE alphabet becomes XX000.
    pub fn from_wire(code: &[u8]) -> SqlState {
        match <[u8; 5]>::try_from(code) {
            Ok(code) if code.iter().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()) => SqlState(code),
            _ => SqlState(*b"XX000"),
        }
    }

    /// PostgreSQL's packed form: six bits a character, the first one lowest (`MAKE_SQLSTATE`).
    fn packed(self) -> c_int {
        self.0.iter().rev().fold(0, |packed, &c| (packed << 6) | (c_int::from(c.wrapping_sub(b'0')) & 0x3f))
    }
}

/// How severe a [`Report`] passed to [`emit`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For developers: hidden unless asked for.
    Debug1,
    /// For the log alone, unless a client asks for more.
    Log,
    /// For the client.
    Notice,
    /// For the client and the log.
    Warning,
}

impl Level {
    fn number(self) -> c_int {
        let number = match self {
            Level::Debug1 => pg_sys::DEBUG1,
            Level::Log => pg_sys::LOG,
            Level::Notice => pg_sys::NOTICE,
            Level::Warning => pg_sys::WARNING,
        };
        number as c_int
    }
}

/// What `ereport` is told, in UTF-8. Positions count characters from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// SQLSTATE.
    pub sqlstate: SqlState,
    /// Primary message.
    pub message: String,
    /// DETAIL.
    pub detail: Option<String>,
    /// HINT.
    pub hint: Option<String>,
    /// CONTEXT.
    pub context: Option<String>,
    /// Cursor position in the statement.
    pub position: Option<u32>,
    /// Cursor position in `internal_query`.
    pub internal_position: Option<u32>,
    /// QUERY.
    pub internal_query: Option<String>,
}

impl Report {
    /// A report with nothing but a code and a message.
    pub fn new(sqlstate: SqlState, message: impl Into<String>) -> Report {
        Report {
            sqlstate,
            message: message.into(),
            detail: None,
            hint: None,
            context: None,
            position: None,
            internal_position: None,
            internal_query: None,
        }
    }
}

/// A [`Report`] as plain C data: strings palloc'd in the server's encoding, nothing to drop. The frame that calls
/// `errfinish` may only hold such.
#[derive(Clone, Copy)]
struct RawReport {
    sqlstate: c_int,
    message: *const c_char,
    detail: *const c_char,
    hint: *const c_char,
    context: *const c_char,
    position: c_int,
    internal_position: c_int,
    internal_query: *const c_char,
}

impl RawReport {
    fn new(report: &Report) -> RawReport {
        let text = |text: &Option<String>| text.as_deref().map_or(ptr::null(), encoding::palloc_lossy);
        let position = |position: Option<u32>| position.and_then(|p| c_int::try_from(p).ok()).unwrap_or(0);
        RawReport {
            sqlstate: report.sqlstate.packed(),
            message: encoding::palloc_lossy(&report.message),
            detail: text(&report.detail),
            hint: text(&report.hint),
            context: text(&report.context),
            position: position(report.position),
            internal_position: position(report.internal_position),
            internal_query: text(&report.internal_query),
        }
    }
}

// pgrx keeps these out of its bindings, because called from an ordinary Rust frame they would longjmp over it.
unsafe extern "C-unwind" {
    fn errstart(elevel: c_int, domain: *const c_char) -> bool;
    fn errcode(sqlerrcode: c_int) -> c_int;
    fn errmsg_internal(fmt: *const c_char, ...) -> c_int;
    fn errdetail_internal(fmt: *const c_char, ...) -> c_int;
    fn errhint(fmt: *const c_char, ...) -> c_int;
    fn set_errcontext_domain(domain: *const c_char) -> c_int;
    fn errcontext_msg(fmt: *const c_char, ...) -> c_int;
    fn geterrcode() -> c_int;
    fn geterrposition() -> c_int;
    fn errposition(cursorpos: c_int) -> c_int;
    fn internalerrposition(cursorpos: c_int) -> c_int;
    fn internalerrquery(query: *const c_char) -> c_int;
    fn errfinish(filename: *const c_char, lineno: c_int, funcname: *const c_char);
}

/// `ereport(level, …)`.
///
/// # Safety
/// No frame between here and the nearest `PG_TRY` (or [`pg_sys::ffi::pg_guard_ffi_boundary`]) may own anything that
/// needs dropping: at ERROR this longjmps, and below it an error-context callback may.
unsafe fn raise(level: c_int, report: RawReport) {
    const TEXT: *const c_char = c"%s".as_ptr();
    // SAFETY: elog.c's calling sequence: errstart, then any of the field setters if it said true, then errfinish.
    // The strings are NUL-terminated and palloc'd; the field setters copy them.
    unsafe {
        if !errstart(level, ptr::null()) {
            return;
        }
        errcode(report.sqlstate);
        errmsg_internal(TEXT, report.message);
        if !report.detail.is_null() {
            errdetail_internal(TEXT, report.detail);
        }
        if !report.hint.is_null() {
            errhint(TEXT, report.hint);
        }
        if !report.context.is_null() {
            set_errcontext_domain(ptr::null());
            errcontext_msg(TEXT, report.context);
        }
        if report.position > 0 {
            errposition(report.position);
        }
        if report.internal_position > 0 {
            internalerrposition(report.internal_position);
        }
        if !report.internal_query.is_null() {
            internalerrquery(report.internal_query);
        }
        errfinish(c"plproxy".as_ptr(), line!() as c_int, c"raise".as_ptr());
    }
}

/// Runs the body of a C entry point: its `Err` becomes a PostgreSQL ERROR, a PostgreSQL ERROR that passed through it
/// goes on unchanged, and a Rust panic becomes an ERROR of internal kind.
///
/// # Safety
/// To be called as the whole body of an `extern "C-unwind"` function that PostgreSQL calls, whose own frame holds
/// nothing to drop.
pub unsafe fn boundary<T: Copy, E: Into<Report>>(body: impl FnOnce() -> Result<T, E>) -> T {
    // The report is made plain inside the guard, so that nothing is left to drop when it is raised outside.
    let guarded = || body().map_err(|error| RawReport::new(&error.into()));
    // SAFETY: the caller's promise is the one that pgrx asks for.
    match unsafe { pgrx::pgrx_extern_c_guard(guarded) } {
        Ok(value) => value,
        Err(report) => {
            // SAFETY: `report` is plain data, and so is everything else in this frame and, by promise, the caller's.
            unsafe { raise(pg_sys::PGERROR as c_int, report) };
            unreachable!("errfinish returned from an ERROR")
        }
    }
}

/// Runs `body`; what it reports has the CONTEXT that SPI gives to a run of the statement `sql`.
///
/// # Safety
/// `sql` is NUL-terminated text in the server's encoding, there while `body` runs.
pub(super) unsafe fn in_statement<T>(sql: *const c_char, body: impl FnOnce() -> T) -> T {
    // SAFETY: the callback gets the text that it wants.
    unsafe { with_callback(statement_context, sql.cast_mut().cast(), body) }
}

/// Runs `body`; what it reports has the CONTEXT that `text` says then.
pub fn in_context<T>(text: &dyn Fn() -> String, body: impl FnOnce() -> T) -> T {
    // SAFETY: the callback gets what it wants, which is there until `body` has ended.
    unsafe { with_callback(text_context, (&raw const text).cast_mut().cast(), body) }
}

/// Runs `body`; when it reports that there is no table, function or other object of a name, this is the HINT.
pub fn with_hint_on_names<T>(hint: &'static CStr, body: impl FnOnce() -> T) -> T {
    // SAFETY: the callback gets the text that it wants.
    unsafe { with_callback(name_hint, hint.as_ptr().cast_mut().cast(), body) }
}

/// # Safety
/// To be called by elog.c, with NUL-terminated text.
unsafe extern "C-unwind" fn name_hint(hint: *mut c_void) {
    const UNDEFINED: [SqlState; 3] = [SqlState(*b"42P01"), SqlState(*b"42883"), SqlState(*b"42704")];
    // SAFETY: a report is being made, as these functions want; the text is copied. This frame owns nothing, so that one of
    // them may raise an ERROR.
    unsafe {
        let code = geterrcode();
        if UNDEFINED.iter().any(|state| state.packed() == code) {
            errhint(c"%s".as_ptr(), hint.cast::<c_char>().cast_const());
        }
    }
}

type ContextCallback = unsafe extern "C-unwind" fn(*mut c_void);

/// # Safety
/// While `body` runs, `callback` may be called with `arg` at any report.
unsafe fn with_callback<T>(callback: ContextCallback, arg: *mut c_void, body: impl FnOnce() -> T) -> T {
    struct Pop(*mut pg_sys::ErrorContextCallback);
    impl Drop for Pop {
        fn drop(&mut self) {
            // SAFETY: what was on the stack when we came belongs to callers who still wait for us.
            unsafe { pg_sys::error_context_stack = self.0 };
        }
    }
    // SAFETY: the backend's stack of callbacks, linked through its users' frames. Ours is taken off before its frame ends,
    // also while an ERROR unwinds.
    unsafe {
        let previous = pg_sys::error_context_stack;
        let mut callback = pg_sys::ErrorContextCallback { previous, callback: Some(callback), arg };
        let _pop = Pop(previous);
        pg_sys::error_context_stack = &raw mut callback;
        body()
    }
}

/// # Safety
/// To be called by elog.c, with the text that [`in_context`] was given.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn text_context(text: *mut c_void) {
    // SAFETY: the caller's promise. When the field setters are called, which may raise an ERROR, this frame owns nothing.
    // They copy the text, whose memory isn't given back by anybody else before there is an ERROR.
    unsafe {
        let text = encoding::palloc_lossy(&(*text.cast::<&dyn Fn() -> String>())());
        set_errcontext_domain(ptr::null());
        errcontext_msg(c"%s".as_ptr(), text);
        pg_sys::pfree(text.cast_mut().cast());
    }
}

/// The same as SPI's own callback. `sql` is the statement.
///
/// # Safety
/// To be called by elog.c, with NUL-terminated text in the server's encoding.
unsafe extern "C-unwind" fn statement_context(sql: *mut c_void) {
    let sql = sql.cast::<c_char>().cast_const();
    // SAFETY: a report is being made, as the field setters want; they copy the text. This frame owns nothing, so that one
    // of them may raise an ERROR. The message is translated by the server, whose own it is.
    unsafe {
        let position = geterrposition();
        if position > 0 {
            errposition(0);
            internalerrposition(position);
            internalerrquery(sql);
        } else {
            set_errcontext_domain(ptr::null());
            errcontext_msg(c"SQL statement \"%s\"".as_ptr(), sql);
        }
    }
}

/// Ends this backend, because there is no memory of so many bytes. Needs none itself.
pub(super) fn exit_without_memory(size: usize) -> ! {
    // SAFETY: elog.c's calling sequence; the texts are constants. FATAL runs the backend's exit and doesn't come back, so
    // it jumps over no frame.
    unsafe {
        if errstart(pg_sys::FATAL as c_int, ptr::null()) {
            errcode(SqlState(*b"53200").packed());
            errmsg_internal(c"out of memory".as_ptr());
            errdetail_internal(c"plproxy failed on a request of %zu bytes.".as_ptr(), size);
            errfinish(c"plproxy".as_ptr(), line!() as c_int, c"exit_without_memory".as_ptr());
        }
    }
    std::process::exit(1)
}

/// Raises an ERROR because there is no memory of so many bytes, as PostgreSQL's own allocator does.
pub(super) fn raise_out_of_memory(size: usize) -> ! {
    let mut report = Report::new(SqlState(*b"53200"), "out of memory");
    report.detail = Some(format!("Failed on request of size {size}."));
    raise_error(&report)
}

/// Raises an ERROR: one that PostgreSQL would raise, had what is done here been left to it.
pub(super) fn raise_error(report: &Report) -> ! {
    let raw = RawReport::new(report);
    // SAFETY: the guard is the PG_TRY that `raise` asks for, and turns the longjmp into an unwind. The closure owns nothing.
    unsafe { pg_sys::ffi::pg_guard_ffi_boundary(|| raise(pg_sys::PGERROR as c_int, raw)) }
    unreachable!("errfinish returned from an ERROR")
}

/// Whether anybody gets to know of reports of this level: the client or the log.
pub fn is_heard(level: Level) -> bool {
    // SAFETY: looks at settings, and at who is connected.
    unsafe { pg_sys::message_level_is_interesting(level.number()) }
}

/// Sends a notice or warning to the client and the log. Nothing of it stays in memory.
pub fn emit(level: Level, report: &Report) {
    if !is_heard(level) {
        return;
    }
    let scratch = OwnedContext::for_scratch(c"plproxy report");
    let raw = scratch.enter(|| RawReport::new(report));
    // errfinish serves a pending interrupt, which would throw away a connection in the middle of its answer; the
    // caller's own loop serves it at a better moment.
    let _held = super::interrupts::hold();
    // SAFETY: the guard is the PG_TRY that `raise` asks for, and the closure owns nothing.
    unsafe { pg_sys::ffi::pg_guard_ffi_boundary(|| raise(level.number(), raw)) }
}
