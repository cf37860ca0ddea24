//! A set of sockets, waited for together with the latch.

use super::socket::{Socket, WeakSocket};
use crate::pg::waitevent::{WaitEvent, WaitSet};
use std::time::Instant;

/// A kernel-side wait set and its sockets. Building one costs system calls, so it is kept where sockets are reused. It
/// doesn't keep them open.
#[derive(Debug)]
pub struct Watch {
    set: WaitSet,
    /// By their numbers in the set.
    sockets: Vec<WeakSocket>,
}

impl Watch {
    /// A set of these sockets.
    pub fn new(sockets: Vec<Socket>) -> Watch {
        let set = WaitSet::new(sockets.len());
        for socket in &sockets {
            set.add(socket.fd(), socket.interest());
        }
        Watch { set, sockets: sockets.iter().map(Socket::downgrade).collect() }
    }

    /// Whether it is the set of these sockets, in this order.
    pub fn is_of<'s>(&self, sockets: impl Iterator<Item = &'s Socket>) -> bool {
        self.sockets.iter().map(WeakSocket::identity).eq(sockets.map(Socket::identity))
    }

    /// Waits until a socket is ready, the latch is set, or the deadline passes. Sockets learn that they are ready.
    pub fn wait(&mut self, deadline: Option<Instant>, wait_event: WaitEvent) {
        for (number, socket) in self.sockets.iter().enumerate() {
            if let Some(socket) = socket.upgrade() {
                self.set.modify(number, socket.interest());
            }
        }
        let timeout = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let sockets = &self.sockets;
        self.set.wait(timeout, wait_event, |number, ready| {
            if let Some(socket) = sockets[number].upgrade() {
                socket.set_ready(ready);
            }
        });
    }
}
