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
//! 1. **Route** ([`route`]): which partitions? RUN ON is evaluated here, which may run any user code, so it comes first,
//!    before a connection is taken.
//!    Under SPLIT ([`split`]) it is evaluated for each element of the arrays, in one query.
//! 2. **Write**: the arguments become parameters, once for all partitions, arrays that are cut once for each. Output
//!    functions are user code too.
//! 3. **Connect** ([`connect`]): a connection for each partition, from the pool if there is an idle one that is alive, or
//!    else opened, all in parallel. No query is sent before all connections are there: if one can't be had, nothing
//!    has run anywhere.
//! 4. **Describe** ([`describe`]), for the first call of a function with a SELECT of its own: one shard is asked what the
//!    query's columns are.
//! 5. **Dispatch** ([`dispatch`]): the query is sent on all connections, and the reactor runs until every answer has
//!    arrived. Rows are read as they come, between the polls of the connections and never inside one, because input
//!    functions are user code as well. Rows of a later partition that come early wait in a store of their own ([`rows`]).
//! 6. **Finish**: the connections go back to the pool, the result to the caller.
//!
//! An error ends it wherever it is, be it ours, a shard's, PostgreSQL's own (a bad value) or an interrupt. Then the other
//! shards are asked to cancel, their answers are awaited for a bounded time, and connections that are still in doubt
//! after that are closed ([`abandon`]). Only then does the error go on. So after a failed call no query of ours is left
//! running and the connections that remain are as good as new.

mod abandon;
mod connect;
mod describe;
mod dispatch;
mod route;
mod rows;
mod split;

use crate::cluster::{self, ClusterOptions};
use crate::codec::Parameter;
use crate::error::{Problem, Result};
use crate::function::{Destination, Function, Name, RemoteQuery, RunOn, Shape};
use crate::pg::calls::Call;
use crate::pg::{guc, interrupts, waitevent};
use crate::pool::{Checkout, Key};
use crate::reactor::{self, Interrupts};
use dispatch::Dispatch;
use pgrx::pg_sys::Datum;
use route::Share;
use rows::Output;
use split::Split;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// Runs one call of `function` and returns its result.
pub fn execute(function: &Function, call: Call) -> Result<Datum, Problem> {
    let (access, run_on) = match &function.destination {
        Destination::Connect(connstr) => (cluster::by_connstr(&name(connstr, call)?), &RunOn::Any),
        Destination::Cluster(name_of, run_on) => (cluster::by_name(&name(name_of, call)?)?, run_on),
    };
    let cluster = &access.cluster;
    let shape = &*function.shape(call)?;
    let split = Split::of_call(function, call)?;
    let shares = match &split {
        Some(split) => route::split(run_on, function, cluster, call, split)?,
        None => route::whole(run_on, function, cluster, call)?,
    };
    let parameters = guc::with_portable_output(|| parameters(function, &shape.query, call, split.as_ref(), &shares));
    let keys: Vec<_> = shares.iter().map(|share| access.key(share.endpoint)).collect();
    let output = Output::new(&shape.returns, function.returns_set, call, keys.len())?;
    Execution { label: &function.label, shape, options: &cluster.options, parameters, output }.run(keys)
}

/// The parameters for each share. What isn't cut is written once, for all of them.
fn parameters(
    function: &Function,
    query: &RemoteQuery,
    call: Call,
    split: Option<&Split>,
    shares: &[Share],
) -> Vec<Arc<[Parameter]>> {
    let write = |argument: usize, value| function.arguments[argument].write(value);
    let is_cut = |argument| function.split.iter().any(|&(cut, _)| cut == argument);
    let whole: Arc<[Parameter]> = query
        .parameters
        .iter()
        .map(|&argument| match is_cut(argument) {
            true => Parameter::NULL,
            false => write(argument, call.argument(argument)),
        })
        .collect();
    let Some(split) = split else {
        return vec![whole; shares.len()];
    };
    let own = |share: &Share| {
        let mut own = whole.clone();
        for (parameter, &argument) in Arc::make_mut(&mut own).iter_mut().zip(&query.parameters) {
            if let Some(piece) = split.piece(argument, &share.elements) {
                *parameter = write(argument, Some(piece));
            }
        }
        own
    };
    shares.iter().map(own).collect()
}

fn name(name: &Name, call: Call) -> Result<Rc<str>, Problem> {
    match name {
        Name::Literal(text) => Ok(text.clone()),
        Name::Query(query) => query.text(call).map(Rc::from),
    }
}

/// A call that is running.
struct Execution<'f> {
    label: &'f str,
    shape: &'f Shape,
    options: &'f ClusterOptions,
    /// For each connection.
    parameters: Vec<Arc<[Parameter]>>,
    output: Output<'f>,
}

impl Execution<'_> {
    fn run(mut self, keys: Vec<Key>) -> Result<Datum, Problem> {
        let options = self.options;
        let mut connections = connect::connect(keys, options.connection_lifetime, options.connect_timeout)?;
        let deadline = options.query_timeout.map(|timeout| Instant::now() + timeout);
        let query = match (self.shape.query.ready(), connections.first_mut()) {
            (Ok(query), _) => query,
            (Err(text), Some(connection)) => {
                describe::describe(connection, &text, self.label, self.shape, deadline)?;
                self.shape.query.ready().map_err(|_| Problem::NotDescribed)?
            }
            (Err(_), None) => return self.output.finish(), // nowhere to run, so there is no row
        };
        let mut watch = lone(&mut connections).and_then(|connection| connection.watch.take());
        let mut dispatch = Dispatch::new(self.label, query, deadline, &mut self.output);
        dispatch.send(connections, self.parameters);

        // An ERROR that unwinds out of here (an interrupt, an input function's) is held until the shards have been told.
        let outcome =
            interrupts::catch(|| reactor::run(&mut dispatch, &mut watch, waitevent::WAIT_EXTENSION, Interrupts::Serve));
        if !matches!(outcome, Ok(Ok(()))) {
            self.shape.query.forget();
        }
        match outcome {
            Ok(Ok(())) => {
                dispatch.keep_watch(watch);
                drop(dispatch);
                self.output.finish()
            }
            Ok(Err(Problem::QueryTimeout)) => {
                abandon::abandon_late(dispatch);
                Err(Problem::QueryTimeout)
            }
            Ok(Err(problem)) => {
                abandon::abandon(dispatch);
                Err(problem)
            }
            Err(unwinding) => {
                abandon::abandon(dispatch);
                unwinding.resume()
            }
        }
    }
}

/// The connection, if there is just one.
fn lone(connections: &mut [Checkout]) -> Option<&mut Checkout> {
    match connections {
        [connection] => Some(connection),
        _ => None,
    }
}
