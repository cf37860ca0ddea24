//! Options of foreign-data wrappers, servers and user mappings, as a validator function gets them.

use super::encoding;
use pgrx::pg_sys::{self, Datum, Oid};

/// What kind of object options are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionOwner {
    /// CREATE or ALTER FOREIGN DATA WRAPPER.
    Wrapper,
    /// CREATE or ALTER SERVER.
    Server,
    /// CREATE or ALTER USER MAPPING.
    UserMapping,
    /// Something that has no options of ours.
    Other,
}

impl OptionOwner {
    /// From the OID of the catalog that the object is in.
    pub fn of_catalog(catalog: Oid) -> OptionOwner {
        match catalog {
            pg_sys::ForeignDataWrapperRelationId => OptionOwner::Wrapper,
            pg_sys::ForeignServerRelationId => OptionOwner::Server,
            pg_sys::UserMappingRelationId => OptionOwner::UserMapping,
            _ => OptionOwner::Other,
        }
    }
}

/// The elements of a `text[]`, `None` where one is NULL.
pub fn text_array(array: Datum) -> Vec<Option<String>> {
    let (mut elements, mut nulls, mut count) = (std::ptr::null_mut(), std::ptr::null_mut(), 0);
    // SAFETY: the caller's Datum is a text[] (the function is declared so); deconstruct_array fills palloc'd arrays
    // of `count`; text elements have length -1, are passed by reference and aligned to int.
    unsafe {
        let array = pg_sys::pg_detoast_datum(array.cast_mut_ptr()).cast::<pg_sys::ArrayType>();
        pg_sys::deconstruct_array(
            array,
            pg_sys::TEXTOID,
            -1,
            false,
            pg_sys::TYPALIGN_INT as std::ffi::c_char,
            &raw mut elements,
            &raw mut nulls,
            &raw mut count,
        );
        (0..count as usize)
            .map(|i| {
                (!*nulls.add(i))
                    .then(|| encoding::from_server_cstr(pg_sys::text_to_cstring((*elements.add(i)).cast_mut_ptr())))
            })
            .collect()
    }
}
