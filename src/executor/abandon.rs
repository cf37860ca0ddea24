//! Ending a call that has failed: no query of ours is left running, and no connection is reused in an unknown state. And
//! ending all calls, when the backend exits.

use super::dispatch::Dispatch;
use super::shard_query::ShardQuery;
use super::under_way::Running;
use crate::pg::interrupts;
use crate::pg::waitevent::WaitEvent;
use crate::pool::Cancelling;
use crate::reactor::{self, Interrupts, Liveness, Progress, Socket, Work};
use std::convert::Infallible;
use std::time::{Duration, Instant};

/// How long the caller's error may be delayed. A shard answers a cancel request within milliseconds; one that doesn't is
/// in trouble, and its connection is closed.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long one message may take. One that has begun is on its way; if it doesn't arrive, that isn't the shard's doing, and
/// waiting for it helps nobody.
const MESSAGE: Duration = Duration::from_millis(100);

/// When to ask again, at first; each pause is twice the one before. A request that overtakes the query, which another
/// connection carries, finds the session idle, and is forgotten.
const REPEAT: Duration = Duration::from_millis(50);

/// When to ask no more: a request that is given up half way is more than some poolers can bear (PgBouncer 1.18 exits).
const LAST: Duration = Duration::from_millis(500);

/// Cancels what is still running, so that the connections can be let go of.
pub fn abandon(dispatch: &mut Dispatch<'_, '_>) {
    cancel(&mut dispatch.queries);
}

/// As [`abandon`], and has the connections closed whose answer hadn't come: shards that let a time-out pass aren't trusted
/// with the next call.
pub fn abandon_late(dispatch: &mut Dispatch<'_, '_>) {
    let late: Vec<_> = dispatch.queries.iter().map(|query| !query.is_finished()).collect();
    cancel(&mut dispatch.queries);
    for (query, late) in dispatch.queries.iter_mut().zip(late) {
        query.connection.in_doubt |= late;
    }
}

/// Asks the shards to cancel the unfinished queries, and waits a bounded time for the ends of their answers. A query
/// whose connection is in doubt after that keeps the mark, so that it is closed.
pub fn cancel(queries: &mut [ShardQuery<'_>]) {
    let endings: Vec<_> = queries
        .iter_mut()
        .filter(|query| !query.is_finished())
        .map(|query| match query.is_settling() {
            true => Ending::with(query, Request::Needless),
            false => Ending::of(query),
        })
        .collect();
    for ending in finish(endings) {
        // A request that is still on its way might hit the next query.
        ending.query.connection.in_doubt |= !ending.is_over();
    }
}

/// Asks the shards to cancel these queries, while the backend exits, and waits a bounded time for a sign that they have
/// heard.
pub fn cancel_running(running: impl Iterator<Item = Running>) {
    finish(running.map(Ending::of).collect());
}

/// Goes on until all are over, or for as long as there is patience.
fn finish<Q: Query>(endings: Vec<Ending<Q>>) -> Vec<Ending<Q>> {
    if endings.is_empty() {
        return endings;
    }
    let mut work = Endings { endings, deadline: Instant::now() + PATIENCE };
    let _held = interrupts::hold();
    let Ok(()) = reactor::run(&mut work, &mut None, WaitEvent::Cancel, Interrupts::Hold);
    work.endings
}

/// A query that can be ended.
trait Query {
    /// Asks its server to cancel it.
    fn cancel(&mut self) -> Cancelling;

    /// Where its answer comes.
    fn socket(&self) -> &Socket;

    /// Goes on with the answer without waiting. `Done` when nothing more is to be expected of it.
    fn advance(&mut self) -> Progress;

    /// The number of the message of the answer that is just arriving.
    fn unfinished_message(&self) -> Option<u64>;
}

impl Query for &mut ShardQuery<'_> {
    fn cancel(&mut self) -> Cancelling {
        self.cancel_requests += 1;
        self.connection.canceller().request()
    }

    fn socket(&self) -> &Socket {
        self.connection.socket()
    }

    /// To its end: the connection is to be used again.
    fn advance(&mut self) -> Progress {
        self.discard()
    }

    fn unfinished_message(&self) -> Option<u64> {
        self.connection.unfinished_message()
    }
}

impl Query for Running {
    fn cancel(&mut self) -> Cancelling {
        self.canceller.request()
    }

    fn socket(&self) -> &Socket {
        &self.socket
    }

    /// To its beginning: that was cancelled, or it couldn't have been overtaken by the request.
    fn advance(&mut self) -> Progress {
        match self.socket.liveness() {
            Liveness::Quiet => Progress::Waiting,
            Liveness::Talking | Liveness::Dead => Progress::Done,
        }
    }

    fn unfinished_message(&self) -> Option<u64> {
        None
    }
}

/// A query that is being ended.
struct Ending<Q> {
    query: Q,
    request: Request,
    /// How long to wait before the next request, and when it is too late for one.
    pause: Duration,
    last: Instant,
    /// Whether the answer has ended.
    ended: bool,
    /// The message that is just arriving, and until when it must be here.
    unfinished: Option<(u64, Instant)>,
    /// Whether its sockets are others than at the last wait.
    changed: bool,
}

enum Request {
    /// The query has ended already; only the end of the answer is to come.
    Needless,
    /// It is on its way.
    UnderWay(Cancelling),
    /// The server has taken it, or can't be reached for it. If that doesn't end the query, there is another one then.
    Made { again: Option<Instant> },
}

impl<Q: Query> Ending<Q> {
    fn of(mut query: Q) -> Ending<Q> {
        let request = Request::UnderWay(query.cancel());
        Ending::with(query, request)
    }

    fn with(query: Q, request: Request) -> Ending<Q> {
        let last = Instant::now() + LAST;
        Ending { query, request, pause: REPEAT, last, ended: false, unfinished: None, changed: false }
    }

    fn is_over(&self) -> bool {
        self.ended && !matches!(self.request, Request::UnderWay(_))
    }

    /// Whether there is no point in waiting for it any longer.
    fn is_hopeless(&self) -> bool {
        let is_late = self.unfinished.is_some_and(|(_, until)| until <= Instant::now());
        is_late && !matches!(self.request, Request::UnderWay(_))
    }

    /// Goes on without waiting. The request first: an answer may have no end without it.
    fn advance(&mut self) -> Progress {
        self.changed |= self.advance_request();
        if self.ended {
            return Progress::Waiting;
        }
        let progress = self.query.advance();
        let message = self.query.unfinished_message().filter(|_| progress == Progress::Waiting);
        if message != self.unfinished.map(|(number, _)| number) {
            self.unfinished = message.map(|number| (number, Instant::now() + MESSAGE));
        }
        if progress == Progress::Done {
            self.ended = true;
            self.changed = true;
        }
        progress
    }

    fn advance_request(&mut self) -> bool {
        let mut changed = false;
        loop {
            match &mut self.request {
                Request::UnderWay(cancelling) => {
                    if cancelling.poll().is_pending() {
                        return changed | cancelling.socket_changed();
                    }
                    let again = Some(Instant::now() + self.pause).filter(|again| *again <= self.last);
                    self.pause *= 2;
                    self.request = Request::Made { again };
                }
                Request::Made { again: Some(again) } if !self.ended && *again <= Instant::now() => {
                    self.request = Request::UnderWay(self.query.cancel());
                }
                Request::Made { .. } | Request::Needless => return changed,
            }
            changed = true;
        }
    }

    fn sockets(&self) -> impl Iterator<Item = Socket> {
        let answer = (!self.ended).then(|| self.query.socket().clone());
        let request = match &self.request {
            Request::UnderWay(cancelling) => cancelling.socket(),
            Request::Made { .. } | Request::Needless => None,
        };
        answer.into_iter().chain(request)
    }

    fn deadline(&self) -> Option<Instant> {
        let request = match &self.request {
            Request::UnderWay(cancelling) => cancelling.deadline(),
            Request::Made { again } if !self.ended => *again,
            _ => None,
        };
        // What has passed was acted upon; waiting for it again would be no waiting.
        let answer = self.unfinished.map(|(_, until)| until).filter(|until| *until > Instant::now());
        request.into_iter().chain(answer).min()
    }
}

struct Endings<Q> {
    endings: Vec<Ending<Q>>,
    deadline: Instant,
}

impl<Q: Query> Work for Endings<Q> {
    type Error = Infallible;

    fn poll(&mut self) -> Result<Progress, Infallible> {
        let mut busy = false;
        for ending in &mut self.endings {
            busy |= ending.advance() == Progress::Busy;
        }
        let is_over = |ending: &Ending<Q>| ending.is_over() || ending.is_hopeless();
        let over = self.endings.iter().all(is_over) || self.deadline <= Instant::now();
        Ok(match over {
            true => Progress::Done,
            false if busy => Progress::Busy,
            false => Progress::Waiting,
        })
    }

    fn sockets(&self) -> Vec<Socket> {
        self.endings.iter().flat_map(Ending::sockets).collect()
    }

    fn sockets_changed(&mut self) -> bool {
        let mut changed = false;
        for ending in &mut self.endings {
            changed |= std::mem::take(&mut ending.changed);
        }
        changed
    }

    fn deadline(&self) -> Option<Instant> {
        let earliest = self.endings.iter().filter_map(Ending::deadline).min();
        Some(earliest.map_or(self.deadline, |again| again.min(self.deadline)))
    }
}
