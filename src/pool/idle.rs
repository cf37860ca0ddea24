//! The connections that nobody is using, and how many there may be.
//!
//! Invariants: nothing else runs while they are borrowed; a connection is closed after it has been taken out.

use super::connection::Connection;
use super::{Checkout, Key};
use crate::error::Problem;
use crate::growth::Growth;
use crate::pg::exit::on_exit;
use crate::pg::idle_timer;
use crate::settings;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::mem::ManuallyDrop;
use std::time::{Duration, Instant};

/// Boxed, because connections are large, and move in and out at every call. Those of a key are in the order in which they
/// came.
type Idle = RefCell<HashMap<Key, Vec<Box<Connection>>>>;

thread_local! {
    // Never dropped: the backend's memory and descriptors are gone by the time a thread-local's destructor would run. See
    // `farewell`.
    static IDLE: ManuallyDrop<Idle> = ManuallyDrop::default();
    static GROWTH: Growth = const { Growth::from(64) };
    /// How many connections there are: idle, in use, and being opened.
    static OPEN: Cell<usize> = const { Cell::new(0) };
}

/// The right to have one connection more; given back when dropped.
#[derive(Debug)]
pub struct Slot(());

impl Slot {
    /// Makes room by closing what has been idle longest, if there may be no more connections. Fails if all of them are in
    /// use.
    pub fn acquire() -> Result<Slot, Problem> {
        if let Some(limit) = settings::max_connections() {
            while OPEN.get() >= limit {
                if !close_least_recent() {
                    return Err(Problem::TooManyConnections(limit));
                }
            }
        }
        OPEN.set(OPEN.get() + 1);
        Ok(Slot(()))
    }
}

impl Drop for Slot {
    // Safe during abort: decrements a counter.
    fn drop(&mut self) {
        OPEN.set(OPEN.get() - 1);
    }
}

/// Puts a connection in that isn't used any more.
pub(super) fn put(connection: Box<Connection>) {
    on_exit(farewell);
    IDLE.with(|idle| {
        let mut idle = idle.borrow_mut();
        // A key stays while its connections are in use; but they may have been closed.
        GROWTH.with(|growth| {
            if growth.is_due(idle.len()) {
                idle.retain(|_, connections| !connections.is_empty());
                growth.left(idle.len());
            }
        });
        idle.entry(connection.key().clone()).or_default().push(connection);
    });
}

/// Says goodbye on all idle connections, before the backend exits. It frees nothing, and has nothing to fail.
fn farewell() {
    IDLE.with(|idle| {
        if let Ok(mut idle) = idle.try_borrow_mut() {
            idle.values_mut().flatten().for_each(|connection| connection.end());
        }
    });
}

/// What there was in the pool.
pub struct Found {
    /// A connection that can be used.
    pub connection: Option<Checkout>,
    /// Whether there was one that couldn't be used any more.
    pub was_stale: bool,
}

/// Takes a connection out, if there is one that is alive and neither older than `lifetime` nor idle for too long; those
/// that aren't are closed.
pub fn checkout(key: &Key, lifetime: Option<Duration>) -> Found {
    let mut was_stale = false;
    loop {
        let Some(mut connection) = IDLE.with(|idle| idle.borrow_mut().get_mut(key)?.pop()) else {
            return Found { connection: None, was_stale };
        };
        let ends = [
            lifetime.map(|lifetime| connection.expires(lifetime)),
            settings::idle_timeout().and_then(|timeout| Some(connection.entry().idle_since()? + timeout)),
        ];
        let is_over = ends.into_iter().flatten().any(|end| end <= Instant::now());
        if !is_over && connection.is_alive() {
            connection.entry().taken();
            return Found { connection: Some(Checkout::new(connection)), was_stale };
        }
        was_stale = true;
        crate::report::debug(format!("plproxy: replacing a stale connection to {}", connection.database()));
    }
}

/// Closes those that aren't wanted any more, and returns how many they were.
pub fn close(is_unwanted: impl Fn(&Key) -> bool) -> usize {
    let keys: Vec<_> = IDLE.with(|idle| idle.borrow().keys().filter(|key| is_unwanted(key)).cloned().collect());
    let unwanted: Vec<_> = IDLE.with(|idle| {
        let mut idle = idle.borrow_mut();
        keys.iter().filter_map(|key| idle.remove(key)).flatten().collect()
    });
    unwanted.len()
}

/// Closes the one that has been idle longest; `false` if there is none.
pub fn close_least_recent() -> bool {
    let unwanted = IDLE.with(|idle| {
        let mut idle = idle.borrow_mut();
        let (key, _) = idle
            .iter()
            .filter_map(|(key, connections)| Some((key.clone(), connections.first()?.entry().idle_since()?)))
            .min_by_key(|&(_, since)| since)?;
        let connections = idle.get_mut(&key)?;
        let unwanted = connections.remove(0);
        if connections.is_empty() {
            idle.remove(&key);
        }
        Some(unwanted)
    });
    unwanted.is_some()
}

/// Closes what has been idle for too long, and what there may not be since the limit was lowered. Called at the end of
/// each transaction, and, through [`idle_timer`], in a backend that has none.
pub fn sweep() {
    if let Some(limit) = settings::max_connections() {
        while OPEN.get() > limit && close_least_recent() {}
    }
    let Some(timeout) = settings::idle_timeout() else { return };
    let oldest = || {
        IDLE.with(|idle| {
            idle.borrow().values().filter_map(|connections| connections.first()?.entry().idle_since()).min()
        })
    };
    while let Some(since) = oldest() {
        let left = (since + timeout).saturating_duration_since(Instant::now());
        if left > Duration::ZERO {
            idle_timer::start(left);
            return;
        }
        close_least_recent();
    }
}
