//! One address, and how to reach and speak to the server that listens there: for a session, and for cancel requests.

use super::awaited::Awaited;
use crate::conninfo::{Endpoint, Host, Keepalives, SslMode, SslNegotiation, TlsSettings};
use crate::pool::connection::io_breakdown;
use crate::pool::tls::{Context, TlsError, handshake};
use crate::pool::transport::Transport;
use crate::reactor::{Liveness, Purpose, Socket};
use socket2::{SockAddr, TcpKeepalive};
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How long to wait before a socket whose queue is full is tried again: at first, and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));

/// SSLRequest (PostgreSQL, "Message Formats"): its length and its number.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// All that a connection there takes.
#[derive(Clone, Debug)]
pub struct Server {
    pub address: SockAddr,
    /// Its name as it was written, which a certificate may have to be for.
    name: Option<String>,
    tls: TlsSettings,
    keepalives: Option<Keepalives>,
    tcp_user_timeout: Option<Duration>,
}

/// Whether a connection speaks TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    No,
    /// If the server can.
    IfOffered,
    Yes,
}

impl Encryption {
    /// What to try, in this order, with a new connection each time. A later one is tried when the server or its TLS has
    /// refused an earlier one; never when it couldn't be reached.
    pub fn attempts(mode: SslMode, is_local: bool) -> &'static [Encryption] {
        use Encryption::{IfOffered, No, Yes};
        match mode {
            _ if is_local => &[No],
            SslMode::Disable => &[No],
            SslMode::Allow => &[No, Yes],
            SslMode::Prefer => &[IfOffered, No],
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => &[Yes],
        }
    }
}

/// Why a connected socket is of no use, in libpq's words.
#[derive(Debug)]
pub struct Unencrypted {
    pub reason: String,
    /// Whether the server has TLS, but not with us.
    pub by_tls: bool,
}

impl Server {
    pub fn new(endpoint: &Endpoint, host: &Host, address: SockAddr) -> Server {
        Server {
            address,
            name: host.address.server_name().map(str::to_owned),
            tls: endpoint.tls.clone(),
            keepalives: endpoint.keepalives,
            tcp_user_timeout: endpoint.tcp_user_timeout,
        }
    }

    /// A connected socket.
    ///
    /// Linux doesn't let a non-blocking connect wait for room in the queue of a Unix-domain socket, which a blocking one
    /// would do. There is no event for it either, so it is tried again from time to time.
    pub async fn connect(&self, awaited: &Awaited, purpose: Purpose) -> io::Result<Socket> {
        let (mut pause, longest) = PAUSES;
        let is_unix = self.address.is_unix();
        let socket = loop {
            match Socket::connect(&self.address, purpose) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && is_unix => {
                    awaited.until(Instant::now() + pause).await;
                    pause = longest.min(pause * 2);
                }
                result => break result?,
            }
        };
        awaited.set_socket(Some(socket.clone()));
        if !is_unix {
            self.set_tcp_options(&socket)?;
        }
        socket.connected().await?;
        Ok(socket)
    }

    fn set_tcp_options(&self, socket: &Socket) -> io::Result<()> {
        if let Some(keepalives) = &self.keepalives {
            let mut keepalive = TcpKeepalive::new();
            if let Some(idle) = keepalives.idle {
                keepalive = keepalive.with_time(idle);
            }
            if let Some(interval) = keepalives.interval {
                keepalive = keepalive.with_interval(interval);
            }
            if let Some(count) = keepalives.count {
                keepalive = keepalive.with_retries(count);
            }
            socket.options().set_tcp_keepalive(&keepalive)?; // also switches them on
        }
        socket.options().set_tcp_user_timeout(self.tcp_user_timeout)
    }

    /// Makes TLS of a connected socket, if it is to be. Nothing secret has been sent by then. `known` is what an earlier
    /// connection has read from files.
    pub async fn encrypt(
        &self,
        socket: Socket,
        encryption: Encryption,
        known: Option<Rc<Context>>,
    ) -> Result<Transport, Unencrypted> {
        let is_offered = match (encryption, self.tls.negotiation) {
            (Encryption::No, _) => false,
            (_, SslNegotiation::Direct) => true,
            (_, SslNegotiation::Postgres) => is_offered(&socket).await?,
        };
        match encryption {
            _ if is_offered => {
                let by_tls = |error: TlsError| Unencrypted { reason: error.0, by_tls: true };
                let context = known.map_or_else(|| Context::new(&self.tls), |known| Ok((*known).clone()));
                let context = context.map_err(by_tls)?;
                let session = handshake(socket, &self.tls, self.name.as_deref(), context).await.map_err(by_tls)?;
                Ok(Transport::Tls(Box::new(session)))
            }
            Encryption::No | Encryption::IfOffered => Ok(Transport::Plain(socket)),
            Encryption::Yes => Err(unencrypted("server does not support SSL, but SSL was required".into())),
        }
    }
}

/// Asks the server whether it has TLS.
async fn is_offered(socket: &Socket) -> Result<bool, Unencrypted> {
    let broken = |error: io::Error| unencrypted(io_breakdown(&error));
    let mut plain = Transport::Plain(socket.clone());
    plain.write_all(&SSL_REQUEST).await.map_err(broken)?;
    // This byte alone: what follows it belongs to the handshake.
    match plain.read_byte().await.map_err(broken)? {
        // The server has to wait for us now. Whatever is there comes from somebody in between, who would have us take it
        // for the server's encrypted word (CVE-2021-23222).
        b'S' if socket.liveness() == Liveness::Talking => {
            Err(unencrypted("received unencrypted data after SSL response".into()))
        }
        b'S' => Ok(true),
        b'N' => Ok(false),
        // What it says isn't worth more than who says it, which we don't know.
        b'E' => Err(unencrypted("server sent an error response during SSL exchange".into())),
        other => {
            let shown = char::from(other).escape_default();
            Err(unencrypted(format!("received invalid response to SSL negotiation: {shown}")))
        }
    }
}

fn unencrypted(reason: String) -> Unencrypted {
    Unencrypted { reason, by_tls: false }
}
