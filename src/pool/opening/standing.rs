//! Whether a server is of the kind that `target_session_attrs` asks for.
//!
//! Servers from version 14 on say so unasked, in two parameters that come with the login. Older ones, and poolers that
//! don't pass these on, have to be asked (libpq, `CONNECTION_CHECK_TARGET`).

use super::search::{Failure, Next};
use super::session::{self, Protocol};
use crate::conninfo::TargetSessionAttrs;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};
use tokio_postgres::{Client, SimpleQueryMessage};

/// Fails if the session isn't what is wanted: then another host may be.
pub async fn check(wanted: TargetSessionAttrs, client: &Client, protocol: &mut Protocol) -> Result<(), Failure> {
    use TargetSessionAttrs::{Any, PreferStandby, Primary, ReadOnly, ReadWrite, Standby};
    let mismatch = match wanted {
        Any => None,
        ReadWrite => is_read_only(client, protocol).await?.then_some("session is read-only"),
        ReadOnly => (!is_read_only(client, protocol).await?).then_some("session is not read-only"),
        Primary => is_in_recovery(client, protocol).await?.then_some("server is in hot standby mode"),
        Standby | PreferStandby => {
            (!is_in_recovery(client, protocol).await?).then_some("server is not in hot standby mode")
        }
    };
    match mismatch {
        None => Ok(()),
        Some(reason) => Err(Failure { reason: reason.into(), sqlstate: None, next: Next::Host }),
    }
}

async fn is_read_only(client: &Client, protocol: &mut Protocol) -> Result<bool, Failure> {
    match (protocol.parameter("default_transaction_read_only"), protocol.parameter("in_hot_standby")) {
        (Some(default), Some(standby)) => Ok(default == "on" || standby == "on"),
        _ => ask("SHOW transaction_read_only", client, protocol).await.map(|answer| answer == "on"),
    }
}

async fn is_in_recovery(client: &Client, protocol: &mut Protocol) -> Result<bool, Failure> {
    match protocol.parameter("in_hot_standby") {
        Some(standby) => Ok(standby == "on"),
        None => ask("SELECT pg_catalog.pg_is_in_recovery()", client, protocol).await.map(|answer| answer == "t"),
    }
}

/// The one value that the query returns.
async fn ask(query: &str, client: &Client, protocol: &mut Protocol) -> Result<String, Failure> {
    let mut answer = pin!(client.simple_query(query));
    let answer = poll_fn(|context| match answer.as_mut().poll(context) {
        Poll::Ready(answer) => Poll::Ready(answer.map(Some)),
        Poll::Pending => drive(protocol, context).map(|end| end.map(|()| None)),
    })
    .await;
    let value = |messages: Vec<SimpleQueryMessage>| {
        messages.into_iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        })
    };
    let failed = |reason| Failure { reason, sqlstate: None, next: Next::Host };
    match answer {
        Ok(messages) => messages.and_then(value).ok_or_else(|| failed(format!("\"{query}\" failed"))),
        Err(error) => Err(failed(format!("\"{query}\" failed: {}", session::refusal(&error).reason))),
    }
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
