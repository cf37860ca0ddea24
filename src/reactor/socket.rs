//! A non-blocking stream socket, as a future sees it.

use crate::pg::external_fd::ExternalFd;
use crate::pg::waitevent::Interest;
use socket2::{Domain, SockAddr, Type};
use std::future::poll_fn;
use std::io::{self, ErrorKind, Read as _};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::task::Poll;

/// A socket that knows whether it is worth trying: reads wait until the loop has seen it readable. Clones are the same
/// socket, closed when the last of them is dropped: the future has one, the loop another.
#[derive(Clone, Debug)]
pub struct Socket(Arc<Shared>);

/// A socket that may have been closed meanwhile.
#[derive(Clone, Debug)]
pub struct WeakSocket(Weak<Shared>);

#[derive(Debug)]
struct Shared {
    socket: socket2::Socket,
    /// There may be bytes to read. Cleared by a read that didn't fill its buffer, which saves the read that would only
    /// find out that there is nothing more.
    readable: AtomicBool,
    /// The kernel had no room for what we have to send, or hasn't connected yet.
    blocked: AtomicBool,
    /// Something is waiting for room.
    wants_room: AtomicBool,
    _fd: ExternalFd,
}

/// What a look at an idle socket shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// Nothing has arrived.
    Quiet,
    /// There are bytes that nobody has asked for.
    Talking,
    /// The peer has closed it, or it is broken.
    Dead,
}

impl Socket {
    /// Starts to connect; [`Socket::connected`] says when that is done.
    pub fn connect(address: &SockAddr) -> io::Result<Socket> {
        let fd = ExternalFd::acquire().ok_or_else(|| io::Error::from_raw_os_error(libc::EMFILE))?;
        // Type::STREAM is close-on-exec by socket2's default.
        let socket = socket2::Socket::new(address.domain(), Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        if address.domain() != Domain::UNIX {
            socket.set_tcp_nodelay(true)?;
        }
        match socket.connect(address) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
            Err(error) => return Err(error),
        }
        let flag = AtomicBool::new;
        // Blocked until the first writability, which is how a connect reports its end.
        Ok(Socket(Arc::new(Shared {
            socket,
            readable: flag(false),
            blocked: flag(true),
            wants_room: flag(true),
            _fd: fd,
        })))
    }

    /// Waits until the connection is there.
    pub async fn connected(&self) -> io::Result<()> {
        poll_fn(|_| if self.0.blocked.load(Relaxed) { Poll::Pending } else { Poll::Ready(()) }).await;
        self.0.wants_room.store(false, Relaxed);
        self.0.socket.take_error()?.map_or(Ok(()), Err)
    }

    /// The options of the socket.
    pub fn options(&self) -> &socket2::Socket {
        &self.0.socket
    }

    /// Looks whether anything has arrived, without taking it: one system call.
    pub fn liveness(&self) -> Liveness {
        let mut byte = [std::mem::MaybeUninit::uninit()];
        match self.0.socket.peek(&mut byte) {
            Ok(0) => Liveness::Dead,
            Ok(_) => {
                self.0.readable.store(true, Relaxed);
                Liveness::Talking
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Liveness::Quiet,
            Err(error) if error.kind() == ErrorKind::Interrupted => self.liveness(),
            Err(_) => Liveness::Dead,
        }
    }

    /// Whether a read is worth trying.
    pub fn is_readable(&self) -> bool {
        self.0.readable.load(Relaxed)
    }

    /// From now on a read is worth trying, whatever the loop has seen.
    pub fn set_readable(&self) {
        self.0.readable.store(true, Relaxed);
    }

    /// One read; `None` if there is nothing to read. 0 is the end of the stream.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            match (&self.0.socket).read(buffer) {
                Ok(n) => {
                    // The end of the stream stays readable.
                    self.0.readable.store(n == buffer.len() || n == 0, Relaxed);
                    return Ok(Some(n));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.0.readable.store(false, Relaxed);
                    return Ok(None);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// One write; `None` if there is no room now, which the loop then waits for.
    pub fn write(&self, bytes: &[u8]) -> io::Result<Option<usize>> {
        if self.0.blocked.load(Relaxed) {
            return Ok(None);
        }
        loop {
            // A peer that is gone must be an error, not a SIGPIPE.
            match self.0.socket.send_with_flags(bytes, libc::MSG_NOSIGNAL) {
                Ok(n) => {
                    self.0.wants_room.store(false, Relaxed);
                    return Ok(Some(n));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.0.blocked.store(true, Relaxed);
                    self.0.wants_room.store(true, Relaxed);
                    return Ok(None);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) fn fd(&self) -> RawFd {
        self.0.socket.as_raw_fd()
    }

    pub(super) fn interest(&self) -> Interest {
        Interest { readable: true, writable: self.0.wants_room.load(Relaxed) }
    }

    pub(super) fn set_ready(&self, ready: Interest) {
        if ready.readable {
            self.0.readable.store(true, Relaxed);
        }
        if ready.writable {
            self.0.blocked.store(false, Relaxed);
        }
    }
}

impl Socket {
    pub(super) fn downgrade(&self) -> WeakSocket {
        WeakSocket(Arc::downgrade(&self.0))
    }

    /// Differs from that of every other socket that there is, or that a [`WeakSocket`] remembers.
    pub(super) fn identity(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

impl WeakSocket {
    /// The socket, if it is still open.
    pub(super) fn upgrade(&self) -> Option<Socket> {
        self.0.upgrade().map(Socket)
    }

    pub(super) fn identity(&self) -> usize {
        self.0.as_ptr().addr()
    }
}
