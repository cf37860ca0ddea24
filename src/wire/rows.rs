//! Rows that came one after the other.

use super::Fields;
use super::inbox::{HEADER, header};

/// Whole messages that are rows, and nothing else.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    bytes: &'a [u8],
    count: usize,
}

const ROW: u8 = b'D';

impl<'a> Rows<'a> {
    /// Those that these bytes begin with.
    pub(super) fn first_of(bytes: &'a [u8]) -> Rows<'a> {
        let (mut end, mut count) = (0, 0);
        while let Some((ROW, length)) = header(&bytes[end..]) {
            if length < HEADER || length > bytes.len() - end {
                break;
            }
            end += length;
            count += 1;
        }
        Rows { bytes: &bytes[..end], count }
    }

    /// The messages as they came.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

impl<'a> Iterator for Rows<'a> {
    type Item = Fields<'a>;

    fn next(&mut self) -> Option<Fields<'a>> {
        let (_, length) = header(self.bytes)?;
        let (message, rest) = self.bytes.split_at(length);
        self.bytes = rest;
        self.count -= 1;
        Some(Fields::from_bytes(&message[HEADER..]))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count, Some(self.count))
    }
}

impl ExactSizeIterator for Rows<'_> {}
