//! Messages over a transport, without waiting.

use super::tls::Session;
use super::transport::Transport;
use crate::reactor::Socket;
use crate::wire::{Inbox, Malformed, Message, Outbox, Rows, Unreadable};
use std::io;

/// How many reads one look for a message makes: a long one may take very many.
const READS: usize = 64;

/// A session's transport, with what has been received from it and not read, and what is to be sent.
#[derive(Debug)]
pub struct Stream {
    transport: Transport,
    inbox: Inbox,
    /// What is to be sent. It goes out when messages are next looked for.
    pub outbox: Outbox,
    /// Why a write has failed, if one has: what was in the outbox then is lost.
    failure: Option<io::Error>,
    /// How many messages have been taken.
    taken: u64,
    traffic: Traffic,
}

/// How much has gone through a session since its login, in bytes of the protocol: those that TLS makes of them aren't
/// counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Taken from the socket.
    pub received: u64,
    /// Given to it.
    pub sent: u64,
}

/// Why there will be no more messages.
#[derive(Debug)]
pub enum End {
    /// The server has closed the connection, or it is broken.
    Lost(io::Error),
    /// What it says can't be taken.
    Unreadable(Unreadable),
}

impl From<Unreadable> for End {
    fn from(unreadable: Unreadable) -> End {
        End::Unreadable(unreadable)
    }
}

impl From<Malformed> for End {
    fn from(malformed: Malformed) -> End {
        End::Unreadable(malformed.into())
    }
}

impl Stream {
    /// For a transport, of which these bytes have already been received.
    pub fn new(transport: Transport, received: Vec<u8>) -> Stream {
        let traffic = Traffic { received: received.len() as u64, sent: 0 };
        Stream { transport, inbox: Inbox::with(received), outbox: Outbox::default(), failure: None, taken: 0, traffic }
    }

    /// The version of TLS that it speaks, in OpenSSL's words; `None` if it speaks none.
    pub fn tls_version(&self) -> Option<&'static str> {
        self.transport.tls().map(Session::version)
    }

    /// For the reactor.
    pub fn socket(&self) -> &Socket {
        self.transport.socket()
    }

    /// Says goodbye, as far as that can be done without waiting.
    pub fn end(&mut self) {
        self.outbox.terminate();
        self.flush();
        self.transport.end();
    }

    /// How much has been received and sent.
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// From now on a message that is received may have no more than so many bytes.
    pub fn set_longest_message(&mut self, bytes: usize) {
        self.inbox.set_longest(bytes);
    }

    /// Whether all that was to be sent is on its way, so that the server may have it.
    pub fn has_sent_all(&self) -> bool {
        self.outbox.unsent().is_empty() && self.failure.is_none()
    }

    /// Whether nothing is there that hasn't been read. It doesn't look at the socket.
    pub fn is_quiet(&self) -> bool {
        self.inbox.is_empty() && !self.transport.may_hold_bytes()
    }

    /// Sends what there is room for, and receives, until there is a whole message. `false` if the socket must be waited
    /// for first, be it only to let others have their turn.
    pub fn has_message(&mut self) -> Result<bool, End> {
        self.flush();
        let mut reads = 0;
        while !self.inbox.has_message()? {
            if !self.transport.is_readable() {
                return Ok(false);
            }
            if reads == READS {
                self.socket().make_haste();
                return Ok(false);
            }
            reads += 1;
            match self.transport.read(self.inbox.space()?) {
                Ok(Some(0)) => {
                    return Err(End::Lost(self.failure.as_ref().map_or(io::ErrorKind::UnexpectedEof.into(), again)));
                }
                Ok(Some(count)) => {
                    self.inbox.received(count);
                    self.traffic.received += count as u64;
                }
                Ok(None) => return Ok(false),
                Err(error) => return Err(End::Lost(error)),
            }
        }
        Ok(true)
    }

    /// Takes the next message; `None` if there is no whole one.
    pub fn take(&mut self) -> Result<Option<Message<'_>>, End> {
        self.taken += 1;
        Ok(self.inbox.take()?)
    }

    /// The number of the message of which a part has been received; `None` if none has begun.
    pub fn unfinished_message(&self) -> Option<u64> {
        (!self.inbox.is_empty()).then_some(self.taken)
    }

    /// Takes the rows that come next and have been received.
    pub fn take_rows(&mut self) -> Rows<'_> {
        self.inbox.take_rows()
    }

    /// A server that ends a session says why, and closes its socket. So a failing write isn't the last word: what has
    /// been received is, and after it the end of the stream, or the error of the next read.
    fn flush(&mut self) {
        while !self.outbox.unsent().is_empty() {
            match self.transport.write(self.outbox.unsent()) {
                Ok(Some(count)) => {
                    self.outbox.sent(count);
                    self.traffic.sent += count as u64;
                }
                Ok(None) => return,
                Err(error) => {
                    self.outbox.clear();
                    self.failure = Some(error);
                    self.transport.set_readable();
                }
            }
        }
    }

    /// Gives memory back that a large answer has taken. To be called between answers.
    pub fn tidy(&mut self) {
        self.inbox.tidy();
    }
}

/// The same error once more.
fn again(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or(error.kind().into(), io::Error::from_raw_os_error)
}
