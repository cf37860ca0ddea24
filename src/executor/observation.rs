//! What happens on the shards while a call runs: for the statistics, and for whoever wants to know more of one call.
//!
//! What it owns: what is noted of a shard ([`Observation`]) and how it is counted. The executor notes things where they
//! happen; an observation is complete when the call has ended, in whatever way.

use super::route::Share;
use crate::error::Problem;
use crate::pg::interrupts::Unwinding;
use crate::pool::Traffic;
use crate::stat::Statistics;
use crate::stat::table::{Counter, Counters, nanoseconds};
use std::time::Instant;

/// How a call failed on a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The shard has reported an error.
    Remote,
    /// The connection couldn't be had, or has ended.
    Connection,
    /// `connect_timeout` or `query_timeout` has passed.
    Timeout,
    /// The call was interrupted while it waited for the shard: by its user, or by a time-out of PostgreSQL's.
    Canceled,
    /// Something else on this side: a value that isn't one, too many rows, too long a message.
    Other,
}

impl Failure {
    fn of(problem: &Problem) -> Failure {
        match problem {
            Problem::Remote(_) => Failure::Remote,
            Problem::ConnectTimeout(_) | Problem::QueryTimeout => Failure::Timeout,
            Problem::Connect { .. }
            | Problem::Broken { .. }
            | Problem::OutOfSync { .. }
            | Problem::NotCommitted { .. }
            | Problem::Conninfo(_)
            | Problem::PasswordRequired(_)
            | Problem::OptionNotAllowed(..)
            | Problem::TooManyConnections(_)
            | Problem::NoDescriptor(_)
            | Problem::NoDescriptorToWait => Failure::Connection,
            _ => Failure::Other,
        }
    }

    /// Whether it isn't one shard's doing, but befalls all that the call waits for.
    fn is_of_all(self) -> bool {
        matches!(self, Failure::Timeout | Failure::Canceled)
    }

    fn counter(self) -> Counter {
        match self {
            Failure::Remote => Counter::RemoteErrors,
            Failure::Connection => Counter::ConnectionErrors,
            Failure::Timeout => Counter::Timeouts,
            Failure::Canceled => Counter::Canceled,
            Failure::Other => Counter::OtherErrors,
        }
    }
}

/// What happened on one shard in one call.
#[derive(Clone, Debug, Default)]
pub struct Observation {
    /// The partition; the lowest one, where the connection stands for several.
    pub partition: usize,
    /// Whether there was an idle connection that couldn't be used any more.
    pub replaces_stale: bool,
    /// If a connection had to be opened: when that began.
    pub opening: Option<Instant>,
    /// When it was open.
    pub opened: Option<Instant>,
    /// When the query was handed to the connection.
    pub sent: Option<Instant>,
    /// When the answer was complete, or the call has failed because of this shard.
    pub ended: Option<Instant>,
    /// When the whole request was on its way, and when rows began to come: noted only for those who want to know.
    pub details: Option<Details>,
    /// How many rows have come.
    pub rows: u64,
    /// What has gone through the connection since `sent`, or was there then and still had to go.
    pub traffic: Traffic,
    /// The connection's traffic before that.
    before: Traffic,
    /// How often the shard was asked to cancel the query.
    pub cancel_requests: u64,
    /// How the call has failed here. The others that took part in it have not: they were only told to end.
    pub failure: Option<Failure>,
}

/// What isn't worth looking at the clock for in every call.
#[derive(Clone, Copy, Debug, Default)]
pub struct Details {
    pub all_sent: Option<Instant>,
    pub first_row: Option<Instant>,
}

impl Observation {
    fn of(partition: usize, is_detailed: bool) -> Observation {
        Observation { partition, details: is_detailed.then(Details::default), ..Observation::default() }
    }

    /// So many rows have come.
    pub fn add_rows(&mut self, count: usize) {
        self.rows += count as u64;
        if let Some(details) = &mut self.details {
            details.first_row.get_or_insert_with(Instant::now);
        }
    }

    /// The query is handed to a connection. It may be for the second time: the first was a rehearsal.
    pub fn sent(&mut self, now: Instant, connection: Traffic) {
        self.sent.get_or_insert(now);
        self.before = connection;
    }

    /// The connection's traffic has become this.
    pub fn add_traffic(&mut self, connection: Traffic) {
        self.traffic.received += connection.received - self.before.received;
        self.traffic.sent += connection.sent - self.before.sent;
        self.before = connection;
    }

    /// Whether all that was to be sent on the connection is on its way.
    pub fn note_sent_all(&mut self, has_sent_all: bool) {
        if let Some(details) = &mut self.details
            && has_sent_all
        {
            details.all_sent.get_or_insert_with(Instant::now);
        }
    }

    /// The call has failed here.
    pub fn fail(&mut self, failure: Failure, now: Instant) {
        self.failure = Some(failure);
        self.ended = Some(now);
    }

    /// Whether the call waits for this shard.
    fn is_under_way(&self) -> bool {
        let is_opening = self.opening.is_some() && self.opened.is_none();
        (is_opening || self.sent.is_some()) && self.ended.is_none()
    }

    fn count(&self, counters: &Counters<'_>) {
        counters.add(Counter::Calls, 1);
        counters.add(Counter::Rows, self.rows);
        counters.add(Counter::BytesIn, self.traffic.received);
        counters.add(Counter::BytesOut, self.traffic.sent);
        if let (Some(sent), Some(ended)) = (self.sent, self.ended) {
            counters.add_wait(ended - sent);
        }
        counters.add(Counter::Cancels, self.cancel_requests);
        if let Some(failure) = self.failure {
            counters.add(failure.counter(), 1);
        }
    }

    fn count_opening(&self, counters: &Counters<'_>) {
        if let (Some(opening), Some(opened)) = (self.opening, self.opened) {
            counters.add(Counter::Connects, 1);
            counters.add(Counter::Reconnects, self.replaces_stale.into());
            counters.add(Counter::ConnectTime, nanoseconds(opened - opening));
        }
    }
}

/// What happened in one call.
#[derive(Debug)]
pub struct Observations {
    list: Vec<Observation>,
    /// Where those of the connections begin that the call goes on with; those before couldn't be had.
    current: usize,
    /// When the call began, if details are wanted.
    begun: Option<Instant>,
}

impl Observations {
    /// Of a call that is about to get connections for these shares.
    pub fn of(shares: &[Share], are_detailed: bool) -> Observations {
        let begun = are_detailed.then(Instant::now);
        let list = shares.iter().map(|share| Observation::of(share.partition, are_detailed)).collect();
        Observations { list, current: 0, begun }
    }

    /// All of them, also of connections that couldn't be had; and when the call began, if details are wanted.
    pub fn all(&self) -> (&[Observation], Option<Instant>) {
        (&self.list, self.begun)
    }

    /// One for each connection of the call, in their order.
    pub fn current(&mut self) -> &mut [Observation] {
        &mut self.list[self.current..]
    }

    /// From now on the call tries this partition, and no other.
    pub fn go_elsewhere(&mut self, partition: usize) -> &mut [Observation] {
        self.current = self.list.len();
        self.list.push(Observation::of(partition, self.begun.is_some()));
        self.current()
    }

    /// The call has ended with a problem.
    pub fn failed(&mut self, problem: &Problem) {
        fail(self.current(), Failure::of(problem), None);
    }

    /// The call has ended by an ERROR.
    pub fn interrupted(&mut self) {
        fail(self.current(), Failure::Canceled, None);
    }

    /// Counts all that has happened.
    pub fn count(&self, statistics: &Statistics<'_>) {
        for observation in &self.list {
            let has_run = observation.sent.is_some() || observation.failure.is_some();
            if (has_run || observation.opened.is_some())
                && let Some(counters) = statistics.counters(observation.partition)
            {
                observation.count_opening(&counters);
                if has_run {
                    observation.count(&counters);
                }
            }
        }
    }
}

/// Notes that a call has failed, unless it has been noted before: by the shard that it was looking at, or by all that it was
/// waiting for.
fn fail(observations: &mut [Observation], failure: Failure, looked_at: Option<usize>) {
    if observations.iter().any(|observation| observation.failure.is_some()) {
        return;
    }
    let now = Instant::now();
    if failure.is_of_all() && looked_at.is_none() {
        let mut waiting = observations.iter_mut().filter(|observation| observation.is_under_way()).peekable();
        if waiting.peek().is_some() {
            waiting.for_each(|observation| observation.fail(failure, now));
            return;
        }
    }
    if let Some(observation) = observations.get_mut(looked_at.unwrap_or(0)) {
        observation.fail(failure, now);
    }
}

/// Notes that the queries of a call have ended with a problem, while the answer of the shard `looked_at` was read.
pub fn failed(observations: &mut [Observation], problem: &Problem, looked_at: Option<usize>) {
    fail(observations, Failure::of(problem), looked_at);
}

/// The same for an ERROR: an interrupt, or of a function that reads a value.
pub fn unwound(observations: &mut [Observation], unwinding: &Unwinding, looked_at: Option<usize>) {
    match looked_at {
        Some(_) if !unwinding.is_cancel() => fail(observations, Failure::Other, looked_at),
        _ => fail(observations, Failure::Canceled, None),
    }
}
