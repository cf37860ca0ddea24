//! Result columns.

use super::binary::Binary;
use super::text_form::TextForm;
use crate::error::Problem;
use crate::pg::binary_io::Receive;
use crate::pg::encoding;
use crate::pg::memory::{self, OwnedContext};
use crate::pg::tuples::Tuples;
use crate::pg::type_io::{self, Input};
use crate::pg::type_structure::check_domain;
use crate::wire::Format;
use pgrx::pg_sys::{self, Datum, Oid};
use std::ffi::CStr;

/// How a column of a type is asked for and read.
#[derive(Debug)]
pub struct ColumnCodec {
    oid: Oid,
    type_sql: String,
    input: Input,
    /// The domain whose constraints are checked by themselves, after its base type has been read. Others check theirs while
    /// they are read.
    domain: Option<Oid>,
    binary: Option<Binary<Receive>>,
    /// What its text depends on.
    pub text_form: TextForm,
}

impl ColumnCodec {
    /// For a column of this type; the functions' notes are kept in `context`.
    pub fn of(oid: Oid, context: &OwnedContext) -> Result<ColumnCodec, Problem> {
        let name = type_io::type_name(oid).ok_or_else(|| Problem::NoSuchType(oid.to_u32()))?;
        if name.is_pseudo && oid != pg_sys::VOIDOID {
            return Err(Problem::PseudoType { name: name.sql, oid: oid.to_u32() });
        }
        let binary = Binary::reader(oid, context);
        let text_form = TextForm::of(oid);
        // The constraints are the user's code, which has nothing to do with the `search_path` for reading names.
        let domain = (text_form.has_names() && name.base != oid).then_some(oid);
        let input = Input::of(if domain.is_some() { name.base } else { oid }, context);
        Ok(ColumnCodec { oid, type_sql: name.sql, input, domain, binary, text_form })
    }

    /// Whether the type is still called what the query calls it.
    pub fn is_current(&self) -> bool {
        type_io::type_name(self.oid).is_some_and(|name| name.sql == self.type_sql)
    }

    /// The type's name as SQL wants it.
    pub fn type_sql(&self) -> &str {
        &self.type_sql
    }

    /// The type.
    pub fn oid(&self) -> Oid {
        self.oid
    }

    /// The best format, if the remote column is of the very same type: binary only for built-in types.
    pub fn format(&self) -> Format {
        if self.binary.is_some() { Format::Binary } else { Format::Text }
    }

    /// As [`ColumnCodec::read`], and makes it the next column of a row.
    pub fn append(
        &self,
        field: Option<&[u8]>,
        format: Format,
        row: &mut Tuples,
        scratch: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        if let (Some(bytes), Some(binary)) = (field, &self.binary)
            && (format == Format::Binary || binary.is_text())
            && binary.append(bytes, row).map_err(|refusal| refusal.of_type(&self.type_sql))?
        {
            return Ok(());
        }
        match self.read(field, format, scratch)? {
            Some(value) => row.value(value),
            None => row.null(),
        }
        Ok(())
    }

    /// Reads a field, in the current memory context; the local type's functions may raise an ERROR. A field is only in
    /// binary format if [`ColumnCodec::format`] is. `scratch` is for bytes as C wants them, so that it isn't allocated
    /// anew for each field.
    pub fn read(&self, field: Option<&[u8]>, format: Format, scratch: &mut Vec<u8>) -> Result<Option<Datum>, Problem> {
        if self.oid == pg_sys::VOIDOID {
            return Ok(Some(Datum::null())); // not a value that could be NULL
        }
        match (field, &self.binary) {
            (None, Some(_)) => Ok(None),
            (Some(bytes), Some(binary)) if format == Format::Binary || binary.is_text() => {
                binary.read(bytes, scratch).map(Some).map_err(|refusal| refusal.of_type(&self.type_sql))
            }
            // The input function of a domain wants to see a NULL, too.
            (None, None) => Ok(self.read_text(None)),
            (Some(text), _) => {
                let text = encoding::wire_to_server(text);
                scratch.clear();
                memory::reserve_ahead(scratch, text.len() + 1);
                scratch.extend_from_slice(&text);
                scratch.push(0);
                let text = CStr::from_bytes_with_nul(scratch).expect("checked: text of the server holds no NUL");
                Ok(self.read_text(Some(text)))
            }
        }
    }

    fn read_text(&self, text: Option<&CStr>) -> Option<Datum> {
        let value = self.text_form.while_reading(|| self.input.read(text));
        if let Some(domain) = self.domain {
            check_domain(domain, value);
        }
        value
    }
}
