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
//!    Under SPLIT ([`split`]) it is evaluated for each element of the arrays.
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

mod abandon;
mod connect;
mod depth;
mod dispatch;
mod observation;
mod route;
mod rows;
mod shard_query;
mod split;
mod spool;
mod under_way;

use crate::cluster::{self, ClusterOptions};
use crate::error::{Problem, Result};
use crate::function::{Destination, Function, Name, RemoteQuery, RunOn};
use crate::pg::calls::Call;
use crate::pg::{guc, interrupts, waitevent};
use crate::pool::{Checkout, Key};
use crate::reactor::{self, Interrupts};
use crate::settings;
use crate::stat::Statistics;
use crate::wire::{Arguments, Format};
use dispatch::Dispatch;
use observation::Observations;
use pgrx::pg_sys::Datum;
use route::Share;
use rows::Output;
use shard_query::Request;
use split::Split;
use std::rc::Rc;
use std::time::Instant;

/// Runs one call of `function` and returns its result.
pub fn execute(function: &Function, call: Call) -> Result<Datum, Problem> {
    let portal = depth::portal()?;
    let (access, run_on) = match &function.destination {
        Destination::Connect(connstr) => {
            let is_callers = matches!(connstr, Name::Argument(_)) && !settings::may_connect_anywhere();
            (cluster::by_connstr(&name(connstr, call)?, is_callers), &RunOn::Any)
        }
        Destination::Cluster(name_of, run_on) => (cluster::by_name(&name(name_of, call)?)?, run_on),
    };
    let cluster = &access.cluster;
    let statistics = Statistics::of(access.role(), access.name());
    let shape = &*function.shape(call)?;
    let split = Split::of_call(function, call)?;
    let shares = match &split {
        Some(split) => route::split(run_on, function, cluster, call, split)?,
        None => route::whole(run_on, function, cluster, call)?,
    };
    let text_only = cluster.options.disable_binary;
    let request = Request {
        shape,
        text_only,
        prepare: cluster.options.prepared_statements.unwrap_or_else(settings::prepared_statements),
        portal,
        longest_message: settings::longest_message(),
        is_rehearsal: false,
    };
    let arguments =
        guc::with_portable_output(|| arguments(function, &shape.query, call, split.as_ref(), &shares, text_only));
    if arguments.iter().any(|arguments| arguments.are_too_long()) {
        return Err(Problem::ArgumentsTooLong);
    }
    let keys: Vec<_> = shares.iter().map(|share| access.key(share.endpoint)).collect();
    let output = Output::new(&shape.returns, function.returns_set, call, keys.len())?;
    let spares = || match run_on {
        RunOn::Any if split.is_none() => {
            let others = route::others(&shares, cluster).into_iter();
            others.map(|partition| (partition, access.key(cluster.endpoint(partition)))).collect()
        }
        _ => Vec::new(),
    };
    let mut observations = Observations::of(&shares);
    let execution = Execution {
        label: &function.label,
        request,
        options: &cluster.options,
        arguments,
        output,
        observations: &mut observations,
    };
    // An ERROR that unwinds is held until the call has been counted.
    let outcome = interrupts::catch(|| execution.run(keys, spares));
    match &outcome {
        Ok(Ok(_)) => {}
        Ok(Err(problem)) => observations.failed(problem),
        Err(_) => observations.interrupted(),
    }
    if let Some(statistics) = statistics {
        observations.count(&statistics);
    }
    outcome.unwrap_or_else(|unwinding| unwinding.resume()).map_err(|problem| access.to_blame(problem))
}

/// The arguments for each share. If nothing is cut, they are encoded once, for all of them.
fn arguments(
    function: &Function,
    query: &RemoteQuery,
    call: Call,
    split: Option<&Split>,
    shares: &[Share],
    text_only: bool,
) -> Vec<Rc<Arguments>> {
    let encode = |share: Option<&Share>| {
        let mut arguments = Arguments::default();
        for &argument in &query.parameters {
            let codec = &function.arguments[argument];
            let format = if text_only { Format::Text } else { codec.format() };
            let piece = share.and_then(|share| split?.piece(argument, &share.elements));
            arguments.push(format, |out| match piece {
                Some(elements) => codec.write_elements(elements, format, out),
                None => codec.write(call.argument(argument), format, out),
            });
        }
        Rc::new(arguments)
    };
    match split {
        Some(_) => shares.iter().map(|share| encode(Some(share))).collect(),
        None => vec![encode(None); shares.len()],
    }
}

fn name(name: &Name, call: Call) -> Result<Rc<str>, Problem> {
    match name {
        Name::Literal(text) => Ok(text.clone()),
        Name::Query(query) | Name::Argument(query) => query.text(call).map(Rc::from),
    }
}

/// A call that is running.
struct Execution<'f> {
    label: &'f str,
    request: Request<'f>,
    options: &'f ClusterOptions,
    /// For each connection.
    arguments: Vec<Rc<Arguments>>,
    output: Output<'f>,
    observations: &'f mut Observations,
}

impl Execution<'_> {
    /// `spares` are partitions where it may go as well if a connection can't be had.
    fn run(mut self, keys: Vec<Key>, spares: impl FnOnce() -> Vec<(usize, Key)>) -> Result<Datum, Problem> {
        let options = self.options;
        let limits = connect::Limits { lifetime: options.connection_lifetime, timeout: options.connect_timeout };
        let mut connections = match connect::connect(keys, limits, self.observations.current()) {
            Err(problem) if problem.is_unreachable() => {
                connect::elsewhere(self.label, problem, spares(), limits, self.observations)?
            }
            result => result?,
        };
        let deadline = options.query_timeout.map(|timeout| Instant::now() + timeout);
        if !connections.is_empty() && !self.request.shape.is_rehearsed() {
            let others = connections.split_off(1);
            connections = self.converse(true, connections, deadline)?;
            connections.extend(others);
            self.request.shape.set_rehearsed();
        }
        self.converse(false, connections, deadline)?;
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
        let observations = self.observations.current();
        let mut dispatch =
            Dispatch::new(self.label, &request, connections, arguments, deadline, &mut self.output, observations)?;
        let mut watch = dispatch.take_watch();
        // An ERROR that unwinds out of here (an interrupt, an input function's) is held until the shards have been told.
        match interrupts::catch(|| {
            reactor::run(&mut dispatch, &mut watch, waitevent::WAIT_EXTENSION, Interrupts::Serve)
        }) {
            Ok(Ok(())) => Ok(dispatch.into_connections(watch)),
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
