//! Values with their lengths, and arrays of them. Pure.
//!
//! A value is an int32 length, or -1 for NULL, and its bytes. An array is a header and its elements, row by row:
//!
//! ```text
//! int32 number of dimensions    int32 1 if there are NULLs, else 0    int32 element type
//! for each dimension: int32 length, int32 lower bound
//! for each element: a value
//! ```
//!
//! What arrives isn't trusted: every number is checked before anything is made as large as it says.

use super::refusal::Refusal;
use std::iter::FusedIterator;

/// As in PostgreSQL (`MAXDIM`).
pub const MAX_DIMENSIONS: usize = 6;
/// As in PostgreSQL (`MaxArraySize`).
const MAX_ELEMENTS: usize = 0x3fff_ffff / 8;

/// Appends a value, of which `write` appends the bytes. If they are 2 GB or more, their length is wrong; no message can be so
/// long, and who sends it has to look.
pub fn put_value(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out);
    let length = i32::try_from(out.len() - start - 4).unwrap_or(i32::MAX);
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

/// Appends a NULL.
pub fn put_null(out: &mut Vec<u8>) {
    out.extend_from_slice(&(-1_i32).to_be_bytes());
}

/// Appends the bytes of an array, in whose `lengths` the elements fit; of each `write` appends the bytes. An array
/// without elements has no dimensions.
pub fn put_array<E>(
    element_type: u32,
    lengths: &[i32],
    lower_bounds: &[i32],
    elements: impl Iterator<Item = Option<E>>,
    mut write: impl FnMut(E, &mut Vec<u8>),
    out: &mut Vec<u8>,
) {
    let start = out.len();
    out.extend_from_slice(&(lengths.len() as i32).to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&element_type.to_be_bytes());
    for (length, lower_bound) in lengths.iter().zip(lower_bounds) {
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&lower_bound.to_be_bytes());
    }
    let mut has_nulls = false;
    for element in elements {
        match element {
            Some(element) => put_value(out, |out| write(element, out)),
            None => {
                has_nulls = true;
                put_null(out);
            }
        }
    }
    out[start + 7] = has_nulls.into();
}

/// An array as it arrived.
#[derive(Debug)]
pub struct Array<'a> {
    /// Of its dimensions; none if it is empty. No more than [`MAX_DIMENSIONS`], and each 1 or more.
    pub lengths: Vec<i32>,
    /// As many. An index doesn't overflow.
    pub lower_bounds: Vec<i32>,
    /// As many as the lengths say.
    pub elements: Elements<'a>,
}

impl<'a> Array<'a> {
    /// Reads the header of an array that must be of this type.
    pub fn decode(bytes: &'a [u8], element_type: u32) -> Result<Array<'a>, Refusal> {
        let mut rest = bytes;
        let dimensions = take_int(&mut rest)?;
        match usize::try_from(dimensions) {
            Err(_) => return Err(Refusal::NegativeDimensions(dimensions)),
            Ok(count) if count > MAX_DIMENSIONS => return Err(Refusal::Dimensions(dimensions)),
            Ok(_) => {}
        }
        let flags = take_int(&mut rest)?;
        if !matches!(flags, 0 | 1) {
            return Err(Refusal::Flags(flags));
        }
        let found = take_int(&mut rest)? as u32;
        if found != element_type {
            return Err(Refusal::ElementType { expected: element_type, found });
        }
        let (mut lengths, mut lower_bounds) = (Vec::new(), Vec::new());
        let mut count = usize::from(dimensions > 0);
        for _ in 0..dimensions {
            let (length, lower_bound) = (take_int(&mut rest)?, take_int(&mut rest)?);
            let factor = usize::try_from(length).map_err(|_| Refusal::ArraySize)?;
            // No overflow: what isn't above the maximum is multiplied by 31 bits.
            count = Some(count * factor).filter(|count| *count <= MAX_ELEMENTS).ok_or(Refusal::ArraySize)?;
            lower_bound.checked_add(length).ok_or(Refusal::LowerBound(lower_bound))?;
            lengths.push(length);
            lower_bounds.push(lower_bound);
        }
        if count == 0 {
            lengths.clear();
            lower_bounds.clear();
        }
        // Even a NULL takes four bytes.
        if count > rest.len() / 4 {
            return Err(Refusal::Truncated);
        }
        Ok(Array { lengths, lower_bounds, elements: Elements { rest, count } })
    }
}

/// The elements of an [`Array`], `None` for NULL. If there is something after the last one, that comes as an error.
#[derive(Debug)]
pub struct Elements<'a> {
    rest: &'a [u8],
    count: usize,
}

impl Elements<'_> {
    /// How many elements are still to come.
    pub fn count_left(&self) -> usize {
        self.count
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<Option<&'a [u8]>, Refusal>;

    fn next(&mut self) -> Option<Self::Item> {
        let element = match self.count {
            0 if self.rest.is_empty() => return None,
            0 => Err(Refusal::LeftOver),
            _ => take_value(&mut self.rest),
        };
        self.count = self.count.saturating_sub(1);
        if element.is_err() {
            *self = Elements { rest: &[], count: 0 };
        }
        Some(element)
    }
}

impl FusedIterator for Elements<'_> {}

fn take_int(rest: &mut &[u8]) -> Result<i32, Refusal> {
    let (int, after) = rest.split_first_chunk().ok_or(Refusal::Truncated)?;
    *rest = after;
    Ok(i32::from_be_bytes(*int))
}

fn take_value<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Refusal> {
    let length = take_int(rest)?;
    if length == -1 {
        return Ok(None);
    }
    let length = usize::try_from(length).map_err(|_| Refusal::Truncated)?;
    let (value, after) = rest.split_at_checked(length).ok_or(Refusal::Truncated)?;
    *rest = after;
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const INT4: u32 = 23;

    fn header(numbers: &[i32]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
    }

    type Decoded = (Vec<i32>, Vec<i32>, Vec<Option<Vec<u8>>>);

    fn decoded(bytes: &[u8]) -> Result<Decoded, Refusal> {
        let array = Array::decode(bytes, INT4)?;
        let elements = array.elements.map(|element| Ok(element?.map(<[u8]>::to_vec))).collect::<Result<_, _>>()?;
        Ok((array.lengths, array.lower_bounds, elements))
    }

    #[test]
    fn values() {
        let mut out = vec![9];
        put_value(&mut out, |out| out.extend_from_slice(b"ab"));
        put_null(&mut out);
        put_value(&mut out, |_| {});
        assert_eq!(out, [9, 0, 0, 0, 2, b'a', b'b', 255, 255, 255, 255, 0, 0, 0, 0]);
    }

    #[test]
    fn arrays() {
        let mut out = Vec::new();
        let elements = [Some(b'x'), None, Some(b'y'), Some(b'z')];
        put_array(INT4, &[2, 2], &[0, -5], elements.into_iter(), |element, out| out.push(element), &mut out);
        assert_eq!(out[..28], header(&[2, 1, 23, 2, 0, 2, -5])[..]);
        let (lengths, lower_bounds, elements) = decoded(&out).unwrap();
        assert_eq!((lengths, lower_bounds), (vec![2, 2], vec![0, -5]));
        assert_eq!(elements, [Some(vec![b'x']), None, Some(vec![b'y']), Some(vec![b'z'])]);
        // The flag isn't believed.
        out[7] = 0;
        assert!(decoded(&out).is_ok());

        // However empty is said.
        let empty = Ok((vec![], vec![], vec![]));
        assert_eq!(decoded(&header(&[0, 0, 23])), empty);
        assert_eq!(decoded(&header(&[1, 0, 23, 0, 1])), empty);
        assert_eq!(decoded(&header(&[2, 0, 23, 5, 1, 0, 1])), empty);
        out.clear();
        put_array(INT4, &[], &[], std::iter::empty::<Option<()>>(), |_, _| {}, &mut out);
        assert_eq!(out, header(&[0, 0, 23]));
    }

    #[test]
    fn lies() {
        use Refusal::*;
        let refusal = |numbers: &[i32]| decoded(&header(numbers)).unwrap_err();
        assert_eq!(refusal(&[]), Truncated);
        assert_eq!(refusal(&[0, 0]), Truncated);
        assert_eq!(refusal(&[-1, 0, 23]), NegativeDimensions(-1));
        assert_eq!(refusal(&[7, 0, 23]), Dimensions(7));
        assert_eq!(refusal(&[i32::MAX, 0, 23]), Dimensions(i32::MAX));
        assert_eq!(refusal(&[0, 2, 23]), Flags(2));
        assert_eq!(refusal(&[0, 0, 25]), ElementType { expected: 23, found: 25 });
        assert_eq!(refusal(&[1, 0, 23]), Truncated);
        assert_eq!(refusal(&[1, 0, 23, 1]), Truncated);
        assert_eq!(refusal(&[1, 0, 23, -1, 1]), ArraySize);
        assert_eq!(refusal(&[1, 0, 23, i32::MAX, 0]), ArraySize);
        assert_eq!(refusal(&[2, 0, 23, 65536, 1, 65536, 1]), ArraySize);
        assert_eq!(refusal(&[6, 0, 23, 99999, 1, 99999, 1, 99999, 1, 99999, 1, 99999, 1, 99999, 1]), ArraySize);
        assert_eq!(refusal(&[1, 0, 23, 100_000_000, 1]), Truncated);
        assert_eq!(refusal(&[1, 0, 23, 2, i32::MAX - 1, -1, -1]), LowerBound(i32::MAX - 1));
        assert_eq!(decoded(&header(&[1, 0, 23, 2, i32::MAX - 2, -1, -1])).map(|array| array.2.len()), Ok(2));
        // Elements: fewer, longer, of negative length, and one too many.
        assert_eq!(refusal(&[1, 0, 23, 2, 1, -1]), Truncated);
        assert_eq!(refusal(&[1, 0, 23, 1, 1, 5, 0]), Truncated);
        assert_eq!(refusal(&[1, 0, 23, 1, 1, i32::MAX, 0]), Truncated);
        assert_eq!(refusal(&[1, 0, 23, 1, 1, -2]), Truncated);
        assert_eq!(refusal(&[1, 0, 23, 1, 1, 4, 7, -1]), LeftOver);
        assert_eq!(refusal(&[0, 0, 23, -1]), LeftOver);
        assert_eq!(refusal(&[1, 0, 23, 0, 1, 0]), LeftOver);
    }

    #[test]
    fn limits_are_told_as_postgresql_does() {
        for (numbers, text) in [
            (&[7, 0, 23][..], "number of array dimensions (7) exceeds the maximum allowed (6)"),
            (&[1, 0, 23, MAX_ELEMENTS as i32 + 1, 1], "array size exceeds the maximum allowed (134217727)"),
            (&[1, 0, 23, -1, 1], "array size exceeds the maximum allowed (134217727)"),
            (&[1, 0, 23, 2, i32::MAX, -1, -1], "array lower bound is too large: 2147483647"),
        ] {
            let problem = decoded(&header(numbers)).unwrap_err().of_type("_int4");
            assert_eq!((problem.to_string().as_str(), problem.sqlstate(false)), (text, *b"54000"));
        }
    }

    proptest! {
        #[test]
        fn garbage_is_refused_or_read(
            dimensions in 0..4_i32,
            numbers in prop::collection::vec(prop_oneof![-2..6_i32, any::<i32>()], 0..20),
            cut in 0..4_usize,
        ) {
            let mut bytes = header(&[dimensions, 0, 23]);
            bytes.extend(header(&numbers));
            bytes.truncate(bytes.len() - cut);
            if let Ok((lengths, lower_bounds, elements)) = decoded(&bytes) {
                prop_assert_eq!(lengths.len(), lower_bounds.len());
                let product = if lengths.is_empty() { 0 } else { lengths.iter().product::<i32>() };
                prop_assert_eq!(elements.len() as i32, product);
                let mut out = Vec::new();
                let written = elements.iter().map(Option::as_deref);
                put_array(INT4, &lengths, &lower_bounds, written, |element, out| out.extend_from_slice(element), &mut out);
                prop_assert_eq!(decoded(&out), Ok((lengths, lower_bounds, elements)));
            }
        }
    }
}
