//! One shard's share of a call: what is sent to it, and what its answer means.
//!
//! The query goes out as one request, Parse, Bind, Execute, Sync, and costs one round trip. Where statements may be
//! prepared, Parse is left out from the second time on. If a prepared statement turns out not to be what it was, the query is
//! sent again without one.
//!
//! Where values travel as text whose meaning depends on settings of the shard's session, a statement before the query sees to
//! these, and one after it asks whether they were left alone ([`text_settings`]).

use super::rows::Fault;
use super::text_settings;
use super::under_way::UnderWay;
use crate::cluster::PreparedStatements;
use crate::error::{Problem, RemoteError};
use crate::function::{Reading, Shape};
use crate::pg::guc::Settings;
use crate::pg::memory;
use crate::pool::{self, Checkout, Connection, RemoteColumn};
use crate::reactor::Progress;
use crate::report;
use crate::wire::{Arguments, Fields, Format, Malformed, Message, Rows, Transaction};
use std::rc::Rc;

/// How many messages are taken from one shard before the others, and interrupts, have their turn. All rows that are in the
/// buffer count as one.
const BATCH: usize = 8;

/// Asks the server which process it is: the one that a cancel request would reach, unless there is a pooler between us.
const PROCESS_ID: &str = "select pg_catalog.pg_backend_pid()";

/// What a call asks of every shard.
pub struct Request<'f> {
    /// The query, and what becomes of its rows.
    pub shape: &'f Shape,
    /// Whether no value may travel in binary form.
    pub text_only: bool,
    /// The settings that the shards need to read the arguments.
    pub read_there: Settings,
    /// Whether the query may be prepared.
    pub prepare: PreparedStatements,
    /// The name of the portal that it runs in.
    pub portal: &'static str,
    /// How many bytes a message of the answer may have.
    pub longest_message: usize,
    /// Whether the query isn't to be run yet, but only looked at: whether its columns are the right ones.
    pub is_rehearsal: bool,
}

/// Who takes what a shard answers.
pub trait Taker {
    /// Rows, and how they are to be read.
    fn rows(&mut self, reading: &Rc<Reading>, rows: Rows<'_>) -> Result<(), Fault>;

    /// A notice or a warning.
    fn notice(&mut self, notice: &RemoteError);
}

/// A query on one connection.
pub struct ShardQuery<'e> {
    pub connection: Checkout,
    request: &'e Request<'e>,
    arguments: Rc<Arguments>,
    stage: Stage,
    /// The name of the statement that it uses or makes; empty for the unnamed one.
    statement: Rc<str>,
    /// Not known before the user's query has been described.
    reading: Option<Rc<Reading>>,
    /// The settings that the shard needs to write the rows.
    written_there: Settings,
    tried_again: bool,
    /// Whether the server has said things that a server doesn't say.
    is_distrusted: bool,
    /// How often the server has been asked to cancel it.
    pub cancel_requests: u64,
    _under_way: UnderWay,
}

/// What is expected of the server next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Its process ID.
    Identifying,
    /// That its session writes and reads text as we do.
    Agreeing,
    /// That the statement is ready to run. Nothing has run so far.
    Preparing,
    /// Rows.
    Running,
    /// That its session still writes text as we read it.
    Checking,
    /// The end of the answer to that.
    Checked,
    /// That it is ready: all rows are here.
    Ending,
    /// That it is ready: something wasn't as we thought, and the query is to be sent again.
    TryingAgain,
    /// That it is ready: the query has failed. What the server says until then belongs to this query, and mustn't be taken
    /// for something else by the connection's next user.
    Settling,
    /// Nothing.
    Finished,
}

impl<'e> ShardQuery<'e> {
    /// Hands the query to the connection; it is sent at the first [`ShardQuery::advance`].
    pub fn new(
        connection: Checkout,
        request: &'e Request<'e>,
        arguments: Rc<Arguments>,
    ) -> Result<ShardQuery<'e>, Problem> {
        let mut query = ShardQuery {
            _under_way: UnderWay::on(&connection),
            connection,
            request,
            arguments,
            stage: Stage::Preparing,
            statement: "".into(),
            reading: None,
            written_there: Settings::NONE,
            tried_again: false,
            is_distrusted: false,
            cancel_requests: 0,
        };
        query.request()?;
        Ok(query)
    }

    fn request(&mut self) -> Result<(), Problem> {
        self.connection.in_doubt = true;
        self.connection.set_longest_message(self.request.longest_message);
        self.stage = Stage::Preparing;
        match self.request.is_rehearsal {
            true => self.request_description(),
            false => self.request_rows()?,
        }
        self.connection.outbox().sync();
        Ok(())
    }

    fn request_description(&mut self) {
        let outbox = self.connection.outbox();
        outbox.parse("", &self.request.shape.query.text);
        outbox.describe_statement("");
    }

    fn request_rows(&mut self) -> Result<(), Problem> {
        let Request { shape, text_only, prepare, portal, .. } = *self.request;
        let query = &shape.query;
        let connection = &mut *self.connection;
        let is_named = match prepare {
            // Behind a pooler the second try may meet another server, where the names are others again.
            _ if self.tried_again => false,
            PreparedStatements::Off => false,
            PreparedStatements::On => connection.statements.may_be_fresh(&query.text),
            PreparedStatements::Auto => connection.is_direct == Some(true),
        };
        let prepared = if is_named { connection.statements.find(&query.text) } else { None };
        let columns = prepared.as_ref().and_then(|statement| statement.columns.as_deref());
        self.reading = match (query.is_users, columns) {
            (false, _) => Some(shape.reading(text_only)),
            (true, Some(columns)) => Some(Rc::new(Reading::as_described(&shape.returns, columns, text_only)?)),
            (true, None) => None,
        };

        // What hasn't been described comes as text.
        self.written_there = match &self.reading {
            Some(reading) => reading.written_there(),
            None => shape.reading(true).written_there(),
        };
        let needed = self.written_there.and(self.request.read_there);
        if !needed.is_empty() {
            self.stage = Stage::Agreeing;
        }
        // Not with the first query: it may be the only one.
        if prepare == PreparedStatements::Auto && connection.is_direct.is_none() && connection.has_answered {
            self.stage = Stage::Identifying;
            ask(connection, PROCESS_ID);
        }
        if !needed.is_empty() {
            ask(connection, &text_settings::to_set(needed));
        }
        self.statement = match &prepared {
            Some(statement) => statement.name.clone(),
            None if is_named => pool::name_of(&query.text).into(),
            None => "".into(),
        };
        if prepared.is_none() {
            if is_named {
                for unwanted in connection.statements.make_room() {
                    connection.outbox().close(&unwanted);
                }
            }
            connection.outbox().parse(&self.statement, &query.text);
        }
        if self.reading.is_none() {
            connection.outbox().describe_statement(&self.statement);
        }
        let formats = self.reading.as_deref().map_or(&[Format::Text][..], Reading::formats);
        let length = self.arguments.length();
        if connection.outbox().make_room(length).is_err() {
            return Err(Problem::MessageNoMemory { database: connection.database().to_string(), length });
        }
        connection.outbox().bind(portal, &self.statement, &self.arguments, formats);
        connection.outbox().execute(portal);
        if !self.written_there.is_empty() {
            ask(connection, &text_settings::to_ask(self.written_there));
        }
        Ok(())
    }

    /// Whether the answer has come to its end.
    pub fn is_finished(&self) -> bool {
        self.stage == Stage::Finished
    }

    /// Whether there is nothing to be cancelled any more, although the answer hasn't come to its end.
    pub fn is_settling(&self) -> bool {
        matches!(self.stage, Stage::TryingAgain | Stage::Settling)
    }

    /// Goes on without waiting, but takes no more than a batch. After an error that leaves the connection usable its
    /// answer still has to be brought to its end, by [`ShardQuery::discard`].
    pub fn advance(&mut self, taker: &mut impl Taker) -> Result<Progress, Problem> {
        for _ in 0..BATCH {
            if let (Stage::Running, Some(reading)) = (self.stage, &self.reading) {
                match self.connection.receive_rows() {
                    Ok(Some(rows)) if rows.is_empty() => {} // the next message is another one
                    Ok(None) => return Ok(Progress::Waiting),
                    Ok(Some(rows)) => {
                        let taken = taker.rows(reading, rows);
                        taken.map_err(|fault| self.faulty(fault))?;
                        continue;
                    }
                    Err(problem) => return Err(self.lost(problem)),
                }
            }
            let query = &self.request.shape.query;
            let message = match self.connection.receive() {
                Ok(Some(message)) => message,
                Ok(None) => return Ok(Progress::Waiting),
                Err(problem) => return Err(self.lost(problem)),
            };
            match (message, self.stage) {
                (Message::Row(row), Stage::Identifying) => {
                    let answering = process_id(row);
                    self.connection.is_direct =
                        Some(answering.is_some() && answering == self.connection.entry().process_id);
                }
                (Message::CommandComplete, Stage::Identifying) => {
                    let needed = self.written_there.and(self.request.read_there);
                    self.stage = if needed.is_empty() { Stage::Preparing } else { Stage::Agreeing };
                }
                (Message::CommandComplete, Stage::Agreeing) => self.stage = Stage::Preparing,
                (Message::ParseComplete, Stage::Preparing) if !self.statement.is_empty() => {
                    self.connection.statements.add(query.text.clone(), self.statement.clone(), None);
                }
                (Message::RowDescription(columns), Stage::Preparing) => {
                    let columns = columns.map(|column| {
                        column.map(|column| RemoteColumn { name: memory::copy(column.name), type_oid: column.type_oid })
                    });
                    let columns = columns.collect::<Result<Vec<_>, _>>();
                    match columns {
                        Ok(columns) => self.described(columns)?,
                        Err(Malformed) => return Err(self.confused()),
                    }
                }
                (Message::NoData, Stage::Preparing) => self.described(Vec::new())?,
                (Message::BindComplete, Stage::Preparing) => self.stage = Stage::Running,
                (Message::CommandComplete | Message::EmptyQuery, Stage::Running) => {
                    self.stage = if self.written_there.is_empty() { Stage::Ending } else { Stage::Checking };
                }
                (Message::Row(row), Stage::Checking) => match text_settings::changed(self.written_there, row) {
                    Ok(None) => self.stage = Stage::Checked,
                    Ok(Some(setting)) => {
                        self.stage = Stage::Settling;
                        let database = self.connection.database().to_string();
                        return Err(Problem::SettingChanged { database, setting });
                    }
                    Err(Malformed) => return Err(self.confused()),
                },
                (Message::CommandComplete, Stage::Checked) => self.stage = Stage::Ending,
                (
                    Message::ParseComplete | Message::BindComplete,
                    Stage::Identifying | Stage::Agreeing | Stage::Checking,
                )
                | (Message::Row(_), Stage::Agreeing)
                | (Message::ParseComplete | Message::CloseComplete | Message::ParameterDescription, Stage::Preparing)
                | (Message::Aside, _) => {}
                // The arguments may have been read in another encoding than they were written in.
                (Message::Parameter(_), Stage::Identifying | Stage::Agreeing | Stage::Preparing) => {
                    self.connection.check_encoding()?;
                }
                (Message::Parameter(_), _) => {}
                (Message::Notice(notice), _) if report::is_heard(&notice) => {
                    let notice = pool::remote_error(&notice).of_database(self.connection.database());
                    taker.notice(&notice);
                }
                (Message::Notice(_), _) => {}
                (Message::Error(report), stage) => {
                    let goes_on = pool::goes_on(&report);
                    let mut error = pool::remote_error(&report).of_database(self.connection.database());
                    if error.sqlstate == *b"00000" {
                        error.sqlstate = *b"XX000"; // no error can say that all is well
                    }
                    if goes_on && self.may_try_again(stage, &error.sqlstate) {
                        self.stage = Stage::TryingAgain;
                    } else {
                        self.stage = if goes_on { Stage::Settling } else { Stage::Finished };
                        return Err(Problem::Remote(Box::new(error)));
                    }
                }
                (Message::Ready(Transaction::Open), _) => {
                    self.stage = Stage::Finished;
                    return Err(self.connection.not_committed());
                }
                (Message::Ready(Transaction::None), Stage::TryingAgain) => self.request()?,
                (Message::Ready(Transaction::None), Stage::Ending | Stage::Settling) => {
                    self.finish();
                    return Ok(Progress::Done);
                }
                _ => return Err(self.confused()),
            }
        }
        Ok(Progress::Busy)
    }

    /// Whether the error may be only about what we did to have the statement prepared, and the query hasn't run, because the
    /// statement wasn't bound yet: then it is sent again, once, without anybody noticing.
    fn may_try_again(&mut self, stage: Stage, sqlstate: &[u8; 5]) -> bool {
        let text = &self.request.shape.query.text;
        let connection = &mut *self.connection;
        let has_changed = match (stage, sqlstate) {
            (Stage::Agreeing | Stage::Checking | Stage::Checked, _) => false,
            // A server that doesn't know its process ID.
            (Stage::Identifying, _) => {
                connection.is_direct = Some(false);
                true
            }
            // It is there already: made by another client of the pooler's.
            (Stage::Preparing, b"42P05") => {
                connection.statements.add(text.clone(), self.statement.clone(), None);
                true
            }
            // It is gone (DEALLOCATE, or another server of the pooler's), has other columns than it had, or what it uses was
            // dropped and perhaps made again, which shows in many ways.
            (_, b"26000" | b"0A000" | [b'4', b'2', ..] | [b'X', b'X', ..]) => {
                // What the query itself raises while it runs is seldom about the types that it was planned with.
                let was_stale = stage == Stage::Preparing || matches!(sqlstate, b"42804" | [b'X', b'X', ..]);
                let was_known = connection.statements.forget(text);
                if was_known && was_stale {
                    connection.statements.was_stale(text.clone());
                }
                was_known
            }
            _ => false,
        };
        has_changed
            && matches!(stage, Stage::Identifying | Stage::Preparing)
            && !std::mem::replace(&mut self.tried_again, true)
    }

    /// A shard has said what the columns of the user's query are. All fields come as text this time.
    fn described(&mut self, columns: Vec<RemoteColumn>) -> Result<(), Problem> {
        let shape = self.request.shape;
        self.reading = Some(Rc::new(Reading::as_described(&shape.returns, &columns, true)?));
        self.connection.statements.describe(&shape.query.text, columns.into());
        if self.request.is_rehearsal {
            self.stage = Stage::Ending;
        }
        Ok(())
    }

    /// Goes on passing over the answer without looking at it, but no more than a batch. `Done` when it has ended and the
    /// connection is known to be good, or known to be lost.
    pub fn discard(&mut self) -> Progress {
        for _ in 0..BATCH {
            let is_lost = match self.connection.receive() {
                Ok(None) => return Progress::Waiting,
                Ok(Some(Message::Ready(Transaction::None))) => {
                    self.finish();
                    return Progress::Done;
                }
                Ok(Some(Message::Ready(Transaction::Open))) => true,
                Ok(Some(Message::Error(report))) => !pool::goes_on(&report),
                Ok(Some(_)) => false,
                Err(_) => true,
            };
            if is_lost {
                self.stage = Stage::Finished;
                return Progress::Done;
            }
        }
        Progress::Busy
    }

    fn finish(&mut self) {
        self.stage = Stage::Finished;
        self.connection.in_doubt = self.is_distrusted;
        self.connection.has_answered = true;
    }

    /// One of its rows can't be taken.
    pub fn faulty(&mut self, fault: Fault) -> Problem {
        let database = self.connection.database().to_string();
        match fault {
            Fault::Malformed => {
                (self.is_distrusted, self.connection.in_doubt) = (true, true);
                Problem::InvalidRow { database }
            }
            Fault::NoMemory(length) => Problem::MessageNoMemory { database, length },
            Fault::Value(problem) => problem,
        }
    }

    /// The connection has come to an end. If the server may have the query, nobody knows what has become of it.
    fn lost(&mut self, mut problem: Problem) -> Problem {
        let is_under_way = !matches!(self.stage, Stage::TryingAgain | Stage::Settling | Stage::Finished);
        if let Problem::Broken { is_outcome_unknown, .. } | Problem::OutOfSync { is_outcome_unknown, .. } = &mut problem
        {
            *is_outcome_unknown = is_under_way && !self.request.is_rehearsal && self.connection.has_sent_all();
        }
        self.stage = Stage::Finished;
        problem
    }

    /// What the server says makes no sense.
    fn confused(&mut self) -> Problem {
        let problem = self.connection.confused();
        self.lost(problem)
    }
}

/// Has a statement of our own run. Its values come in binary, which for text is the same.
fn ask(connection: &mut Connection, statement: &str) {
    let outbox = connection.outbox();
    outbox.parse("", statement);
    outbox.bind("", "", &Arguments::default(), &[Format::Binary]);
    outbox.execute("");
}

/// The process ID that a server has answered with.
fn process_id(row: Fields<'_>) -> Option<u32> {
    let mut places = Vec::new();
    row.locate(&mut places).ok()?;
    let field = row.field(places.first()?)?;
    field.try_into().ok().map(u32::from_be_bytes)
}
