//! The query on its way: those of all shards of a call together, and where their answers go.

use super::observation::{self, Observation};
use super::rows::{Fault, Output};
use super::shard_query::{Request, ShardQuery, Taker};
use crate::error::{Problem, RemoteError};
use crate::function::Reading;
use crate::pg::elog;
use crate::pg::interrupts::Unwinding;
use crate::pool::Checkout;
use crate::reactor::{Progress, Socket, Work};
use crate::wire::{Arguments, Rows};
use std::rc::Rc;
use std::time::Instant;

/// The queries of a call.
pub struct Dispatch<'e, 'f> {
    label: &'e str,
    request: &'e Request<'e>,
    deadline: Option<Instant>,
    output: &'e mut Output<'f>,
    /// In the order of the result.
    pub queries: Vec<ShardQuery<'e>>,
    /// Of each query.
    observations: &'e mut [Observation],
    /// The query whose answer is just being read.
    looked_at: Option<usize>,
}

impl<'e, 'f> Dispatch<'e, 'f> {
    /// Hands the query to every connection, with the arguments for each. It is sent at the first poll.
    pub fn new(
        label: &'e str,
        request: &'e Request<'e>,
        connections: Vec<Checkout>,
        arguments: impl Iterator<Item = Rc<Arguments>>,
        deadline: Option<Instant>,
        output: &'e mut Output<'f>,
        observations: &'e mut [Observation],
    ) -> Result<Dispatch<'e, 'f>, Problem> {
        let now = Instant::now();
        let queries = connections
            .into_iter()
            .zip(arguments)
            .zip(&mut *observations)
            .map(|((connection, arguments), observation)| {
                observation.sent(now, connection.traffic());
                ShardQuery::new(connection, request, arguments)
            })
            .collect::<Result<_, _>>()?;
        Ok(Dispatch { label, request, deadline, output, queries, observations, looked_at: None })
    }

    /// Notes whose failure this problem is.
    pub fn failed(&mut self, problem: &Problem) {
        observation::failed(self.observations, problem, self.looked_at);
    }

    /// Notes whose failure this ERROR is.
    pub fn unwound(&mut self, unwinding: &Unwinding) {
        observation::unwound(self.observations, unwinding, self.looked_at);
    }

    /// Takes rows that were put aside.
    fn catch_up(&mut self) -> Result<Progress, Problem> {
        let Some(query) = self.queries.get_mut(self.output.turn()) else {
            return Ok(Progress::Done);
        };
        let (column, database) = (self.output.place(), query.connection.database().clone());
        self.looked_at = Some(self.output.turn());
        let progress = elog::in_context(&|| context(self.label, &database, column()), || self.output.catch_up());
        let progress = progress.map_err(|fault| query.faulty(fault))?;
        self.looked_at = None;
        Ok(progress)
    }

    /// Completes what has been noted of the queries: it is over with them, one way or the other.
    pub fn conclude(&mut self) {
        for (query, observation) in self.queries.iter().zip(&mut *self.observations) {
            observation.add_traffic(query.connection.traffic());
            observation.cancel_requests += query.cancel_requests;
        }
    }

    /// Gives the connections back.
    pub fn into_connections(mut self) -> Vec<Checkout> {
        self.conclude();
        self.queries.into_iter().map(|query| query.connection).collect()
    }
}

/// CONTEXT of an error about a value that a shard has sent.
fn context(label: &str, database: &str, column: Option<&str>) -> String {
    let of_column = column.map(|column| format!(" column \"{column}\" of")).unwrap_or_default();
    format!("PL/Proxy function {label}:{of_column} the result from database \"{database}\"")
}

/// Where the answer of one shard goes.
struct Receiver<'a, 'f> {
    shard: usize,
    label: &'a str,
    database: Rc<str>,
    output: &'a mut Output<'f>,
    observation: &'a mut Observation,
}

impl Taker for Receiver<'_, '_> {
    fn rows(&mut self, reading: &Rc<Reading>, rows: Rows<'_>) -> Result<(), Fault> {
        self.observation.add_rows(rows.len());
        let column = self.output.place();
        elog::in_context(&|| context(self.label, &self.database, column()), || {
            self.output.rows(self.shard, reading, rows)
        })
    }

    fn notice(&mut self, notice: &RemoteError) {
        crate::report::remote_notice(self.label, notice);
    }
}

impl Work for Dispatch<'_, '_> {
    type Error = Problem;

    fn poll(&mut self) -> Result<Progress, Problem> {
        let mut progress = Progress::Done;
        for (shard, query) in self.queries.iter_mut().enumerate() {
            if query.is_finished() || self.output.is_behind(shard) {
                continue;
            }
            let database = query.connection.database().clone();
            let observation = &mut self.observations[shard];
            let mut receiver = Receiver { shard, label: self.label, database, output: self.output, observation };
            self.looked_at = Some(shard);
            let advanced = query.advance(&mut receiver)?;
            self.looked_at = None;
            self.observations[shard].note_sent_all(query.connection.has_sent_all());
            if advanced == Progress::Done && !self.request.is_rehearsal {
                self.output.finished(shard);
                self.observations[shard].ended = Some(Instant::now());
            }
            progress = progress.and(advanced);
        }
        if !self.request.is_rehearsal {
            progress = progress.and(self.catch_up()?);
        }
        if progress != Progress::Done && self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(Problem::QueryTimeout);
        }
        Ok(progress)
    }

    fn each_socket(&self, visit: &mut dyn FnMut(&Socket)) {
        let waiting = self.queries.iter().filter(|query| !query.is_finished());
        waiting.for_each(|query| visit(query.connection.socket()));
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}
