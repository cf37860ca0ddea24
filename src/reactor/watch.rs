//! The backend's wait set, which all calls share.
//!
//! Sockets are added when they are first waited for, and stay in it, so a warm call changes nothing: waiting costs one system
//! call, and one descriptor of the backend's, however many connections there are. PostgreSQL's sets can't take a socket out
//! again. So the set is made anew when it is full, when a socket in it has been closed, and when one is ready that isn't waited
//! for, which could go on and on.
//!
//! Nothing else runs while the set is in use; it isn't kept if an ERROR ends that.

use super::Work;
use super::socket::{self, Socket, WeakSocket};
use crate::pg::external_fd::NoDescriptor;
use crate::pg::waitevent::{Interest, WaitEvent, WaitSet};
use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::time::{Duration, Instant};

/// How many sockets a set has room for, at least.
const ROOM: usize = 64;

thread_local! {
    // Never dropped, like everything that lives as long as the backend.
    static WATCH: ManuallyDrop<RefCell<Option<Watch>>> = ManuallyDrop::default();
    static LAST_ID: Cell<u32> = const { Cell::new(0) };
}

/// A kernel-side wait set and its sockets. It doesn't keep them open.
#[derive(Debug)]
struct Watch {
    /// No other set of this backend had it, so a socket can tell whether it is in this one.
    id: u32,
    set: WaitSet,
    /// By their numbers in the set.
    members: Vec<Member>,
    room: usize,
    /// How many sockets that were in a set had been closed by then.
    closed: u64,
    /// The number of the last wait.
    round: u64,
}

#[derive(Debug)]
struct Member {
    socket: WeakSocket,
    /// What the set waits for.
    interest: Interest,
    /// The number of the last wait for this socket.
    round: u64,
}

/// Waits until a socket of `work` is ready, the latch is set, or the work's deadline passes. Sockets learn that they are ready.
pub fn wait(work: &impl Work, wait_event: WaitEvent) -> Result<(), NoDescriptor> {
    let mut count = 0;
    let mut is_pressing = false;
    work.each_socket(&mut |socket| {
        count += 1;
        is_pressing |= socket.take_haste();
    });
    let timeout = match is_pressing {
        true => Some(Duration::ZERO),
        false => work.deadline().map(|deadline| deadline.saturating_duration_since(Instant::now())),
    };
    let kept = WATCH.with(|watch| watch.borrow_mut().take());
    let mut watch = match kept.filter(|watch| watch.has_room_for(work, count)) {
        Some(watch) => watch,
        None => Watch::new(count)?,
    };
    work.each_socket(&mut |socket| watch.look_for(socket));
    if watch.wait(timeout, wait_event) {
        WATCH.with(|kept| *kept.borrow_mut() = Some(watch));
    }
    Ok(())
}

impl Watch {
    fn new(count: usize) -> Result<Watch, NoDescriptor> {
        let room = ROOM.max(2 * count);
        let set = WaitSet::new(room)?;
        let id = LAST_ID.get().wrapping_add(1).max(1); // 0 is no set
        LAST_ID.set(id);
        Ok(Watch { id, set, members: Vec::with_capacity(room), room, closed: socket::closed(), round: 0 })
    }

    /// Whether it will do for the sockets of this work, which are so many.
    fn has_room_for(&self, work: &impl Work, count: usize) -> bool {
        let has_room = || {
            let mut others = 0;
            work.each_socket(&mut |socket| others += usize::from(socket.number_in(self.id).is_none()));
            self.members.len() + others <= self.room
        };
        self.closed == socket::closed() && (self.members.len() + count <= self.room || has_room())
    }

    /// The next wait is also for this socket.
    fn look_for(&mut self, socket: &Socket) {
        let (interest, round) = (socket.interest(), self.round + 1);
        match socket.number_in(self.id) {
            Some(number) => {
                let member = &mut self.members[number];
                if member.interest != interest {
                    self.set.modify(number, interest);
                }
                (member.interest, member.round) = (interest, round);
            }
            None => {
                let number = self.set.add(socket.fd(), interest);
                socket.is_in(self.id, number);
                self.members.push(Member { socket: socket.downgrade(), interest, round });
            }
        }
    }

    /// `false` if it is of no use any more.
    fn wait(&mut self, timeout: Option<Duration>, wait_event: WaitEvent) -> bool {
        self.round += 1;
        let mut is_quiet = true;
        self.set.wait(timeout, wait_event, |number, ready| {
            let member = &self.members[number];
            match member.socket.upgrade().filter(|_| member.round == self.round) {
                Some(socket) => socket.set_ready(ready),
                None => is_quiet = false,
            }
        });
        is_quiet
    }
}
