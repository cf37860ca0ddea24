//! A non-blocking stream socket, as a future sees it.

use crate::pg::external_fd::{ExternalFd, NoDescriptor, make_room};
use crate::pg::waitevent::Interest;
use socket2::{Domain, SockAddr, Type};
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::{self, ErrorKind, Read as _};
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
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
    /// Whoever reads it has stopped before the end, and the next wait is to be a short one.
    is_pressing: AtomicBool,
    /// The wait set that it is in, and its number there; 0 if it is in none.
    place: AtomicU64,
    _fd: ExternalFd,
}

/// What a socket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A session. Idle ones are closed if there is no descriptor for it.
    Session,
    /// Asking a server to cancel, which a descriptor is kept for.
    Cancel,
}

thread_local! {
    /// How many sockets that were in a wait set have been closed.
    static CLOSED: Cell<u64> = const { Cell::new(0) };
    /// A descriptor that is kept from the first session on, so that servers can be asked to cancel, one after the other, when
    /// the process has no other one left. Never dropped, like everything that lives as long as the backend.
    static KEPT: ManuallyDrop<RefCell<Option<(socket2::Socket, ExternalFd)>>> = ManuallyDrop::default();
}

/// How many sockets that were in a wait set have been closed.
pub(super) fn closed() -> u64 {
    CLOSED.get()
}

impl Drop for Shared {
    // Safe during abort: counts.
    fn drop(&mut self) {
        if *self.place.get_mut() != 0 {
            CLOSED.set(CLOSED.get() + 1);
        }
    }
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
    /// Starts to connect; [`Socket::connected`] says when that is done. [`is_out_of_descriptors`] tells whether it has failed
    /// for want of one.
    pub fn connect(address: &SockAddr, purpose: Purpose) -> io::Result<Socket> {
        let (socket, fd) = open(address.domain(), purpose)?;
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
            is_pressing: flag(false),
            place: AtomicU64::new(0),
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

    /// To be called by work that stops before there is nothing left to read, to let interrupts, deadlines and others have their
    /// turn: what waits for this socket goes on at once.
    pub fn make_haste(&self) {
        self.0.is_pressing.store(true, Relaxed);
    }

    /// Whether [`Socket::make_haste`] has been called since this was last asked.
    pub(super) fn take_haste(&self) -> bool {
        self.0.is_pressing.load(Relaxed) && self.0.is_pressing.swap(false, Relaxed)
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

    /// Its number in this wait set, if it is in it.
    pub(super) fn number_in(&self, set: u32) -> Option<usize> {
        let place = self.0.place.load(Relaxed);
        (place >> 32 == u64::from(set)).then_some((place & u64::from(u32::MAX)) as usize)
    }

    /// Notes its number in this wait set.
    pub(super) fn is_in(&self, set: u32, number: usize) {
        self.0.place.store(u64::from(set) << 32 | number as u64, Relaxed);
    }
}

impl WeakSocket {
    /// The socket, if it is still open.
    pub(super) fn upgrade(&self) -> Option<Socket> {
        self.0.upgrade().map(Socket)
    }
}

/// An unconnected socket.
fn open(domain: Domain, purpose: Purpose) -> io::Result<(socket2::Socket, ExternalFd)> {
    let none = |NoDescriptor| io::Error::from_raw_os_error(libc::EMFILE);
    // Type::STREAM is close-on-exec by socket2's default.
    let new = || socket2::Socket::new(domain, Type::STREAM, None);
    if purpose == Purpose::Session {
        keep_one()?;
    }
    let fd = match purpose {
        Purpose::Session => ExternalFd::acquire(),
        Purpose::Cancel => ExternalFd::for_cancel(),
    };
    let fd = fd.map_err(none)?;
    // The system may have none, whatever was counted.
    loop {
        match new() {
            Err(error) if is_out_of_descriptors(&error) => match purpose {
                Purpose::Cancel if KEPT.with(|kept| kept.borrow_mut().take()).is_some() => {}
                _ if make_room() => {}
                _ => return Err(error),
            },
            result => return Ok((result?, fd)),
        }
    }
}

/// Sees to it that there is a descriptor for cancelling.
fn keep_one() -> io::Result<()> {
    if KEPT.with(|kept| kept.borrow().is_some()) {
        return Ok(());
    }
    let fd = ExternalFd::acquire().map_err(|NoDescriptor| io::Error::from_raw_os_error(libc::EMFILE))?;
    let socket = loop {
        match socket2::Socket::new(Domain::UNIX, Type::STREAM, None) {
            Err(error) if is_out_of_descriptors(&error) && make_room() => {}
            result => break result?,
        }
    };
    KEPT.with(|kept| *kept.borrow_mut() = Some((socket, fd)));
    Ok(())
}

/// Whether this process, or the whole system, has no descriptor left.
pub fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}
