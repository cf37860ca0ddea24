//! Asking a cluster's servers whether they are there, what they are, and how far away.
//!
//! All of them at once, in two turns. In the first one each is connected to, unless there is an idle connection, and
//! says what it is. When all have answered, or have failed to, one round trip to each is timed: by then no look-up of a name
//! and no TLS handshake stands between a message and its being noticed.
//!
//! A server's failure is a finding, not an error. A connection on which an answer is missing then, or when an interrupt ends
//! it all, is in doubt and closed; the others go back to the pool. No server is asked to cancel: what it was asked ends by
//! itself.

use super::connect::Limits;
use crate::cluster::Access;
use crate::error::Problem;
use crate::pg::encoding;
use crate::pg::waitevent::WaitEvent;
use crate::pool::{self, Checkout, Key, Opening, Place};
use crate::reactor::{self, Progress, Socket, Work};
use crate::settings;
use crate::wire::{Fields, Malformed, Message, Transaction};
use std::task::Poll;
use std::time::{Duration, Instant};

/// How long connecting may take where nothing else says so; and how long answering, where the cluster doesn't.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many messages are taken from one server before the others, and interrupts, have their turn.
const BATCH: usize = 8;

const WHAT: &str = "SELECT pg_catalog.current_setting('server_version'), pg_catalog.pg_is_in_recovery()";
const ROUND_TRIP: &str = "SELECT 1";

/// What has become of one server.
pub struct Finding {
    /// Where it is, or should be; `None` if the connection string makes no sense.
    pub place: Option<Place>,
    /// What it says, or why it says nothing.
    pub outcome: Result<Server, Problem>,
}

/// A server that has answered.
#[derive(Clone, Debug, Default)]
pub struct Server {
    /// Its version, as it calls it.
    pub version: String,
    /// Whether it is a standby.
    pub is_in_recovery: bool,
    /// How long a round trip took.
    pub latency: Duration,
}

/// What there is to be said of each of the cluster's connection strings, in their order.
///
/// Where there may not be as many connections at once, the rest is asked when the first ones have answered: a call to one
/// partition would reach it.
pub fn ping(access: &Access) -> Result<Vec<Finding>, Problem> {
    let mut findings = ping_at_once(access, &Vec::from_iter(0..access.cluster.endpoint_count()))?;
    loop {
        let has_no_room = |finding: &Finding| {
            matches!(finding.outcome, Err(Problem::TooManyConnections(_) | Problem::NoDescriptor(_)))
        };
        let left: Vec<_> = (0..findings.len()).filter(|&endpoint| has_no_room(&findings[endpoint])).collect();
        let more = ping_at_once(access, &left)?;
        if more.iter().all(has_no_room) {
            return Ok(findings);
        }
        for (endpoint, finding) in left.into_iter().zip(more) {
            findings[endpoint] = finding;
        }
    }
}

fn ping_at_once(access: &Access, endpoints: &[usize]) -> Result<Vec<Finding>, Problem> {
    let options = &access.cluster.options;
    let limits = Limits::of(options);
    let patience = options.query_timeout.unwrap_or(PATIENCE);
    let keys: Vec<_> = endpoints.iter().map(|&endpoint| access.key(endpoint)).collect();
    // All that there are come first: opening one may mean to close another one that is idle.
    let idle: Vec<_> = keys.iter().map(|key| pool::checkout(key, limits.lifetime).connection).collect();
    let pings = keys.into_iter().zip(idle).map(|(key, idle)| Ping::new(key, idle, limits, patience)).collect();
    let mut pings = Pings { pings };
    reactor::run(&mut pings, WaitEvent::Ping)?;
    pings.pings.iter_mut().for_each(Ping::ask_again);
    reactor::run(&mut pings, WaitEvent::Ping)?;
    for (ping, &endpoint) in pings.pings.iter().zip(endpoints) {
        if let Ok(Stage::Connected(dialogue)) = &ping.stage {
            dialogue
                .connection
                .entry()
                .serves(access.name().map(|name| (name, access.cluster.first_partition(endpoint))));
        }
    }
    Ok(pings.pings.into_iter().map(Ping::finding).collect())
}

struct Pings {
    pings: Vec<Ping>,
}

impl Work for Pings {
    type Error = Problem;

    fn poll(&mut self) -> Result<Progress, Problem> {
        Ok(self.pings.iter_mut().map(Ping::advance).fold(Progress::Done, Progress::and))
    }

    fn each_socket(&self, visit: &mut dyn FnMut(&Socket)) {
        self.pings.iter().filter_map(Ping::socket).for_each(|socket| visit(&socket));
    }

    fn deadline(&self) -> Option<Instant> {
        self.pings.iter().filter_map(Ping::deadline).min()
    }
}

/// One server.
struct Ping {
    key: Key,
    limits: Limits,
    /// How long its answers may take from now on.
    patience: Duration,
    place: Option<Place>,
    stage: Result<Stage, Problem>,
    /// Whether the connection was idle and hasn't answered yet: that it is of no use says nothing of the server.
    may_be_stale: bool,
    /// What it has said in the first turn.
    server: Option<Server>,
}

enum Stage {
    Opening(Box<Opening>),
    Connected(Dialogue),
}

/// Begins to connect: where to, and how that goes.
fn open(key: &Key, limits: Limits) -> (Option<Place>, Result<Stage, Problem>) {
    match Opening::new(key.clone(), limits.timeout, Some(PATIENCE)) {
        Ok(opening) => (Some(opening.place().clone()), Ok(Stage::Opening(Box::new(opening)))),
        Err(problem) => (None, Err(problem)),
    }
}

/// Begins to ask: whom, and how that goes.
fn ask(connection: Checkout, patience: Duration) -> (Option<Place>, Result<Stage, Problem>) {
    (Some(connection.place()), Ok(Stage::Connected(Dialogue::beginning(connection, WHAT, patience))))
}

impl Ping {
    fn new(key: Key, idle: Option<Checkout>, limits: Limits, patience: Duration) -> Ping {
        let may_be_stale = idle.is_some();
        let (place, stage) = match idle {
            Some(connection) => ask(connection, patience),
            None => open(&key, limits),
        };
        Ping { key, limits, patience, place, stage, may_be_stale, server: None }
    }

    /// The second turn.
    fn ask_again(&mut self) {
        if let Ok(Stage::Connected(dialogue)) = &mut self.stage {
            dialogue.ask(ROUND_TRIP, self.patience);
        }
    }

    /// Goes on without waiting, to the end of the turn if it can.
    fn advance(&mut self) -> Progress {
        loop {
            let step = match &mut self.stage {
                Err(_) => return Progress::Done,
                Ok(Stage::Opening(opening)) => match opening.poll() {
                    Ok(Poll::Pending) => return Progress::Waiting,
                    Ok(Poll::Ready(connection)) => Ok(Some(connection)),
                    Err(problem) => Err(problem),
                },
                Ok(Stage::Connected(dialogue)) if dialogue.asked.is_none() => return Progress::Done,
                Ok(Stage::Connected(dialogue)) => match dialogue.advance() {
                    Ok(Progress::Done) => self.note().map(|()| None),
                    Ok(progress) => return progress,
                    Err(problem) => Err(problem),
                },
            };
            match step {
                Ok(None) => return Progress::Done,
                Ok(Some(connection)) => (self.place, self.stage) = ask(connection, self.patience),
                // One that only kept us waiting has used up the server's time.
                Err(problem) if self.may_be_stale && !matches!(problem, Problem::QueryTimeout) => {
                    self.may_be_stale = false;
                    (self.place, self.stage) = open(&self.key, self.limits);
                }
                Err(problem) => self.stage = Err(problem),
            }
        }
    }

    /// An answer has come.
    fn note(&mut self) -> Result<(), Problem> {
        let Ok(Stage::Connected(dialogue)) = &mut self.stage else { return Ok(()) };
        self.may_be_stale = false;
        self.patience = self.patience.saturating_sub(dialogue.took);
        match (&mut self.server, &dialogue.row[..]) {
            (Some(server), _) => server.latency = dialogue.took,
            (None, [version, flag]) => {
                self.server =
                    Some(Server { version: version.clone(), is_in_recovery: flag == "t", latency: Duration::ZERO });
            }
            (None, _) => {
                dialogue.connection.in_doubt = true;
                return Err(dialogue.connection.confused());
            }
        }
        Ok(())
    }

    fn socket(&self) -> Option<Socket> {
        match self.stage.as_ref().ok()? {
            Stage::Opening(opening) => opening.socket(),
            Stage::Connected(dialogue) => dialogue.asked.map(|_| dialogue.connection.socket().clone()),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.stage.as_ref().ok()? {
            Stage::Opening(opening) => opening.deadline(),
            Stage::Connected(dialogue) => dialogue.asked.map(|asked| asked.deadline),
        }
    }

    /// To be called when both turns are over.
    fn finding(self) -> Finding {
        let outcome = self.stage.map(|_| self.server.expect("a server that hasn't failed has answered"));
        Finding { place: self.place, outcome }
    }
}

/// A connection, and what is asked on it.
struct Dialogue {
    connection: Checkout,
    /// The question that isn't answered yet.
    asked: Option<Asked>,
    /// The last answer: its row, and how long it took.
    row: Vec<String>,
    took: Duration,
}

#[derive(Clone, Copy)]
struct Asked {
    /// When it was sent; `None` if it hasn't been.
    sent: Option<Instant>,
    deadline: Instant,
}

impl Dialogue {
    fn beginning(connection: Checkout, query: &str, patience: Duration) -> Dialogue {
        let mut dialogue = Dialogue { connection, asked: None, row: Vec::new(), took: Duration::ZERO };
        dialogue.ask(query, patience);
        dialogue
    }

    /// The question is sent at the first [`Dialogue::advance`].
    fn ask(&mut self, query: &str, patience: Duration) {
        self.connection.in_doubt = true;
        self.connection.set_longest_message(settings::longest_message());
        self.connection.outbox().query(query);
        self.asked = Some(Asked { sent: None, deadline: Instant::now() + patience });
    }

    /// Goes on without waiting. `Done` when the answer is complete.
    fn advance(&mut self) -> Result<Progress, Problem> {
        let Some(asked) = &mut self.asked else { return Ok(Progress::Done) };
        let sent = *asked.sent.get_or_insert_with(Instant::now);
        let is_late = asked.deadline <= Instant::now();
        for _ in 0..BATCH {
            let message = match self.connection.receive()? {
                Some(message) => message,
                None if is_late => return Err(Problem::QueryTimeout),
                None => return Ok(Progress::Waiting),
            };
            match message {
                Message::Row(row) => match texts(row) {
                    Ok(row) => self.row = row,
                    Err(Malformed) => return Err(self.connection.confused()),
                },
                Message::Ready(Transaction::Open) => return Err(self.connection.not_committed()),
                Message::Ready(Transaction::None) => {
                    self.took = sent.elapsed();
                    self.asked = None;
                    self.connection.in_doubt = false;
                    self.connection.has_answered = true;
                    return Ok(Progress::Done);
                }
                Message::Error(report) => {
                    let error = pool::remote_error(&report);
                    return Err(Problem::Remote(Box::new(error.of_database(self.connection.database()))));
                }
                // What it has to say of itself is for the calls.
                Message::RowDescription(_) | Message::CommandComplete | Message::Notice(_) => {}
                Message::Parameter(_) | Message::Aside => {}
                _ => return Err(self.connection.confused()),
            }
        }
        if is_late { Err(Problem::QueryTimeout) } else { Ok(Progress::Busy) }
    }
}

/// The fields of a row, as text; those that are NULL are left out.
fn texts(row: Fields<'_>) -> Result<Vec<String>, Malformed> {
    let mut places = Vec::new();
    row.locate(&mut places)?;
    Ok(places.iter().filter_map(|place| row.field(place)).map(encoding::from_wire).collect())
}
