//! What a session's bytes travel through, without waiting: a socket, or TLS over one.

use super::tls::Session;
use crate::reactor::Socket;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::task::Poll;

/// A way to the server and back. To wait for it is to wait for its socket.
#[derive(Debug)]
pub enum Transport {
    Plain(Socket),
    Tls(Box<Session>),
}

impl Transport {
    /// For the reactor.
    pub fn socket(&self) -> &Socket {
        match self {
            Transport::Plain(socket) => socket,
            Transport::Tls(session) => session.socket(),
        }
    }

    /// The TLS session, if this is one.
    pub fn tls(&self) -> Option<&Session> {
        match self {
            Transport::Plain(_) => None,
            Transport::Tls(session) => Some(session),
        }
    }

    /// Whether a read is worth trying.
    pub fn is_readable(&self) -> bool {
        match self {
            Transport::Plain(socket) => socket.is_readable(),
            Transport::Tls(session) => session.is_readable(),
        }
    }

    /// Whether bytes may have been received that no read has returned yet.
    pub fn may_hold_bytes(&self) -> bool {
        match self {
            Transport::Plain(_) => false,
            Transport::Tls(session) => session.may_hold_bytes(),
        }
    }

    /// From now on a read is worth trying, whatever has been seen.
    pub fn set_readable(&mut self) {
        match self {
            Transport::Plain(socket) => socket.set_readable(),
            Transport::Tls(session) => session.set_readable(),
        }
    }

    /// One read; `None` if the socket must be waited for. 0 is the end of the stream.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match self {
            Transport::Plain(socket) => socket.read(buffer),
            Transport::Tls(session) => session.read(buffer),
        }
    }

    /// One write; `None` if the socket must be waited for. The next one must begin with the same bytes then.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<Option<usize>> {
        match self {
            Transport::Plain(socket) => socket.write(bytes),
            Transport::Tls(session) => session.write(bytes),
        }
    }

    /// To be called when it is used no more.
    pub fn end(&mut self) {
        match self {
            Transport::Plain(_) => {} // the system closes the socket, and that is all there is to say
            Transport::Tls(session) => session.end(),
        }
    }

    /// Writes all of it.
    pub async fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        poll_fn(|_| {
            while !bytes.is_empty() {
                match self.write(bytes) {
                    Ok(Some(count)) => bytes = &bytes[count..],
                    Ok(None) => return Poll::Pending,
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
            Poll::Ready(Ok(()))
        })
        .await
    }

    /// Waits for one byte.
    pub async fn read_byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        poll_fn(|_| {
            if !self.is_readable() {
                return Poll::Pending;
            }
            match self.read(&mut byte)? {
                Some(0) => Poll::Ready(Err(ErrorKind::UnexpectedEof.into())),
                Some(_) => Poll::Ready(Ok(byte[0])),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// Waits until the server closes its side; what it sends until then is thrown away. `false` if that is more than `limit`
    /// bytes.
    pub async fn closed(&mut self, limit: usize) -> bool {
        for _ in 0..limit {
            if self.read_byte().await.is_err() {
                return true;
            }
        }
        false
    }
}
