//! What to do to which message.

use super::Direction;
use crate::wire::contains;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Which messages a fault is for. Those of all connections of a proxy count together.
#[derive(Clone, Debug)]
pub struct When {
    direction: Direction,
    kind: Option<u8>,
    text: Vec<u8>,
    login_only: bool,
    nth: usize,
    always: bool,
}

impl When {
    /// The first message of this type that the client sends: the protocol's letter, or one of [`crate::wire::pseudo`].
    pub fn to_server(kind: u8) -> When {
        When::of(Direction::ToServer, Some(kind))
    }

    /// The first message of this type that the server sends.
    pub fn from_server(kind: u8) -> When {
        When::of(Direction::FromServer, Some(kind))
    }

    /// The first message of any type in this direction.
    pub fn any(direction: Direction) -> When {
        When::of(direction, None)
    }

    fn of(direction: Direction, kind: Option<u8>) -> When {
        When { direction, kind, text: Vec::new(), login_only: false, nth: 1, always: false }
    }

    /// Only those that have this in the first [`super::PREFIX`] bytes of their body.
    pub fn containing(mut self, text: &str) -> When {
        self.text = text.into();
        self
    }

    /// Only those before a connection's first ReadyForQuery, and that one.
    pub fn during_login(mut self) -> When {
        self.login_only = true;
        self
    }

    /// The `nth` of these instead of the first; counted from 1.
    pub fn nth(mut self, nth: usize) -> When {
        self.nth = nth;
        self
    }

    /// That one and all that come later.
    pub fn always(mut self) -> When {
        self.always = true;
        self
    }
}

/// A change of a message's bytes: type, length and body.
pub type Mutation = Arc<dyn Fn(&mut Vec<u8>) + Send + Sync>;

/// What is done to a message, or instead of passing it on.
#[derive(Clone)]
pub enum Action {
    /// Both sides are closed; what came before has been passed on.
    Kill,
    /// As [`Action::Kill`], but the client sees a reset (over TCP).
    Reset,
    /// This direction stops until the fault is taken away; the connection stays open. Nothing more is read, so that the
    /// sender meets full buffers sooner or later.
    Stall,
    /// From here on nothing is passed on in either direction, not even the end, and what is sent is thrown away.
    Vanish,
    /// Only so many bytes of it are passed on, then both sides are closed.
    Cut(usize),
    /// It is passed on byte by byte, with a pause after each.
    Trickle(Duration),
    /// It is changed.
    Mutate(Mutation),
}

impl fmt::Debug for Action {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Kill => write!(out, "Kill"),
            Action::Reset => write!(out, "Reset"),
            Action::Stall => write!(out, "Stall"),
            Action::Vanish => write!(out, "Vanish"),
            Action::Cut(bytes) => write!(out, "Cut({bytes})"),
            Action::Trickle(pause) => write!(out, "Trickle({pause:?})"),
            Action::Mutate(_) => write!(out, "Mutate"),
        }
    }
}

/// A fault that a proxy has been told to cause.
#[derive(Clone, Debug)]
pub struct Fault(Arc<State>);

#[derive(Debug)]
struct State {
    when: When,
    action: Action,
    matches: AtomicUsize,
    hits: AtomicUsize,
}

impl Fault {
    fn new(when: When, action: Action) -> Fault {
        Fault(Arc::new(State { when, action, matches: AtomicUsize::new(0), hits: AtomicUsize::new(0) }))
    }

    /// How often it has happened.
    pub fn hits(&self) -> usize {
        self.0.hits.load(SeqCst)
    }

    /// Waits until it has happened.
    pub fn wait(&self) {
        super::wait_until(&format!("{:?}", self.0), || self.hits() > 0);
    }

    fn is_for(&self, direction: Direction, kind: u8, login: bool, body: &[u8]) -> bool {
        let when = &self.0.when;
        let fits = when.direction == direction
            && when.kind.is_none_or(|wanted| wanted == kind)
            && (login || !when.login_only)
            && contains(body, &when.text);
        if !fits {
            return false;
        }
        let number = self.0.matches.fetch_add(1, SeqCst) + 1;
        let happens = number == when.nth || (when.always && number > when.nth);
        if happens {
            self.0.hits.fetch_add(1, SeqCst);
        }
        happens
    }
}

/// The faults of a proxy.
#[derive(Debug, Default)]
pub(super) struct Rules(Mutex<Vec<Fault>>);

impl Rules {
    pub fn add(&self, when: When, action: Action) -> Fault {
        let fault = Fault::new(when, action);
        self.0.lock().expect("no panic in here").push(fault.clone());
        fault
    }

    pub fn remove(&self, fault: &Fault) {
        self.0.lock().expect("no panic in here").retain(|other| !Arc::ptr_eq(&other.0, &fault.0));
    }

    pub fn clear(&self) {
        self.0.lock().expect("no panic in here").clear();
    }

    pub fn is_empty(&self) -> bool {
        self.0.lock().expect("no panic in here").is_empty()
    }

    /// What is to be done to this message, by the first fault that is for it.
    pub fn judge(&self, direction: Direction, kind: u8, login: bool, body: &[u8]) -> Option<(Fault, Action)> {
        let rules = self.0.lock().expect("no panic in here");
        let fault = rules.iter().find(|fault| fault.is_for(direction, kind, login, body))?;
        Some((fault.clone(), fault.0.action.clone()))
    }

    fn has(&self, fault: &Fault) -> bool {
        self.0.lock().expect("no panic in here").iter().any(|other| Arc::ptr_eq(&other.0, &fault.0))
    }

    /// Waits until the fault is taken away, or `is_over`.
    pub fn stall(&self, fault: &Fault, is_over: impl Fn() -> bool) {
        while self.has(fault) && !is_over() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Waits for something that happens in another thread or process; panics if it doesn't.
pub fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < patience, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
