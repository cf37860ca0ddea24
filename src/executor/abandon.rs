//! Ending a call that has failed: no query of ours is left running, and no connection is reused in an unknown state. And
//! ending all calls, when the backend exits.
//!
//! The call may have failed because something has run out, and may have to be ended because the postmaster is dead. So nothing
//! here raises an ERROR, and the wait needs no descriptor ([`reactor::run_to_the_end`]). A request does need one for its
//! connection; those that get none wait until others are done with theirs.

use super::dispatch::Dispatch;
use super::shard_query::ShardQuery;
use super::under_way::Running;
use crate::pg::waitevent::WaitEvent;
use crate::pool::{Canceller, Cancelling, Delivery};
use crate::reactor::{self, Liveness, Progress, Socket, Work};
use std::convert::Infallible;
use std::task::Poll;
use std::time::{Duration, Instant};

/// How long the caller's error may be delayed. A shard answers a cancel request within milliseconds; one that doesn't is
/// in trouble, and its connection is closed.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long at the most if requests had to wait for descriptors: each has its time from when it got one.
const LONGEST: Duration = Duration::from_secs(10);

/// When to look for a descriptor again, if no request that ends tells of one.
const LOOK: Duration = Duration::from_millis(20);

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
        ending.query.connection.in_doubt |= !ending.is_over() || ending.is_unclear;
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
    let now = Instant::now();
    let mut work = Endings { endings, deadline: now + PATIENCE, end: now + LONGEST };
    reactor::run_to_the_end(&mut work, WaitEvent::Cancel);
    work.endings
}

/// A query that can be ended.
trait Query {
    /// What it takes to cancel it.
    fn canceller(&self) -> &Canceller;

    /// Its server is being asked to cancel it.
    fn is_asked(&mut self) {}

    /// Where its answer comes.
    fn socket(&self) -> &Socket;

    /// Goes on with the answer without waiting. `Done` when nothing more is to be expected of it.
    fn advance(&mut self) -> Progress;

    /// The number of the message of the answer that is just arriving.
    fn unfinished_message(&self) -> Option<u64>;
}

impl Query for &mut ShardQuery<'_> {
    fn canceller(&self) -> &Canceller {
        self.connection.canceller()
    }

    fn is_asked(&mut self) {
        self.cancel_requests += 1;
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
    fn canceller(&self) -> &Canceller {
        &self.canceller
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
    /// How long to wait before the next request, and when it is too late for one; `None` if there was none yet.
    pause: Duration,
    last: Option<Instant>,
    /// Whether a request was answered by something that isn't a server's, so that it may still be on its way.
    is_unclear: bool,
    /// Whether the answer has ended.
    ended: bool,
    /// The message that is just arriving, and until when it must be here.
    unfinished: Option<(u64, Instant)>,
}

enum Request {
    /// The query has ended already; only the end of the answer is to come.
    Needless,
    /// It is to be made as soon as there is a descriptor for it.
    Queued,
    /// It is on its way.
    UnderWay(Cancelling),
    /// The server has taken it, or can't be reached for it. If that doesn't end the query, there is another one then.
    Made { again: Option<Instant> },
}

impl<Q: Query> Ending<Q> {
    fn of(query: Q) -> Ending<Q> {
        Ending::with(query, Request::Queued)
    }

    fn with(query: Q, request: Request) -> Ending<Q> {
        Ending { query, request, pause: REPEAT, last: None, is_unclear: false, ended: false, unfinished: None }
    }

    fn is_over(&self) -> bool {
        self.ended && !matches!(self.request, Request::UnderWay(_))
    }

    /// Whether there is no point in waiting for it any longer.
    fn is_hopeless(&self) -> bool {
        let is_late = self.unfinished.is_some_and(|(_, until)| until <= Instant::now());
        is_late && !matches!(self.request, Request::UnderWay(_) | Request::Queued)
    }

    /// Asks the server to cancel it, if there is a descriptor for that. Returns whether there is.
    fn ask(&mut self) -> bool {
        let mut cancelling = self.query.canceller().request();
        let polled = cancelling.poll();
        if polled == Poll::Ready(Delivery::NoDescriptor) {
            return false;
        }
        self.query.is_asked();
        self.last.get_or_insert_with(|| Instant::now() + LAST);
        match polled {
            Poll::Ready(delivery) => self.asked(delivery),
            Poll::Pending => self.request = Request::UnderWay(cancelling),
        }
        true
    }

    /// The request has come to its end.
    fn asked(&mut self, delivery: Delivery) {
        self.is_unclear |= delivery == Delivery::Unclear;
        let again = Some(Instant::now() + self.pause).filter(|again| self.last.is_some_and(|last| *again <= last));
        self.pause *= 2;
        self.request = Request::Made { again };
    }

    /// Goes on without waiting. The request first: an answer may have no end without it.
    fn advance(&mut self) -> Progress {
        self.advance_request();
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
            if matches!(self.request, Request::Queued) {
                self.request = Request::Needless;
            }
        }
        progress
    }

    fn advance_request(&mut self) {
        match &mut self.request {
            Request::UnderWay(cancelling) => {
                if let Poll::Ready(delivery) = cancelling.poll() {
                    self.asked(delivery);
                }
            }
            Request::Made { again: Some(again) } if !self.ended && *again <= Instant::now() => {
                self.request = Request::Queued;
            }
            Request::Made { .. } | Request::Needless | Request::Queued => {}
        }
    }

    fn each_socket(&self, visit: &mut dyn FnMut(&Socket)) {
        if !self.ended {
            visit(self.query.socket());
        }
        if let Request::UnderWay(cancelling) = &self.request {
            cancelling.socket().iter().for_each(visit);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let request = match &self.request {
            Request::UnderWay(cancelling) => cancelling.deadline(),
            Request::Made { again } if !self.ended => *again,
            Request::Queued => Some(Instant::now() + LOOK),
            _ => None,
        };
        // What has passed was acted upon; waiting for it again would be no waiting.
        let answer = self.unfinished.map(|(_, until)| until).filter(|until| *until > Instant::now());
        request.into_iter().chain(answer).min()
    }
}

struct Endings<Q> {
    endings: Vec<Ending<Q>>,
    /// When there is no patience left, as far as it is known yet; and at the latest.
    deadline: Instant,
    end: Instant,
}

impl<Q: Query> Endings<Q> {
    /// Makes the requests that there are descriptors for now.
    fn ask(&mut self) {
        for ending in self.endings.iter_mut().filter(|ending| matches!(ending.request, Request::Queued)) {
            let is_first = ending.last.is_none();
            if !ending.ask() {
                return;
            }
            if is_first {
                self.deadline = self.end.min(Instant::now() + PATIENCE);
            }
        }
    }
}

impl<Q: Query> Work for Endings<Q> {
    type Error = Infallible;

    fn poll(&mut self) -> Result<Progress, Infallible> {
        let mut busy = false;
        for ending in &mut self.endings {
            busy |= ending.advance() == Progress::Busy;
        }
        self.ask();
        let is_over = |ending: &Ending<Q>| ending.is_over() || ending.is_hopeless();
        let over = self.endings.iter().all(is_over) || self.deadline <= Instant::now();
        Ok(match over {
            true => Progress::Done,
            false if busy => Progress::Busy,
            false => Progress::Waiting,
        })
    }

    fn each_socket(&self, visit: &mut dyn FnMut(&Socket)) {
        self.endings.iter().for_each(|ending| ending.each_socket(visit));
    }

    fn deadline(&self) -> Option<Instant> {
        let earliest = self.endings.iter().filter_map(Ending::deadline).min();
        Some(earliest.map_or(self.deadline, |again| again.min(self.deadline)))
    }
}
