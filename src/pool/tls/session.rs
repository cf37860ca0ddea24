//! A TLS session over a socket, without waiting.

use super::context::{ClientCertificate, Context};
use super::{TlsError, forget_errors, reason};
use crate::reactor::Socket;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::ssl::{Error, ErrorCode, SslStream};
use std::io::{self, ErrorKind, Read, Write};

/// A session whose handshake is done and whose server has been accepted.
#[derive(Debug)]
pub struct Session {
    stream: SslStream<Channel>,
    /// Whether OpenSSL has said that it needs the socket to go on. Otherwise it may have bytes that the socket knows
    /// nothing of any more.
    is_drained: bool,
    certificate: ClientCertificate,
}

/// The socket as OpenSSL gets it: the reactor's rules apply, so it isn't read until it has been seen to be readable.
///
/// Recent versions of OpenSSL say of a write that fails not what they were told, but whatever `errno` is by then. So what has
/// ended the socket is kept here.
#[derive(Debug)]
pub struct Channel {
    socket: Socket,
    end: Option<io::Error>,
    /// How many reads OpenSSL may make before others have their turn: it reads as long as it gets nothing that is for us, and
    /// a server can have that go on and on.
    reads_left: usize,
}

/// See [`Channel`].
const READS: usize = 32;

impl Channel {
    pub fn new(socket: Socket) -> Channel {
        Channel { socket, end: None, reads_left: READS }
    }

    /// Why the socket is of no use any more, if it is that.
    pub fn take_end(&mut self) -> Option<io::Error> {
        self.end.take()
    }

    /// To be called before each step of OpenSSL's.
    pub fn begin_turn(&mut self) {
        self.reads_left = READS;
    }

    /// Keeps an error, and passes it on.
    fn ended(&mut self, error: io::Error) -> io::Error {
        let copy = error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
        self.end = Some(copy);
        error
    }
}

impl Read for Channel {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.socket.is_readable() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let Some(reads_left) = self.reads_left.checked_sub(1) else {
            self.socket.make_haste();
            return Err(ErrorKind::WouldBlock.into());
        };
        self.reads_left = reads_left;
        match self.socket.read(buffer).map_err(|error| self.ended(error))? {
            Some(0) => Err(ErrorKind::UnexpectedEof.into()), // without it OpenSSL's own words for it would depend on its version
            Some(count) => Ok(count),
            None => Err(ErrorKind::WouldBlock.into()),
        }
    }
}

impl Write for Channel {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.write(bytes).map_err(|error| self.ended(error))?.ok_or_else(|| ErrorKind::WouldBlock.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(()) // nothing is kept back
    }
}

impl Session {
    pub(super) fn new(stream: SslStream<Channel>, certificate: ClientCertificate) -> Session {
        Session { stream, is_drained: false, certificate }
    }

    pub fn socket(&self) -> &Socket {
        &self.stream.get_ref().socket
    }

    /// Whether a read is worth trying.
    pub fn is_readable(&self) -> bool {
        self.may_hold_bytes() || self.socket().is_readable()
    }

    /// Whether OpenSSL may have bytes for us without having to look at the socket.
    pub fn may_hold_bytes(&self) -> bool {
        !self.is_drained
    }

    /// From now on a read is worth trying, whatever has been seen.
    pub fn set_readable(&mut self) {
        self.is_drained = false;
        self.socket().set_readable();
    }

    /// One read; `None` if the socket must be waited for. 0 is the end of the stream.
    ///
    /// What the server's TLS has to say to ours, such as a ticket, is dealt with on the way.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        self.stream.get_mut().begin_turn();
        loop {
            forget_errors();
            let error = match self.stream.ssl_read(buffer) {
                Ok(count) => {
                    self.is_drained = false;
                    return Ok(Some(count));
                }
                Err(error) => error,
            };
            match error.code() {
                ErrorCode::ZERO_RETURN => return Ok(Some(0)),
                ErrorCode::WANT_READ if error.io_error().is_none() => {} // there is more without the socket
                ErrorCode::WANT_READ => {
                    self.is_drained = true;
                    return Ok(None);
                }
                ErrorCode::WANT_WRITE => return Ok(None),
                _ => return Err(self.broken(error)),
            }
        }
    }

    /// One write, of a record at most; `None` if the socket must be waited for. It must be tried again with the same
    /// bytes then, or with more.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<Option<usize>> {
        forget_errors();
        self.stream.get_mut().begin_turn();
        match self.stream.ssl_write(bytes) {
            Ok(count) => Ok(Some(count)),
            Err(error) if matches!(error.code(), ErrorCode::WANT_READ | ErrorCode::WANT_WRITE) => Ok(None),
            Err(error) => Err(self.broken(error)),
        }
    }

    /// Lets the server know that this is the end, and that nobody has cut it off. It goes unsaid if there is no room.
    pub fn end(&mut self) {
        forget_errors();
        let _ = self.stream.shutdown();
    }

    /// What SCRAM is bound to: the hash of the server's certificate, with the hash function of its own signature (RFC
    /// 5929, `tls-server-end-point`). `None` if that has none of its own, as with Ed25519.
    pub fn end_point(&self) -> Option<Vec<u8>> {
        let certificate = self.stream.ssl().peer_certificate()?;
        let signature = certificate.signature_algorithm().object().nid().signature_algorithms()?;
        let hash = match signature.digest {
            Nid::MD5 | Nid::SHA1 => MessageDigest::sha256(),
            digest => MessageDigest::from_nid(digest)?,
        };
        Some(certificate.digest(hash).ok()?.to_vec())
    }

    /// The version of the protocol, in OpenSSL's words.
    pub fn version(&self) -> &'static str {
        self.stream.ssl().version_str()
    }

    fn broken(&mut self, error: Error) -> io::Error {
        if let Some(end) = self.stream.get_mut().take_end() {
            return end;
        }
        error.into_io_error().unwrap_or_else(|error| match error.ssl_error() {
            Some(errors) => io::Error::other(TlsError(format!("SSL error: {}", reason(errors)))),
            None => ErrorKind::UnexpectedEof.into(),
        })
    }

    /// What another connection to the same server needs.
    pub fn context(&self) -> Context {
        Context { context: self.stream.ssl().ssl_context().to_owned(), certificate: self.certificate.clone() }
    }

    /// Whether the server has asked for a client certificate, and got one.
    pub fn certificate(&self) -> &ClientCertificate {
        &self.certificate
    }
}

impl Drop for Session {
    // Safe during abort: a few bytes into a socket that doesn't block.
    fn drop(&mut self) {
        self.end();
    }
}
