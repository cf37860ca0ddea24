//! Arguments on their way out.

use super::binary::Binary;
use super::text_form::TextForm;
use super::values;
use crate::error::Problem;
use crate::pg::arrays::ElementType;
use crate::pg::binary_io::Send;
use crate::pg::memory::OwnedContext;
use crate::pg::type_io::{self, Output, TypeName};
use crate::wire::Format;
use pgrx::pg_sys::{self, Datum, Oid};

/// How an argument of a type is written.
#[derive(Debug)]
pub struct ParameterCodec {
    name: TypeName,
    oid: Oid,
    element_type: Option<ElementType>,
    output: Output,
    binary: Option<Binary<Send>>,
    /// What its text depends on.
    pub text_form: TextForm,
}

impl ParameterCodec {
    /// For an argument of this type; the functions' notes are kept in `context`.
    pub fn of(oid: Oid, context: &OwnedContext) -> Result<ParameterCodec, Problem> {
        let name = type_io::type_name(oid).ok_or_else(|| Problem::NoSuchType(oid.to_u32()))?;
        // A query that calls a function with `$1::void` calls it without that argument.
        if name.is_pseudo && oid != pg_sys::VOIDOID {
            return Err(Problem::PseudoType { name: name.sql, oid: oid.to_u32() });
        }
        let element_type = ElementType::of_array(oid).filter(|_| name.is_array);
        let (output, binary) = (Output::of(oid, context), Binary::writer(oid, context));
        Ok(ParameterCodec { name, oid, element_type, output, binary, text_form: TextForm::of(oid) })
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

    /// The best format: binary only for built-in types.
    pub fn format(&self) -> Format {
        if self.binary.is_some() { Format::Binary } else { Format::Text }
    }

    /// Appends the value as the Bind message wants it: with its length, which is -1 for NULL. Binary format only if that
    /// is [`ParameterCodec::format`]. The type's output function may raise an ERROR.
    pub fn write(&self, value: Option<Datum>, format: Format, out: &mut Vec<u8>) {
        match (value, &self.binary) {
            (None, _) => values::put_null(out),
            (Some(value), Some(binary)) if format == Format::Binary || binary.is_text() => {
                values::put_value(out, |out| binary.write(value, out));
            }
            (Some(value), _) => values::put_value(out, |out| self.output.write(value, out)),
        }
    }

    /// As [`ParameterCodec::write`], an array of these elements, counted from 1.
    ///
    /// # Panics
    /// If the type isn't an array.
    pub fn write_elements(
        &self,
        elements: impl ExactSizeIterator<Item = Option<Datum>>,
        format: Format,
        out: &mut Vec<u8>,
    ) {
        match &self.binary {
            Some(binary) if format == Format::Binary => {
                values::put_value(out, |out| binary.write_elements(elements, out));
            }
            _ => {
                let element_type = self.element_type.expect("only arrays have elements");
                self.write(Some(element_type.array(elements)), format, out);
            }
        }
    }
}
