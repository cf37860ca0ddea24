//! The types whose binary form is certainly the same on every server, and that form.
//!
//! Their OIDs are built in, and so is what their send functions write, in all versions that we talk to. Types that users
//! make, and types that contain others (row types, domains), may differ between two servers and aren't here; nor are those
//! whose binary form is a version of some inner form (`jsonb`) or depends on the server (`regclass`, `money`).
//!
//! Text never passes through the backend's own send and receive functions: those convert from and to the encoding of
//! *this session's client*, which has nothing to do with the shard's.

use super::fixed::{self, Fixed, Layout};
use super::refusal::Refusal;
use super::values::{self, put_array};
use crate::pg::arrays::ElementType;
use crate::pg::binary_io::{HAS_INFINITE_INTERVALS, Receive, Send};
use crate::pg::memory::{self, OwnedContext};
use crate::pg::tuples::Tuples;
use crate::pg::{datum, encoding, varlena};
use pgrx::pg_sys::{self, Datum, Oid};

/// How many more bytes than here an array's element has over the wire, at most: its length, and an inner header. (Text that is
/// converted makes room for itself.)
const ELEMENT: usize = 24;

/// The binary form of a type. `F` is the backend's function that reads or writes it, for types that we leave to it.
#[derive(Debug)]
pub enum Binary<F> {
    /// Passed by value.
    Fixed(Fixed),
    Uuid,
    Bytea,
    /// `text` and its like. Their text form is the same bytes.
    Text,
    /// Left to the backend.
    Own(F, Layout),
    Array(ElementType, Box<Binary<F>>),
}

impl<F> Binary<F> {
    /// The binary form of this type. `None` if it has to travel as text.
    fn of(oid: Oid, function: impl Fn(Oid) -> F) -> Option<Binary<F>> {
        Binary::of_scalar(oid, &function).or_else(|| {
            let element_type = ElementType::of_array(oid).filter(|element| element.array_type() == oid)?;
            let element = Binary::of_scalar(element_type.oid, &function)?;
            Some(Binary::Array(element_type, Box::new(element)))
        })
    }

    fn of_scalar(oid: Oid, function: &impl Fn(Oid) -> F) -> Option<Binary<F>> {
        let own = |layout| Binary::Own(function(oid), layout);
        Some(match oid {
            pg_sys::BOOLOID => Binary::Fixed(Fixed::Bool),
            pg_sys::INT2OID => Binary::Fixed(Fixed::Int2),
            pg_sys::INT4OID => Binary::Fixed(Fixed::Int4),
            pg_sys::INT8OID => Binary::Fixed(Fixed::Int8),
            pg_sys::OIDOID => Binary::Fixed(Fixed::Oid),
            pg_sys::FLOAT4OID => Binary::Fixed(Fixed::Float4),
            pg_sys::FLOAT8OID => Binary::Fixed(Fixed::Float8),
            pg_sys::DATEOID => Binary::Fixed(Fixed::Date),
            pg_sys::TIMEOID => Binary::Fixed(Fixed::Time),
            pg_sys::TIMESTAMPOID | pg_sys::TIMESTAMPTZOID => Binary::Fixed(Fixed::Timestamp),
            pg_sys::UUIDOID => Binary::Uuid,
            pg_sys::BYTEAOID => Binary::Bytea,
            pg_sys::TEXTOID | pg_sys::VARCHAROID | pg_sys::BPCHAROID => Binary::Text,
            pg_sys::TIMETZOID => own(Layout::Width(12)),
            pg_sys::INTERVALOID => own(Layout::Interval { has_infinity: HAS_INFINITE_INTERVALS }),
            pg_sys::MACADDROID => own(Layout::Width(6)),
            pg_sys::MACADDR8OID => own(Layout::Width(8)),
            pg_sys::NUMERICOID | pg_sys::INETOID | pg_sys::CIDROID | pg_sys::BITOID | pg_sys::VARBITOID => {
                own(Layout::Any)
            }
            pg_sys::INT4RANGEOID | pg_sys::INT8RANGEOID | pg_sys::NUMRANGEOID => own(Layout::Any),
            pg_sys::DATERANGEOID | pg_sys::TSRANGEOID | pg_sys::TSTZRANGEOID => own(Layout::Any),
            _ => return None,
        })
    }

    /// Whether the text form is the same bytes.
    pub fn is_text(&self) -> bool {
        matches!(self, Binary::Text)
    }
}

impl Binary<Receive> {
    /// For reading a type; the functions' notes are kept in `context`.
    pub fn reader(oid: Oid, context: &OwnedContext) -> Option<Binary<Receive>> {
        Binary::of(oid, |oid| Receive::of(oid, context))
    }

    /// Makes the value the next column of a row, if there is a short way for that; `false` if there isn't.
    pub fn append(&self, bytes: &[u8], row: &mut Tuples) -> Result<bool, Refusal> {
        match self {
            Binary::Fixed(fixed) => row.word(fixed.decode(bytes)?),
            Binary::Uuid => row.fixed(&fixed::exactly::<16>(bytes)?),
            Binary::Bytea => row.varlena(bytes),
            Binary::Text => row.varlena(&encoding::wire_to_server(bytes)),
            Binary::Own(..) | Binary::Array(..) => return Ok(false),
        }
        Ok(true)
    }

    /// The value, in the current memory context. The backend may raise an ERROR for one that it doesn't accept, too.
    pub fn read(&self, bytes: &[u8], scratch: &mut Vec<u8>) -> Result<Datum, Refusal> {
        Ok(match self {
            Binary::Fixed(fixed) => Datum::from(fixed.decode(bytes)?),
            Binary::Uuid => datum::uuid(fixed::exactly(bytes)?),
            Binary::Bytea => varlena::of_bytes(bytes),
            Binary::Text => varlena::of_bytes(&encoding::wire_to_server(bytes)),
            Binary::Own(receive, layout) => {
                layout.check(bytes)?;
                receive.read(bytes, scratch).ok_or(Refusal::LeftOver)?
            }
            Binary::Array(element_type, element) => {
                let array = values::Array::decode(bytes, element_type.oid.to_u32())?;
                let (mut values, mut nulls) = (Vec::new(), Vec::new());
                memory::reserve(&mut values, array.elements.count_left());
                memory::reserve(&mut nulls, array.elements.count_left());
                for bytes in array.elements {
                    let value = bytes?.map(|bytes| element.read(bytes, scratch)).transpose()?;
                    nulls.push(value.is_none());
                    values.push(value.unwrap_or(Datum::null()));
                }
                element_type.build(&array.lengths, &array.lower_bounds, values, nulls)
            }
        })
    }
}

impl Binary<Send> {
    /// For writing a type; the functions' notes are kept in `context`.
    pub fn writer(oid: Oid, context: &OwnedContext) -> Option<Binary<Send>> {
        Binary::of(oid, |oid| Send::of(oid, context))
    }

    /// Appends the value.
    pub fn write(&self, value: Datum, out: &mut Vec<u8>) {
        match self {
            Binary::Fixed(fixed) => fixed.encode(value.value() as u64, out),
            Binary::Uuid => out.extend_from_slice(&datum::uuid_bytes(value)),
            Binary::Bytea => varlena::with_bytes(value, |bytes| memory::extend(out, bytes)),
            Binary::Text => varlena::with_bytes(value, |bytes| memory::extend(out, &encoding::server_to_wire(bytes))),
            Binary::Own(send, _) => send.write(value, out),
            Binary::Array(element_type, _) => {
                let array = element_type.open(value);
                memory::reserve_ahead(out, array.size() + array.elements().len() * ELEMENT);
                self.write_array(array.lengths(), array.lower_bounds(), array.elements(), out);
            }
        }
    }

    /// Appends an array of these elements, which must be an array's: counted from 1, or empty.
    pub fn write_elements(&self, elements: impl ExactSizeIterator<Item = Option<Datum>>, out: &mut Vec<u8>) {
        memory::reserve_ahead(out, elements.len() * ELEMENT);
        match i32::try_from(elements.len()).expect("no more elements than a PostgreSQL array has") {
            0 => self.write_array(&[], &[], elements, out),
            length => self.write_array(&[length], &[1], elements, out),
        }
    }

    fn write_array(
        &self,
        lengths: &[i32],
        lower_bounds: &[i32],
        elements: impl Iterator<Item = Option<Datum>>,
        out: &mut Vec<u8>,
    ) {
        let Binary::Array(element_type, element) = self else {
            unreachable!("only arrays have elements");
        };
        let oid = element_type.oid.to_u32();
        put_array(oid, lengths, lower_bounds, elements, |value, out| element.write(value, out), out);
    }
}
