//! Local queries that are one expression, evaluated without a run of the executor (`executor/executor.h`).
//!
//! `select f($1)` and `select * from f($1)` are no more than the value of an expression. The plan stays the authority: the
//! expression is taken from the generic plan that PostgreSQL made, so defaults are filled in, casts are there and simple
//! SQL functions are inlined; it is set up and evaluated by PostgreSQL's own evaluator, which checks EXECUTE; and it is made
//! again when the plan is. PL/pgSQL does the same with its simple expressions.

use super::circumstances::{Circumstances, is_watched};
use super::elog;
use super::memory::OwnedContext;
use pgrx::pg_sys::{self, Datum, NodeTag, Oid};
use std::ptr::NonNull;

/// The types whose values are looked at here. With another one the caller has a complaint, and finds it by the rows.
const TYPES: [Oid; 4] = [pg_sys::INT2OID, pg_sys::INT4OID, pg_sys::INT8OID, pg_sys::TEXTOID];

/// What a plan was found to be an [`Expression`] under. Under anything else it must be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Number of the generic plan among its query's.
    generation: i32,
    /// Setting an expression up isn't part of a plan.
    circumstances: Circumstances,
}

impl Validity {
    /// That of now. `None` if the query has no valid generic plan.
    ///
    /// # Safety
    /// `source` is a live, saved plan source.
    pub(super) unsafe fn now(source: *mut pg_sys::CachedPlanSource) -> Option<Validity> {
        // SAFETY: the generic plan is NULL or live; with no owner the look at it takes no reference. The look is
        // enough where the plan was found to be simple; of others nothing is derived. The generation tells a plan from
        // another one in its place.
        unsafe {
            let plan = (*source).gplan;
            let is_valid = !plan.is_null() && pg_sys::CachedPlanIsSimplyValid(source, plan, std::ptr::null_mut());
            is_valid.then(|| Validity { generation: (*plan).generation, circumstances: Circumstances::now() })
        }
    }
}

/// An expression that is ready to be evaluated, by one caller at a time. If an ERROR ends an evaluation it must not be used
/// again, because functions may have left their notes in it half-written.
pub struct Expression {
    state: NonNull<pg_sys::ExprState>,
    econtext: NonNull<pg_sys::ExprContext>,
    parameters: NonNull<pg_sys::ParamListInfoData>,
    /// The type of its value: an integer's or text.
    pub type_oid: Oid,
    /// Where all of it is. Deleted when this is dropped.
    _context: OwnedContext,
}

impl Expression {
    /// The expression that the plan computes, if it is one and its value is an integer or text. Raises an ERROR if the
    /// current user may not call its functions.
    ///
    /// # Safety
    /// `plan` is the valid generic plan of `source`, just got from it, and held while this runs.
    pub(super) unsafe fn of(
        source: *mut pg_sys::CachedPlanSource,
        plan: *mut pg_sys::CachedPlan,
    ) -> Option<Expression> {
        // SAFETY: as the caller promises. The expression is copied, so that nothing of it is the plan's. ExecInitExpr keeps
        // all that it makes in the current context, which also becomes the one for the functions' notes; fmgr wants it to
        // last as long as they, and they may last longer than a transaction, as those of an index's functions do.
        unsafe {
            if is_watched() || !is_simple(source, plan) {
                return None;
            }
            let expression = computed((*plan).stmt_list)?;
            let type_oid = pg_sys::exprType(expression);
            if !TYPES.contains(&type_oid) {
                return None;
            }
            let context = OwnedContext::for_backend(c"plproxy expression");
            let init = |expression| {
                elog::in_statement((*source).query_string, || pg_sys::ExecInitExpr(expression, std::ptr::null_mut()))
            };
            let (state, econtext, parameters) = context.enter(|| {
                let expression = pg_sys::copyObjectImpl(expression.cast()).cast();
                let econtext = pg_sys::CreateStandaloneExprContext();
                let parameters = parameters((*source).param_types, (*source).num_params);
                (*econtext).ecxt_param_list_info = parameters;
                (init(expression), econtext, parameters)
            });
            Some(Expression {
                state: NonNull::new(state)?,
                econtext: NonNull::new(econtext)?,
                parameters: NonNull::new(parameters)?,
                type_oid,
                _context: context,
            })
        }
    }

    /// Its value for these parameters; `None` if it is NULL. Both are made in memory that [`Expression::forget_value`]
    /// frees. An ERROR has the CONTEXT that a run of `source`'s query gives it.
    ///
    /// # Safety
    /// `source` is the live plan source that this was made from, and the values are of its parameters' types.
    pub(super) unsafe fn value(
        &mut self,
        source: *mut pg_sys::CachedPlanSource,
        values: impl Iterator<Item = Option<Datum>>,
    ) -> Option<Datum> {
        let (state, econtext) = (self.state.as_ptr(), self.econtext.as_ptr());
        let mut is_null = false;
        // SAFETY: the list has as many parameters as its count says. What ExecEvalExprSwitchContext does: the evaluator runs
        // in the context for one row. It is C, so the guard turns its longjmp into an unwind, and the closure owns nothing.
        // `&mut self` keeps a second evaluation from the steps' working memory.
        let value = unsafe {
            // Read anew each time: the first evaluation puts a quicker one in its place.
            let evaluate = (*state).evalfunc.expect("ExecInitExpr sets it");
            super::memory::enter((*econtext).ecxt_per_tuple_memory, || {
                let list = self.parameters.as_mut();
                let count = list.numParams as usize;
                for (parameter, value) in
                    std::slice::from_raw_parts_mut(list.params.as_mut_ptr(), count).iter_mut().zip(values)
                {
                    parameter.value = value.unwrap_or(Datum::null());
                    parameter.isnull = value.is_none();
                }
                elog::in_statement((*source).query_string, || {
                    pg_sys::ffi::pg_guard_ffi_boundary(|| evaluate(state, econtext, &raw mut is_null))
                })
            })
        };
        (!is_null).then_some(value)
    }

    /// Frees what evaluations have left.
    pub fn forget_value(&mut self) {
        // SAFETY: the context is ours, and nothing is being evaluated.
        unsafe { pg_sys::MemoryContextReset((*self.econtext.as_ptr()).ecxt_per_tuple_memory) }
    }
}

/// A list of parameters of these types, in the current context, as SPI makes it.
///
/// # Safety
/// `types` are `count` types.
unsafe fn parameters(types: *const Oid, count: i32) -> *mut pg_sys::ParamListInfoData {
    // SAFETY: makeParamList leaves room for `count` parameters; the caller's promise.
    unsafe {
        let list = pg_sys::makeParamList(count);
        for i in 0..count as usize {
            (*list).params.as_mut_ptr().add(i).write(pg_sys::ParamExternData {
                value: Datum::null(),
                isnull: true,
                pflags: pg_sys::PARAM_FLAG_CONST as u16,
                ptype: *types.add(i),
            });
        }
        list
    }
}

/// Whether CachedPlanIsSimplyValid is all that is needed to know that the plan may still be used: it depends on nobody's row
/// security and on no snapshot, and neither query nor plan has a table that would have to be locked. It is what
/// CachedPlanAllowsSimpleValidityCheck asks, but that one refuses functions in FROM too.
///
/// # Safety
/// As for [`Expression::of`].
unsafe fn is_simple(source: *mut pg_sys::CachedPlanSource, plan: *mut pg_sys::CachedPlan) -> bool {
    // SAFETY: the lists of a valid plan source and of its plan hold what the types say.
    unsafe {
        let (Some(query), Some(statement)) =
            (only::<pg_sys::Query>((*source).query_list), only::<pg_sys::PlannedStmt>((*plan).stmt_list))
        else {
            return false;
        };
        let depends =
            (*source).dependsOnRLS || (*plan).dependsOnRole || (*plan).saved_xmin != pg_sys::InvalidTransactionId;
        let has_more = !(*query).cteList.is_null() || (*query).hasSubLinks;
        !depends && !has_more && has_no_tables((*query).rtable) && has_no_tables((*statement).rtable)
    }
}

/// # Safety
/// `entries` is NULL or a range table.
unsafe fn has_no_tables(entries: *mut pg_sys::List) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        let length = entries.as_ref().map_or(0, |entries| entries.length);
        (0..length).all(|i| {
            let kind = (*pg_sys::list_nth(entries, i).cast::<pg_sys::RangeTblEntry>()).rtekind;
            matches!(kind, pg_sys::RTEKind::RTE_FUNCTION | pg_sys::RTEKind::RTE_RESULT)
        })
    }
}

/// The expression that is all that a planned SELECT computes: the only column of a plan without a table, or the only
/// function in FROM, of which that column is all.
///
/// # Safety
/// `statements` is the list of a cached plan.
unsafe fn computed(statements: *mut pg_sys::List) -> Option<*mut pg_sys::Node> {
    // SAFETY: node trees of the planner's: a node's tag tells its type, and an empty list is NULL.
    unsafe {
        let statement = only::<pg_sys::PlannedStmt>(statements)?;
        let tree = (*statement).planTree;
        if (*statement).commandType != pg_sys::CmdType::CMD_SELECT || (*statement).hasModifyingCTE || tree.is_null() {
            return None;
        }
        let is_alone = (*statement).subplans.is_null() && (*statement).rowMarks.is_null();
        let is_leaf = (*tree).lefttree.is_null() && (*tree).righttree.is_null() && (*tree).initPlan.is_null();
        if !is_alone || !is_leaf || !(*tree).qual.is_null() {
            return None;
        }
        let column = (*only::<pg_sys::TargetEntry>((*tree).targetlist)?).expr.cast::<pg_sys::Node>();
        match (*tree).type_ {
            NodeTag::T_Result => (*tree.cast::<pg_sys::Result>()).resconstantqual.is_null().then_some(column),
            NodeTag::T_FunctionScan => {
                let scan = tree.cast::<pg_sys::FunctionScan>();
                let function = (*only::<pg_sys::RangeTblFunction>((*scan).functions)?).funcexpr;
                let is_all = (*column).type_ == NodeTag::T_Var && (*column.cast::<pg_sys::Var>()).varattno == 1;
                (is_all && !(*scan).funcordinality && !pg_sys::expression_returns_set(function)).then_some(function)
            }
            _ => None,
        }
    }
}

/// The only element of a list.
///
/// # Safety
/// `list` is NULL or a list of pointers to `T`.
pub(super) unsafe fn only<T>(list: *mut pg_sys::List) -> Option<*mut T> {
    // SAFETY: the caller's promise; an element that is there can be read.
    unsafe { (!list.is_null() && (*list).length == 1).then(|| pg_sys::list_nth(list, 0).cast()) }
}
