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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [(Fixed, usize); 10] = [
        (Fixed::Bool, 1),
        (Fixed::Int2, 2),
        (Fixed::Int4, 4),
        (Fixed::Int8, 8),
        (Fixed::Oid, 4),
        (Fixed::Float4, 4),
        (Fixed::Float8, 8),
        (Fixed::Date, 4),
        (Fixed::Time, 8),
        (Fixed::Timestamp, 8),
    ];

    #[test]
    fn only_the_right_width() {
        for (fixed, width) in ALL {
            for length in (0..20).filter(|&length| length != width) {
                let refusal = Refusal::Length { expected: width, found: length };
                assert_eq!(fixed.decode(&vec![0; length]), Err(refusal), "{fixed:?}");
            }
            assert_eq!(fixed.decode(&vec![0; width]), Ok(0), "{fixed:?}");
        }
    }

    #[test]
    fn words_are_as_postgresql_makes_them() {
        assert_eq!(Fixed::Bool.decode(&[7]), Ok(1));
        assert_eq!(Fixed::Int2.decode(&[0xff, 0xfe]), Ok(-2_i64 as u64));
        assert_eq!(Fixed::Int4.decode(&[0x80, 0, 0, 0]), Ok(i64::from(i32::MIN) as u64));
        assert_eq!(Fixed::Oid.decode(&[0xff; 4]), Ok(0xffff_ffff));
        assert_eq!(Fixed::Float4.decode(&(-0.0_f32).to_be_bytes()), Ok(0xffff_ffff_8000_0000));
        assert_eq!(Fixed::Float8.decode(&1.5_f64.to_be_bytes()), Ok(1.5_f64.to_bits()));
        let mut out = Vec::new();
        // Bits of the word beyond the type's don't count.
        Fixed::Int2.encode(0xdead_0001, &mut out);
        Fixed::Bool.encode(0xff00, &mut out);
        assert_eq!(out, [0, 1, 0]);
    }

    #[test]
    fn ranges() {
        let date = |days: i32| Fixed::Date.decode(&days.to_be_bytes()).is_ok();
        let time = |time: i64| Fixed::Time.decode(&time.to_be_bytes()).is_ok();
        let timestamp = |timestamp: i64| Fixed::Timestamp.decode(&timestamp.to_be_bytes()).is_ok();
        // Their last and first values, and infinity, as servers send them.
        assert!(date(-2_451_545) && date(2_145_031_948) && date(i32::MIN) && date(i32::MAX));
        assert!(!date(-2_451_546) && !date(2_145_031_949) && !date(i32::MIN + 1) && !date(i32::MAX - 1));
        assert!(time(0) && time(86_400_000_000) && !time(-1) && !time(86_400_000_001));
        assert!(timestamp(-211_813_488_000_000_000) && timestamp(9_223_371_331_199_999_999));
        assert!(!timestamp(-211_813_488_000_000_001) && !timestamp(9_223_371_331_200_000_000));
        assert!(timestamp(i64::MIN) && timestamp(i64::MAX) && !timestamp(i64::MAX - 1));
        let refusal = Fixed::Timestamp.decode(&(i64::MAX - 1).to_be_bytes()).unwrap_err();
        assert_eq!(refusal.of_type("timestamptz").to_string(), "timestamp out of range");
        assert_eq!(refusal.of_type("timestamptz").sqlstate(false), *b"22008");
    }

    #[test]
    fn intervals() {
        let bytes = |time: i64, days: i32, months: i32| {
            [&time.to_be_bytes()[..], &days.to_be_bytes(), &months.to_be_bytes()].concat()
        };
        let (old, new) = (Layout::Interval { has_infinity: false }, Layout::Interval { has_infinity: true });
        for infinite in [bytes(i64::MAX, i32::MAX, i32::MAX), bytes(i64::MIN, i32::MIN, i32::MIN)] {
            assert_eq!(old.check(&infinite), Err(Refusal::OutOfRange("interval")));
            assert_eq!(new.check(&infinite), Ok(()));
            assert_eq!(new.check(&infinite[1..]), Err(Refusal::Length { expected: 16, found: 15 }));
        }
        assert_eq!(old.check(&bytes(i64::MAX, i32::MAX, i32::MAX - 1)), Ok(()));
        assert_eq!(old.check(&bytes(i64::MAX, i32::MAX, i32::MIN)), Ok(()));
        assert_eq!(old.check(&[0; 17]), Err(Refusal::Length { expected: 16, found: 17 }));
        let problem = Layout::Width(12).check(&[]).unwrap_err().of_type("timetz");
        assert_eq!(problem.to_string(), "incorrect binary data for type timetz: 0 bytes instead of 12");
        assert_eq!(problem.sqlstate(false), *b"22P03");
    }

    proptest! {
        #[test]
        fn what_is_accepted_comes_back(bytes: [u8; 8]) {
            for (fixed, width) in ALL {
                if let Ok(word) = fixed.decode(&bytes[..width]) {
                    let mut out = Vec::new();
                    fixed.encode(word, &mut out);
                    if fixed != Fixed::Bool {
                        prop_assert_eq!(&out, &bytes[..width]);
                    }
                    prop_assert_eq!(fixed.decode(&out), Ok(word));
                }
            }
        }
    }
}
