//! Ending a call that has failed: no query of ours is left running, and no connection is reused in an unknown state.

use super::dispatch::{Dispatch, ShardQuery};
use crate::pg::interrupts;
use crate::pg::waitevent::WAIT_EXTENSION;
use crate::pool::Cancelling;
use crate::reactor::{self, Interrupts, Progress, Socket, Work};
use std::convert::Infallible;
use std::time::{Duration, Instant};

/// How long the caller's error may be delayed. A shard answers a cancel request within milliseconds; one that doesn't is
/// in trouble, and its connection is closed.
const PATIENCE: Duration = Duration::from_secs(1);

/// Cancels what is still running and lets go of the connections.
pub fn abandon(mut dispatch: Dispatch<'_, '_>) {
    cancel(&mut dispatch.queries);
}

/// As [`abandon`], and closes the connections whose answer hadn't come: shards that let a time-out pass aren't trusted
/// with the next call.
pub fn abandon_late(mut dispatch: Dispatch<'_, '_>) {
    let late: Vec<_> = dispatch.queries.iter().map(|query| !query.is_finished()).collect();
    cancel(&mut dispatch.queries);
    for (query, late) in dispatch.queries.iter_mut().zip(late) {
        query.connection.in_doubt |= late;
    }
}

/// Asks the shards to cancel the unfinished queries, and waits a bounded time for the ends of their answers. A query
/// whose connection is in doubt after that keeps the mark, so that it is closed.
pub fn cancel(queries: &mut [ShardQuery]) {
    let endings: Vec<_> = queries
        .iter_mut()
        .filter(|query| !query.is_finished())
        .map(|query| Ending { cancelling: Some(query.connection.cancel()), query, ended: false })
        .collect();
    if endings.is_empty() {
        return;
    }
    let mut work = Endings { endings, deadline: Instant::now() + PATIENCE, sockets: 0 };
    let _held = interrupts::hold();
    let Ok(()) = reactor::run(&mut work, &mut None, WAIT_EXTENSION, Interrupts::Hold);
    for ending in work.endings {
        // A request that is still on its way might hit the next query.
        ending.query.connection.in_doubt |= ending.cancelling.is_some() || !ending.ended;
    }
}

/// A query that is being ended.
struct Ending<'f> {
    query: &'f mut ShardQuery,
    /// `None` once the server has taken the request, or can't be reached for it.
    cancelling: Option<Cancelling>,
    /// Whether the answer has ended.
    ended: bool,
}

impl Ending<'_> {
    fn is_over(&self) -> bool {
        self.ended && self.cancelling.is_none()
    }
}

struct Endings<'f> {
    endings: Vec<Ending<'f>>,
    deadline: Instant,
    /// How many sockets were waited for last.
    sockets: usize,
}

impl Work for Endings<'_> {
    type Error = Infallible;

    fn poll(&mut self) -> Result<Progress, Infallible> {
        for ending in &mut self.endings {
            if let Some(cancelling) = &mut ending.cancelling
                && cancelling.poll().is_ready()
            {
                ending.cancelling = None;
            }
            if !ending.ended && ending.query.poll_discarding().is_ready() {
                ending.ended = true;
            }
        }
        let over = self.endings.iter().all(Ending::is_over) || self.deadline <= Instant::now();
        Ok(if over { Progress::Done } else { Progress::Waiting })
    }

    fn sockets(&self) -> Vec<Socket> {
        let unfinished = self.endings.iter().filter(|ending| !ending.is_over());
        unfinished
            .flat_map(|ending| {
                let answer = (!ending.ended).then(|| ending.query.connection.socket().clone());
                let request = ending.cancelling.as_ref().and_then(Cancelling::socket);
                answer.into_iter().chain(request)
            })
            .collect()
    }

    fn sockets_changed(&mut self) -> bool {
        // Sockets only ever leave.
        let count = self.sockets().len();
        std::mem::replace(&mut self.sockets, count) != count
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.deadline)
    }
}
