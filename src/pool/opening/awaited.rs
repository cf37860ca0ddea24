//! What the future that opens a connection waits for, for its owner to see.

use crate::reactor::Socket;
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Instant;

/// A socket, and the time at which the future wants to be polled even if nothing has happened there.
///
/// There is no timer behind it: whoever polls the future does so at [`Awaited::alarm`], and a wait notes its time anew
/// each time it is polled.
#[derive(Default)]
pub struct Awaited {
    socket: RefCell<Option<Socket>>,
    alarm: Cell<Option<Instant>>,
}

impl Awaited {
    /// From now on it waits for this socket, or for none: one that is closed would always be ready.
    pub fn set_socket(&self, socket: Option<Socket>) {
        self.socket.replace(socket);
    }

    pub fn socket(&self) -> Option<Socket> {
        self.socket.borrow().clone()
    }

    /// Before each poll.
    pub fn forget_alarm(&self) {
        self.alarm.set(None);
    }

    /// After it.
    pub fn alarm(&self) -> Option<Instant> {
        self.alarm.get()
    }

    /// Lets interrupts, deadlines and others have their turn, and goes on at once.
    pub async fn yield_now(&self) {
        let mut is_over = false;
        poll_fn(|_| {
            if is_over {
                return Poll::Ready(());
            }
            is_over = true;
            self.alarm_at_once();
            Poll::Pending
        })
        .await
    }

    /// It wants to be polled again without waiting for anything.
    pub fn alarm_at_once(&self) {
        self.alarm.set(Some(Instant::now()));
    }

    /// Waits until `time`.
    pub async fn until(&self, time: Instant) {
        poll_fn(|_| self.poll_until(time)).await;
    }

    /// What the future results in, or `None` if it hasn't by `time`. `None` for the time is for ever.
    pub async fn within<T>(&self, time: Option<Instant>, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        poll_fn(|context| match (future.as_mut().poll(context), time) {
            (Poll::Ready(result), _) => Poll::Ready(Some(result)),
            (Poll::Pending, Some(time)) => self.poll_until(time).map(|()| None),
            (Poll::Pending, None) => Poll::Pending,
        })
        .await
    }

    fn poll_until(&self, time: Instant) -> Poll<()> {
        if time <= Instant::now() {
            return Poll::Ready(());
        }
        self.alarm.set(self.alarm.get().into_iter().chain([time]).min());
        Poll::Pending
    }
}
