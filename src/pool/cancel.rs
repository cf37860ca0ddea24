//! Asking a server to cancel what it is doing for a connection of ours.

use crate::reactor::{Socket, Wakeup};
use socket2::SockAddr;
use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use tokio_postgres::{CancelToken, NoTls};

/// What a server wants to see before it cancels. It is a secret.
#[derive(Clone)]
pub struct CancelKey(pub CancelToken);

impl fmt::Debug for CancelKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("CancelKey")
    }
}

/// A cancel request on its way: a connection of its own, to the same address.
///
/// It is done when the server has closed that connection, which it does after it has signalled the session. Only then is
/// it certain that the signal doesn't hit a later query.
pub struct Cancelling {
    future: Pin<Box<dyn Future<Output = bool>>>,
    socket: Rc<RefCell<Option<Socket>>>,
    wakeup: Wakeup,
}

impl Cancelling {
    pub(super) fn new(address: SockAddr, CancelKey(token): CancelKey) -> Cancelling {
        let current = Rc::new(RefCell::new(None));
        let published = current.clone();
        let future = Box::pin(async move {
            let Ok(socket) = Socket::connect(&address) else {
                return false;
            };
            published.replace(Some(socket.clone()));
            if socket.connected().await.is_err() || token.cancel_query_raw(socket.clone(), NoTls).await.is_err() {
                return false;
            }
            socket.closed().await;
            true
        });
        Cancelling { future, socket: current, wakeup: Wakeup::new() }
    }

    /// Goes on without waiting; ready with whether the request was delivered.
    pub fn poll(&mut self) -> Poll<bool> {
        self.wakeup.settle(|context| self.future.as_mut().poll(context))
    }

    /// The socket that it waits for: there from the first poll on, and never another one.
    pub fn socket(&self) -> Option<Socket> {
        self.socket.borrow().clone()
    }
}
