//! Arrays, taken apart and put together (`utils/array.h`).

use pgrx::pg_sys::{self, Datum, Oid};
use std::ffi::c_char;

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

    /// The elements of an array, `None` where one is NULL; they point into the array, or into a copy of it in the current
    /// memory context. `Err` if the array has more than one dimension.
    pub fn elements(&self, array: Datum) -> Result<Vec<Option<Datum>>, ManyDimensions> {
        let (mut values, mut nulls, mut count) = (std::ptr::null_mut(), std::ptr::null_mut(), 0);
        // SAFETY: the Datum is an array of this element type; deconstruct_array fills palloc'd arrays of `count`.
        unsafe {
            let array = pg_sys::pg_detoast_datum(array.cast_mut_ptr()).cast::<pg_sys::ArrayType>();
            if (*array).ndim > 1 {
                return Err(ManyDimensions);
            }
            pg_sys::deconstruct_array(
                array,
                self.oid,
                i32::from(self.length),
                self.by_value,
                self.align,
                &raw mut values,
                &raw mut nulls,
                &raw mut count,
            );
            let elements = (0..count as usize).map(|i| (!*nulls.add(i)).then(|| *values.add(i))).collect();
            pg_sys::pfree(values.cast());
            pg_sys::pfree(nulls.cast());
            Ok(elements)
        }
    }

    /// An array of these elements, in the current memory context, counted from 1.
    pub fn array(&self, elements: impl Iterator<Item = Option<Datum>>) -> Datum {
        let (mut values, mut nulls): (Vec<_>, Vec<_>) =
            elements.map(|element| (element.unwrap_or(Datum::null()), element.is_none())).unzip();
        let mut dimensions = [i32::try_from(values.len()).unwrap_or(i32::MAX)];
        let mut lower_bounds = [1];
        // SAFETY: as many values and null flags as the dimension says; construct_md_array copies them, and raises an
        // ERROR for more than an array can hold.
        unsafe {
            Datum::from(pg_sys::construct_md_array(
                values.as_mut_ptr(),
                nulls.as_mut_ptr(),
                1,
                dimensions.as_mut_ptr(),
                lower_bounds.as_mut_ptr(),
                self.oid,
                i32::from(self.length),
                self.by_value,
                self.align,
            ))
        }
    }
}

/// The array has more than one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManyDimensions;
