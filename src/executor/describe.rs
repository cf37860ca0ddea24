//! Asking a shard what the columns of a user's SELECT are.

use super::abandon;
use crate::error::Problem;
use crate::function::{RemoteColumn, Shape};
use crate::pg::interrupts;
use crate::pg::waitevent::WAIT_EXTENSION;
use crate::pool::{Checkout, Incoming};
use crate::reactor::{self, Interrupts, Progress, Socket, Work};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Column};

/// Describes `text` on this connection, and tells the function's query of its columns.
pub fn describe(
    connection: &mut Checkout,
    text: &Arc<str>,
    label: &str,
    shape: &Shape,
    deadline: Option<Instant>,
) -> Result<(), Problem> {
    connection.in_doubt = true;
    let future = Box::pin(description(connection.client(), text.clone()));
    let mut watch = connection.watch.take();
    let mut describing = Describing { connection, label, future, deadline, description: Description::default() };
    // An interrupt is held until the shard has been told: it may be waiting for a lock.
    match interrupts::catch(|| reactor::run(&mut describing, &mut watch, WAIT_EXTENSION, Interrupts::Serve)) {
        Ok(Ok(())) => {}
        Ok(Err(problem)) => {
            if matches!(problem, Problem::QueryTimeout) {
                abandon::cancel_last(describing.connection);
            }
            return Err(problem);
        }
        Err(unwinding) => {
            abandon::cancel_last(describing.connection);
            unwinding.resume()
        }
    }
    let description = describing.description;
    connection.watch = watch;
    connection.is_for_once = description.left_statements;
    shape.query.described(&description.columns, &shape.returns)
}

/// What a shard says of a query.
#[derive(Default)]
struct Description {
    columns: Vec<RemoteColumn>,
    /// Types that tokio-postgres doesn't know made it look them up, with prepared statements that it keeps for the
    /// connection's life. Behind a pooler their names may come to mean another client's.
    left_statements: bool,
}

type Described = Result<Description, tokio_postgres::Error>;

/// In a transaction of its own, which keeps a pooler between us and the server from sending the steps to different
/// servers, and of which nothing remains.
///
/// The outer error is that of a connection whose state isn't known any more, the inner one that of the query.
async fn description(client: Arc<Client>, text: Arc<str>) -> Result<Described, tokio_postgres::Error> {
    client.batch_execute("begin").await?;
    let description = client.prepare(&text).await.map(|statement| {
        let types = statement.params().iter().chain(statement.columns().iter().map(Column::type_));
        Description {
            left_statements: types.into_iter().any(|known| Type::from_oid(known.oid()).is_none()),
            columns: statement.columns().iter().map(remote_column).collect(),
        }
    });
    client.batch_execute("rollback").await?;
    Ok(description)
}

fn remote_column(column: &Column) -> RemoteColumn {
    RemoteColumn { name: column.name().to_owned(), type_oid: column.type_().oid() }
}

struct Describing<'a> {
    connection: &'a mut Checkout,
    label: &'a str,
    future: Pin<Box<dyn Future<Output = Result<Described, tokio_postgres::Error>>>>,
    deadline: Option<Instant>,
    description: Description,
}

impl Work for Describing<'_> {
    type Error = Problem;

    fn poll(&mut self) -> Result<Progress, Problem> {
        let wakeup = self.connection.wakeup();
        loop {
            let step = wakeup.settle(|context| match self.future.as_mut().poll(context) {
                Poll::Ready(description) => Poll::Ready(Ok(description)),
                Poll::Pending => self.connection.poll(context).map(Err),
            });
            match step {
                Poll::Pending if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) => {
                    return Err(Problem::QueryTimeout);
                }
                Poll::Pending => return Ok(Progress::Waiting),
                Poll::Ready(Ok(Ok(Err(error)))) => {
                    self.connection.in_doubt = false;
                    return Err(self.connection.failed(&error));
                }
                Poll::Ready(Ok(Ok(Ok(description)))) => {
                    self.connection.in_doubt = false;
                    self.description = description;
                    return Ok(Progress::Done);
                }
                Poll::Ready(Ok(Err(error))) => return Err(self.connection.failed(&error)),
                Poll::Ready(Err(Incoming::Notice(notice))) => crate::report::remote_notice(self.label, &notice),
                Poll::Ready(Err(Incoming::Lost(problem))) => return Err(problem),
            }
        }
    }

    fn sockets(&self) -> Vec<Socket> {
        vec![self.connection.socket().clone()]
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn before_exit(&mut self) {
        abandon::cancel_last(self.connection);
    }
}
