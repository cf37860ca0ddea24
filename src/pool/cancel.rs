//! Asking a server to cancel what it is doing for a connection of ours.

use super::opening::{Awaited, CancelKey, Encryption, Server};
use crate::reactor::{Socket, Wakeup};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Instant;

/// All that it takes to cancel what a connection's server is doing for it.
#[derive(Clone, Debug)]
pub struct Canceller {
    pub server: Rc<Server>,
    /// How the connection speaks: the request must not be less well protected.
    pub encryption: Encryption,
    /// What the server wants to see; `None` if it has never told us.
    pub key: Option<CancelKey>,
}

impl Canceller {
    /// Asks the server to cancel what it is doing.
    pub fn request(&self) -> Cancelling {
        Cancelling::new(self.clone())
    }
}

/// A cancel request on its way: a connection of its own, to the same address, which speaks TLS if the session does.
///
/// It is done when the server has closed that connection, which it does after it has signalled the session. Only then is
/// it certain that the signal doesn't hit a later query.
pub struct Cancelling {
    future: Pin<Box<dyn Future<Output = bool>>>,
    awaited: Rc<Awaited>,
    wakeup: Wakeup,
}

impl Cancelling {
    fn new(canceller: Canceller) -> Cancelling {
        let awaited = Rc::new(Awaited::default());
        let future = Box::pin(deliver(canceller, awaited.clone()));
        Cancelling { future, awaited, wakeup: Wakeup::new() }
    }

    /// Goes on without waiting; ready with whether the request was delivered.
    pub fn poll(&mut self) -> Poll<bool> {
        self.awaited.forget_alarm();
        self.wakeup.settle(|context| self.future.as_mut().poll(context))
    }

    /// The socket that it waits for.
    pub fn socket(&self) -> Option<Socket> {
        self.awaited.socket()
    }

    /// Whether the socket is another one than when this was last asked.
    pub fn socket_changed(&self) -> bool {
        self.awaited.socket_changed()
    }

    /// When it must be polled even if nothing has happened.
    pub fn deadline(&self) -> Option<Instant> {
        self.awaited.alarm()
    }
}

async fn deliver(Canceller { server, encryption, key }: Canceller, awaited: Rc<Awaited>) -> bool {
    let Some(key) = key else {
        return false;
    };
    let Ok(socket) = server.connect(&awaited).await else {
        return false;
    };
    let Ok(mut transport) = server.encrypt(socket, encryption).await else {
        return false;
    };
    if transport.write_all(&key.request()).await.is_err() {
        return false;
    }
    transport.closed().await;
    true
}
