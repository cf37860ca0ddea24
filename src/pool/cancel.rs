//! Asking a server to cancel what it is doing for a connection of ours.

use super::opening::{Awaited, CancelKey, Encryption, Server};
use super::tls::Context;
use crate::reactor::{Purpose, Socket, Wakeup, is_out_of_descriptors};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Instant;

/// All that it takes to cancel what a connection's server is doing for it.
#[derive(Clone, Debug)]
pub struct Canceller {
    pub server: Rc<Server>,
    /// How the connection speaks TLS, if it does: the request must not be less well protected. It reads no file again, which
    /// may take a descriptor that isn't there, or have been replaced.
    pub tls: Option<Rc<Context>>,
    /// What the server wants to see; `None` if it has never told us.
    pub key: Option<CancelKey>,
}

impl Canceller {
    /// Asks the server to cancel what it is doing.
    pub fn request(&self) -> Cancelling {
        Cancelling::new(self.clone())
    }
}

/// What has become of a cancel request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The server has signalled the session.
    Taken,
    /// It won't get there.
    Failed,
    /// There is no descriptor for it now; nothing has been sent.
    NoDescriptor,
    /// What is there doesn't behave like a server: it talks. It may be taken, now or later.
    Unclear,
}

/// A cancel request on its way: a connection of its own, to the same address, which speaks TLS if the session does.
///
/// It is done when the server has closed that connection, which it does after it has signalled the session. Only then is
/// it certain that the signal doesn't hit a later query.
pub struct Cancelling {
    future: Pin<Box<dyn Future<Output = Delivery>>>,
    awaited: Rc<Awaited>,
    wakeup: Wakeup,
}

impl Cancelling {
    fn new(canceller: Canceller) -> Cancelling {
        let awaited = Rc::new(Awaited::default());
        let future = Box::pin(deliver(canceller, awaited.clone()));
        Cancelling { future, awaited, wakeup: Wakeup::new() }
    }

    /// Goes on without waiting; mustn't be called any more when it has been ready.
    pub fn poll(&mut self) -> Poll<Delivery> {
        self.awaited.forget_alarm();
        let polled = self.wakeup.settle(|context| self.future.as_mut().poll(context));
        if self.wakeup.is_unsettled() {
            self.awaited.alarm_at_once();
        }
        polled
    }

    /// The socket that it waits for.
    pub fn socket(&self) -> Option<Socket> {
        self.awaited.socket()
    }

    /// When it must be polled even if nothing has happened.
    pub fn deadline(&self) -> Option<Instant> {
        self.awaited.alarm()
    }
}

/// How many bytes may come back. A server sends none.
const SMALL_TALK: usize = 1024;

async fn deliver(Canceller { server, tls, key }: Canceller, awaited: Rc<Awaited>) -> Delivery {
    let Some(key) = key else {
        return Delivery::Failed;
    };
    let socket = match server.connect(&awaited, Purpose::Cancel).await {
        Ok(socket) => socket,
        Err(error) if is_out_of_descriptors(&error) => return Delivery::NoDescriptor,
        Err(_) => return Delivery::Failed,
    };
    let encryption = if tls.is_some() { Encryption::Yes } else { Encryption::No };
    let Ok(mut transport) = server.encrypt(socket, encryption, tls).await else {
        return Delivery::Failed;
    };
    if transport.write_all(&key.request()).await.is_err() {
        return Delivery::Failed;
    }
    match transport.closed(SMALL_TALK).await {
        true => Delivery::Taken,
        false => Delivery::Unclear,
    }
}
