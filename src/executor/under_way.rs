//! The queries that shards are working on, for the case that this backend exits.
//!
//! A FATAL error doesn't unwind: the client is gone, an administrator wants the backend to end, a time-out of the session
//! has passed. Whatever is on the stack is never dropped then, and can't be relied on. So what it takes to cancel a query is
//! noted here as long as the query is under way, and used when the backend exits.

use super::abandon;
use crate::pg::exit;
use crate::pool::{Canceller, Connection};
use crate::reactor::Socket;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::mem::ManuallyDrop;

thread_local! {
    // Never dropped, like everything that lives as long as the backend.
    static UNDER_WAY: ManuallyDrop<RefCell<BTreeMap<u64, Running>>> = ManuallyDrop::default();
    static LAST: Cell<u64> = const { Cell::new(0) };
}

/// A query that a shard is working on.
pub struct Running {
    /// What it takes to cancel it.
    pub canceller: Canceller,
    /// Where its answer comes.
    pub socket: Socket,
}

/// The note of a query; taken back when dropped.
pub struct UnderWay(u64);

impl UnderWay {
    /// Notes that a query is about to be sent on a connection.
    pub fn on(connection: &Connection) -> UnderWay {
        exit::before_exit(cancel_all);
        let number = LAST.get() + 1;
        LAST.set(number);
        let running = Running { canceller: connection.canceller().clone(), socket: connection.socket().clone() };
        UNDER_WAY.with(|under_way| under_way.borrow_mut().insert(number, running));
        UnderWay(number)
    }
}

impl Drop for UnderWay {
    // Safe during abort: drops Rust values. The connection has the socket, too, so none is closed.
    fn drop(&mut self) {
        UNDER_WAY.with(|under_way| under_way.borrow_mut().remove(&self.0));
    }
}

fn cancel_all() {
    let running = UNDER_WAY.with(|under_way| under_way.try_borrow_mut().map(|mut map| std::mem::take(&mut *map)));
    abandon::cancel_running(running.unwrap_or_default().into_values());
}
