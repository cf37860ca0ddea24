//! What a function returns (`funcapi.h`) and the row types behind it (`tupdesc.h`).

use super::calls::Call;
use super::elog::{self, Report, SqlState};
use super::encoding;
use super::memory::OwnedContext;
use pgrx::pg_sys::{self, Oid};

/// What kind of value a function returns, once or as a set.
#[derive(Debug)]
pub enum ResultShape {
    /// One value of this type. `void` and `cstring` count as such.
    Scalar(Oid),
    /// A row whose columns are known from the catalogs.
    Row(RowType),
    /// A row whose columns only the calling query knows.
    Record,
    /// A pseudo-type of which there are no values, such as `trigger`.
    Unsupported,
}

/// What the function returns, as the catalogs say now. Row descriptors are kept in `context`.
pub fn result_shape(function: Oid, context: &OwnedContext) -> ResultShape {
    let mut type_oid = pg_sys::InvalidOid;
    let mut descriptor = std::ptr::null_mut();
    // SAFETY: raises an ERROR if there is no such function; a descriptor is allocated in the current context.
    let class =
        context.enter(|| unsafe { pg_sys::get_func_result_type(function, &raw mut type_oid, &raw mut descriptor) });
    match class {
        pg_sys::TypeFuncClass::TYPEFUNC_SCALAR => ResultShape::Scalar(type_oid),
        pg_sys::TypeFuncClass::TYPEFUNC_COMPOSITE => ResultShape::Row(RowType::new(descriptor, type_oid, None)),
        pg_sys::TypeFuncClass::TYPEFUNC_COMPOSITE_DOMAIN => {
            ResultShape::Row(RowType::new(descriptor, type_oid, Some(type_oid)))
        }
        pg_sys::TypeFuncClass::TYPEFUNC_RECORD => ResultShape::Record,
        _ => ResultShape::Unsupported,
    }
}

/// The row that the calling query expects of a function that returns RECORD (`AS t(a int, b text)`); `None` if it says
/// nothing. Descriptors are kept in `context`.
pub fn expected_row(call: Call, context: &OwnedContext) -> Option<RowType> {
    let mut type_oid = pg_sys::InvalidOid;
    let mut descriptor = std::ptr::null_mut();
    // SAFETY: looks only at the call's own description. The descriptor there is the executor's, which lives no longer than
    // the query, so it is copied.
    let class = context.enter(|| unsafe {
        let class = pg_sys::get_call_result_type(call.info_ptr(), &raw mut type_oid, &raw mut descriptor);
        if class == pg_sys::TypeFuncClass::TYPEFUNC_COMPOSITE {
            descriptor = pg_sys::CreateTupleDescCopy(descriptor);
        }
        class
    });
    (class == pg_sys::TypeFuncClass::TYPEFUNC_COMPOSITE).then(|| RowType::new(descriptor, type_oid, None))
}

/// A column of a row type.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name, not quoted.
    pub name: String,
    /// Its type.
    pub type_oid: Oid,
}

/// A row type: its descriptor lives in the memory context of the function that it was made for.
#[derive(Debug)]
pub struct RowType {
    descriptor: pg_sys::TupleDesc,
    /// For a named composite type or table: which, and the number of the version that was read.
    named: Option<(Oid, u64)>,
    /// For a domain over a composite type: its OID.
    domain: Option<Oid>,
}

impl RowType {
    fn new(descriptor: pg_sys::TupleDesc, type_oid: Oid, domain: Option<Oid>) -> RowType {
        // SAFETY: the descriptor is ours, complete and not shared; BlessTupleDesc registers it if it is anonymous.
        let base = unsafe {
            pg_sys::BlessTupleDesc(descriptor);
            pg_sys::getBaseType(type_oid)
        };
        let named = (base != pg_sys::RECORDOID).then(|| (base, row_type_version(base)));
        RowType { descriptor, named, domain }
    }

    /// One column type as a row of one column, for sets of scalars. The descriptor is kept in `context`.
    pub fn of_scalar(type_oid: Oid, context: &OwnedContext) -> RowType {
        // SAFETY: a descriptor with room for one attribute, which is then filled in.
        let descriptor = context.enter(|| unsafe {
            let descriptor = pg_sys::CreateTemplateTupleDesc(1);
            pg_sys::TupleDescInitEntry(descriptor, 1, c"r".as_ptr(), type_oid, -1, 0);
            #[cfg(feature = "pg19")]
            pg_sys::TupleDescFinalize(descriptor);
            descriptor
        });
        RowType { descriptor, named: None, domain: None }
    }

    /// Whether the type is still what it was when this was made: `ALTER TYPE` and `ALTER TABLE` change it.
    pub fn is_current(&self) -> bool {
        self.named.is_none_or(|(type_oid, version)| row_type_version(type_oid) == version)
    }

    /// Whether another one has the same columns.
    pub fn is_same(&self, other: &RowType) -> bool {
        // SAFETY: both descriptors live as long as their owners.
        unsafe { pg_sys::equalTupleDescs(self.descriptor, other.descriptor) }
    }

    /// For tuplestores and slots.
    pub fn descriptor(&self) -> pg_sys::TupleDesc {
        self.descriptor
    }

    /// How many columns it has, dropped ones included.
    pub fn width(&self) -> usize {
        // SAFETY: the descriptor lives as long as self.
        unsafe { (*self.descriptor).natts as usize }
    }

    /// Raises an ERROR if it has more columns than a row may have.
    pub fn require_few_columns(&self) {
        // In the words of heap_form_tuple.
        let (columns, limit) = (self.width(), pg_sys::MaxTupleAttributeNumber as usize);
        if columns > limit {
            let text = format!("number of columns ({columns}) exceeds limit ({limit})");
            elog::raise_error(&Report::new(SqlState(*b"54011"), text));
        }
    }

    /// The columns by position; `None` where one was dropped.
    pub fn columns(&self) -> Vec<Option<Column>> {
        // SAFETY: the descriptor lives as long as self and has `natts` attributes.
        unsafe {
            (0..(*self.descriptor).natts as usize)
                .map(|i| {
                    let attribute = &*attribute(self.descriptor, i);
                    (!attribute.attisdropped).then(|| Column {
                        name: encoding::from_server_cstr(attribute.attname.data.as_ptr()),
                        type_oid: attribute.atttypid,
                    })
                })
                .collect()
        }
    }

    /// A row as one Datum, in the current memory context. There is one value for each column, dropped ones included.
    pub fn form(&self, values: &mut [pg_sys::Datum], nulls: &mut [bool]) -> pg_sys::Datum {
        // SAFETY: values and nulls have the descriptor's length (checked), and the values are of the columns' types.
        unsafe {
            assert!(values.len() == nulls.len() && values.len() == (*self.descriptor).natts as usize);
            let tuple = pg_sys::heap_form_tuple(self.descriptor, values.as_mut_ptr(), nulls.as_mut_ptr());
            pg_sys::HeapTupleHeaderGetDatum((*tuple).t_data)
        }
    }

    /// Whether it is a domain over a row type, whose constraints have to be checked.
    pub fn is_domain(&self) -> bool {
        self.domain.is_some()
    }

    /// Checks the constraints of the domain, if it is one, and raises what they find. What is needed for that stays in
    /// the current memory context.
    pub fn check_domain(&self, values: &mut [pg_sys::Datum], nulls: &mut [bool]) {
        if let Some(domain) = self.domain {
            let row = self.form(values, nulls);
            // SAFETY: the row is of the domain's base type; without a cache the function looks everything up.
            unsafe { pg_sys::domain_check(row, false, domain, std::ptr::null_mut(), std::ptr::null_mut()) }
        }
    }
}

/// # Safety
/// The descriptor is valid and has an attribute of this number, counted from 0.
pub(super) unsafe fn attribute(descriptor: pg_sys::TupleDesc, number: usize) -> *const pg_sys::FormData_pg_attribute {
    // SAFETY: the caller's promise.
    unsafe {
        #[cfg(any(feature = "pg14", feature = "pg15", feature = "pg16", feature = "pg17"))]
        return (*descriptor).attrs.as_ptr().add(number);
        #[cfg(not(any(feature = "pg14", feature = "pg15", feature = "pg16", feature = "pg17")))]
        return pg_sys::TupleDescAttr(descriptor, number as i32);
    }
}

/// A number that changes whenever the named row type does (typcache's `tupDesc_identifier`).
pub(super) fn row_type_version(type_oid: Oid) -> u64 {
    // SAFETY: raises an ERROR if the type is gone, which a function that returns it doesn't outlive.
    unsafe { pg_sys::assign_record_type_identifier(type_oid, -1) }
}
