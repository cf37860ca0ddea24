//! One connection through a proxy: two threads, one for each direction, that pass messages on.

use super::rules::Action;
use super::{Direction, PREFIX, Shared};
use crate::wire::{CANCEL_CODE, GSS_CODE, SSL_CODE, pseudo};
use socket2::Socket;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

/// Both sides of a connection.
#[derive(Debug)]
pub(super) struct Connection {
    client: Socket,
    server: Socket,
    /// A question for TLS has gone out whose answer, one byte, is to come.
    asked_for_tls: AtomicBool,
    /// What follows is TLS, which we don't understand.
    is_opaque: AtomicBool,
    has_logged_in: AtomicBool,
    has_vanished: AtomicBool,
    is_closed: AtomicBool,
}

/// A message's beginning.
struct Head {
    /// See [`crate::wire::pseudo`] for those without a type.
    kind: u8,
    bytes: Vec<u8>,
    /// How long the body is that follows.
    body: u64,
}

impl Connection {
    pub fn new(client: Socket, server: Socket) -> Connection {
        let flag = || AtomicBool::new(false);
        Connection {
            client,
            server,
            asked_for_tls: flag(),
            is_opaque: flag(),
            has_logged_in: flag(),
            has_vanished: flag(),
            is_closed: flag(),
        }
    }

    pub fn is_closed(&self) -> bool {
        self.is_closed.load(SeqCst)
    }

    pub fn has_vanished(&self) -> bool {
        self.has_vanished.load(SeqCst)
    }

    /// Ends it on both sides.
    pub fn close(&self) {
        self.is_closed.store(true, SeqCst);
        // Errors mean that a side is gone already.
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }

    /// Ends it so that the client's side is reset when the last reference to it is gone. A Unix-domain socket, which has no
    /// resets, is just closed.
    fn reset(&self) {
        self.is_closed.store(true, SeqCst);
        if self.client.set_linger(Some(Duration::ZERO)).is_err() {
            let _ = self.client.shutdown(Shutdown::Both);
        }
        let _ = self.server.shutdown(Shutdown::Both);
        // The other thread may be reading here; this wakes it, and tells the peer nothing.
        let _ = self.client.shutdown(Shutdown::Read);
    }

    /// Passes messages on in one direction, until one side ends or a fault does it.
    pub fn pump(&self, shared: &Shared, direction: Direction) {
        let outcome = self.pass_on(shared, direction);
        if self.is_closed() {
            return;
        }
        if self.has_vanished() {
            let _ = io::copy(&mut self.source(direction), &mut io::sink());
        } else if outcome.is_ok() && direction == Direction::ToServer {
            let _ = self.server.shutdown(Shutdown::Write);
        } else {
            self.close();
        }
    }

    fn source(&self, direction: Direction) -> &Socket {
        match direction {
            Direction::ToServer => &self.client,
            Direction::FromServer => &self.server,
        }
    }

    fn target(&self, direction: Direction) -> &Socket {
        match direction {
            Direction::ToServer => &self.server,
            Direction::FromServer => &self.client,
        }
    }

    fn pass_on(&self, shared: &Shared, direction: Direction) -> io::Result<()> {
        let mut source = BufReader::with_capacity(1 << 16, self.source(direction));
        let mut target = BufWriter::with_capacity(1 << 16, self.target(direction));
        let mut has_begun = false;
        loop {
            if source.buffer().is_empty() {
                target.flush()?;
            }
            let Some(head) = self.head(&mut source, direction, has_begun)? else { return target.flush() };
            has_begun |= head.kind == pseudo::STARTUP;
            let in_front = head.body.min(PREFIX as u64);
            let mut prefix = Vec::new();
            read_exactly(&mut source, in_front, &mut prefix)?;
            shared.record(direction, head.kind, &prefix);
            if self.has_vanished() {
                return Ok(());
            }
            let login = !self.has_logged_in.load(SeqCst);
            self.take_note(direction, &head);
            let rest = head.body - in_front;
            let Some((fault, action)) = shared.rules.judge(direction, head.kind, login, &prefix) else {
                self.write(&mut target, &[&head.bytes[..], &prefix].concat())?;
                self.copy(&mut source, &mut target, rest)?;
                continue;
            };
            target.flush()?;
            match action {
                Action::Kill => {
                    self.close();
                    return Ok(());
                }
                Action::Reset => {
                    self.reset();
                    return Ok(());
                }
                Action::Vanish => {
                    self.has_vanished.store(true, SeqCst);
                    return Ok(());
                }
                Action::Stall => {
                    shared.rules.stall(&fault, || self.is_closed() || self.has_vanished());
                    self.write(&mut target, &[&head.bytes[..], &prefix].concat())?;
                    self.copy(&mut source, &mut target, rest)?;
                }
                Action::Cut(length) => {
                    let whole = whole(head, prefix, &mut source, rest)?;
                    self.write(&mut target, &whole[..length.min(whole.len())])?;
                    target.flush()?;
                    self.close();
                    return Ok(());
                }
                Action::Trickle(pause) => {
                    for byte in whole(head, prefix, &mut source, rest)? {
                        self.write(&mut target, &[byte])?;
                        target.flush()?;
                        shared.pause(pause, || self.is_closed());
                    }
                }
                Action::Mutate(change) => {
                    let mut whole = whole(head, prefix, &mut source, rest)?;
                    change(&mut whole);
                    self.write(&mut target, &whole)?;
                }
            }
        }
    }

    /// Reads a message's type and length, and of those without a type also the code behind them. `None` at the end.
    fn head(&self, source: &mut impl Read, direction: Direction, has_begun: bool) -> io::Result<Option<Head>> {
        let mut bytes = Vec::new();
        if source.by_ref().take(1).read_to_end(&mut bytes)? == 0 {
            return Ok(None);
        }
        if self.is_opaque.load(SeqCst) {
            // Bytes of no known meaning: to be passed on for as long as they come.
            return Ok(Some(Head { kind: u8::MAX, bytes, body: 0 }));
        }
        if direction == Direction::FromServer && self.asked_for_tls.swap(false, SeqCst) {
            self.is_opaque.store(bytes[0] == b'S', SeqCst);
            return Ok(Some(Head { kind: pseudo::SSL_ANSWER, bytes, body: 0 }));
        }
        let with_type = direction == Direction::FromServer || has_begun;
        read_exactly(source, if with_type { 4 } else { 7 }, &mut bytes)?;
        let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        let (kind, length, known) = match with_type {
            true => (bytes[0], number(1), 4),
            false => match number(4) {
                CANCEL_CODE => (pseudo::CANCEL, number(0), 8),
                SSL_CODE | GSS_CODE => (pseudo::SSL_REQUEST, number(0), 8),
                _ => (pseudo::STARTUP, number(0), 8),
            },
        };
        Ok(Some(Head { kind, bytes, body: u64::from(length).saturating_sub(known) }))
    }

    fn take_note(&self, direction: Direction, head: &Head) {
        match (direction, head.kind) {
            (Direction::ToServer, pseudo::SSL_REQUEST) => self.asked_for_tls.store(true, SeqCst),
            (Direction::FromServer, b'Z') => self.has_logged_in.store(true, SeqCst),
            _ => {}
        }
    }

    fn write(&self, target: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
        match self.has_vanished() {
            true => Err(io::ErrorKind::NotConnected.into()),
            false => target.write_all(bytes),
        }
    }

    fn copy(&self, source: &mut impl Read, target: &mut impl Write, length: u64) -> io::Result<()> {
        match io::copy(&mut source.take(length), target)? {
            copied if copied < length => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

fn read_exactly(source: &mut impl Read, length: u64, into: &mut Vec<u8>) -> io::Result<()> {
    match source.take(length).read_to_end(into)? as u64 {
        read if read < length => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

fn whole(head: Head, prefix: Vec<u8>, source: &mut impl Read, rest: u64) -> io::Result<Vec<u8>> {
    let mut message = [head.bytes, prefix].concat();
    read_exactly(source, rest, &mut message)?;
    Ok(message)
}
