//! Rows that came before it was their turn.
//!
//! They are kept as they came over the wire, one after the other, so that keeping them costs next to nothing: they become
//! values once, when they are taken out. What is more than a budget goes to a temporary file.

use crate::pg::temp_file::TempFile;

/// How much is read from the file at a time.
const PORTION: usize = 64 * 1024;

/// Each row has its length before it.
const LENGTH: usize = size_of::<u32>();

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

    /// Puts a row in.
    pub fn put(&mut self, row: &[u8]) {
        if self.bytes.len() + LENGTH + row.len() > self.budget && !self.bytes.is_empty() {
            self.file.get_or_insert_with(TempFile::create).write(&self.bytes);
            self.bytes.clear();
        }
        // A message is shorter than a gigabyte.
        self.bytes.extend_from_slice(&(row.len() as u32).to_ne_bytes());
        self.bytes.extend_from_slice(row);
    }

    /// The rows, to be taken out again.
    pub fn into_rows(self) -> SpooledRows {
        let Spool { mut file, bytes, .. } = self;
        if let Some(file) = &mut file {
            file.rewind();
        }
        SpooledRows { file, window: Vec::new(), taken: 0, rest: bytes }
    }
}

/// Rows that are being taken out.
#[derive(Debug)]
pub struct SpooledRows {
    /// What comes after `window`, until it has been read to its end.
    file: Option<TempFile>,
    window: Vec<u8>,
    /// How much of the window has been taken out.
    taken: usize,
    /// What comes after the file.
    rest: Vec<u8>,
}

impl SpooledRows {
    /// The next row; `None` if there is none left.
    pub fn next(&mut self) -> Option<&[u8]> {
        self.bring(LENGTH).then_some(())?;
        let length = u32::from_ne_bytes(*self.window[self.taken..].first_chunk()?) as usize;
        self.bring(LENGTH + length).then_some(())?;
        let start = self.taken + LENGTH;
        self.taken = start + length;
        Some(&self.window[start..self.taken])
    }

    /// Sees to it that so many bytes are in the window. `false` if there aren't as many left.
    fn bring(&mut self, count: usize) -> bool {
        while self.window.len() - self.taken < count {
            self.window.drain(..self.taken);
            self.taken = 0;
            if let Some(file) = &mut self.file {
                let start = self.window.len();
                self.window.resize(start + PORTION.max(count), 0);
                let read = file.read(&mut self.window[start..]);
                self.window.truncate(start + read);
                if read == 0 {
                    self.file = None;
                }
            } else if !self.rest.is_empty() {
                self.window.append(&mut self.rest);
            } else {
                return false;
            }
        }
        true
    }
}
