//! Between Datums and the wire.
//!
//! What it owns: how a value of a type is asked for, read and written. What it must not know: connections, partitions,
//! where a row is stored.
//!
//! tokio-postgres always asks for binary results. The binary form of text is its bytes, so every column is asked for as
//! text: those whose own binary form is their text as they are, all others cast to `text`. The local type's input
//! function reads it, with typmod -1. Arguments go the same way back: the output function's text, with the type left to
//! the remote server, which takes it from the cast that the query has around each `$n`.

mod column;
mod parameter;

pub use column::ColumnCodec;
pub use parameter::ParameterCodec;
