//! Arguments on their way out.

use crate::error::Problem;
use crate::pg::arrays::ElementType;
use crate::pg::memory::OwnedContext;
use crate::pg::type_io::{self, Output, TypeName};
use crate::wire::Format;
use pgrx::pg_sys::{Datum, Oid};

/// How an argument of a type is written.
#[derive(Debug)]
pub struct ParameterCodec {
    name: TypeName,
    oid: Oid,
    element_type: Option<ElementType>,
    output: Output,
}

impl ParameterCodec {
    /// For an argument of this type; the functions' notes are kept in `context`.
    pub fn of(oid: Oid, context: &OwnedContext) -> Result<ParameterCodec, Problem> {
        let name = type_io::type_name(oid).ok_or_else(|| Problem::NoSuchType(oid.to_u32()))?;
        if name.is_pseudo {
            return Err(Problem::PseudoType { name: name.bare, oid: oid.to_u32() });
        }
        let element_type = ElementType::of_array(oid).filter(|_| name.is_array);
        Ok(ParameterCodec { name, oid, element_type, output: Output::of(oid, context) })
    }

    /// Whether the type is still called what the query calls it.
    pub fn is_current(&self) -> bool {
        type_io::type_name(self.oid).is_some_and(|name| name == self.name)
    }

    /// The type's name as SQL wants it.
    pub fn type_sql(&self) -> &str {
        &self.name.sql
    }

    /// The type.
    pub fn oid(&self) -> Oid {
        self.oid
    }

    /// Whether it is an array.
    pub fn is_array(&self) -> bool {
        self.name.is_array
    }

    /// The type of its elements, if it is an array.
    pub fn element_type(&self) -> Option<ElementType> {
        self.element_type
    }

    pub fn format(&self) -> Format {
        Format::Text
    }
    pub fn write(&self, value: Option<Datum>, _format: Format, out: &mut Vec<u8>) {
        match value {
            None => out.extend_from_slice(&(-1i32).to_be_bytes()),
            Some(value) => {
                let bytes = self.output.write(value);
                out.extend_from_slice(&(bytes.len() as i32).to_be_bytes());
                out.extend_from_slice(&bytes);
            }
        }
    }
    pub fn write_elements(
        &self,
        elements: impl ExactSizeIterator<Item = Option<Datum>>,
        format: Format,
        out: &mut Vec<u8>,
    ) {
        let array = self.element_type.expect("array").array(elements);
        self.write(Some(array), format, out)
    }
}
