//! What comes back from a function, and the query that asks for it.

use super::{Reading, RemoteQuery};
use crate::codec::{ColumnCodec, ParameterCodec};
use crate::error::Problem;
use crate::parser;
use crate::pg::calls::Call;
use crate::pg::inval;
use crate::pg::memory::OwnedContext;
use crate::pg::row_type::{ResultShape, RowType, expected_row, result_shape};
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
    /// Where the codecs' functions keep their notes. Declared last, because it must be dropped last.
    _context: OwnedContext,
}

impl Shape {
    /// The shape of a result and of the query for it.
    pub fn new(returns: Returns, query: RemoteQuery, context: OwnedContext) -> Shape {
        let as_asked = Rc::new(Reading::as_asked(&returns, false));
        let as_text = Rc::new(Reading::as_asked(&returns, true));
        let is_rehearsed = Cell::new(!query.is_users);
        Shape { returns, query, as_asked, as_text, is_rehearsed, _context: context }
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
        match &self.returns {
            Returns::Scalar(codec, _) => !look_at_names || codec.is_current(),
            Returns::Row(row) => {
                row.row_type.is_current()
                    && (!look_at_names || row.columns.iter().flatten().all(|(_, codec)| codec.is_current()))
            }
        }
    }
}

/// What a function returns, once or as a set.
#[derive(Debug)]
pub enum Returns {
    /// One value, which may be void; the row type is for storing a set of them.
    Scalar(ColumnCodec, RowType),
    /// A row, one codec for each column that isn't dropped.
    Row(RowCodec),
}

impl Returns {
    /// What the function is declared to return; `None` if only the calling query knows. What is needed is kept in
    /// `context`.
    pub fn declared(function: Oid, context: &OwnedContext) -> Result<Option<Returns>, Problem> {
        match result_shape(function, context) {
            ResultShape::Scalar(type_oid) => {
                let codec = ColumnCodec::of(type_oid, context)?;
                Ok(Some(Returns::Scalar(codec, RowType::of_scalar(type_oid, context))))
            }
            ResultShape::Row(row_type) => Ok(Some(Returns::Row(RowCodec::of(row_type, context)?))),
            ResultShape::Record => Ok(None),
            ResultShape::Unsupported(type_oid) => {
                // A pseudo-type: the codec says so.
                ColumnCodec::of(type_oid, context).and(Err(Problem::NoSuchType(type_oid.to_u32())))
            }
        }
    }

    /// The type of the rows that a set of these is stored as.
    pub fn row_type(&self) -> &RowType {
        match self {
            Returns::Scalar(_, row_type) => row_type,
            Returns::Row(row) => &row.row_type,
        }
    }

    /// The columns to be read, in order: their numbers in the row type, and how they are read.
    pub fn places(&self) -> impl Iterator<Item = (usize, &ColumnCodec)> {
        let (lone, row) = match self {
            Returns::Scalar(codec, _) => (Some((0, codec)), None),
            Returns::Row(row) => (None, Some(row)),
        };
        let columns = row.into_iter().flat_map(|row| row.columns.iter().enumerate());
        lone.into_iter().chain(columns.filter_map(|(place, column)| Some((place, &column.as_ref()?.1))))
    }

    /// Their names; `None` for a lone one, which has none.
    pub fn names(&self) -> impl Iterator<Item = Option<&str>> {
        let (lone, row) = match self {
            Returns::Scalar(..) => (Some(None), None),
            Returns::Row(row) => (None, Some(row)),
        };
        let of_row = row.into_iter().flat_map(|row| row.columns.iter().flatten());
        lone.into_iter().chain(of_row.map(|(name, _)| Some(name.as_str())))
    }
}

/// How a row is read.
#[derive(Debug)]
pub struct RowCodec {
    /// Its type.
    pub row_type: RowType,
    /// By position; `None` where a column was dropped.
    pub columns: Vec<Option<(String, ColumnCodec)>>,
}

impl RowCodec {
    fn of(row_type: RowType, context: &OwnedContext) -> Result<RowCodec, Problem> {
        let columns = row_type
            .columns()
            .into_iter()
            .map(|column| match column {
                Some(column) => Ok(Some((column.name, ColumnCodec::of(column.type_oid, context)?))),
                None => Ok(None),
            })
            .collect::<Result<_, Problem>>()?;
        Ok(RowCodec { row_type, columns })
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

    /// The shape that the caller expects.
    pub fn of_call(&self, call: Call, arguments: &[ParameterCodec]) -> Result<Rc<Shape>, Problem> {
        let context = OwnedContext::for_backend(c"plproxy record");
        let row_type = expected_row(call, &context).ok_or(Problem::WrongContext)?;
        let type_changes = inval::type_changes();
        // Cloned out, because comparing and reading types may run code that calls the function again.
        let last = self.last.borrow().clone();
        if let Some(last) = last
            && last.type_changes == type_changes
            && last.shape.returns.row_type().is_same(&row_type)
        {
            return Ok(last.shape);
        }
        let returns = Returns::Row(RowCodec::of(row_type, &context)?);
        let query = RemoteQuery::for_record(&self.query, &self.own_name, arguments, &returns);
        let shape = Rc::new(Shape::new(returns, query, context));
        self.last.replace(Some(LastShape { shape: shape.clone(), type_changes }));
        Ok(shape)
    }
}
