//! The socket that a proxy listens on, and what it may do instead of accepting.

use super::{Address, Listening};
use socket2::{Domain, SockAddr, Socket, Type};
use std::fs::{self, Permissions};
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

/// How many connections wait to be accepted, where that isn't the fault.
const BACKLOG: i32 = 128;

/// A listening socket.
#[derive(Debug)]
pub(super) struct Listener {
    pub socket: Socket,
    /// Connections of our own that fill its queue.
    fillers: Vec<Socket>,
    /// How many of these are in the queue.
    pub queued: usize,
}

/// Listens on a free port of the loopback address.
pub(super) fn on_some_port() -> io::Result<(Address, Listener)> {
    let socket = listen(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into(), BACKLOG)?;
    let port = socket.local_addr()?.as_socket().expect("an internet address").port();
    Ok((Address::Tcp { ip: Ipv4Addr::LOCALHOST, port }, Listener { socket, fillers: Vec::new(), queued: 0 }))
}

impl Listener {
    pub fn new(address: &Address, mode: Listening) -> io::Result<Listener> {
        if let Address::Unix { .. } = address {
            let _ = fs::remove_file(address.path());
        }
        let is_full = mode == Listening::Full;
        let socket = listen(&address.socket_address()?, if is_full { 0 } else { BACKLOG })?;
        if let Address::Unix { .. } = address {
            // The server runs as another user.
            fs::set_permissions(address.path(), Permissions::from_mode(0o777))?;
        }
        let mut listener = Listener { socket, fillers: Vec::new(), queued: 0 };
        if is_full {
            listener.fill(address)?;
        }
        Ok(listener)
    }

    /// Connects until the kernel takes no more: over TCP it drops packets from then on, a Unix-domain socket says EAGAIN.
    fn fill(&mut self, address: &Address) -> io::Result<()> {
        loop {
            let filler = Socket::new(address.domain(), Type::STREAM, None)?;
            filler.set_nonblocking(true)?;
            match filler.connect(&address.socket_address()?) {
                Ok(()) => {}
                // The answer of the loopback interface takes microseconds.
                Err(error) if error.raw_os_error() == Some(EINPROGRESS) => {
                    std::thread::sleep(Duration::from_millis(200))
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
            let is_in = filler.peer_addr().is_ok();
            self.fillers.push(filler);
            if !is_in {
                return Ok(());
            }
            self.queued += 1;
        }
    }

    /// From now on there is room in the queue again.
    pub fn make_room(&mut self) -> io::Result<()> {
        self.fillers.clear();
        self.socket.listen(BACKLOG)
    }

    /// Ends it; a thread that accepts there wakes up with an error.
    pub fn close(&self) {
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

const EINPROGRESS: i32 = 115;

fn listen(address: &SockAddr, backlog: i32) -> io::Result<Socket> {
    let socket = Socket::new(address.domain(), Type::STREAM, None)?;
    if address.domain() != Domain::UNIX {
        socket.set_reuse_address(true)?;
    }
    socket.bind(address)?;
    socket.listen(backlog)?;
    Ok(socket)
}
