//! Asking a shard what the columns of a user's SELECT are.

use crate::error::Problem;
use crate::function::Function;
use crate::pg::waitevent::WAIT_EXTENSION;
use crate::pool::{Checkout, Incoming};
use crate::reactor::{self, Interrupts, Socket, Work};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;
use tokio_postgres::Client;

type Columns = Result<Vec<String>, tokio_postgres::Error>;

/// Describes `text` on this connection, and tells the function's query of its columns.
pub fn describe(connection: &mut Checkout, text: &Arc<str>, function: &Function) -> Result<(), Problem> {
    connection.in_doubt = true;
    let future = Box::pin(columns(connection.client(), text.clone()));
    let mut watch = connection.watch.take();
    let mut describing = Describing { connection, label: &function.label, future, columns: Vec::new() };
    reactor::run(&mut describing, &mut watch, WAIT_EXTENSION, Interrupts::Serve)?;
    let columns = describing.columns;
    connection.watch = watch;
    function.query.described(&columns, &function.returns)
}

/// In a transaction of its own, which keeps a pooler between us and the server from sending the steps to different
/// servers, and of which nothing remains.
async fn columns(client: Arc<Client>, text: Arc<str>) -> Columns {
    client.batch_execute("begin").await?;
    let statement = client.prepare(&text).await;
    let columns = statement.map(|statement| statement.columns().iter().map(|c| c.name().to_owned()).collect());
    client.batch_execute("rollback").await?;
    columns
}

struct Describing<'a> {
    connection: &'a mut Checkout,
    label: &'a str,
    future: Pin<Box<dyn Future<Output = Columns>>>,
    columns: Vec<String>,
}

impl Work for Describing<'_> {
    type Error = Problem;

    fn poll(&mut self) -> Result<Poll<()>, Problem> {
        let wakeup = self.connection.wakeup();
        loop {
            let step = wakeup.settle(|context| match self.future.as_mut().poll(context) {
                Poll::Ready(columns) => Poll::Ready(Ok(columns)),
                Poll::Pending => self.connection.poll(context).map(Err),
            });
            match step {
                Poll::Pending => return Ok(Poll::Pending),
                Poll::Ready(Ok(Ok(columns))) => {
                    self.connection.in_doubt = false;
                    self.columns = columns;
                    return Ok(Poll::Ready(()));
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
        None
    }
}
