//! What a call is going to do, decided before anything is done elsewhere.
//!
//! To decide it may run the user's code here: configuration functions, hash functions, output functions.

use super::route::{self, Share};
use super::split::Split;
use crate::cluster::{self, Access, Cluster, PreparedStatements};
use crate::error::Problem;
use crate::function::{Destination, Function, Name, RunOn, Shape};
use crate::pg::calls::Call;
use crate::pg::guc::{self, Settings};
use crate::pg::memory;
use crate::pool::Key;
use crate::settings;
use crate::wire::{Arguments, Format};
use std::rc::Rc;

/// Room for an argument's length, and for one that isn't much longer.
const SMALL: usize = 32;

/// The plan of a call.
pub struct Plan<'f> {
    pub function: &'f Function,
    /// The cluster, as whom.
    pub access: Access,
    pub run_on: &'f RunOn,
    /// The query, and what comes back.
    pub shape: Rc<Shape>,
    pub split: Option<Split>,
    /// Where it goes.
    pub shares: Vec<Share>,
    /// Whether the query may be prepared.
    pub prepare: PreparedStatements,
}

impl<'f> Plan<'f> {
    /// The plan of a call of this function.
    pub fn of(function: &'f Function, call: Call) -> Result<Plan<'f>, Problem> {
        let (access, run_on) = match &function.destination {
            Destination::Connect(connstr) => {
                let is_callers = matches!(connstr, Name::Argument(_)) && !settings::may_connect_anywhere();
                (cluster::by_connstr(&name(connstr, call)?, is_callers), &RunOn::Any)
            }
            Destination::Cluster(name_of, run_on) => (cluster::by_name(&name(name_of, call)?)?, run_on),
        };
        let cluster = &access.cluster;
        let shape = function.shape(call)?;
        let split = Split::of_call(function, call)?;
        let shares = match &split {
            Some(split) => route::split(run_on, function, cluster, call, split)?,
            None => route::whole(run_on, function, cluster, call)?,
        };
        let prepare = cluster.options.prepared_statements.unwrap_or_else(settings::prepared_statements);
        Ok(Plan { function, run_on, shape, split, shares, prepare, access })
    }

    pub fn cluster(&self) -> &Cluster {
        &self.access.cluster
    }

    /// Whether no value may travel in binary form.
    pub fn text_only(&self) -> bool {
        self.cluster().options.disable_binary
    }

    /// The format in which an argument travels.
    pub fn parameter_format(&self, argument: usize) -> Format {
        if self.text_only() { Format::Text } else { self.function.arguments[argument].format() }
    }

    /// The connection that each share needs.
    pub fn keys(&self) -> Vec<Key> {
        self.shares.iter().map(|share| self.access.key(share.endpoint)).collect()
    }

    /// The partitions where it could go as well, in random order, if it may run anywhere.
    pub fn spares(&self) -> Vec<(usize, Key)> {
        match self.run_on {
            RunOn::Any if self.split.is_none() => {
                let others = route::others(&self.shares, self.cluster()).into_iter();
                others.map(|partition| (partition, self.access.key(self.cluster().endpoint(partition)))).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The arguments for each share, and the settings that the shards need to read them. If nothing is cut, they are encoded
    /// once, for all of them. Output functions may raise an ERROR.
    pub fn arguments(&self, call: Call) -> Result<(Vec<Rc<Arguments>>, Settings), Problem> {
        let mut read_there = Settings::NONE;
        let written_here = self.shape.query.written_here(self.text_only());
        let arguments: Result<Vec<_>, _> = guc::with_portable(written_here, || match self.split {
            Some(_) => self.shares.iter().map(|share| self.encode(call, Some(share), &mut read_there)).collect(),
            None => Ok(vec![self.encode(call, None, &mut read_there)?; self.shares.len()]),
        });
        Ok((arguments?, read_there))
    }

    fn encode(&self, call: Call, share: Option<&Share>, read_there: &mut Settings) -> Result<Rc<Arguments>, Problem> {
        let mut arguments = Arguments::default();
        for &argument in &self.shape.query.parameters {
            let codec = &self.function.arguments[argument];
            let format = self.parameter_format(argument);
            let piece = share.and_then(|share| self.split.as_ref()?.piece(argument, &share.elements));
            arguments.push(format, |out| {
                memory::reserve_ahead(out, SMALL);
                let start = out.len();
                match piece {
                    Some(elements) => codec.write_elements(elements, format, out),
                    None => codec.write(call.argument(argument), format, out),
                }
                if format == Format::Text {
                    *read_there = read_there.and(codec.text_form.read_there(&out[start..]));
                }
            });
            if arguments.are_too_long() {
                return Err(Problem::ArgumentsTooLong);
            }
        }
        Ok(Rc::new(arguments))
    }
}

fn name(name: &Name, call: Call) -> Result<Rc<str>, Problem> {
    match name {
        Name::Literal(text) => Ok(text.clone()),
        Name::Query(query) | Name::Argument(query) => query.text(call).map(Rc::from),
    }
}
