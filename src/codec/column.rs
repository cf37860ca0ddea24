//! Result columns.

use crate::error::Problem;
use crate::pg::encoding;
use crate::pg::memory::OwnedContext;
use crate::pg::type_io::{self, Input, TypeName};
use crate::wire::Format;
use pgrx::pg_sys::{self, Datum, Oid};
use std::ffi::CStr;

/// How a column of a type is asked for and read.
#[derive(Debug)]
pub struct ColumnCodec {
    /// Appended to the expression in the query: `::int4::pg_catalog.text`.
    cast: String,
    oid: Oid,
    type_sql: String,
    input: Input,
}

impl ColumnCodec {
    /// For a column of this type; the functions' notes are kept in `context`.
    pub fn of(oid: Oid, context: &OwnedContext) -> Result<ColumnCodec, Problem> {
        let name = type_io::type_name(oid).ok_or_else(|| Problem::NoSuchType(oid.to_u32()))?;
        if name.is_pseudo && oid != pg_sys::VOIDOID {
            return Err(Problem::PseudoType { name: name.bare, oid: oid.to_u32() });
        }
        Ok(ColumnCodec { cast: cast(&name), oid, type_sql: name.sql, input: Input::of(oid, context) })
    }

    /// Whether the type is still called what the query calls it.
    pub fn is_current(&self) -> bool {
        type_io::type_name(self.oid).is_some_and(|name| cast(&name) == self.cast)
    }

    /// The type's name as SQL wants it.
    pub fn type_sql(&self) -> &str {
        &self.type_sql
    }

    /// What to append to the expression that gives the value.
    pub fn cast(&self) -> &str {
        &self.cast
    }

    pub fn oid(&self) -> Oid {
        self.oid
    }
    pub fn format(&self) -> Format {
        Format::Text
    }
    pub fn read(&self, field: Option<&[u8]>, _format: Format, scratch: &mut Vec<u8>) -> Result<Option<Datum>, Problem> {
        if self.oid == pg_sys::VOIDOID {
            return Ok(Some(Datum::null())); // not a value that could be NULL
        }
        let Some(field) = field else {
            return Ok(self.input.read(None));
        };
        scratch.clear();
        scratch.extend_from_slice(&encoding::wire_to_server(field));
        scratch.push(0);
        let text = CStr::from_bytes_with_nul(scratch).expect("checked: text of the server holds no NUL");
        Ok(self.input.read(Some(text)))
    }
}

/// Types whose binary form is their text form.
const VERBATIM: [Oid; 5] = [pg_sys::TEXTOID, pg_sys::VARCHAROID, pg_sys::BPCHAROID, pg_sys::NAMEOID, pg_sys::JSONOID];

/// The cast for a type: to the type itself, for the remote server to check and convert, and from there to something
/// that travels as text. A domain goes by way of its base type, because a cast of `char(n)` to `text` cuts off blanks.
fn cast(name: &TypeName) -> String {
    let own = &name.sql;
    match VERBATIM.contains(&name.base) {
        true => match type_io::type_name(name.base) {
            Some(base) if base.sql != *own => format!("::{own}::{}", base.sql),
            _ => format!("::{own}"),
        },
        false => format!("::{own}::text"),
    }
}
