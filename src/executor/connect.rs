//! Getting the connections for a call: idle ones from the pool, the rest opened in parallel.

use crate::error::Problem;
use crate::pg::waitevent::WAIT_EXTENSION;
use crate::pool::{self, Checkout, Key, Opening};
use crate::reactor::{self, Interrupts, Progress, Socket, Work};
use std::task::Poll;
use std::time::{Duration, Instant};

/// A connection for each key, in their order. Fails if one can't be had; those that were opened by then stay in the pool.
pub fn connect(
    keys: Vec<Key>,
    lifetime: Option<Duration>,
    timeout: Option<Duration>,
) -> Result<Vec<Checkout>, Problem> {
    let slots = keys
        .into_iter()
        .map(|key| match pool::checkout(&key, lifetime) {
            Some(connection) => Ok(Slot::Open(connection)),
            None => Opening::new(key, timeout).map(|opening| Slot::Opening(Box::new(opening))),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let mut connecting = Connecting { slots, changed: false };
    // Interrupted or failed, it just drops: half-open sockets are closed, and nothing has run anywhere.
    reactor::run(&mut connecting, &mut None, WAIT_EXTENSION, Interrupts::Serve)?;
    Ok(connecting.slots.into_iter().filter_map(Slot::connection).collect())
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

struct Connecting {
    slots: Vec<Slot>,
    /// Whether the set of sockets is another one than at the last wait.
    changed: bool,
}

impl Connecting {
    fn openings(&self) -> impl Iterator<Item = &Opening> {
        self.slots.iter().filter_map(|slot| match slot {
            Slot::Opening(opening) => Some(&**opening),
            Slot::Open(_) => None,
        })
    }
}

impl Work for Connecting {
    type Error = Problem;

    fn poll(&mut self) -> Result<Progress, Problem> {
        let mut waiting = false;
        for slot in &mut self.slots {
            let Slot::Opening(opening) = slot else { continue };
            match opening.poll()? {
                Poll::Ready(connection) => {
                    *slot = Slot::Open(connection);
                    self.changed = true;
                }
                Poll::Pending => {
                    self.changed |= opening.socket_changed();
                    waiting = true;
                }
            }
        }
        Ok(if waiting { Progress::Waiting } else { Progress::Done })
    }

    fn sockets(&self) -> Vec<Socket> {
        self.openings().filter_map(Opening::socket).collect()
    }

    fn sockets_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    fn deadline(&self) -> Option<Instant> {
        self.openings().filter_map(Opening::deadline).min()
    }
}
