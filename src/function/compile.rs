//! From a row of `pg_proc` to a compiled function.

use super::shape::{DynamicShape, Returns, Shape, Shapes};
use super::{Destination, ElementQuery, Function, LocalQuery, Name, RemoteQuery, RunOn};
use super::{before_arguments, scope_arguments};
use crate::codec::{ParameterCodec, RowTypes};
use crate::conninfo;
use crate::error::{Error, Problem, Result};
use crate::parser::{self, Body, ClusterName, ConnectString, Expression, Scope};
use crate::pg::arrays::ElementType;
use crate::pg::calls::standard_conforming_strings;
use crate::pg::catalog::{self, Procedure};
use crate::pg::inval;
use crate::pg::memory::OwnedContext;
use crate::pg::row_type::{ResultShape, result_shape};
use pgrx::pg_sys::Oid;
use std::cell::Cell;
use std::rc::Rc;

/// What both creating and calling a function look at first.
struct Declaration {
    procedure: Procedure,
    /// `schema.name`, quoted.
    name: String,
    arguments: Vec<ParameterCodec>,
    context: OwnedContext,
}

impl Declaration {
    fn label(&self) -> String {
        format!("{}({})", self.name, self.arguments.len())
    }
}

/// Compiles a function for calls.
pub fn compile(oid: Oid) -> Result<Function> {
    let (procedure, name) = look_up(oid)?;
    let context = OwnedContext::for_backend(c"plproxy function");
    let arguments_context = OwnedContext::for_backend(c"plproxy arguments");
    // The arguments before the return type: where that is polymorphic, PostgreSQL has an error of its own for it, and no such
    // function can be called because of its arguments.
    let declaration = read_arguments(procedure, name, arguments_context)?;
    let returns = Returns::declared(oid, &context).map_err(before_arguments(&declaration.name))?;
    let label = declaration.label();
    let body = parse(&declaration)?;
    check(&declaration, &body, returns.is_none()).map_err(|problem| Error::from(problem).in_function(&label))?;

    let split = split(&declaration, &body);
    let destination_text = destination_text(&body);
    let destination = destination(body.destination, &declaration.arguments, &split);
    let Declaration { procedure, name, arguments, context: arguments_context } = declaration;
    let shapes = match returns {
        Some(returns) => {
            let query = RemoteQuery::new(&body.query, &name, &arguments, &returns);
            Shapes::Declared(Rc::new(Shape::new(returns, query, context)))
        }
        None => Shapes::Dynamic(DynamicShape::new(body.query, name.clone())),
    };
    let row_types = RowTypes::of(arguments.iter().map(|codec| &codec.text_form));
    Ok(Function {
        version: procedure.version,
        label,
        arguments,
        shapes,
        returns_set: procedure.returns_set,
        destination,
        destination_text,
        usage: Rc::default(),
        split,
        row_types,
        name,
        names_checked: Cell::new(inval::type_changes()),
        _context: arguments_context,
    })
}

/// Where the body says that it runs, on one line and without secrets.
fn destination_text(body: &Body) -> String {
    let mut body = body.clone();
    if let parser::Destination::Connect(ConnectString::Literal(connstr)) = &mut body.destination {
        *connstr = conninfo::shown(connstr);
    }
    parser::Where(&body).to_string()
}

/// Checks a function that is being created. What its body uses need not exist yet, and while a dump is restored
/// (`check_body` is false) its types may be incomplete too.
pub fn validate(oid: Oid, check_body: bool) -> Result<()> {
    let (procedure, name) = look_up(oid)?;
    if !check_body {
        return Ok(());
    }
    // In the same order as for a call.
    let declaration = read_arguments(procedure, name, OwnedContext::for_scratch(c"plproxy arguments"))?;
    let context = OwnedContext::for_scratch(c"plproxy validation");
    let dynamic = matches!(result_shape(oid, &context), ResultShape::Record);
    let body = parse(&declaration)?;
    check(&declaration, &body, dynamic).map_err(|problem| Error::from(problem).in_function(&declaration.label()))
}

/// Reads the function's row and refuses what no body could mend.
fn look_up(oid: Oid) -> Result<(Procedure, String)> {
    let procedure = catalog::procedure(oid).ok_or(Problem::NoSuchFunction(oid.to_u32()))?;
    if !procedure.is_volatile {
        return Err(Problem::NotVolatile.into());
    }
    if procedure.is_variadic {
        return Err(Problem::Variadic.into());
    }
    let name = catalog::qualified_procedure_name(oid).ok_or(Problem::NoSuchFunction(oid.to_u32()))?;
    Ok((procedure, name))
}

fn read_arguments(procedure: Procedure, name: String, context: OwnedContext) -> Result<Declaration> {
    let mut arguments = Vec::with_capacity(procedure.arguments.len());
    for argument in &procedure.arguments {
        let codec = ParameterCodec::of(argument.type_oid, &context);
        let label = format!("{name}({})", arguments.len()); // counts those read so far
        arguments.push(codec.map_err(|problem| Error::from(problem).in_function(&label))?);
    }
    Ok(Declaration { procedure, name, arguments, context })
}

fn parse(declaration: &Declaration) -> Result<Body> {
    let names: Vec<_> = declaration.procedure.arguments.iter().map(|argument| argument.name.clone()).collect();
    let arguments = scope_arguments(&names, &declaration.arguments);
    let scope = Scope { arguments: &arguments, standard_conforming_strings: standard_conforming_strings() };
    parser::parse(&declaration.procedure.source, &scope)
        .map_err(|error| Error::from(error).in_function(&declaration.label()))
}

/// What body and declaration together must satisfy.
fn check(declaration: &Declaration, body: &Body, dynamic_record: bool) -> Result<(), Problem> {
    let on_all = matches!(&body.destination, parser::Destination::Cluster { run_on: parser::RunOn::All, .. });
    if dynamic_record && matches!(body.query, parser::Query::Select(_)) {
        return Err(Problem::SelectInDynamicRecord);
    }
    if on_all && !declaration.procedure.returns_set {
        return Err(Problem::RunOnAllNeedsSet);
    }
    Ok(())
}

/// The arguments that SPLIT cuts. The parser has checked that they are arrays.
fn split(declaration: &Declaration, body: &Body) -> Vec<(usize, ElementType)> {
    let element_type = |&argument: &usize| Some((argument, declaration.arguments[argument].element_type()?));
    body.split.iter().filter_map(element_type).collect()
}

fn destination(
    destination: parser::Destination,
    arguments: &[ParameterCodec],
    split: &[(usize, ElementType)],
) -> Destination {
    let types: &[Oid] = &arguments.iter().map(ParameterCodec::oid).collect::<Vec<_>>();
    match destination {
        parser::Destination::Connect(ConnectString::Literal(text)) => Destination::Connect(Name::Literal(text.into())),
        parser::Destination::Connect(ConnectString::Computed(expression)) => {
            let query = local_query(&expression, types);
            Destination::Connect(match expression {
                Expression::Argument(_) => Name::Argument(query),
                Expression::Call(_) | Expression::Name(_) => Name::Query(query),
            })
        }
        parser::Destination::Cluster { name, run_on } => {
            let name = match name {
                ClusterName::Literal(text) => Name::Literal(text.into()),
                ClusterName::Call(sql) => Name::Query(LocalQuery::of_call("select ", &sql, types)),
            };
            let run_on = match run_on {
                parser::RunOn::Any => RunOn::Any,
                parser::RunOn::All => RunOn::All,
                parser::RunOn::Partition(number) => RunOn::Partition(number),
                parser::RunOn::Hash(Expression::Argument(argument)) => RunOn::Argument(argument),
                parser::RunOn::Hash(Expression::Call(sql)) if !split.is_empty() => {
                    let mut element_types = types.to_vec();
                    for (argument, element_type) in split {
                        element_types[*argument] = element_type.oid;
                    }
                    let split: Vec<_> = split.iter().map(|&(argument, _)| argument).collect();
                    RunOn::Elements(ElementQuery::new(&sql, &split, types, &element_types))
                }
                parser::RunOn::Hash(expression) => RunOn::Query(local_query(&expression, types)),
            };
            Destination::Cluster(name, run_on)
        }
    }
}

fn local_query(expression: &Expression, types: &[Oid]) -> LocalQuery {
    match expression {
        Expression::Call(sql) => LocalQuery::of_call("select * from ", sql, types),
        Expression::Argument(argument) => LocalQuery::of_argument(*argument, types),
        Expression::Name(name) => LocalQuery::of_name(name),
    }
}
