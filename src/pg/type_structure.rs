//! What types are made of (`pg_type.h`, `lsyscache.h`).

use super::row_type::{attribute, row_type_version};
use pgrx::pg_sys::{self, Datum, Oid};

/// What a type is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Structure {
    /// A base type that PostgreSQL comes with.
    BuiltIn,
    /// A base type of an extension or a user.
    Foreign,
    /// Labels of its own.
    Enum,
    /// A true array of this type.
    Array(Oid),
    /// A domain over this type.
    Domain(Oid),
    /// A range of this type, or a multirange of this range.
    Range(Oid),
    /// A row of these columns.
    Row(RowVersion, Vec<Oid>),
    /// A pseudo-type, or none (any more).
    None,
}

/// A row type as it was when it was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowVersion {
    type_oid: Oid,
    version: u64,
}

impl RowVersion {
    /// Whether it is still the same. Raises an ERROR if it is gone.
    pub fn is_current(&self) -> bool {
        row_type_version(self.type_oid) == self.version
    }
}

/// Looks at a type.
pub fn structure(oid: Oid) -> Structure {
    // SAFETY: the syscache tuple is pinned until ReleaseSysCache, and the fixed part of a pg_type row is always there.
    let (kind, base) = unsafe {
        let tuple = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::TYPEOID as i32, Datum::from(oid));
        if tuple.is_null() {
            return Structure::None;
        }
        let row = &*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_type>();
        let found = (row.typtype as u8, row.typbasetype);
        pg_sys::ReleaseSysCache(tuple);
        found
    };
    match kind {
        pg_sys::TYPTYPE_BASE => {
            // SAFETY: a syscache look-up.
            let element = unsafe { pg_sys::get_element_type(oid) };
            match oid.to_u32() {
                _ if element != pg_sys::InvalidOid => Structure::Array(element),
                0..pg_sys::FirstNormalObjectId => Structure::BuiltIn,
                _ => Structure::Foreign,
            }
        }
        pg_sys::TYPTYPE_ENUM => Structure::Enum,
        pg_sys::TYPTYPE_DOMAIN => Structure::Domain(base),
        // SAFETY: a syscache look-up.
        pg_sys::TYPTYPE_RANGE => Structure::Range(unsafe { pg_sys::get_range_subtype(oid) }),
        // SAFETY: likewise.
        pg_sys::TYPTYPE_MULTIRANGE => Structure::Range(unsafe { pg_sys::get_multirange_range(oid) }),
        pg_sys::TYPTYPE_COMPOSITE => row(oid),
        _ => Structure::None,
    }
}

fn row(type_oid: Oid) -> Structure {
    // SAFETY: raises an ERROR if there is no such row type; the descriptor is a copy of our own, with `natts` attributes.
    unsafe {
        let descriptor = pg_sys::lookup_rowtype_tupdesc_copy(type_oid, -1);
        let columns = (0..(*descriptor).natts as usize)
            .map(|number| &*attribute(descriptor, number))
            .filter(|attribute| !attribute.attisdropped)
            .map(|attribute| attribute.atttypid)
            .collect();
        pg_sys::FreeTupleDesc(descriptor);
        Structure::Row(RowVersion { type_oid, version: row_type_version(type_oid) }, columns)
    }
}

/// Checks a domain's constraints, and raises what they find. What is needed for that stays in the current memory context.
pub fn check_domain(domain: Oid, value: Option<Datum>) {
    // SAFETY: the value is of the domain's base type; without a cache the function looks everything up.
    unsafe {
        pg_sys::domain_check(
            value.unwrap_or(Datum::null()),
            value.is_none(),
            domain,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
        );
    }
}
