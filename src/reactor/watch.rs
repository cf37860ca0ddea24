//! A set of sockets, waited for together with the latch.

use super::socket::Socket;
use crate::pg::waitevent::WaitSet;
use std::time::Instant;

/// A kernel-side wait set and its sockets. Building one costs system calls, so it is kept where sockets are reused.
#[derive(Debug)]
pub struct Watch {
    set: WaitSet,
    /// By their numbers in the set.
    sockets: Vec<Socket>,
}

impl Watch {
    /// A set of these sockets.
    pub fn new(sockets: Vec<Socket>) -> Watch {
        let set = WaitSet::new(sockets.len());
        for socket in &sockets {
            set.add(socket.fd(), socket.interest());
        }
        Watch { set, sockets }
    }

    /// Waits until a socket is ready, the latch is set, or the deadline passes. Sockets learn that they are ready.
    pub fn wait(&mut self, deadline: Option<Instant>, wait_event: u32) {
        for (number, socket) in self.sockets.iter().enumerate() {
            self.set.modify(number, socket.interest());
        }
        let timeout = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let sockets = &self.sockets;
        self.set.wait(timeout, wait_event, |number, ready| sockets[number].set_ready(ready));
    }
}
