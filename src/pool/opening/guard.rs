//! The socket as tokio-postgres gets it: it sees no question that mustn't be answered.

use super::questions::{Questions, Startup};
use crate::conninfo::RequireAuth;
use crate::reactor::Socket;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A socket whose bytes are looked at until the server has let us in. An unacceptable question is an error of the read,
/// and nothing of what it came with is passed on.
#[derive(Debug)]
pub struct Guarded {
    socket: Socket,
    /// `None` once we are in.
    questions: Option<Questions>,
}

impl Guarded {
    /// The socket of a server that may ask only this.
    pub fn new(socket: Socket, required: RequireAuth) -> Guarded {
        Guarded { socket, questions: Some(Questions::new(required)) }
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(context, buffer))?;
        if let Some(questions) = &mut self.questions {
            match questions.hear(&buffer.filled()[before..]) {
                Ok(Startup::GoesOn) => {}
                Ok(Startup::Over) => self.questions = None,
                Err(unacceptable) => {
                    buffer.set_filled(before);
                    return Poll::Ready(Err(io::Error::other(unacceptable)));
                }
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
