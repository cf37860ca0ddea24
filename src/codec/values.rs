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

/// Appends a value, of which `write` appends the bytes.
pub fn put_value(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out);
    let length = i32::try_from(out.len() - start - 4).expect("a value of less than 2 GB");
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
        if usize::try_from(dimensions).map_or(true, |count| count > MAX_DIMENSIONS) {
            return Err(Refusal::Dimensions(dimensions));
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
