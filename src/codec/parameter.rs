//! Arguments on their way out.

use crate::error::Problem;
use crate::pg::arrays::ElementType;
use crate::pg::memory::OwnedContext;
use crate::pg::type_io::{self, Output, TypeName};
use pgrx::pg_sys::{Datum, Oid};
use std::sync::Arc;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{Format, IsNull, ToSql, Type, to_sql_checked};

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

    /// The value for the wire; the output function may raise an ERROR.
    pub fn write(&self, value: Option<Datum>) -> Parameter {
        Parameter(value.map(|value| self.output.write(value).into()))
    }
}

/// An argument's value in text form, UTF-8. NULL is `None`. Clones share the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter(Option<Arc<[u8]>>);

impl Parameter {
    /// The type that a parameter is sent with: none, so that the server takes it from the cast around it and reads the
    /// value with that type's input function.
    pub const TYPE: Type = Type::UNKNOWN;

    /// No value.
    pub const NULL: Parameter = Parameter(None);
}

impl ToSql for Parameter {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        Ok(match &self.0 {
            Some(text) => {
                out.extend_from_slice(text);
                IsNull::No
            }
            None => IsNull::Yes,
        })
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}
