//! Simple queries to a server that has just let us in, before anything else is asked of it.

use super::search::{Failure, Next};
use super::session::{self, Protocol};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};
use tokio_postgres::{Client, SimpleQueryMessage};

/// The one value that the query returns.
pub async fn value_of(query: &str, client: &Client, protocol: &mut Protocol) -> Result<String, Failure> {
    let value = ask(query, client, protocol).await?.into_iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    value.ok_or_else(|| failed(format!("\"{query}\" failed")))
}

/// What the server answers to the query.
pub async fn ask(query: &str, client: &Client, protocol: &mut Protocol) -> Result<Vec<SimpleQueryMessage>, Failure> {
    let mut answer = pin!(client.simple_query(query));
    let answer = poll_fn(|context| match answer.as_mut().poll(context) {
        Poll::Ready(answer) => Poll::Ready(answer.map(Some)),
        Poll::Pending => drive(protocol, context).map(|end| end.map(|()| None)),
    })
    .await;
    match answer {
        Ok(Some(messages)) => Ok(messages),
        Ok(None) => Err(failed(format!("\"{query}\" failed"))),
        Err(error) => Err(failed(format!("\"{query}\" failed: {}", session::refusal(&error).reason))),
    }
}

fn failed(reason: String) -> Failure {
    Failure { reason, sqlstate: None, next: Next::Host }
}

/// Lets the connection send and receive. `Ready` when it is over.
fn drive(protocol: &mut Protocol, context: &mut Context<'_>) -> Poll<Result<(), tokio_postgres::Error>> {
    loop {
        match protocol.poll_message(context) {
            Poll::Ready(Some(Ok(_))) => {} // a notice on logging in is for nobody here
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
            Poll::Ready(None) => return Poll::Ready(Ok(())),
            Poll::Pending => return Poll::Pending,
        }
    }
}
