//! The query on its way: one [`ShardQuery`] for each shard, and all those of a call together.

use super::abandon;
use super::rows::Output;
use crate::codec::Parameter;
use crate::error::{Problem, RemoteError};
use crate::function::Wrapped;
use crate::pool::{self, Checkout, Incoming};
use crate::reactor::{Progress, Socket, Watch, Work};
use futures_util::Stream;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;
use tokio_postgres::{Client, Row, RowStream};

/// How many rows and notices are taken from one shard before the others, and interrupts, have their turn.
const BATCH: usize = 1000;

/// One shard's share of a call.
pub struct ShardQuery {
    pub connection: Checkout,
    state: State,
}

enum State {
    /// The query has been handed to the connection.
    Sent(Pin<Box<dyn Future<Output = Result<RowStream, tokio_postgres::Error>>>>),
    /// Rows are arriving.
    Streaming(Pin<Box<RowStream>>),
    /// It has failed. The server is asked to say when it is ready again: what it says before belongs to this query, and
    /// mustn't be taken for something else by the connection's next user.
    Settling(Pin<Box<dyn Future<Output = Result<(), tokio_postgres::Error>>>>),
    /// The whole answer is here.
    Finished,
}

/// What a shard's query reports.
enum Event {
    Row(Row),
    Incoming(Incoming),
    Failed(tokio_postgres::Error),
    Finished,
}

impl ShardQuery {
    fn new(mut connection: Checkout, text: Arc<str>, parameters: Arc<[Parameter]>) -> ShardQuery {
        connection.in_doubt = true;
        let state = State::Sent(Box::pin(send(connection.client(), text, parameters)));
        ShardQuery { connection, state }
    }

    pub fn is_finished(&self) -> bool {
        matches!(self.state, State::Finished)
    }

    /// The next thing that happens, without waiting for it.
    fn poll(&mut self) -> Poll<Event> {
        let wakeup = self.connection.wakeup();
        wakeup.settle(|context| self.poll_once(context))
    }

    /// First what has been received already, then what the connection has.
    fn poll_once(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        if let Poll::Ready(event) = self.poll_answer(context) {
            return Poll::Ready(event);
        }
        self.connection.poll(context).map(Event::Incoming)
    }

    fn poll_answer(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        loop {
            match &mut self.state {
                State::Sent(sending) => match sending.as_mut().poll(context) {
                    Poll::Ready(Ok(rows)) => self.state = State::Streaming(Box::pin(rows)),
                    Poll::Ready(Err(error)) => return Poll::Ready(Event::Failed(error)),
                    Poll::Pending => return Poll::Pending,
                },
                State::Streaming(rows) => {
                    return match rows.as_mut().poll_next(context) {
                        Poll::Ready(Some(Ok(row))) => Poll::Ready(Event::Row(row)),
                        Poll::Ready(Some(Err(error))) => Poll::Ready(Event::Failed(error)),
                        Poll::Ready(None) => {
                            self.state = State::Finished;
                            Poll::Ready(Event::Finished)
                        }
                        Poll::Pending => Poll::Pending,
                    };
                }
                State::Settling(settling) => match settling.as_mut().poll(context) {
                    Poll::Ready(Ok(())) => self.state = State::Finished,
                    Poll::Ready(Err(error)) => return Poll::Ready(Event::Failed(error)),
                    Poll::Pending => return Poll::Pending,
                },
                State::Finished => return Poll::Ready(Event::Finished),
            }
        }
    }

    /// Takes note of an error of the query, and returns what it means.
    fn fail(&mut self, error: &tokio_postgres::Error) -> Problem {
        let client = self.connection.client();
        self.state = match pool::goes_on(error) && !self.is_settling() {
            true => State::Settling(Box::pin(async move { client.check_connection().await })),
            false => State::Finished,
        };
        self.connection.failed(error)
    }

    /// Whether there is nothing to be cancelled any more, although the answer hasn't come to its end.
    pub fn is_settling(&self) -> bool {
        matches!(self.state, State::Settling(_))
    }

    /// Goes on passing over the answer without looking at it, but no more than a batch. `Done` when it has ended and the
    /// connection is known to be good, or known to be lost.
    pub fn discard(&mut self) -> Progress {
        for _ in 0..BATCH {
            match self.poll() {
                Poll::Pending => return Progress::Waiting,
                Poll::Ready(Event::Row(_) | Event::Incoming(Incoming::Notice(_))) => {}
                Poll::Ready(Event::Incoming(Incoming::Lost(_))) => return Progress::Done,
                Poll::Ready(Event::Failed(error)) => {
                    self.fail(&error);
                    if !self.is_settling() {
                        return Progress::Done;
                    }
                }
                Poll::Ready(Event::Finished) => {
                    self.connection.in_doubt = false;
                    return Progress::Done;
                }
            }
        }
        Progress::Busy
    }

    /// There is nothing more to come: the connection is lost.
    fn end(&mut self) {
        self.state = State::Finished;
    }
}

/// Parse, Bind, Describe, Execute and Sync in one go, with the unnamed statement.
async fn send(
    client: Arc<Client>,
    text: Arc<str>,
    parameters: Arc<[Parameter]>,
) -> Result<RowStream, tokio_postgres::Error> {
    client.query_typed_raw(&text, parameters.iter().map(|parameter| (parameter, Parameter::TYPE))).await
}

/// The queries of a call.
pub struct Dispatch<'e, 'f> {
    label: &'e str,
    query: Wrapped,
    deadline: Option<Instant>,
    output: &'e mut Output<'f>,
    /// In the order of the result.
    pub queries: Vec<ShardQuery>,
}

impl<'e, 'f> Dispatch<'e, 'f> {
    /// Nothing is sent yet.
    pub fn new(
        label: &'e str,
        query: Wrapped,
        deadline: Option<Instant>,
        output: &'e mut Output<'f>,
    ) -> Dispatch<'e, 'f> {
        Dispatch { label, query, deadline, output, queries: Vec::new() }
    }

    /// Hands the query to every connection, with the parameters for each. It is sent at the first poll.
    pub fn send(&mut self, connections: Vec<Checkout>, parameters: Vec<Arc<[Parameter]>>) {
        self.queries = connections
            .into_iter()
            .zip(parameters)
            .map(|(connection, parameters)| ShardQuery::new(connection, self.query.text.clone(), parameters))
            .collect();
    }

    /// Leaves the wait set of a lone connection with it, for the next call.
    pub fn keep_watch(&mut self, watch: Option<Watch>) {
        if let [query] = &mut self.queries[..] {
            query.connection.watch = watch;
        }
    }

    /// Takes what has arrived from one shard, but no more than a batch.
    fn advance(&mut self, number: usize) -> Result<Progress, Problem> {
        for _ in 0..BATCH {
            let query = &mut self.queries[number];
            match query.poll() {
                Poll::Pending => return Ok(Progress::Waiting),
                Poll::Ready(Event::Row(row)) => self.output.row(number, &row),
                Poll::Ready(Event::Incoming(Incoming::Notice(notice))) => {
                    crate::report::remote_notice(self.label, &self.on_users_text(notice));
                }
                Poll::Ready(Event::Incoming(Incoming::Lost(problem))) => {
                    query.end();
                    return Err(problem);
                }
                Poll::Ready(Event::Failed(error)) => {
                    let problem = query.fail(&error);
                    return Err(match problem {
                        Problem::Remote(error) => Problem::Remote(Box::new(self.on_users_text(*error))),
                        other => other,
                    });
                }
                Poll::Ready(Event::Finished) => {
                    query.connection.in_doubt = false;
                    self.output.finished(number);
                    return Ok(Progress::Done);
                }
            }
        }
        Ok(Progress::Busy)
    }

    /// Counts the position in an error or a notice on the text that the user wrote.
    fn on_users_text(&self, mut error: RemoteError) -> RemoteError {
        error.position = error.position.and_then(|position| position.checked_sub(self.query.lead));
        error
    }
}

impl Work for Dispatch<'_, '_> {
    type Error = Problem;

    fn poll(&mut self) -> Result<Progress, Problem> {
        let mut progress = Progress::Done;
        for number in 0..self.queries.len() {
            if !self.queries[number].is_finished() {
                progress = progress.and(self.advance(number)?);
            }
        }
        if progress != Progress::Done && self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(Problem::QueryTimeout);
        }
        Ok(progress)
    }

    fn sockets(&self) -> Vec<Socket> {
        self.queries.iter().map(|query| query.connection.socket().clone()).collect()
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn before_exit(&mut self) {
        abandon::cancel(&mut self.queries);
    }
}
