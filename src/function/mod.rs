//! Compiled functions.
//!
//! What it owns: everything about a function that doesn't change from call to call, and the cache of it. What it must
//! not know: clusters' configurations, connections, results.
//!
//! A compiled function is shared by all its running calls and never changed. When `pg_proc` or the row type that it
//! returns has another version than it was made from, or a type or schema has got another name, the next call makes a
//! new one; calls that are running keep theirs.

mod compile;
mod element_query;
mod local_query;
mod reading;
mod remote_query;
mod shape;
mod usage;

pub use compile::compile;
pub use element_query::ElementQuery;
pub use local_query::LocalQuery;
pub use reading::Reading;
pub use remote_query::RemoteQuery;
pub use shape::{ReturnColumn, Returns, Shape};
pub use usage::Usage;

use crate::codec::{ParameterCodec, RowTypes};
use crate::error::{Error, Problem, Result};
use crate::growth::Growth;
use crate::parser;
use crate::pg::arrays::ElementType;
use crate::pg::calls::Call;
use crate::pg::catalog::{self, RowVersion};
use crate::pg::inval;
use crate::pg::memory::OwnedContext;
use pgrx::pg_sys::Oid;
use shape::Shapes;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::mem::ManuallyDrop;
use std::rc::Rc;

/// A compiled function.
#[derive(Debug)]
pub struct Function {
    /// The version of the pg_proc row that it was made from.
    version: RowVersion,
    /// `schema.name(nargs)`, quoted as SQL needs: how messages call it.
    pub label: String,
    /// The arguments that a call passes.
    pub arguments: Vec<ParameterCodec>,
    /// What comes back.
    shapes: Shapes,
    /// Whether it returns a set of that.
    pub returns_set: bool,
    /// Where its query runs.
    pub destination: Destination,
    /// The same in the language's words, with arguments as `$n`.
    pub destination_text: String,
    /// What its calls add up to; a function that is compiled again goes on counting.
    pub usage: Rc<Usage>,
    /// The arguments that SPLIT cuts.
    pub split: Vec<(usize, ElementType)>,
    /// Row types that are in the arguments.
    row_types: RowTypes,
    /// `schema.name`, quoted, as it was when this was compiled.
    name: String,
    /// The count of changes of types and schemas at which all names were found to be right.
    names_checked: Cell<u64>,
    /// Where the codecs' functions keep their notes. Declared last, because it must be dropped last.
    _context: OwnedContext,
}

/// Where a query runs.
#[derive(Debug)]
pub enum Destination {
    /// On this database.
    Connect(Name),
    /// On partitions of this cluster.
    Cluster(Name, RunOn),
}

/// A cluster's name or a connection string.
#[derive(Debug)]
pub enum Name {
    /// Always this one.
    Literal(Rc<str>),
    /// What a function of ours says, at each call.
    Query(LocalQuery),
    /// What the caller says.
    Argument(LocalQuery),
}

/// On which partitions.
#[derive(Debug)]
pub enum RunOn {
    /// One at random.
    Any,
    /// All, in their order.
    All,
    /// This one.
    Partition(u32),
    /// Those that the values of this argument select.
    Argument(usize),
    /// Those that the values this query returns select.
    Query(LocalQuery),
    /// Under SPLIT: for each element those that the values this query returns for it select.
    Elements(ElementQuery),
}

impl Function {
    /// The shape of the result of a call.
    pub fn shape(&self, call: Call) -> Result<Rc<Shape>, Problem> {
        match &self.shapes {
            Shapes::Declared(shape) => Ok(shape.clone()),
            Shapes::Dynamic(shapes) => shapes.of_call(call, &self.arguments),
        }
    }

    /// The query that it sends; of a function that returns a dynamic RECORD that of the last call, if there was one.
    pub fn remote_query(&self) -> Option<Rc<str>> {
        match &self.shapes {
            Shapes::Declared(shape) => Some(shape.query.text.clone()),
            Shapes::Dynamic(shapes) => shapes.last_query(),
        }
    }

    /// Whether the catalogs still say what this was made from.
    fn is_current(&self, oid: Oid, version: RowVersion) -> bool {
        if self.version != version {
            return false;
        }
        let changes = inval::type_changes();
        let look_at_names = self.names_checked.get() != changes;
        let names_are_right = !look_at_names
            || (self.arguments.iter().all(ParameterCodec::is_current)
                && catalog::qualified_procedure_name(oid).as_ref() == Some(&self.name));
        let shape_is_right = match &self.shapes {
            Shapes::Declared(shape) => shape.is_current(look_at_names),
            Shapes::Dynamic(_) => true,
        };
        self.names_checked.set(changes);
        names_are_right && shape_is_right && self.row_types.are_current()
    }
}

thread_local! {
    // Never dropped: a thread-local's destructor would run when the backend's memory is gone.
    static FUNCTIONS: ManuallyDrop<RefCell<HashMap<Oid, Rc<Function>>>> = ManuallyDrop::default();
    static GROWTH: Growth = const { Growth::from(64) };
}

/// The compiled form of a function, made now if there is none or it is out of date.
pub fn get(oid: Oid) -> Result<Rc<Function>> {
    let version = catalog::procedure_version(oid).ok_or(Problem::NoSuchFunction(oid.to_u32()))?;
    let cached = FUNCTIONS.with(|functions| functions.borrow().get(&oid).cloned());
    if let Some(function) = cached.filter(|function| function.is_current(oid, version)) {
        return Ok(function);
    }
    forget_dropped();
    let usage = cached_usage(oid).unwrap_or_default();
    let function = Rc::new(Function { usage, ..compile(oid)? });
    let old = FUNCTIONS.with(|functions| functions.borrow_mut().insert(oid, function.clone()));
    drop(old); // outside the borrow, because freeing plans calls the backend
    Ok(function)
}

/// Forgets functions that were dropped, if there are many that may have been. Running calls keep theirs.
fn forget_dropped() {
    let count = FUNCTIONS.with(|functions| functions.borrow().len());
    if !GROWTH.with(|growth| growth.is_due(count)) {
        return;
    }
    let mut oids: Vec<_> = FUNCTIONS.with(|functions| functions.borrow().keys().copied().collect());
    oids.retain(|&oid| catalog::procedure_version(oid).is_none());
    let (dropped, left) = FUNCTIONS.with(|functions| {
        let mut functions = functions.borrow_mut();
        let dropped: Vec<_> = oids.iter().filter_map(|oid| functions.remove(oid)).collect();
        (dropped, functions.len())
    });
    GROWTH.with(|growth| growth.left(left));
    drop(dropped); // outside the borrow, as above
}

fn cached_usage(oid: Oid) -> Option<Rc<Usage>> {
    FUNCTIONS.with(|functions| functions.borrow().get(&oid).map(|function| function.usage.clone()))
}

/// The compiled functions, those that were dropped meanwhile included.
pub fn all() -> Vec<(Oid, Rc<Function>)> {
    FUNCTIONS.with(|functions| functions.borrow().iter().map(|(&oid, function)| (oid, function.clone())).collect())
}

/// Checks a function that is being created.
pub fn validate(oid: Oid, check_body: bool) -> Result<()> {
    compile::validate(oid, check_body)
}

/// Names the function in an error that is noticed before any of its arguments has been read.
fn before_arguments(name: &str) -> impl Fn(Problem) -> Error {
    move |problem| Error::from(problem).in_function(&format!("{name}(0)"))
}

/// What the parser needs to know of the arguments.
fn scope_arguments<'a>(names: &'a [Option<String>], codecs: &[ParameterCodec]) -> Vec<parser::Argument<'a>> {
    names
        .iter()
        .zip(codecs)
        .map(|(name, codec)| parser::Argument { name: name.as_deref(), is_array: codec.is_array() })
        .collect()
}
