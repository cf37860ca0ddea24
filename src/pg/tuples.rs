//! Rows as they are stored (`access/htup_details.h`), made from bytes.
//!
//! `heap_form_tuple` wants each value as a Datum first, which for a text is an allocation and a copy, and goes over them
//! twice. Where rows come in by the million, what is known of a type's form is enough to write its values where they belong
//! at once. The layout is that of `heap_fill_tuple`, and the limits are those of `heap_form_tuple`.

use super::elog::{self, Report, SqlState};
use super::memory;
use super::row_type::{self, RowType};
use super::tuplestore::RowStore;
use super::varlena;
use pgrx::pg_sys::{self, Datum};
use std::mem::offset_of;

/// Rows of one type that are waiting to be stored. A row is begun, gets a value or a NULL for each column of the type in
/// order, dropped ones included, and is ended.
#[derive(Debug)]
pub struct Tuples {
    columns: Vec<Column>,
    header: Header,
    /// Words, because tuples are aligned to eight bytes.
    memory: Vec<u64>,
    /// How many bytes of it are in use.
    end: usize,
    /// Where each tuple begins and ends.
    places: Vec<(usize, usize)>,
    /// The row that isn't ended: where it begins, and which column is next.
    start: usize,
    column: usize,
    has_null: bool,
}

/// How a column is stored.
#[derive(Clone, Copy, Debug)]
struct Column {
    /// In bytes; -1 for a varlena, -2 for a C string.
    length: i16,
    by_value: bool,
    align: usize,
    /// Whether a varlena may have a short header.
    may_be_short: bool,
}

/// What is the same in all rows.
#[derive(Clone, Copy, Debug)]
struct Header {
    /// Where the values begin behind a bitmap of NULLs. Without NULLs there is none, and they begin at [`BARE`]: there is no
    /// other place where they may, since PostgreSQL 19 doesn't look at what the header says of it.
    offset: usize,
    infomask: u16,
}

const BITMAP: usize = offset_of!(pg_sys::HeapTupleHeaderData, t_bits);
const ALIGN: usize = pg_sys::MAXIMUM_ALIGNOF as usize;
const BARE: usize = BITMAP.next_multiple_of(ALIGN);
const _: () = assert!(ALIGN == align_of::<u64>());

/// The longest row: with the rest of what PostgreSQL puts around it, it fits into an allocation (`MaxAllocSize`).
const LONGEST: usize = 0x3fff_ffff - size_of::<pg_sys::HeapTupleData>();

/// The longest short varlena, its header included (`VARATT_SHORT_MAX`).
const LONGEST_SHORT: usize = 0x7f;

impl Tuples {
    /// None yet, of this type.
    ///
    /// # Panics
    /// If a row has no room for so many columns: [`RowType::require_few_columns`] is to be called before.
    pub fn of(row_type: &RowType) -> Tuples {
        // More wouldn't fit into the header: its offset is a byte, and the number of columns has eleven bits.
        assert!(row_type.width() <= pg_sys::MaxTupleAttributeNumber as usize, "{} columns", row_type.width());
        let columns: Vec<_> = (0..row_type.width())
            .map(|number| {
                // SAFETY: the descriptor lives as long as the row type, and has `width` attributes.
                let attribute = unsafe { &*row_type::attribute(row_type.descriptor(), number) };
                Column {
                    length: attribute.attlen,
                    by_value: attribute.attbyval,
                    align: match attribute.attalign as u8 {
                        pg_sys::TYPALIGN_CHAR => align_of::<u8>(),
                        pg_sys::TYPALIGN_SHORT => align_of::<i16>(),
                        pg_sys::TYPALIGN_INT => align_of::<i32>(),
                        _ => align_of::<f64>(),
                    },
                    may_be_short: attribute.attlen == -1 && attribute.attstorage as u8 != pg_sys::TYPSTORAGE_PLAIN,
                }
            })
            .collect();
        let has_varlena = columns.iter().any(|column| column.length < 0);
        let offset = (BITMAP + columns.len().div_ceil(8)).next_multiple_of(ALIGN);
        let header = Header { offset, infomask: if has_varlena { pg_sys::HEAP_HASVARWIDTH as u16 } else { 0 } };
        let (memory, places) = (Vec::new(), Vec::new());
        Tuples { columns, header, memory, end: 0, places, start: 0, column: 0, has_null: false }
    }

    /// How many rows there are.
    pub fn count(&self) -> usize {
        self.places.len()
    }

    /// How many bytes they have.
    pub fn size(&self) -> usize {
        self.end
    }

    /// Begins a row.
    pub fn begin(&mut self) {
        self.start = self.end.next_multiple_of(ALIGN);
        self.end = self.start;
        self.zeros(BITMAP);
        self.fill(self.header.offset - BITMAP, 0xff); // nothing is NULL so far
        (self.column, self.has_null) = (0, false);
    }

    /// Number of the column that is next.
    pub fn column(&self) -> usize {
        self.column
    }

    /// The next column is NULL.
    pub fn null(&mut self) {
        let (place, bit) = (self.start + BITMAP + self.column / 8, self.column % 8);
        self.memory_bytes()[place] &= !(1 << bit);
        self.has_null = true;
        self.column += 1;
    }

    /// The next column, which is of a type that is passed by value, has this value.
    pub fn word(&mut self, word: u64) {
        let column = self.next();
        assert!(column.by_value);
        self.pad(column.align);
        match column.length {
            1 => self.bytes(&(word as u8).to_ne_bytes()),
            2 => self.bytes(&(word as u16).to_ne_bytes()),
            4 => self.bytes(&(word as u32).to_ne_bytes()),
            _ => self.bytes(&word.to_ne_bytes()),
        }
    }

    /// The next column, which is of a type of so many bytes that is passed by reference, has this value.
    pub fn fixed(&mut self, value: &[u8]) {
        let column = self.next();
        assert!(!column.by_value && usize::try_from(column.length) == Ok(value.len()));
        self.pad(column.align);
        self.bytes(value);
    }

    /// The next column, which is of a type like `bytea` or `text`, has these bytes; text is in the server's encoding.
    pub fn varlena(&mut self, value: &[u8]) {
        let column = self.next();
        assert!(column.length == -1);
        if column.may_be_short && value.len() < LONGEST_SHORT {
            self.bytes(&[varlena::short_header(value.len() + 1)]);
        } else {
            self.pad(column.align);
            self.bytes(&varlena::long_header(value.len() + pg_sys::VARHDRSZ));
        }
        self.bytes(value);
    }

    /// The next column has this value.
    pub fn value(&mut self, value: Datum) {
        let column = self.columns[self.column];
        let pointer = value.cast_mut_ptr::<u8>();
        // SAFETY: what the Datum points to, if it does, is as the column's type says. The slices last as long as it.
        unsafe {
            match column.length {
                _ if column.by_value => self.word(value.value() as u64),
                -1 => {
                    if let Some(bytes) = varlena::plain_bytes(value) {
                        return self.varlena(bytes);
                    }
                    // Compressed, or elsewhere: then it is made whole.
                    varlena::with_bytes(value, |bytes| self.varlena(bytes));
                }
                -2 => {
                    let text = std::ffi::CStr::from_ptr(pointer.cast()).to_bytes_with_nul();
                    self.next();
                    self.pad(column.align);
                    self.bytes(text);
                }
                length => self.fixed(std::slice::from_raw_parts(pointer, length as usize)),
            }
        }
    }

    /// Ends the row.
    pub fn end(&mut self) {
        assert!(self.column == self.columns.len());
        let Header { mut offset, mut infomask } = self.header;
        if self.has_null {
            infomask |= pg_sys::HEAP_HASNULL as u16;
        } else if offset > BARE {
            // The difference is a multiple of eight bytes, so values stay aligned.
            let (start, end) = (self.start, self.end);
            self.memory_bytes().copy_within(start + offset..end, start + BARE);
            self.end -= offset - BARE;
            offset = BARE;
        }
        // SAFETY: the row begins at a multiple of eight bytes, with room for a header.
        let header =
            unsafe { &mut *self.memory.as_mut_ptr().add(self.start / ALIGN).cast::<pg_sys::HeapTupleHeaderData>() };
        header.t_infomask2 = self.columns.len() as u16;
        header.t_infomask = infomask;
        header.t_hoff = offset as u8;
        self.places.push((self.start, self.end));
    }

    /// Puts them into a store, which copies them.
    pub fn store(&mut self, store: &RowStore) {
        let start = self.memory.as_ptr().cast::<u8>();
        let (store, places) = (store.as_ptr(), &self.places[..]);
        // SAFETY: each place is a tuple of the store's row type. One guard is for all of them: an ERROR jumps to it over
        // the closure, which owns nothing.
        unsafe {
            pg_sys::ffi::pg_guard_ffi_boundary(|| {
                for &(begin, end) in places {
                    let mut tuple: pg_sys::HeapTupleData = std::mem::zeroed();
                    tuple.t_len = (end - begin) as u32;
                    tuple.t_data = start.add(begin).cast_mut().cast();
                    tuplestore_puttuple(store, &raw mut tuple);
                }
            });
        }
        self.places.clear();
        self.end = 0;
    }

    /// The next column, which isn't NULL.
    fn next(&mut self) -> Column {
        self.column += 1;
        self.columns[self.column - 1]
    }

    fn pad(&mut self, align: usize) {
        let padding = self.end.next_multiple_of(align) - self.end;
        if padding > 0 {
            self.zeros(padding);
        }
    }

    fn zeros(&mut self, count: usize) {
        self.fill(count, 0);
    }

    fn fill(&mut self, count: usize, byte: u8) {
        let (start, end) = (self.end, self.end + count);
        self.make_room(end);
        self.memory_bytes()[start..end].fill(byte);
        self.end = end;
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let (start, end) = (self.end, self.end + bytes.len());
        self.make_room(end);
        self.memory_bytes()[start..end].copy_from_slice(bytes);
        self.end = end;
    }

    /// Raises an ERROR if the row is too long, or if there is no memory for it.
    fn make_room(&mut self, end: usize) {
        if end > self.memory.len() * ALIGN {
            let size = end - self.start;
            if size > LONGEST {
                let text = format!("row is too big: size {size}, maximum size {LONGEST}");
                elog::raise_error(&Report::new(SqlState(*b"54000"), text));
            }
            let missing = end.div_ceil(ALIGN) - self.memory.len();
            memory::reserve_ahead(&mut self.memory, missing);
            self.memory.resize(self.memory.capacity(), 0);
        }
    }

    fn memory_bytes(&mut self) -> &mut [u8] {
        // SAFETY: words are bytes.
        unsafe { std::slice::from_raw_parts_mut(self.memory.as_mut_ptr().cast(), self.memory.len() * ALIGN) }
    }
}

// pgrx's own binding has a guard for every call.
unsafe extern "C-unwind" {
    fn tuplestore_puttuple(state: *mut pg_sys::Tuplestorestate, tuple: pg_sys::HeapTuple);
}
