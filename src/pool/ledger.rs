//! What can be told of each connection, also while a call has it.
//!
//! A connection is owned by whoever uses it, so nobody else can look at it. What a DBA wants to know of it is noted here:
//! when it is opened, when a call takes it, and when it comes back.

use super::Key;
use super::stream::Traffic;
use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::rc::{Rc, Weak};
use std::time::Instant;

/// Where a session is, as whom, and how it is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whereabouts {
    /// The host as it was written, or its number, or a socket's directory.
    pub host: String,
    pub port: u16,
    pub database: String,
    /// The user there.
    pub user: String,
    /// Version of TLS, in OpenSSL's words; `None` without TLS.
    pub tls: Option<&'static str>,
}

/// One connection's page.
#[derive(Debug)]
pub struct Entry {
    pub key: Key,
    pub whereabouts: Whereabouts,
    /// The server's process ID, as it was told when we logged in.
    pub process_id: Option<u32>,
    pub opened: Instant,
    /// When it was last given back; `None` while a call has it.
    idle_since: Cell<Option<Instant>>,
    /// The cluster and the partition that its last call was for; `None` for a CONNECT.
    user: RefCell<Option<(Rc<str>, usize)>>,
    calls: Cell<u64>,
    statements: Cell<usize>,
    traffic: Cell<Traffic>,
    is_unwanted: Cell<bool>,
}

thread_local! {
    // Never dropped, like everything that lives as long as the backend.
    static ENTRIES: ManuallyDrop<RefCell<Vec<Weak<Entry>>>> = ManuallyDrop::default();
}

/// All connections that are open now, in the order in which they were opened.
pub fn entries() -> Vec<Rc<Entry>> {
    ENTRIES.with(|entries| entries.borrow().iter().filter_map(Weak::upgrade).collect())
}

/// Has connections that are in use now closed when they come back, if `is_unwanted` says so of their keys. Returns how many
/// there are.
pub fn give_notice(is_unwanted: impl Fn(&Key) -> bool) -> usize {
    let entries = entries();
    let unwanted = entries.iter().filter(|entry| entry.is_in_use() && is_unwanted(&entry.key));
    unwanted.map(|entry| entry.is_unwanted.set(true)).count()
}

impl Entry {
    /// For a connection that has been opened, for a call that has it.
    pub(super) fn new(key: Key, whereabouts: Whereabouts, process_id: Option<u32>) -> Rc<Entry> {
        let entry = Rc::new(Entry {
            key,
            whereabouts,
            process_id,
            opened: Instant::now(),
            idle_since: Cell::default(),
            user: RefCell::default(),
            calls: Cell::default(),
            statements: Cell::default(),
            traffic: Cell::default(),
            is_unwanted: Cell::default(),
        });
        ENTRIES.with(|entries| {
            let mut entries = entries.borrow_mut();
            entries.retain(|entry| entry.strong_count() > 0);
            entries.push(Rc::downgrade(&entry));
        });
        entry
    }

    /// A call has it now.
    pub(super) fn taken(&self) {
        self.idle_since.set(None);
    }

    /// It has come back.
    pub(super) fn returned(&self, statements: usize, traffic: Traffic) {
        self.idle_since.set(Some(Instant::now()));
        self.statements.set(statements);
        self.traffic.set(traffic);
    }

    /// A call's query is about to be sent on it, for this partition of a cluster; `None` for a CONNECT.
    pub fn used_for(&self, user: Option<(&Rc<str>, usize)>) {
        self.calls.set(self.calls.get() + 1);
        self.serves(user);
    }

    /// It is for this partition of a cluster now; `None` for a CONNECT.
    pub fn serves(&self, user: Option<(&Rc<str>, usize)>) {
        let mut last = self.user.borrow_mut();
        if last.as_ref().map(|(cluster, partition)| (cluster, *partition)) != user {
            *last = user.map(|(cluster, partition)| (cluster.clone(), partition));
        }
    }

    /// Since when nobody has used it; `None` while a call has it.
    pub fn idle_since(&self) -> Option<Instant> {
        self.idle_since.get()
    }

    /// Whether a call has it.
    pub fn is_in_use(&self) -> bool {
        self.idle_since.get().is_none()
    }

    /// Whether it is to be closed when it comes back.
    pub fn is_unwanted(&self) -> bool {
        self.is_unwanted.get()
    }

    /// The cluster and the partition that its last call was for; `None` for a CONNECT.
    pub fn user(&self) -> Option<(Rc<str>, usize)> {
        self.user.borrow().clone()
    }

    /// How many queries have been sent on it for calls.
    pub fn calls(&self) -> u64 {
        self.calls.get()
    }

    /// How many statements were prepared on it when it last came back.
    pub fn statements(&self) -> usize {
        self.statements.get()
    }

    /// How many bytes have passed through it by when it last came back.
    pub fn traffic(&self) -> Traffic {
        self.traffic.get()
    }
}
