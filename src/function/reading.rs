//! How the fields of a shard's rows become the columns of a result.

use super::shape::{ReturnColumn, Returns};
use crate::codec::ColumnCodec;
use crate::error::Problem;
use crate::pg::guc::Settings;
use crate::pool::RemoteColumn;
use crate::wire::Format;
use std::cmp::Ordering;

/// Where each column of the result is in a row, and in which form.
#[derive(Debug)]
pub struct Reading {
    /// For each column to be read the number of the field.
    fields: Vec<usize>,
    /// For each field its format.
    formats: Vec<Format>,
    is_in_order: bool,
    /// The settings that a shard needs to write the rows.
    written_there: Settings,
}

impl Reading {
    /// For a query that asks for the columns one by one, each as the type that it is here.
    pub fn as_asked(returns: &Returns, text_only: bool) -> Reading {
        let format = |codec: &ColumnCodec| if text_only { Format::Text } else { codec.format() };
        let formats: Vec<_> = returns.columns.iter().map(|column| format(&column.codec)).collect();
        Reading::new(returns, (0..formats.len()).collect(), formats)
    }

    /// For a query of which a shard says that it has these columns. A lone one is taken whatever it is called, others by
    /// their names. The remote type may be another one: then the local type is to read the text of it.
    pub fn as_described(returns: &Returns, columns: &[RemoteColumn], text_only: bool) -> Result<Reading, Problem> {
        match columns.len().cmp(&returns.columns.len()) {
            Ordering::Equal => {}
            _ if !returns.are_rows => return Err(Problem::NotSingleField),
            Ordering::Less => return Err(Problem::TooFewFields),
            Ordering::Greater => return Err(Problem::TooManyFields),
        }
        // As many as are wanted, and all that are wanted: so no name is there twice.
        let (mut fields, mut formats) = (Vec::new(), vec![Format::Text; columns.len()]);
        for ReturnColumn { name, codec, .. } in &returns.columns {
            let is_meant = |column: &RemoteColumn| !returns.are_rows || column.name == name.as_bytes();
            let field = columns.iter().position(is_meant).ok_or_else(|| Problem::NoSuchField(name.clone()))?;
            fields.push(field);
            if !text_only && columns[field].type_oid == codec.oid().to_u32() {
                formats[field] = codec.format();
            }
        }
        Ok(Reading::new(returns, fields, formats))
    }

    fn new(returns: &Returns, fields: Vec<usize>, formats: Vec<Format>) -> Reading {
        let texts = returns.columns.iter().zip(&fields).filter(|&(_, &field)| formats[field] == Format::Text);
        let needed = texts.map(|(column, _)| column.codec.text_form.written_there());
        let written_there = needed.fold(Settings::NONE, Settings::and);
        let is_in_order = fields.is_sorted();
        Reading { fields, formats, is_in_order, written_there }
    }

    /// The settings that a shard needs to write the rows.
    pub fn written_there(&self) -> Settings {
        self.written_there
    }

    /// The fields' formats, in their order, for the request.
    pub fn formats(&self) -> &[Format] {
        &self.formats
    }

    /// Whether the fields come in the order of the columns.
    pub fn is_in_order(&self) -> bool {
        self.is_in_order
    }

    /// How many fields a row has.
    pub fn width(&self) -> usize {
        self.formats.len()
    }

    /// The field and its format for each column to be read.
    pub fn columns(&self) -> impl Iterator<Item = (usize, Format)> {
        self.fields.iter().map(|&field| (field, self.formats[field]))
    }
}
