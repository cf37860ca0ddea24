//! A proxy between a client (the coordinator's backend) and a server (a shard, PgBouncer) that knows where messages begin
//! and end. It passes them on, remembers them, and does to them what it is told ([`Proxy::on`]).
//!
//! What it owns: a listening socket, over TCP or in the file system; the connections through it; the record of what was said.
//! What it must not know: SQL.
//!
//! Everything may be changed while it runs. Dropping it closes everything.

mod listener;
mod pump;
mod rules;

pub use rules::{Action, Fault, Mutation, When, wait_until};

use crate::wire::{contains, pseudo};
use listener::Listener;
use pump::Connection;
use rules::Rules;
use socket2::{Domain, SockAddr, Socket, Type};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How many bytes of a body are recorded, and looked at for a text.
pub const PREFIX: usize = 8192;

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client.
    ToServer,
    /// To the client.
    FromServer,
}

/// Where a server or a proxy listens.
#[derive(Clone, Debug)]
pub enum Address {
    /// TCP.
    Tcp {
        /// One of 127.0.0.0/8.
        ip: Ipv4Addr,
        /// Its port.
        port: u16,
    },
    /// A socket in this directory, named as PostgreSQL names it.
    Unix {
        /// The directory.
        directory: PathBuf,
        /// The number in the socket's name.
        port: u16,
    },
}

impl Address {
    /// `host=… port=…`.
    pub fn conninfo(&self) -> String {
        match self {
            Address::Tcp { ip, port } => format!("host={ip} port={port}"),
            Address::Unix { directory, port } => format!("host={} port={port}", directory.display()),
        }
    }

    /// The port, which a socket in the file system has in its name.
    pub fn port(&self) -> u16 {
        match self {
            Address::Tcp { port, .. } | Address::Unix { port, .. } => *port,
        }
    }

    fn path(&self) -> PathBuf {
        match self {
            Address::Tcp { .. } => panic!("TCP has no path"),
            Address::Unix { directory, port } => directory.join(format!(".s.PGSQL.{port}")),
        }
    }

    fn socket_address(&self) -> io::Result<SockAddr> {
        match self {
            Address::Tcp { ip, port } => Ok(SocketAddr::from((*ip, *port)).into()),
            Address::Unix { .. } => SockAddr::unix(self.path()),
        }
    }

    fn domain(&self) -> Domain {
        match self {
            Address::Tcp { .. } => Domain::IPV4,
            Address::Unix { .. } => Domain::UNIX,
        }
    }

    /// Connects to it.
    pub fn connect(&self) -> io::Result<Socket> {
        let socket = Socket::new(self.domain(), Type::STREAM, None)?;
        socket.connect(&self.socket_address()?)?;
        Ok(socket)
    }
}

/// What becomes of those who want to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listening {
    /// They are connected to the server.
    Accepting,
    /// Nobody listens.
    Refusing,
    /// The queue is full: over TCP the packets are dropped, in the file system connecting fails with EAGAIN.
    Full,
    /// They are accepted, and never get an answer.
    Silent,
}

/// A message that the client has sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Its type; see [`crate::wire::pseudo`] for those without one.
    pub kind: u8,
    /// The first [`PREFIX`] bytes of its body.
    pub body: Vec<u8>,
}

#[derive(Debug, Default)]
struct Record {
    connections: usize,
    sent: Vec<Sent>,
    /// How many messages of each type the server has sent.
    received: Vec<usize>,
}

/// What the threads of a proxy share.
#[derive(Debug)]
struct Shared {
    upstream: Address,
    rules: Rules,
    record: Mutex<Record>,
    open: Mutex<Vec<Arc<Connection>>>,
    /// Accepted and not answered.
    silenced: Mutex<Vec<Socket>>,
    is_silent: AtomicBool,
}

impl Shared {
    fn record(&self, direction: Direction, kind: u8, body: &[u8]) {
        let mut record = self.record.lock().expect("no panic in here");
        match direction {
            Direction::ToServer => record.sent.push(Sent { kind, body: body.to_vec() }),
            Direction::FromServer => {
                record.received.resize(256, 0);
                record.received[usize::from(kind)] += 1;
            }
        }
    }

    fn pause(&self, pause: Duration, is_over: impl Fn() -> bool) {
        let end = Instant::now() + pause;
        while Instant::now() < end && !is_over() && !self.rules.is_empty() {
            std::thread::sleep(pause.min(Duration::from_millis(5)));
        }
    }

    fn accept(self: &Arc<Self>, listener: &Socket, mut to_be_skipped: usize) {
        while let Ok((client, _)) = listener.accept() {
            if to_be_skipped > 0 {
                to_be_skipped -= 1;
                continue;
            }
            self.record.lock().expect("no panic in here").connections += 1;
            if self.is_silent.load(SeqCst) {
                self.silenced.lock().expect("no panic in here").push(client);
                continue;
            }
            if client.local_addr().is_ok_and(|address| address.is_ipv4()) {
                let _ = client.set_tcp_nodelay(true);
            }
            // A server that is gone closes what comes to it.
            let Ok(server) = self.upstream.connect() else { continue };
            let connection = Arc::new(Connection::new(client, server));
            self.open.lock().expect("no panic in here").push(connection.clone());
            let (shared, other) = (self.clone(), connection.clone());
            std::thread::spawn(move || {
                let back = {
                    let (shared, connection) = (shared.clone(), other.clone());
                    std::thread::spawn(move || connection.pump(&shared, Direction::FromServer))
                };
                other.pump(&shared, Direction::ToServer);
                let _ = back.join();
                shared.open.lock().expect("no panic in here").retain(|open| !Arc::ptr_eq(open, &other));
            });
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Proxy {
    address: Address,
    listening: Listening,
    listener: Option<Arc<Mutex<Listener>>>,
    acceptor: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
}

impl Proxy {
    /// A proxy to a server, on a free port of the loopback interface.
    pub fn tcp(upstream: &Address) -> Proxy {
        let (address, listener) = listener::on_some_port().expect("a free port");
        Proxy::start(address, listener, upstream)
    }

    /// A proxy to a server, at this address.
    pub fn at(address: Address, upstream: &Address) -> Proxy {
        let listener = Listener::new(&address, Listening::Accepting).expect("a free address");
        Proxy::start(address, listener, upstream)
    }

    /// A proxy to a server, on a socket in this directory.
    pub fn unix(directory: &Path, upstream: &Address) -> Proxy {
        Proxy::at(Address::Unix { directory: directory.to_owned(), port: 5432 }, upstream)
    }

    fn start(address: Address, listener: Listener, upstream: &Address) -> Proxy {
        let shared = Shared {
            upstream: upstream.clone(),
            rules: Rules::default(),
            record: Mutex::default(),
            open: Mutex::default(),
            silenced: Mutex::default(),
            is_silent: AtomicBool::new(false),
        };
        let mut proxy = Proxy {
            address,
            listening: Listening::Accepting,
            listener: None,
            acceptor: None,
            shared: Arc::new(shared),
        };
        proxy.use_listener(listener, true);
        proxy
    }

    /// Where it listens.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// From now on this happens to such messages, until [`Proxy::heal`].
    pub fn on(&self, when: When, action: Action) -> Fault {
        self.shared.rules.add(when, action)
    }

    /// From now on this one happens no more. What it has stalled goes on.
    pub fn take_back(&self, fault: &Fault) {
        self.shared.rules.remove(fault);
    }

    /// From now on this becomes of those who want to connect. Connections that are there stay.
    pub fn listen(&mut self, listening: Listening) {
        if listening == self.listening {
            return;
        }
        let was = std::mem::replace(&mut self.listening, listening);
        self.shared.is_silent.store(listening == Listening::Silent, SeqCst);
        let accepts = matches!(listening, Listening::Accepting | Listening::Silent);
        match (was, &self.listener) {
            (Listening::Accepting | Listening::Silent, _) if accepts => {}
            (Listening::Full, Some(listener)) if accepts => {
                // The same socket goes on, so that nobody is refused in between.
                listener.lock().expect("no panic in here").make_room().expect("a longer queue");
                self.accept(listener.clone());
            }
            _ => {
                self.stop_listening();
                if listening != Listening::Refusing {
                    let listener = Listener::new(&self.address, listening).expect("the address is still ours");
                    self.use_listener(listener, accepts);
                }
            }
        }
    }

    fn use_listener(&mut self, listener: Listener, accepts: bool) {
        let listener = Arc::new(Mutex::new(listener));
        self.listener = Some(listener.clone());
        if accepts {
            self.accept(listener);
        }
    }

    fn accept(&mut self, listener: Arc<Mutex<Listener>>) {
        let (socket, queued) = {
            let listener = listener.lock().expect("no panic in here");
            (listener.socket.try_clone().expect("a descriptor"), listener.queued)
        };
        let shared = self.shared.clone();
        self.acceptor = Some(std::thread::spawn(move || shared.accept(&socket, queued)));
    }

    fn stop_listening(&mut self) {
        if let Some(listener) = self.listener.take() {
            listener.lock().expect("no panic in here").close();
        }
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.join().expect("no panic in the acceptor");
        }
    }

    /// No more faults. What is stalled goes on; what has vanished, or was never answered, is closed.
    pub fn heal(&mut self) {
        self.shared.rules.clear();
        self.listen(Listening::Accepting);
        self.shared.silenced.lock().expect("no panic in here").clear();
        self.close_vanished();
    }

    /// Closes what has vanished, as its peer's system does in the end.
    pub fn close_vanished(&self) {
        self.open().iter().filter(|connection| connection.has_vanished()).for_each(|connection| connection.close());
    }

    /// Whether it has been told to do nothing but to pass messages on.
    pub fn is_healthy(&self) -> bool {
        self.listening == Listening::Accepting && self.shared.rules.is_empty()
    }

    /// Closes all connections, as a server does that is shut down, and waits until that is done.
    pub fn close_all(&self) {
        self.open().iter().for_each(|connection| connection.close());
        wait_until("connections to be closed", || self.open().is_empty());
    }

    /// How many connections there are now.
    pub fn open_connections(&self) -> usize {
        self.open().len()
    }

    fn open(&self) -> Vec<Arc<Connection>> {
        self.shared.open.lock().expect("no panic in here").clone()
    }

    /// Forgets what was said.
    pub fn forget(&self) {
        *self.shared.record.lock().expect("no panic in here") = Record::default();
    }

    /// How many connections have been accepted; cancel requests are connections, too.
    pub fn connections(&self) -> usize {
        self.shared.record.lock().expect("no panic in here").connections
    }

    /// How many cancel requests there were.
    pub fn cancel_requests(&self) -> usize {
        self.sent(pseudo::CANCEL, "")
    }

    /// How many messages of this type, with this text in their body, the client has sent.
    pub fn sent(&self, kind: u8, text: &str) -> usize {
        let record = self.shared.record.lock().expect("no panic in here");
        record.sent.iter().filter(|sent| sent.kind == kind && contains(&sent.body, text.as_bytes())).count()
    }

    /// All messages that the client has sent.
    pub fn all_sent(&self) -> Vec<Sent> {
        self.shared.record.lock().expect("no panic in here").sent.clone()
    }

    /// How many messages of this type the server has sent.
    pub fn received(&self, kind: u8) -> usize {
        self.shared.record.lock().expect("no panic in here").received.get(usize::from(kind)).copied().unwrap_or(0)
    }

    /// Waits until the client has sent such a message.
    pub fn wait_for(&self, kind: u8, text: &str) {
        wait_until(&format!("message {:?} with {text:?}", char::from(kind)), || self.sent(kind, text) > 0);
    }

    /// Waits until the server has sent so many messages of this type.
    pub fn wait_for_received(&self, kind: u8, count: usize) {
        wait_until(&format!("{count} messages {:?}", char::from(kind)), || self.received(kind) >= count);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop_listening();
        self.shared.rules.clear();
        self.open().iter().for_each(|connection| connection.close());
    }
}
