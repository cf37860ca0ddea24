//! Values of a fixed number of bytes. Pure.
//!
//! The types that PostgreSQL passes by value need no more than this: their Datum is a machine word, into which signed
//! numbers, dates and floats are sign-extended, as the `…GetDatum` macros do it. Ranges are those that the types' receive
//! functions accept.

use super::refusal::Refusal;

/// A type that is passed by value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fixed {
    Bool,
    Int2,
    Int4,
    Int8,
    Oid,
    Float4,
    Float8,
    Date,
    Time,
    /// With or without time zone.
    Timestamp,
}

/// `date`: days since 2000-01-01; from Julian day 0 up to, not including, 5874898-01-01.
const DATES: std::ops::Range<i32> = -2_451_545..2_147_483_494 - 2_451_545;
/// `timestamp`: microseconds since 2000-01-01; from Julian day 0 up to, not including, 294277-01-01.
const TIMESTAMPS: std::ops::Range<i64> = -211_813_488_000_000_000..9_223_371_331_200_000_000;
/// `time`: microseconds since midnight, 24:00 included.
const TIMES: std::ops::RangeInclusive<i64> = 0..=86_400_000_000;

impl Fixed {
    /// The Datum's word.
    pub fn decode(self, bytes: &[u8]) -> Result<u64, Refusal> {
        let word = match self {
            Fixed::Bool => u64::from(exactly::<1>(bytes)? != [0]),
            Fixed::Int2 => i16::from_be_bytes(exactly(bytes)?) as u64,
            Fixed::Int4 | Fixed::Float4 => i32::from_be_bytes(exactly(bytes)?) as u64,
            Fixed::Oid => u32::from_be_bytes(exactly(bytes)?).into(),
            Fixed::Int8 | Fixed::Float8 => u64::from_be_bytes(exactly(bytes)?),
            Fixed::Date => {
                let days = i32::from_be_bytes(exactly(bytes)?);
                let is_infinite = matches!(days, i32::MIN | i32::MAX);
                in_range("date", is_infinite || DATES.contains(&days))?;
                days as u64
            }
            Fixed::Time => {
                let time = i64::from_be_bytes(exactly(bytes)?);
                in_range("time", TIMES.contains(&time))?;
                time as u64
            }
            Fixed::Timestamp => {
                let timestamp = i64::from_be_bytes(exactly(bytes)?);
                let is_infinite = matches!(timestamp, i64::MIN | i64::MAX);
                in_range("timestamp", is_infinite || TIMESTAMPS.contains(&timestamp))?;
                timestamp as u64
            }
        };
        Ok(word)
    }

    /// Appends the value that this Datum's word is.
    pub fn encode(self, word: u64, out: &mut Vec<u8>) {
        match self {
            Fixed::Bool => out.push((word as u8 != 0).into()),
            Fixed::Int2 => out.extend_from_slice(&(word as u16).to_be_bytes()),
            Fixed::Int4 | Fixed::Oid | Fixed::Float4 | Fixed::Date => {
                out.extend_from_slice(&(word as u32).to_be_bytes());
            }
            Fixed::Int8 | Fixed::Float8 | Fixed::Time | Fixed::Timestamp => {
                out.extend_from_slice(&word.to_be_bytes());
            }
        }
    }
}

/// The form of a value that a receive function is going to read, as far as it is checked before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Only the function knows.
    Any,
    /// This many bytes.
    Width(usize),
    /// 16 bytes. Infinity is all fields at their extremes; before PostgreSQL 17, which introduced it, that would be read
    /// as a finite interval of 178 million years.
    Interval { has_infinity: bool },
}

impl Layout {
    /// Whether the bytes may be shown to the receive function.
    pub fn check(self, bytes: &[u8]) -> Result<(), Refusal> {
        match self {
            Layout::Any => Ok(()),
            Layout::Width(expected) if bytes.len() == expected => Ok(()),
            Layout::Width(expected) => Err(Refusal::Length { expected, found: bytes.len() }),
            Layout::Interval { has_infinity } => {
                let bits = u128::from_be_bytes(exactly(bytes)?);
                // int64 microseconds, int32 days, int32 months
                const POSITIVE: u128 = 0x7fff_ffff_ffff_ffff_7fff_ffff_7fff_ffff;
                const NEGATIVE: u128 = 0x8000_0000_0000_0000_8000_0000_8000_0000;
                in_range("interval", has_infinity || (bits != POSITIVE && bits != NEGATIVE))
            }
        }
    }
}

/// The bytes, which must be as many as the type has.
pub fn exactly<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Refusal> {
    bytes.try_into().map_err(|_| Refusal::Length { expected: N, found: bytes.len() })
}

fn in_range(what: &'static str, is_in_range: bool) -> Result<(), Refusal> {
    if is_in_range { Ok(()) } else { Err(Refusal::OutOfRange(what)) }
}
