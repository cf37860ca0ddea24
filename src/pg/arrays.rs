//! Arrays, taken apart and put together (`utils/array.h`).

use super::memory;
use pgrx::pg_sys::{self, ArrayType, Datum, Oid, varlena};
use std::ffi::{CStr, c_char};

/// What must be known of a type before values of it can be in an array.
#[derive(Clone, Copy, Debug)]
pub struct ElementType {
    /// The type.
    pub oid: Oid,
    length: i16,
    by_value: bool,
    align: c_char,
}

impl ElementType {
    /// The element type of a true array type. `None` for other types.
    pub fn of_array(array_type: Oid) -> Option<ElementType> {
        // SAFETY: syscache look-ups; they raise an ERROR if the element type doesn't exist.
        unsafe {
            let oid = pg_sys::get_element_type(array_type);
            if oid == pg_sys::InvalidOid {
                return None;
            }
            let mut element = ElementType { oid, length: 0, by_value: false, align: 0 };
            pg_sys::get_typlenbyvalalign(
                oid,
                &raw mut element.length,
                &raw mut element.by_value,
                &raw mut element.align,
            );
            Some(element)
        }
    }

    /// The type's own array type, which isn't the only one with such elements: there is `int2[]`, and there is
    /// `int2vector`.
    pub fn array_type(&self) -> Oid {
        // SAFETY: a syscache look-up.
        unsafe { pg_sys::get_array_type(self.oid) }
    }

    /// Opens an array for reading.
    pub fn open(self, array: Datum) -> Array {
        let array = array.cast_mut_ptr::<varlena>();
        // SAFETY: the Datum is an array, which is a varlena. Detoasted, expanded ones too, it has its full header and is
        // aligned, as it is before if the header says so.
        let array = unsafe { if pgrx::varatt_is_4b_u(array) { array } else { pg_sys::pg_detoast_datum(array) } };
        Array { array: array.cast(), element: self }
    }

    /// The elements of an array, `None` where one is NULL; they point into the array, or into a copy of it in the current
    /// memory context. `Err` if the array has more than one dimension.
    pub fn elements(&self, array: Datum) -> Result<Vec<Option<Datum>>, ManyDimensions> {
        let array = self.open(array);
        match array.lengths() {
            [_, _, ..] => Err(ManyDimensions),
            _ => {
                let mut elements = Vec::new();
                memory::reserve(&mut elements, array.elements().len());
                elements.extend(array.elements());
                Ok(elements)
            }
        }
    }

    /// An array of these elements, in the current memory context, counted from 1.
    pub fn array(&self, elements: impl Iterator<Item = Option<Datum>>) -> Datum {
        let (values, nulls): (Vec<_>, Vec<_>) =
            elements.map(|element| (element.unwrap_or(Datum::null()), element.is_none())).unzip();
        let length = i32::try_from(values.len()).unwrap_or(i32::MAX);
        self.build(&[length], &[1], values, nulls)
    }

    /// An array of these dimensions, in the current memory context. Raises an ERROR for more than an array can hold.
    ///
    /// # Panics
    /// If values and null flags aren't as many as the dimensions say.
    pub fn build(&self, lengths: &[i32], lower_bounds: &[i32], mut values: Vec<Datum>, mut nulls: Vec<bool>) -> Datum {
        let count = match lengths {
            [] => 0,
            lengths => lengths.iter().map(|&length| length as usize).product(),
        };
        assert!(values.len() == count && nulls.len() == count && lower_bounds.len() == lengths.len());
        // SAFETY: as many values and null flags as the dimensions say; construct_md_array reads them and the dimensions,
        // copies what the values point to, and raises an ERROR for more than an array can hold. Without elements it makes
        // an array without dimensions.
        unsafe {
            Datum::from(pg_sys::construct_md_array(
                values.as_mut_ptr(),
                nulls.as_mut_ptr(),
                lengths.len() as i32,
                lengths.as_ptr().cast_mut(),
                lower_bounds.as_ptr().cast_mut(),
                self.oid,
                i32::from(self.length),
                self.by_value,
                self.align,
            ))
        }
    }

    /// Where an element begins that is stored at `place` or after padding. As the macro `att_align_pointer`.
    ///
    /// # Safety
    /// `place` is in an array of this type, behind the header or another element, and not at the end.
    unsafe fn start(&self, place: *const u8) -> *const u8 {
        // SAFETY: padding is of zeros, with which no short varlena begins. A full header that begins with one is aligned.
        if self.length == -1 && unsafe { *place } != 0 {
            return place;
        }
        let align = match self.align as u8 {
            pg_sys::TYPALIGN_CHAR => align_of::<u8>(),
            pg_sys::TYPALIGN_SHORT => align_of::<i16>(),
            pg_sys::TYPALIGN_INT => align_of::<i32>(),
            _ => align_of::<f64>(),
        };
        place.wrapping_add(place.align_offset(align))
    }

    /// The size of an element. As the macro `att_addlength_pointer`.
    ///
    /// # Safety
    /// It is an element of an array of this type.
    unsafe fn size(&self, element: *const u8) -> usize {
        // SAFETY: the length says what an element is: a varlena, which isn't stored elsewhere, a C string, or that many
        // bytes.
        unsafe {
            match self.length {
                -1 => pgrx::varsize_any(element.cast()),
                -2 => CStr::from_ptr(element.cast()).count_bytes() + 1,
                length => length as usize,
            }
        }
    }

    /// An element's value. As the macro `fetch_att`.
    ///
    /// # Safety
    /// It is an element of an array of this type.
    unsafe fn value(&self, element: *const u8) -> Datum {
        // SAFETY: what is passed by value has one of these sizes, and is aligned to it.
        unsafe {
            match (self.by_value, self.length) {
                (false, _) => Datum::from(element),
                (true, 1) => Datum::from(*element.cast::<i8>()),
                (true, 2) => Datum::from(*element.cast::<i16>()),
                (true, 4) => Datum::from(*element.cast::<i32>()),
                (true, _) => Datum::from(*element.cast::<i64>()),
            }
        }
    }
}

/// An array that is being read. It points to what the Datum points to, or to a copy in the current memory context.
#[derive(Clone, Copy, Debug)]
pub struct Array {
    array: *const ArrayType,
    element: ElementType,
}

impl Array {
    /// The lengths of its dimensions; none if it is empty.
    pub fn lengths(&self) -> &[i32] {
        // SAFETY: as long as the Datum is. The lengths follow the fixed part of the header (ARR_DIMS).
        unsafe { std::slice::from_raw_parts(self.array.add(1).cast(), self.dimensions()) }
    }

    /// How many bytes all of it has.
    pub fn size(&self) -> usize {
        // SAFETY: as above; an array that is open has its full header.
        unsafe { pgrx::varsize_any(self.array.cast()) }
    }

    /// Their lower bounds.
    pub fn lower_bounds(&self) -> &[i32] {
        // SAFETY: as above; the lower bounds follow the lengths (ARR_LBOUND).
        unsafe { std::slice::from_raw_parts(self.array.add(1).cast::<i32>().add(self.dimensions()), self.dimensions()) }
    }

    /// The elements, row by row.
    pub fn elements(&self) -> Elements {
        let left = match self.lengths() {
            [] => 0,
            lengths => lengths.iter().map(|&length| length as usize).product(),
        };
        let header = size_of::<ArrayType>() + 2 * size_of::<i32>() * self.dimensions();
        let start = self.array.cast::<u8>();
        // SAFETY: the fixed part of the header is there. With an offset of the data in it there is a bitmap (ARR_NULLBITMAP,
        // ARR_DATA_PTR); without one the data follow the header at the next multiple of MAXALIGN.
        unsafe {
            match (*self.array).dataoffset {
                0 => {
                    let data = header.next_multiple_of(pg_sys::MAXIMUM_ALIGNOF as usize);
                    Elements { element: self.element, place: start.add(data), not_null: None, number: 0, left }
                }
                data => {
                    let (place, bitmap) = (start.add(data as usize), start.add(header));
                    Elements { element: self.element, place, not_null: Some(bitmap), number: 0, left }
                }
            }
        }
    }

    fn dimensions(&self) -> usize {
        // SAFETY: the fixed part of the header is there.
        unsafe { (*self.array).ndim as usize }
    }
}

/// The elements of an [`Array`], `None` where one is NULL.
#[derive(Debug)]
pub struct Elements {
    element: ElementType,
    /// Where the next one that isn't NULL is, or the padding before it.
    place: *const u8,
    /// One bit for each element, if some are NULL.
    not_null: Option<*const u8>,
    /// Of the next element, from 0.
    number: usize,
    left: usize,
}

impl Iterator for Elements {
    type Item = Option<Datum>;

    fn next(&mut self) -> Option<Option<Datum>> {
        self.left = self.left.checked_sub(1)?;
        let number = self.number;
        self.number += 1;
        // SAFETY: there is an element left, so the bitmap has a bit for it, and, if that is 1, the array has a value for it.
        // Its end is where the next one is.
        unsafe {
            if self.not_null.is_some_and(|bits| *bits.add(number / 8) & (1 << (number % 8)) == 0) {
                return Some(None);
            }
            let element = self.element.start(self.place);
            self.place = element.add(self.element.size(element));
            Some(Some(self.element.value(element)))
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Elements {}

/// The array has more than one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManyDimensions;
