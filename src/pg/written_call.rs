//! A call that somebody has written down: what it calls, with what (`parser/parser.h`, `parser/analyze.h`, `ruleutils.h`).
//!
//! It is read as what may stand behind FROM, so that it may say the columns of a record: `f(42)`, `f(a => 42)`,
//! `f(42) AS t(a int, b text)`. Nothing else may stand there with it.

use super::calls::Call;
use super::expression::only;
use super::spi::Statement;
use super::{catalog, elog, encoding, roles};
use pgrx::pg_sys::{self, Datum, Oid};
use std::ffi::CStr;
use std::mem::offset_of;
use std::ptr::{self, NonNull};

/// The call of one function.
pub struct WrittenCall {
    function: Oid,
    /// The function's part of the analyzed query, in the memory context in which it was read.
    range: NonNull<pg_sys::RangeTblFunction>,
}

/// Reads a call. `None` if the text is anything else that PostgreSQL understands; what it doesn't understand it raises.
pub fn read(text: &str) -> Option<WrittenCall> {
    let sql = encoding::to_server_cstring(&format!("select * from {text}"));
    // SAFETY: NUL-terminated text, there while it is read, and copied into what outlives that.
    unsafe {
        elog::in_statement(sql.as_ptr().cast(), || {
            let raw = only_function(pg_sys::raw_parser(sql.as_ptr().cast(), pg_sys::RawParseMode::RAW_PARSE_DEFAULT))?;
            let query = &*analyze(raw, CStr::from_ptr(sql.as_ptr().cast()));
            let range: *mut pg_sys::RangeTblEntry = pg_sys::list_nth(query.rtable, 0).cast();
            let range = NonNull::new(only::<pg_sys::RangeTblFunction>((*range).functions)?)?;
            let call = range.as_ref().funcexpr;
            ((*call).type_ == pg_sys::NodeTag::T_FuncExpr)
                .then(|| WrittenCall { function: (*call.cast::<pg_sys::FuncExpr>()).funcid, range })
        })
    }
}

/// The statement, if it selects from one function and does nothing else.
///
/// # Safety
/// `statements` is what the parser has made of `select * from` and more.
unsafe fn only_function(statements: *mut pg_sys::List) -> Option<*mut pg_sys::RawStmt> {
    // SAFETY: the parser's trees are made of nodes, whose tags say what they are.
    unsafe {
        let raw = only::<pg_sys::RawStmt>(statements)?;
        let select = (*raw).stmt.cast::<pg_sys::SelectStmt>().as_ref()?;
        if select.type_ != pg_sys::NodeTag::T_SelectStmt || select.op != pg_sys::SetOperation::SETOP_NONE {
            return None;
        }
        let lists = [
            select.distinctClause,
            select.groupClause,
            select.windowClause,
            select.valuesLists,
            select.sortClause,
            select.lockingClause,
        ];
        let nodes = [
            select.whereClause,
            select.havingClause,
            select.limitOffset,
            select.limitCount,
            select.withClause.cast(),
            select.intoClause.cast(),
        ];
        if lists.iter().any(|list| !list.is_null()) || nodes.iter().any(|node| !node.is_null()) {
            return None;
        }
        let function = only::<pg_sys::RangeFunction>(select.fromClause)?.as_ref()?;
        let is_plain = function.type_ == pg_sys::NodeTag::T_RangeFunction
            && !function.lateral
            && !function.ordinality
            && !function.is_rowsfrom;
        is_plain.then_some(raw)
    }
}

/// # Safety
/// A statement of the parser's, and the text that it was made from.
unsafe fn analyze(statement: *mut pg_sys::RawStmt, sql: &CStr) -> *mut pg_sys::Query {
    // SAFETY: the caller's promise; the statement has no parameters.
    unsafe {
        #[cfg(feature = "pg14")]
        return pg_sys::parse_analyze(statement, sql.as_ptr(), ptr::null_mut(), 0, ptr::null_mut());
        #[cfg(not(feature = "pg14"))]
        return pg_sys::parse_analyze_fixedparams(statement, sql.as_ptr(), ptr::null(), 0, ptr::null_mut());
    }
}

impl WrittenCall {
    /// What it calls.
    pub fn function(&self) -> Oid {
        self.function
    }

    /// Calls the function as the executor would: the arguments are evaluated first, and it runs as whom and with which
    /// settings it is declared to. What it returns is passed over. `around` makes the call that it is given, by the function
    /// that it is given, when all that comes before the call is done. `None` if the function is STRICT and an argument is
    /// NULL, so that it isn't called.
    pub fn run<T>(&self, around: impl FnOnce(Call, &dyn Fn()) -> T) -> Option<T> {
        self.require_execute();
        match self.arguments_query() {
            None => self.run_with(&[], around),
            // Not read-only: arguments may be whatever may stand in a query.
            Some(sql) => Statement::new(sql, Vec::new()).run(std::iter::empty(), false, |rows| {
                let values: Vec<_> = (0..rows.columns()).map(|column| rows.datum(0, column)).collect();
                self.run_with(&values, around)
            }),
        }
    }

    /// A query for the values of all arguments, those with defaults included.
    fn arguments_query(&self) -> Option<String> {
        let call = self.expression();
        // SAFETY: the arguments are the call's. A list of expressions that refer to no table; the text is palloc'd.
        let texts: Vec<_> = unsafe {
            let arguments = catalog::with_all_arguments(self.function, call.args, call.funcresulttype);
            let count = if arguments.is_null() { 0 } else { (*arguments).length };
            (0..count)
                .map(|number| {
                    let argument = pg_sys::list_nth(arguments, number).cast();
                    encoding::from_server_cstr(pg_sys::deparse_expression(argument, ptr::null_mut(), false, false))
                })
                .collect()
        };
        (!texts.is_empty()).then(|| format!("select {}", texts.join(", ")))
    }

    fn run_with<T>(&self, values: &[Option<Datum>], around: impl FnOnce(Call, &dyn Fn()) -> T) -> Option<T> {
        // SAFETY: everything that a call takes, filled in as fmgr.h and executor/execSRF.c do, in memory of the current
        // context. The guard turns a longjmp out of the function into an unwind. After an ERROR the transaction's clean-up
        // frees the set and the expression context.
        unsafe {
            let info = pg_sys::palloc0(size_of::<pg_sys::FmgrInfo>()).cast::<pg_sys::FmgrInfo>();
            pg_sys::fmgr_info(self.function, info);
            (*info).fn_expr = self.range.as_ref().funcexpr;
            if (*info).fn_strict && values.iter().any(Option::is_none) {
                return None;
            }
            // SizeForFunctionCallInfo
            let size =
                offset_of!(pg_sys::FunctionCallInfoBaseData, args) + values.len() * size_of::<pg_sys::NullableDatum>();
            let size = size.max(size_of::<pg_sys::FunctionCallInfoBaseData>());
            let call = pg_sys::palloc0(size).cast::<pg_sys::FunctionCallInfoBaseData>();
            (*call).flinfo = info;
            (*call).fncollation = self.expression().inputcollid;
            let result = self.result_info();
            (*call).resultinfo = result.cast();
            (*call).nargs = values.len() as i16;
            for (number, value) in values.iter().enumerate() {
                let argument = (*call).args.as_mut_ptr().add(number);
                argument
                    .write(pg_sys::NullableDatum { value: value.unwrap_or(Datum::null()), isnull: value.is_none() });
            }
            let function = (*info).fn_addr.expect("fmgr_info has found it");
            let outcome = around(Call::new(call), &|| {
                pg_sys::ffi::pg_guard_ffi_boundary(|| function(call));
            });
            if !(*result).setResult.is_null() {
                pg_sys::tuplestore_end((*result).setResult);
            }
            pg_sys::FreeExprContext((*result).econtext, true);
            Some(outcome)
        }
    }

    /// Where a function that returns a set puts it, and one that returns a record looks for its columns.
    unsafe fn result_info(&self) -> *mut pg_sys::ReturnSetInfo {
        // SAFETY: a node with its tag; the lists are those of the columns that the call was written with, if any. What the
        // expression context calls the query's memory is the current context.
        unsafe {
            let range = self.range.as_ref();
            let info = pg_sys::palloc0(size_of::<pg_sys::ReturnSetInfo>()).cast::<pg_sys::ReturnSetInfo>();
            (*info).type_ = pg_sys::NodeTag::T_ReturnSetInfo;
            (*info).allowedModes = pg_sys::SetFunctionReturnMode::SFRM_Materialize as i32;
            (*info).econtext = pg_sys::CreateStandaloneExprContext();
            if !range.funccolnames.is_null() {
                (*info).expectedDesc = pg_sys::BuildDescFromLists(
                    range.funccolnames,
                    range.funccoltypes,
                    range.funccoltypmods,
                    range.funccolcollations,
                );
            }
            info
        }
    }

    fn expression(&self) -> &pg_sys::FuncExpr {
        // SAFETY: `read` has seen that it is one; it lives as long as the memory context in which it was read.
        unsafe { &*self.range.as_ref().funcexpr.cast() }
    }

    /// Raises `permission denied` unless the current user may call it.
    fn require_execute(&self) {
        // SAFETY: syscache look-ups; aclcheck_error raises an ERROR unless it is told that all is well. The hook is that of
        // an extension which has a say in it, too (catalog/objectaccess.h).
        unsafe {
            let (function, user) = (self.function, roles::current_user());
            #[cfg(any(feature = "pg14", feature = "pg15"))]
            let result = pg_sys::pg_proc_aclcheck(function, user, pg_sys::ACL_EXECUTE);
            #[cfg(not(any(feature = "pg14", feature = "pg15")))]
            let result =
                pg_sys::object_aclcheck(pg_sys::ProcedureRelationId, function, user, pg_sys::ACL_EXECUTE.into());
            if result != pg_sys::AclResult::ACLCHECK_OK {
                pg_sys::aclcheck_error(result, pg_sys::ObjectType::OBJECT_FUNCTION, pg_sys::get_func_name(function));
            }
            if (&raw const pg_sys::object_access_hook).read().is_some() {
                pg_sys::RunFunctionExecuteHook(function);
            }
        }
    }
}
