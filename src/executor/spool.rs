//! Rows that came before it was their turn.
//!
//! They are kept as they came over the wire, so that keeping them costs next to nothing: they become values once, when they
//! are taken out. What is more than a budget, or than there is memory for, goes to a temporary file.

use crate::pg::temp_file::TempFile;
use crate::reserve::reserve_ahead;
use crate::wire::{Inbox, Rows, Unreadable};

/// Rows that are being put aside, in their order.
#[derive(Debug)]
pub struct Spool {
    /// What came before `bytes`.
    file: Option<TempFile>,
    bytes: Vec<u8>,
    /// How many bytes to keep in memory.
    budget: usize,
}

impl Spool {
    /// An empty one that keeps this many bytes in memory.
    pub fn new(budget: usize) -> Spool {
        Spool { file: None, bytes: Vec::new(), budget }
    }

    /// Puts rows in.
    pub fn put(&mut self, rows: Rows<'_>) {
        let rows = rows.bytes();
        if self.bytes.len() + rows.len() <= self.budget && reserve_ahead(&mut self.bytes, rows.len()).is_ok() {
            self.bytes.extend_from_slice(rows);
            return;
        }
        let file = self.file.get_or_insert_with(TempFile::create);
        file.write(&self.bytes);
        self.bytes.clear();
        match rows.len() <= self.bytes.capacity() {
            true => self.bytes.extend_from_slice(rows),
            false => file.write(rows),
        }
    }

    /// The rows, to be taken out again.
    pub fn into_rows(self) -> SpooledRows {
        let Spool { mut file, bytes, .. } = self;
        if let Some(file) = &mut file {
            file.rewind();
        }
        SpooledRows { inbox: Inbox::default(), file, rest: bytes }
    }
}

/// Rows that are being taken out.
#[derive(Debug)]
pub struct SpooledRows {
    inbox: Inbox,
    /// What comes next, until it has been read to its end.
    file: Option<TempFile>,
    /// What comes after the file.
    rest: Vec<u8>,
}

impl SpooledRows {
    /// The next ones; `None` if there are none left.
    pub fn next(&mut self) -> Result<Option<Rows<'_>>, Unreadable> {
        while !self.inbox.has_message()? {
            if let Some(file) = &mut self.file {
                match file.read(self.inbox.space()?) {
                    0 => self.file = None,
                    count => self.inbox.received(count),
                }
            } else if !self.rest.is_empty() {
                // The file holds whole messages only, so nothing of it is left in the old one.
                self.inbox = Inbox::with(std::mem::take(&mut self.rest));
            } else {
                return Ok(None);
            }
        }
        Ok(Some(self.inbox.take_rows()))
    }
}
