//! One call, from its route to its result.
//!
//! What it owns: the state of a call while it runs ([`Execution`]). What it must not know: how a function is compiled, how
//! a cluster is configured, how a connection is opened.
//!
//! # How a call runs
//!
//! Everything about a running call is in one [`Execution`] on the stack of the handler. Nothing of it is in the compiled
//! function, the cluster or the pool, so calls may be nested and interleaved as PostgreSQL pleases: each has its own.
//!
//! 1. **Route** ([`plan`], [`route`]): which partitions? RUN ON is evaluated here, which may run any user code, so it
//!    comes first, before a connection is taken. Under SPLIT ([`split`]) it is evaluated for each element of the
//!    arrays.
//! 2. **Write**: the arguments are encoded, once for all partitions, arrays that are cut once for each. Output functions
//!    are user code too.
//! 3. **Connect** ([`connect`]): a connection for each partition, from the pool if there is an idle one that is alive, or
//!    else opened, all in parallel. No query is sent before all connections are there: if one can't be had, nothing
//!    has run anywhere.
//! 4. **Rehearse**, for the first call of a function with a SELECT of its own: one shard is asked what the query's columns
//!    are, so that nothing runs if they aren't the right ones.
//! 5. **Dispatch** ([`dispatch`]): the query is sent on all connections ([`shard_query`]), and the reactor runs until
//!    every answer has arrived. Rows are read as they come, straight from the buffer that they were received in. No
//!    connection is in the middle of anything meanwhile, because input functions are user code as well. Rows of a later
//!    partition that come early are put aside ([`rows`]).
//! 6. **Finish**: the connections go back to the pool, the result to the caller.
//!
//! All along it is noted what happens on each shard ([`observation`]), and at the end, whatever that is, it is counted
//! ([`crate::stat`]).
//!
//! An error ends it wherever it is, be it ours, a shard's, PostgreSQL's own (a bad value) or an interrupt. Then the other
//! shards are asked to cancel, their answers are awaited for a bounded time, and connections that are still in doubt
//! after that are closed ([`abandon`]). Only then does the error go on. So after a failed call no query of ours is left
//! running and the connections that remain are as good as new.
//!
//! What isn't a call, but goes to the same servers by the same ways, is [`ping()`].

mod abandon;
mod connect;
mod depth;
mod dispatch;
pub mod explain;
mod observation;
mod ping;
mod plan;
mod route;
mod rows;
mod shard_query;
mod split;
mod spool;
mod text_settings;
mod under_way;

pub use ping::{Finding, Server, ping};

use crate::error::{Problem, Result};
use crate::function::Function;
use crate::pg::calls::Call;
use crate::pg::encoding;
use crate::pg::interrupts;
use crate::pg::waitevent::WaitEvent;
use crate::pool::Checkout;
use crate::reactor;
use crate::settings;
use crate::stat::Statistics;
use crate::wire::Arguments;
use dispatch::Dispatch;
use observation::Observations;
use pgrx::pg_sys::Datum;
use plan::Plan;
use rows::Output;
use shard_query::Request;
use std::rc::Rc;
use std::time::Instant;

/// Runs one call of `function` and returns its result.
pub fn execute(function: &Function, call: Call) -> Result<Datum, Problem> {
    let portal = depth::portal()?;
    let plan = &Plan::of(function, call)?;
    let statistics = Statistics::of(plan.access.role(), plan.access.name().map(AsRef::as_ref));
    let (arguments, read_there) = plan.arguments(call)?;
    let request = Request {
        shape: &plan.shape,
        text_only: plan.text_only(),
        read_there,
        prepare: plan.prepare,
        portal,
        longest_message: settings::longest_message(),
        is_rehearsal: false,
    };
    let output = Output::new(&plan.shape.returns, function.returns_set, call, plan.shares.len())?;
    let is_analyzed = explain::is_wanted(call);
    let mut observations = Observations::of(&plan.shares, is_analyzed);
    let execution = Execution { plan, request, arguments, output, observations: &mut observations };
    // An ERROR that unwinds is held until the call has been counted.
    let outcome = interrupts::catch(|| execution.run());
    match &outcome {
        Ok(Ok(_)) if is_analyzed => explain::analyzed(plan, &observations),
        Ok(Ok(_)) => {}
        Ok(Err(problem)) => observations.failed(problem),
        Err(_) => observations.interrupted(),
    }
    if let Some(statistics) = statistics {
        observations.count(&statistics);
    }
    outcome.unwrap_or_else(|unwinding| unwinding.resume()).map_err(|problem| plan.access.to_blame(problem))
}

/// A call that is running.
struct Execution<'f> {
    plan: &'f Plan<'f>,
    request: Request<'f>,
    /// For each connection.
    arguments: Vec<Rc<Arguments>>,
    output: Output<'f>,
    observations: &'f mut Observations,
}

impl Execution<'_> {
    fn run(mut self) -> Result<Datum, Problem> {
        let plan = self.plan;
        let options = &plan.cluster().options;
        let limits = connect::Limits::of(options);
        let mut connections = match connect::connect(plan.keys(), limits, self.observations.current()) {
            Err(problem) if problem.is_unreachable() => {
                connect::elsewhere(&plan.function.label, problem, plan.spares(), limits, self.observations)?
            }
            result => result?,
        };
        for (connection, observation) in connections.iter().zip(self.observations.current()) {
            connection.entry().used_for(plan.access.name().map(|name| (name, observation.partition)));
        }
        let beyond_ascii = encoding::beyond_ascii();
        let deadline = options.query_timeout.map(|timeout| Instant::now() + timeout);
        if !connections.is_empty() && !self.request.shape.is_rehearsed() {
            let others = connections.split_off(1);
            connections = self.converse(true, connections, deadline)?;
            connections.extend(others);
            self.request.shape.set_rehearsed();
        }
        let connections = self.converse(false, connections, deadline)?;
        if encoding::beyond_ascii() != beyond_ascii {
            connections.iter().try_for_each(|connection| connection.check_encoding())?;
        }
        self.output.finish()
    }

    /// Sends the request on these connections and takes the whole answers. Gives the connections back.
    fn converse(
        &mut self,
        is_rehearsal: bool,
        connections: Vec<Checkout>,
        deadline: Option<Instant>,
    ) -> Result<Vec<Checkout>, Problem> {
        let request = Request { is_rehearsal, ..self.request };
        let arguments = self.arguments.iter().cloned();
        let label = &self.plan.function.label;
        let observations = self.observations.current();
        let mut dispatch =
            Dispatch::new(label, &request, connections, arguments, deadline, &mut self.output, observations)?;
        // An ERROR that unwinds out of here (an interrupt, an input function's) is held until the shards have been told.
        match interrupts::catch(|| reactor::run(&mut dispatch, WaitEvent::Execute)) {
            Ok(Ok(())) => Ok(dispatch.into_connections()),
            Ok(Err(problem)) => {
                dispatch.failed(&problem);
                match problem {
                    Problem::QueryTimeout => abandon::abandon_late(&mut dispatch),
                    _ => abandon::abandon(&mut dispatch),
                }
                dispatch.conclude();
                Err(problem)
            }
            Err(unwinding) => {
                dispatch.unwound(&unwinding);
                abandon::abandon(&mut dispatch);
                dispatch.conclude();
                drop(dispatch);
                unwinding.resume()
            }
        }
    }
}
