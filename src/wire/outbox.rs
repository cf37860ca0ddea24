//! What is to be sent.

use super::Format;
use crate::reserve::reserve_ahead;
use std::collections::TryReserveError;

/// More than this isn't kept between requests.
const KEPT: usize = 256 * 1024;

/// Room for what a request has besides its arguments: little, but for very long queries, which make room for themselves.
const REST: usize = 64 * 1024;

/// A server ends the connection for a message of a gigabyte (`PQ_LARGE_MESSAGE_LIMIT`); this leaves room for the rest of it.
const LONGEST_VALUES: usize = 0x3fff_ffff - 64 * 1024;

/// Requests that haven't been sent yet.
#[derive(Debug, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    /// How much of it has gone.
    sent: usize,
}

impl Outbox {
    /// What is left to be sent.
    pub fn unsent(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// So many bytes of it have gone.
    pub fn sent(&mut self, count: usize) {
        self.sent += count;
        if self.sent == self.bytes.len() {
            self.clear();
        }
    }

    /// Forgets what hasn't been sent.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
        self.sent = 0;
    }

    /// Makes room for a request with arguments of so many bytes, if they are many. Fails if there is no memory for it.
    pub fn make_room(&mut self, length: usize) -> Result<(), TryReserveError> {
        if length < KEPT { Ok(()) } else { reserve_ahead(&mut self.bytes, length + REST) }
    }

    /// Parse: `statement` is what it will be called. The parameters' types are for the server to find out.
    pub fn parse(&mut self, statement: &str, query: &str) {
        self.message(b'P', |out| {
            put_text(out, statement);
            put_text(out, query);
            out.extend_from_slice(&0u16.to_be_bytes());
        });
    }

    /// Bind. `results` are the formats of the result's columns; a single one is for all of them.
    pub fn bind(&mut self, portal: &str, statement: &str, arguments: &Arguments, results: &[Format]) {
        self.message(b'B', |out| {
            put_text(out, portal);
            put_text(out, statement);
            put_formats(out, &arguments.formats);
            put_count(out, arguments.formats.len());
            out.extend_from_slice(&arguments.values);
            put_formats(out, results);
        });
    }

    /// Describe a statement: its parameters and columns.
    pub fn describe_statement(&mut self, statement: &str) {
        self.message(b'D', |out| {
            out.push(b'S');
            put_text(out, statement);
        });
    }

    /// Execute a portal to its end.
    pub fn execute(&mut self, portal: &str) {
        self.message(b'E', |out| {
            put_text(out, portal);
            out.extend_from_slice(&0u32.to_be_bytes());
        });
    }

    /// Close a statement.
    pub fn close(&mut self, statement: &str) {
        self.message(b'C', |out| {
            out.push(b'S');
            put_text(out, statement);
        });
    }

    /// Sync: the end of a request.
    pub fn sync(&mut self) {
        self.message(b'S', |_| {});
    }

    /// Terminate: the end of the session.
    pub fn terminate(&mut self) {
        self.message(b'X', |_| {});
    }

    /// A simple query.
    pub fn query(&mut self, query: &str) {
        self.message(b'Q', |out| put_text(out, query));
    }

    fn message(&mut self, kind: u8, body: impl FnOnce(&mut Vec<u8>)) {
        self.bytes.push(kind);
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        body(&mut self.bytes);
        let length = (self.bytes.len() - start) as u32;
        self.bytes[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }
}

/// The arguments of a call as Bind wants them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    formats: Vec<Format>,
    values: Vec<u8>,
}

impl Arguments {
    /// Adds the next one, in this format; `write` appends its length and its bytes.
    pub fn push(&mut self, format: Format, write: impl FnOnce(&mut Vec<u8>)) {
        self.formats.push(format);
        write(&mut self.values);
    }

    /// How many bytes they have.
    pub fn length(&self) -> usize {
        self.values.len()
    }

    /// Whether they don't fit into a message.
    pub fn are_too_long(&self) -> bool {
        self.values.len() > LONGEST_VALUES
    }
}

/// Text never holds a NUL where it comes from; if it did, it would end there, as C reads it.
fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend(text.bytes().take_while(|&byte| byte != 0));
    out.push(0);
}

/// A query has no more parameters and columns than fit.
fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice(&(count as u16).to_be_bytes());
}

fn put_formats(out: &mut Vec<u8>, formats: &[Format]) {
    put_count(out, formats.len());
    for &format in formats {
        out.extend_from_slice(&(format as u16).to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::{Arguments, Outbox};
    use crate::wire::Format;

    #[test]
    fn a_call() {
        let mut out = Outbox::default();
        out.parse("", "select $1");
        let mut arguments = Arguments::default();
        arguments.push(Format::Binary, |out| out.extend_from_slice(b"\0\0\0\x02ab"));
        arguments.push(Format::Text, |out| out.extend_from_slice(b"\xff\xff\xff\xff"));
        out.bind("p", "s", &arguments, &[Format::Binary]);
        out.execute("p");
        out.sync();
        let expected = [
            &b"P\0\0\0\x11\0select $1\0\0\0"[..],
            b"B\0\0\0\x1ep\0s\0\0\x02\0\x01\0\0\0\x02\0\0\0\x02ab\xff\xff\xff\xff\0\x01\0\x01",
            b"E\0\0\0\x0ap\0\0\0\0\0",
            b"S\0\0\0\x04",
        ]
        .concat();
        assert_eq!(out.unsent(), expected);
        out.sent(3);
        assert_eq!(out.unsent(), &expected[3..]);
        out.sent(expected.len() - 3);
        assert!(out.unsent().is_empty());
    }

    #[test]
    fn the_rest() {
        let mut out = Outbox::default();
        out.close("s");
        out.describe_statement("s");
        out.query("begin");
        out.terminate();
        assert_eq!(out.unsent(), b"C\0\0\0\x07Ss\0D\0\0\0\x07Ss\0Q\0\0\0\x0abegin\0X\0\0\0\x04");
    }
}
