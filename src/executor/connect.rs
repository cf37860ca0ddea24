//! Getting the connections for a call: idle ones from the pool, the rest opened in parallel.

use super::observation::{self, Observation, Observations};
use crate::cluster::ClusterOptions;
use crate::error::Problem;
use crate::pg::waitevent::WaitEvent;
use crate::pool::{self, Checkout, Found, Key, Opening};
use crate::reactor::{self, Progress, Socket, Work};
use crate::report;
use std::task::Poll;
use std::time::{Duration, Instant};

/// What the cluster's options say.
#[derive(Clone, Copy)]
pub struct Limits {
    /// How old a connection may be.
    pub lifetime: Option<Duration>,
    /// How long opening one may take.
    pub timeout: Option<Duration>,
}

impl Limits {
    pub fn of(options: &ClusterOptions) -> Limits {
        Limits { lifetime: options.connection_lifetime, timeout: options.connect_timeout }
    }
}

/// A connection for each key, in their order. Fails if one can't be had; those that were opened by then stay in the pool.
/// `observations` are those of the connections.
pub fn connect(keys: Vec<Key>, limits: Limits, observations: &mut [Observation]) -> Result<Vec<Checkout>, Problem> {
    // All that there are come first: opening one may mean to close another one that is idle.
    let found: Vec<_> = keys.iter().map(|key| pool::checkout(key, limits.lifetime)).collect();
    if found.iter().any(|found| found.connection.is_none()) {
        // Here, because next to opening one it costs nothing.
        report::misspelt_settings();
    }
    let mut slots = Vec::with_capacity(keys.len());
    for (number, (key, Found { connection, was_stale })) in keys.into_iter().zip(found).enumerate() {
        slots.push(match connection {
            Some(connection) => Slot::Open(connection),
            None => {
                observations[number].replaces_stale = was_stale;
                observations[number].opening = Some(Instant::now());
                let opening = Opening::new(key, limits.timeout, None)
                    .inspect_err(|problem| observation::failed(observations, problem, Some(number)))?;
                Slot::Opening(Box::new(opening))
            }
        });
    }
    let mut connecting = Connecting { slots, observations };
    // Interrupted or failed, it just drops: half-open sockets are closed, and nothing has run anywhere.
    reactor::run(&mut connecting, WaitEvent::Connect)?;
    Ok(connecting.slots.into_iter().filter_map(Slot::connection).collect())
}

/// A connection for the first of these partitions for which one can be had, after another one has failed with `problem`.
/// Nothing has run yet, so trying again is safe.
pub fn elsewhere(
    label: &str,
    mut problem: Problem,
    spares: Vec<(usize, Key)>,
    limits: Limits,
    observations: &mut Observations,
) -> Result<Vec<Checkout>, Problem> {
    for (partition, spare) in spares {
        crate::report::log(format!("PL/Proxy function {label}: {problem}; trying another partition"));
        match connect(vec![spare], limits, observations.go_elsewhere(partition)) {
            Err(another) if another.is_unreachable() => problem = another,
            result => return result,
        }
    }
    Err(problem)
}

enum Slot {
    Open(Checkout),
    Opening(Box<Opening>),
}

impl Slot {
    fn connection(self) -> Option<Checkout> {
        match self {
            Slot::Open(connection) => Some(connection),
            Slot::Opening(_) => None,
        }
    }
}

struct Connecting<'o> {
    slots: Vec<Slot>,
    observations: &'o mut [Observation],
}

impl Connecting<'_> {
    fn openings(&self) -> impl Iterator<Item = &Opening> {
        self.slots.iter().filter_map(|slot| match slot {
            Slot::Opening(opening) => Some(&**opening),
            Slot::Open(_) => None,
        })
    }
}

impl Work for Connecting<'_> {
    type Error = Problem;

    fn poll(&mut self) -> Result<Progress, Problem> {
        let mut waiting = false;
        for (number, slot) in self.slots.iter_mut().enumerate() {
            let Slot::Opening(opening) = slot else { continue };
            let polled = opening.poll();
            match polled.inspect_err(|problem| observation::failed(self.observations, problem, Some(number)))? {
                Poll::Ready(connection) => {
                    *slot = Slot::Open(connection);
                    self.observations[number].opened = Some(Instant::now());
                }
                Poll::Pending => waiting = true,
            }
        }
        Ok(if waiting { Progress::Waiting } else { Progress::Done })
    }

    fn each_socket(&self, visit: &mut dyn FnMut(&Socket)) {
        self.openings().filter_map(Opening::socket).for_each(|socket| visit(&socket));
    }

    fn deadline(&self) -> Option<Instant> {
        self.openings().filter_map(Opening::deadline).min()
    }
}
