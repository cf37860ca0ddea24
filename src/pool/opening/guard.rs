//! The socket as tokio-postgres gets it: it sees no question that mustn't be answered, and nothing after the login.

use super::questions::{Questions, Startup};
use crate::conninfo::RequireAuth;
use crate::reactor::Socket;
use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A login that is under way: what is known of it, and what has been received beyond it.
#[derive(Debug)]
pub struct Login {
    pub questions: Questions,
    /// The bytes of the session that has begun; `None` before that.
    pub session: Option<Vec<u8>>,
}

/// A socket whose bytes are looked at until the server has let us in. An unacceptable question is an error of the read,
/// and nothing of what it came with is passed on.
#[derive(Debug)]
pub struct Guarded {
    socket: Socket,
    login: Rc<RefCell<Login>>,
}

impl Guarded {
    /// The socket of a server that may ask only this.
    pub fn new(socket: Socket, required: RequireAuth) -> Guarded {
        let login = Login { questions: Questions::new(required), session: None };
        Guarded { socket, login: Rc::new(RefCell::new(login)) }
    }

    /// What becomes of it.
    pub fn login(&self) -> Rc<RefCell<Login>> {
        self.login.clone()
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.login.borrow().session.is_some() {
            return Poll::Pending; // the rest is for others
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(context, buffer))?;
        let mut login = self.login.borrow_mut();
        match login.questions.hear(&buffer.filled()[before..]) {
            Ok(Startup::GoesOn) => {}
            Ok(Startup::Over(heard)) => {
                login.session = Some(buffer.filled()[before + heard..].to_vec());
                buffer.set_filled(before + heard);
            }
            Err(unacceptable) => {
                buffer.set_filled(before);
                return Poll::Ready(Err(io::Error::other(unacceptable)));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
