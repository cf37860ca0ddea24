//! The transport as tokio-postgres gets it: it sees no question that mustn't be answered, and nothing after the login.
//!
//! TLS, where it is wanted, is there already. To tokio-postgres it looks as if it began here, so that it knows what SCRAM
//! can be bound to.

use super::questions::{Questions, Startup};
use crate::conninfo::RequireAuth;
use crate::pool::tls::Session;
use crate::pool::transport::Transport;
use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

/// A login that is under way: what is known of it, and what has been received beyond it.
#[derive(Debug)]
pub struct Login {
    /// `None` when it has been taken away.
    transport: Option<Transport>,
    pub questions: Questions,
    /// The bytes of the session that has begun; `None` before that.
    session: Option<Vec<u8>>,
    /// How many reads have been made since others have had their turn.
    reads: usize,
}

/// See [`Login::reads`].
const READS: usize = 8;

impl Login {
    /// The transport, and what has been received of the session already. `None` if there is no session yet.
    pub fn take_session(&mut self) -> Option<(Transport, Vec<u8>)> {
        let received = self.session.take()?;
        Some((self.transport.take()?, received))
    }

    fn read(&mut self, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Some(transport) = self.transport.as_mut().filter(|_| self.session.is_none()) else {
            return Poll::Pending; // the rest is for others
        };
        if !transport.is_readable() {
            return Poll::Pending;
        }
        if self.reads == READS {
            self.reads = 0;
            transport.socket().make_haste();
            return Poll::Pending;
        }
        self.reads += 1;
        let before = buffer.filled().len();
        match transport.read(buffer.initialize_unfilled())? {
            Some(count) => buffer.advance(count),
            None => return Poll::Pending,
        }
        match self.questions.hear(&buffer.filled()[before..]) {
            Ok(Startup::GoesOn) => {}
            Ok(Startup::Over(heard)) => {
                self.session = Some(buffer.filled()[before + heard..].to_vec());
                buffer.set_filled(before + heard);
            }
            Err(unacceptable) => {
                buffer.set_filled(before);
                return Poll::Ready(Err(io::Error::other(unacceptable)));
            }
        }
        Poll::Ready(Ok(()))
    }

    fn write(&mut self, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.transport.as_mut().map(|transport| transport.write(bytes)) {
            Some(Ok(Some(count))) => Poll::Ready(Ok(count)),
            Some(Err(error)) => Poll::Ready(Err(error)),
            Some(Ok(None)) | None => Poll::Pending,
        }
    }
}

/// A transport whose bytes are looked at until the server has let us in. An unacceptable question is an error of the read,
/// and nothing of what it came with is passed on.
#[derive(Debug)]
pub struct Guarded {
    login: Rc<RefCell<Login>>,
    /// What SCRAM can be bound to.
    end_point: Option<Vec<u8>>,
}

impl Guarded {
    /// The transport to a server that may ask only this.
    pub fn new(transport: Transport, required: RequireAuth) -> Guarded {
        let end_point = transport.tls().and_then(Session::end_point);
        let login = Login { transport: Some(transport), questions: Questions::new(required), session: None, reads: 0 };
        Guarded { login: Rc::new(RefCell::new(login)), end_point }
    }

    /// What becomes of it.
    pub fn login(&self) -> Rc<RefCell<Login>> {
        self.login.clone()
    }
}

impl AsyncRead for Guarded {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.login.borrow_mut().read(buffer)
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.login.borrow_mut().write(bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(())) // nothing is kept back
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(())) // the session goes on without this
    }
}

/// The TLS that is there already.
pub struct AlreadyEncrypted;

impl TlsConnect<Guarded> for AlreadyEncrypted {
    type Stream = Guarded;
    type Error = Infallible;
    type Future = Ready<Result<Guarded, Infallible>>;

    fn connect(self, stream: Guarded) -> Self::Future {
        ready(Ok(stream))
    }
}

impl TlsStream for Guarded {
    fn channel_binding(&self) -> ChannelBinding {
        match &self.end_point {
            Some(hash) => ChannelBinding::tls_server_end_point(hash.clone()),
            None => ChannelBinding::none(),
        }
    }
}
