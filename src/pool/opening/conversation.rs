//! Simple queries to a server that has just let us in, before anything else is asked of it.

use super::search::{Failure, Next};
use super::session::answer_text;
use crate::pg::encoding;
use crate::pool::connection::{breakdown, remote_error};
use crate::pool::stream::{End, Stream};
use crate::wire::{Malformed, Message, Transaction};
use std::future::poll_fn;
use std::task::Poll;

/// The one value that the query returns.
pub async fn value_of(query: &str, stream: &mut Stream) -> Result<String, Failure> {
    ask(query, stream).await?.ok_or_else(|| failed(format!("\"{query}\" failed")))
}

/// Runs the query; the first value of what it returns, if it returns one.
pub async fn ask(query: &str, stream: &mut Stream) -> Result<Option<String>, Failure> {
    stream.outbox.query(query);
    let mut answer = Answer::default();
    let end = poll_fn(|_| answer.advance(stream)).await;
    let reason = match (answer.error, end) {
        (None, Ok(())) => return Ok(answer.value),
        (Some(error), _) => error,
        (None, Err(end)) => breakdown(&end),
    };
    Err(failed(format!("\"{query}\" failed: {reason}")))
}

/// How many messages are taken before others have their turn.
const BATCH: usize = 8;

#[derive(Default)]
struct Answer {
    value: Option<String>,
    error: Option<String>,
}

impl Answer {
    /// Takes what has arrived, but no more than a batch. `Ready` when it is complete.
    fn advance(&mut self, stream: &mut Stream) -> Poll<Result<(), End>> {
        for _ in 0..BATCH {
            match stream.has_message() {
                Ok(true) => {}
                Ok(false) => return Poll::Pending,
                Err(end) => return Poll::Ready(Err(end)),
            }
            match stream.take() {
                Ok(Some(Message::Row(row))) => {
                    let mut places = Vec::new();
                    if row.locate(&mut places).is_err() {
                        return Poll::Ready(Err(Malformed.into()));
                    }
                    let value = places.first().and_then(|place| row.field(place));
                    self.value = value.map(encoding::from_wire);
                }
                Ok(Some(Message::Error(report))) => {
                    let error = remote_error(&report);
                    let (detail, hint) = (error.detail.as_deref(), error.hint.as_deref());
                    self.error = Some(answer_text(&error.severity, &error.message, detail, hint));
                }
                Ok(Some(Message::Ready(Transaction::None))) => return Poll::Ready(Ok(())),
                Ok(Some(Message::Ready(Transaction::Open))) => return Poll::Ready(Err(Malformed.into())),
                Ok(_) => {} // a notice on logging in is for nobody here
                Err(end) => return Poll::Ready(Err(end)),
            }
        }
        stream.socket().make_haste();
        Poll::Pending
    }
}

fn failed(reason: String) -> Failure {
    Failure { reason, sqlstate: None, next: Next::Host }
}
