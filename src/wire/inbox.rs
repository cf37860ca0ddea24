//! What has been received and not been read yet.

use super::{Message, Rows, Unreadable};
use crate::reserve::reserve;

/// Room for an answer of few rows.
const SMALL: usize = 8 * 1024;

/// Room for a stream of rows: a few of the portions in which a server sends.
const LARGE: usize = 64 * 1024;

/// Type and length.
pub(super) const HEADER: usize = 5;

/// What is kept for the next answer. A message of up to this length gets its room at once.
const KEPT: usize = 256 * 1024;

/// The longest message: servers can't make a longer one.
pub const LONGEST: usize = 0x4000_0000;

/// The type of the message that begins here, and its whole length: the one in it counts itself, but not the type.
pub(super) fn header(bytes: &[u8]) -> Option<(u8, usize)> {
    let &[kind, a, b, c, d] = bytes.first_chunk::<HEADER>()?;
    Some((kind, 1 + u32::from_be_bytes([a, b, c, d]) as usize))
}

/// A buffer that bytes are put in at one end, and messages taken out of at the other.
#[derive(Debug)]
pub struct Inbox {
    bytes: Vec<u8>,
    /// What has been received and not read is `bytes[start..end]`.
    start: usize,
    end: usize,
    /// How many bytes a message may have.
    longest: usize,
}

impl Default for Inbox {
    fn default() -> Inbox {
        Inbox::with(Vec::new())
    }
}

impl Inbox {
    /// One that begins with these bytes.
    pub fn with(bytes: Vec<u8>) -> Inbox {
        Inbox { start: 0, end: bytes.len(), bytes, longest: LONGEST }
    }

    /// From now on a message may have no more than so many bytes.
    pub fn set_longest(&mut self, bytes: usize) {
        self.longest = bytes.min(LONGEST);
    }

    /// Whether everything that was received has been read.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Where to put what is received next; never empty. It grows with what has arrived, not with what a message's length
    /// announces, unless that is little.
    pub fn space(&mut self) -> Result<&mut [u8], Unreadable> {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let doubled = (2 * self.end).max(SMALL);
        let wanted = match self.announced() {
            Some(length) if length <= KEPT => doubled.max(length),
            Some(length) if length > self.end => doubled.min(length),
            _ => doubled,
        };
        if let Some(missing) = wanted.checked_sub(self.bytes.len()) {
            reserve(&mut self.bytes, missing).map_err(|_| Unreadable::NoMemory(self.announced().unwrap_or(wanted)))?;
            self.bytes.resize(wanted, 0);
        }
        Ok(&mut self.bytes[self.end..])
    }

    /// How long the next message says that it is.
    fn announced(&self) -> Option<usize> {
        Some(header(&self.bytes[self.start..self.end])?.1)
    }

    /// So many bytes have been put into the space.
    pub fn received(&mut self, count: usize) {
        self.end += count;
        let filled = self.end == self.bytes.len();
        if filled && self.bytes.len() < LARGE {
            self.bytes.resize(LARGE, 0); // there is more where this came from
        }
    }

    /// Whether there is a whole message.
    pub fn has_message(&self) -> Result<bool, Unreadable> {
        Ok(self.message_end()?.is_some())
    }

    /// Takes the next message; `None` if it hasn't arrived to its end.
    pub fn take(&mut self) -> Result<Option<Message<'_>>, Unreadable> {
        let Some(end) = self.message_end()? else {
            return Ok(None);
        };
        let message = self.start..end;
        self.start = end;
        Ok(Some(Message::parse(self.bytes[message.start], &self.bytes[message.start + HEADER..message.end])?))
    }

    /// Takes all rows that come next and have arrived to their ends. There may be none.
    pub fn take_rows(&mut self) -> Rows<'_> {
        let rows = Rows::first_of(&self.bytes[self.start..self.end]);
        self.start += rows.bytes().len();
        rows
    }

    /// Where the next message ends, if all of it is here.
    fn message_end(&self) -> Result<Option<usize>, Unreadable> {
        let Some(length) = self.announced() else {
            return Ok(None);
        };
        if !(HEADER..=LONGEST).contains(&length) {
            return Err(Unreadable::Malformed);
        }
        if length > self.longest {
            return Err(Unreadable::TooLong(length));
        }
        let end = self.start + length;
        Ok((end <= self.end).then_some(end))
    }

    /// Gives memory back that a large answer has taken. To be called between answers.
    pub fn tidy(&mut self) {
        if self.is_empty() && self.bytes.len() > KEPT {
            (self.bytes, self.start, self.end) = (Vec::new(), 0, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Inbox, LONGEST, SMALL};
    use crate::wire::{Message, Unreadable};
    use proptest::prelude::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        [&[kind], &(body.len() as u32 + 4).to_be_bytes()[..], body].concat()
    }

    fn put(inbox: &mut Inbox, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let space = inbox.space().unwrap();
            let count = space.len().min(bytes.len());
            space[..count].copy_from_slice(&bytes[..count]);
            inbox.received(count);
            bytes = &bytes[count..];
        }
    }

    #[test]
    fn messages_arrive_in_any_pieces() {
        let bytes = [message(b'1', b""), message(b'D', b"\0\0"), message(b'Z', b"I")].concat();
        for size in 1..=bytes.len() {
            let (mut inbox, mut seen) = (Inbox::default(), String::new());
            for piece in bytes.chunks(size) {
                put(&mut inbox, piece);
                while let Some(message) = inbox.take().unwrap() {
                    seen.push(match message {
                        Message::ParseComplete => '1',
                        Message::Row(_) => 'D',
                        Message::Ready(_) => 'Z',
                        _ => '?',
                    });
                }
            }
            assert_eq!((seen.as_str(), inbox.is_empty()), ("1DZ", true), "in pieces of {size}");
        }
    }

    #[test]
    fn rows_can_be_taken_together() {
        let rows = [message(b'D', b"\0\0"), message(b'D', b"\0\x01\xff\xff\xff\xff"), message(b'D', b"\0\0")].concat();
        let bytes = [&rows[..], &message(b'C', b"\0"), &message(b'D', b"\0\0")].concat();
        for size in 1..=bytes.len() {
            let (mut inbox, mut taken, mut lengths) = (Inbox::default(), Vec::new(), Vec::new());
            for piece in bytes.chunks(size) {
                put(&mut inbox, piece);
                let together = inbox.take_rows();
                taken.extend_from_slice(together.bytes());
                lengths.extend(together.map(|row| row.bytes().len()));
            }
            assert_eq!((taken, lengths), (rows.clone(), vec![2, 6, 2]), "in pieces of {size}");
            assert!(matches!(inbox.take(), Ok(Some(Message::CommandComplete))));
        }
    }

    #[test]
    fn large_messages() {
        let mut inbox = Inbox::default();
        put(&mut inbox, &message(b'D', &[&[0, 1, 0, 15, 0x42, 0x40][..], &vec![7; 1_000_000]].concat()));
        let Some(Message::Row(row)) = inbox.take().unwrap() else { panic!("a row") };
        let mut fields = Vec::new();
        row.locate(&mut fields).unwrap();
        assert_eq!(row.field(&fields[0]).map(<[u8]>::len), Some(1_000_000));
        inbox.tidy();
        assert_eq!(inbox.bytes.capacity(), 0);
    }

    #[test]
    fn a_length_alone_reserves_nothing() {
        let mut inbox = Inbox::default();
        put(&mut inbox, &[b'D', 0x3f, 0xff, 0xff, 0xff]);
        assert_eq!(inbox.has_message(), Ok(false));
        assert!(inbox.space().unwrap().len() <= SMALL);
    }

    #[test]
    fn impossible_lengths() {
        for length in [0, 3, LONGEST as u32, u32::MAX] {
            let mut inbox = Inbox::default();
            put(&mut inbox, &[&b"D"[..], &length.to_be_bytes()].concat());
            assert!(matches!(inbox.take(), Err(Unreadable::Malformed)), "{length}");
        }
    }

    #[test]
    fn a_message_may_be_too_long() {
        let mut inbox = Inbox::default();
        inbox.set_longest(7);
        put(&mut inbox, &[message(b'D', b"\0\0"), message(b'D', b"\0\0\0")].concat());
        assert!(matches!(inbox.take(), Ok(Some(Message::Row(_)))));
        assert!(matches!(inbox.take(), Err(Unreadable::TooLong(8))));
        inbox.set_longest(usize::MAX);
        assert!(matches!(inbox.take(), Ok(Some(Message::Row(_)))));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes: Vec<u8>, size in 1..64usize) {
            let mut inbox = Inbox::default();
            'all: for piece in bytes.chunks(size) {
                put(&mut inbox, piece);
                loop {
                    inbox.take_rows().for_each(|row| Message::Row(row).walk());
                    match inbox.take() {
                        Ok(Some(message)) => message.walk(),
                        Ok(None) => break,
                        Err(_) => break 'all,
                    }
                }
            }
        }

        #[test]
        fn no_body_makes_it_panic(kind in any::<u8>(), body: Vec<u8>) {
            let mut inbox = Inbox::default();
            put(&mut inbox, &message(kind, &body));
            if let Ok(Some(message)) = inbox.take() {
                message.walk();
            }
        }
    }
}
