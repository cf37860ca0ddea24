//! What comes back from a function, and the query that asks for it.

use super::{Reading, RemoteQuery};
use crate::codec::{ColumnCodec, ParameterCodec, RowTypes};
use crate::error::Problem;
use crate::parser;
use crate::pg::calls::Call;
use crate::pg::inval;
use crate::pg::memory::OwnedContext;
use crate::pg::row_type::{Column, ResultShape, RowType, expected_row, result_shape};
use pgrx::pg_sys::Oid;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// A result's columns, how they are read, and the query.
#[derive(Debug)]
pub struct Shape {
    /// What the function returns.
    pub returns: Returns,
    /// The query.
    pub query: RemoteQuery,
    /// How rows are read if the query asks for the columns as we read them, and so if all values are to travel as text.
    as_asked: Rc<Reading>,
    as_text: Rc<Reading>,
    is_rehearsed: Cell<bool>,
    /// Row types that are in the columns.
    row_types: RowTypes,
    /// Where the codecs' functions keep their notes. Declared last, because it must be dropped last.
    _context: OwnedContext,
}

impl Shape {
    /// The shape of a result and of the query for it.
    pub fn new(returns: Returns, query: RemoteQuery, context: OwnedContext) -> Shape {
        let as_asked = Rc::new(Reading::as_asked(&returns, false));
        let as_text = Rc::new(Reading::as_asked(&returns, true));
        let is_rehearsed = Cell::new(!query.is_users);
        let row_types = RowTypes::of(returns.columns.iter().map(|column| &column.codec.text_form));
        Shape { returns, query, as_asked, as_text, is_rehearsed, row_types, _context: context }
    }

    /// Whether a shard has said once that the query has the right columns. Of our own queries that is known.
    pub fn is_rehearsed(&self) -> bool {
        self.is_rehearsed.get()
    }

    /// A shard has said so.
    pub fn set_rehearsed(&self) {
        self.is_rehearsed.set(true);
    }

    /// How rows of a query that isn't the user's are read.
    pub fn reading(&self, text_only: bool) -> Rc<Reading> {
        if text_only { self.as_text.clone() } else { self.as_asked.clone() }
    }

    /// Whether all types are still called what the query calls them, and the row type is what it was.
    pub fn is_current(&self, look_at_names: bool) -> bool {
        let Returns { row_type, columns, .. } = &self.returns;
        row_type.is_current()
            && self.row_types.are_current()
            && (!look_at_names || columns.iter().all(|column| column.codec.is_current()))
    }
}

/// What a function returns, once or as a set.
#[derive(Debug)]
pub struct Returns {
    /// Whether it is rows, and not single values, which may be void.
    pub are_rows: bool,
    /// The type of the rows. Of single values that of the rows that a set of them is stored as.
    pub row_type: RowType,
    /// The columns that a shard has to send, in order: those that weren't dropped.
    pub columns: Vec<ReturnColumn>,
}

/// A column of a result.
#[derive(Debug)]
pub struct ReturnColumn {
    /// Its index in the row type.
    pub place: usize,
    /// Its name. That of a single value doesn't matter.
    pub name: String,
    /// How it is read.
    pub codec: ColumnCodec,
}

impl Returns {
    /// What the function is declared to return; `None` if only the calling query knows. What is needed is kept in
    /// `context`.
    pub fn declared(function: Oid, context: &OwnedContext) -> Result<Option<Returns>, Problem> {
        match result_shape(function, context) {
            ResultShape::Scalar(type_oid) => {
                // The codec first: it refuses pseudo-types.
                let codec = ColumnCodec::of(type_oid, context)?;
                let row_type = RowType::of_scalar(type_oid, context);
                let columns = vec![ReturnColumn { place: 0, name: String::new(), codec }];
                Ok(Some(Returns { are_rows: false, row_type, columns }))
            }
            ResultShape::Row(row_type) => Returns::rows(row_type, context).map(Some),
            ResultShape::Record => Ok(None),
            ResultShape::Unsupported => Err(Problem::UnsupportedType),
        }
    }

    /// Rows of this type.
    fn rows(row_type: RowType, context: &OwnedContext) -> Result<Returns, Problem> {
        row_type.require_few_columns();
        let columns = row_type
            .columns()
            .into_iter()
            .enumerate()
            .filter_map(|(place, column)| Some((place, column?)))
            .map(|(place, Column { name, type_oid })| {
                Ok(ReturnColumn { place, name, codec: ColumnCodec::of(type_oid, context)? })
            })
            .collect::<Result<_, Problem>>()?;
        Ok(Returns { are_rows: true, row_type, columns })
    }
}

/// Where a call gets the shape of its result from.
#[derive(Debug)]
pub enum Shapes {
    /// From the function's declaration: always the same.
    Declared(Rc<Shape>),
    /// From the query that calls it (`AS t(a int, b text)`).
    Dynamic(DynamicShape),
}

/// The shapes of a function that returns a dynamic RECORD. The last one is kept, as the next call is likely to be the
/// same query's.
#[derive(Debug)]
pub struct DynamicShape {
    query: parser::Query,
    own_name: String,
    last: RefCell<Option<LastShape>>,
}

#[derive(Clone, Debug)]
struct LastShape {
    shape: Rc<Shape>,
    /// The count of changes of types when it was made.
    type_changes: u64,
}

impl DynamicShape {
    /// For a function with this body and name.
    pub fn new(query: parser::Query, own_name: String) -> DynamicShape {
        DynamicShape { query, own_name, last: RefCell::new(None) }
    }

    /// The query of the last call.
    pub fn last_query(&self) -> Option<Rc<str>> {
        self.last.borrow().as_ref().map(|last| last.shape.query.text.clone())
    }

    /// The shape that the caller expects.
    pub fn of_call(&self, call: Call, arguments: &[ParameterCodec]) -> Result<Rc<Shape>, Problem> {
        let context = OwnedContext::for_backend(c"plproxy record");
        let row_type = expected_row(call, &context).ok_or(Problem::WrongContext)?;
        let type_changes = inval::type_changes();
        // Cloned out, because comparing and reading types may run code that calls the function again.
        let last = self.last.borrow().clone();
        if let Some(last) = last
            && last.type_changes == type_changes
            && last.shape.returns.row_type.is_same(&row_type)
            && last.shape.row_types.are_current()
        {
            return Ok(last.shape);
        }
        let returns = Returns::rows(row_type, &context)?;
        let query = RemoteQuery::for_record(&self.query, &self.own_name, arguments, &returns);
        let shape = Rc::new(Shape::new(returns, query, context));
        self.last.replace(Some(LastShape { shape: shape.clone(), type_changes }));
        Ok(shape)
    }
}
