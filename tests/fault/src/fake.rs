//! A server that says what a closure says.
//!
//! What it owns: the listening socket, and the conversation's beginning: cancel requests are counted and closed, as a server
//! does, TLS is refused. The rest is the closure's, which is called once for each
//! connection, in a thread of its own. The connection is closed when it returns.

use crate::proxy::Address;
use crate::wire::{self, CANCEL_CODE, GSS_CODE, SSL_CODE};
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

/// The fake server. Dropping it closes its connections.
#[derive(Debug)]
pub struct Fake {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    sessions: AtomicUsize,
    cancel_requests: AtomicUsize,
    is_over: AtomicBool,
    streams: Mutex<Vec<TcpStream>>,
}

impl Fake {
    /// A server that talks so. An error of the closure ends the connection; the client's going is none of ours.
    pub fn new(talk: impl Fn(&mut Peer) -> io::Result<()> + Send + Sync + 'static) -> Fake {
        Fake::start(Peer::begin, talk)
    }

    /// As [`Fake::new`], but the closure has the whole conversation, from the first byte on.
    pub fn from_first_byte(talk: impl Fn(&mut Peer) -> io::Result<()> + Send + Sync + 'static) -> Fake {
        Fake::start(|_, _| Ok(true), talk)
    }

    fn start(
        begin: fn(&mut Peer, &Shared) -> io::Result<bool>,
        talk: impl Fn(&mut Peer) -> io::Result<()> + Send + Sync + 'static,
    ) -> Fake {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("the socket has an address").port();
        let shared = Arc::new(Shared::default());
        let (theirs, talk) = (shared.clone(), Arc::new(talk));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if theirs.is_over.load(SeqCst) {
                    return;
                }
                let (shared, talk) = (theirs.clone(), talk.clone());
                std::thread::spawn(move || {
                    if let Ok(remembered) = stream.try_clone() {
                        shared.streams.lock().expect("no panic in here").push(remembered);
                    }
                    let mut peer = Peer { stream, startup: HashMap::new() };
                    if let Ok(true) = begin(&mut peer, &shared) {
                        let _ = talk(&mut peer);
                    }
                    let _ = peer.stream.shutdown(Shutdown::Both);
                });
            }
        });
        Fake { port, shared }
    }

    /// Where it listens.
    pub fn address(&self) -> Address {
        Address::Tcp { ip: Ipv4Addr::LOCALHOST, port: self.port }
    }

    /// How many connections have sent a startup message.
    pub fn sessions(&self) -> usize {
        self.shared.sessions.load(SeqCst)
    }

    /// How many cancel requests there were.
    pub fn cancel_requests(&self) -> usize {
        self.shared.cancel_requests.load(SeqCst)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.shared.is_over.store(true, SeqCst);
        for stream in self.shared.streams.lock().expect("no panic in here").iter() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        // Wakes the thread that accepts.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

/// The client of a fake server.
#[derive(Debug)]
pub struct Peer {
    stream: TcpStream,
    /// What was in the startup message.
    pub startup: HashMap<String, String>,
}

impl Peer {
    /// Reads up to the startup message. `false` if there is no session to come.
    fn begin(&mut self, shared: &Shared) -> io::Result<bool> {
        loop {
            let mut length = [0; 4];
            self.stream.read_exact(&mut length)?;
            let mut body = vec![0; (u32::from_be_bytes(length) as usize).saturating_sub(4)];
            self.stream.read_exact(&mut body)?;
            let code = body.first_chunk().map_or(0, |code| u32::from_be_bytes(*code));
            match code {
                CANCEL_CODE => {
                    shared.cancel_requests.fetch_add(1, SeqCst);
                    return Ok(false);
                }
                SSL_CODE | GSS_CODE => self.stream.write_all(b"N")?,
                _ => {
                    let text = String::from_utf8_lossy(&body[4..]).into_owned();
                    let mut words = text.split('\0').map(str::to_owned);
                    while let (Some(name), Some(value)) = (words.next().filter(|name| !name.is_empty()), words.next()) {
                        self.startup.insert(name, value);
                    }
                    shared.sessions.fetch_add(1, SeqCst);
                    return Ok(true);
                }
            }
        }
    }

    /// Sends bytes.
    pub fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Lets the client in, as a server with nothing special about it.
    pub fn log_in(&mut self) -> io::Result<()> {
        let mut answer = wire::authentication(0, b"");
        answer.extend(wire::parameter_status("server_version", "15.0"));
        answer.extend(wire::parameter_status("client_encoding", "UTF8"));
        answer.extend(wire::backend_key_data(std::process::id(), 7));
        answer.extend(wire::ready_for_query());
        self.say(&answer)
    }

    /// The next message: its type and its body.
    pub fn hear(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut head = [0; 5];
        self.stream.read_exact(&mut head)?;
        let [kind, length @ ..] = head;
        let mut body = vec![0; (u32::from_be_bytes(length) as usize).saturating_sub(4)];
        self.stream.read_exact(&mut body)?;
        Ok((kind, body))
    }

    /// Hears everything up to a Sync: the types and bodies of a request's messages, without the Sync.
    pub fn hear_request(&mut self) -> io::Result<Vec<(u8, Vec<u8>)>> {
        let mut request = Vec::new();
        loop {
            match self.hear()? {
                (b'S', _) => return Ok(request),
                message => request.push(message),
            }
        }
    }

    /// Waits, without a word, until the client is gone.
    pub fn fall_silent(&mut self) -> io::Result<()> {
        io::copy(&mut self.stream, &mut io::sink()).map(drop)
    }

    /// The socket, for what there is no method for.
    pub fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }
}
