//! Why bytes from the wire aren't a value. Pure.

use crate::error::Problem;

/// What is wrong with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("{found} bytes instead of {expected}")]
    Length { expected: usize, found: usize },
    #[error("it ends too early")]
    Truncated,
    #[error("it goes on after its end")]
    LeftOver,
    #[error("invalid number of dimensions: {0}")]
    NegativeDimensions(i32),
    #[error("{0} dimensions")]
    Dimensions(i32),
    #[error("array flags {0}")]
    Flags(i32),
    #[error("elements of type {found} instead of {expected}")]
    ElementType { expected: u32, found: u32 },
    #[error("bad array size")]
    ArraySize,
    #[error("lower bound {0}")]
    LowerBound(i32),
    /// The bytes are well-formed, but this isn't a value of the type, whose receive function says it in the same words. So does
    /// that of arrays of the limits above.
    #[error("{0} out of range")]
    OutOfRange(&'static str),
}

impl Refusal {
    /// The same as a problem with a value of this type.
    pub fn of_type(self, type_sql: &str) -> Problem {
        match self {
            Refusal::OutOfRange(what) => Problem::OutOfRange(what),
            Refusal::Dimensions(count) => Problem::ArrayDimensions(count),
            Refusal::ArraySize => Problem::ArraySize,
            Refusal::LowerBound(bound) => Problem::ArrayLowerBound(bound),
            reason => Problem::BinaryValue { type_sql: type_sql.to_owned(), reason: reason.to_string() },
        }
    }
}
