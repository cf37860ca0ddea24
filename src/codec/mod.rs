//! Between Datums and the wire.
//!
//! What it owns: how a value of a type is asked for, read and written. What it must not know: connections, partitions,
//! where a row is stored.
//!
//! A value travels in binary where its binary form is certainly the same on every server ([`binary`] has the list), and
//! otherwise as text: what the output function of one server writes, the input function of the other reads, under
//! settings that both agree on ([`text_form`]). Either way the receiving side takes it with typmod -1, as it does any
//! function's argument or result, and text is UTF-8.
//!
//! A value's form is the sender's word. [`fixed`] and [`values`], which are pure, take it apart, and believe no number in it
//! before they have checked it.

mod binary;
mod column;
mod fixed;
mod parameter;
mod refusal;
mod text_form;
mod values;

pub use column::ColumnCodec;
pub use parameter::ParameterCodec;
pub use text_form::RowTypes;
