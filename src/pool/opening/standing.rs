//! Whether a server is of the kind that `target_session_attrs` asks for.
//!
//! Servers from version 14 on say so unasked, in two parameters that come with the login. Older ones, and poolers that
//! don't pass these on, have to be asked (libpq, `CONNECTION_CHECK_TARGET`).

use super::conversation::value_of;
use super::search::{Failure, Next};
use crate::conninfo::TargetSessionAttrs;
use crate::pool::stream::Stream;

/// Fails if the session isn't what is wanted: then another host may be. `parameter` is what came with the login.
pub async fn check<'p>(
    wanted: TargetSessionAttrs,
    parameter: impl Fn(&str) -> Option<&'p str>,
    stream: &mut Stream,
) -> Result<(), Failure> {
    use TargetSessionAttrs::{Any, PreferStandby, Primary, ReadOnly, ReadWrite, Standby};
    let mismatch = match wanted {
        Any => None,
        ReadWrite => is_read_only(parameter, stream).await?.then_some("session is read-only"),
        ReadOnly => (!is_read_only(parameter, stream).await?).then_some("session is not read-only"),
        Primary => is_in_recovery(parameter, stream).await?.then_some("server is in hot standby mode"),
        Standby | PreferStandby => {
            (!is_in_recovery(parameter, stream).await?).then_some("server is not in hot standby mode")
        }
    };
    match mismatch {
        None => Ok(()),
        Some(reason) => Err(Failure { reason: reason.into(), sqlstate: None, next: Next::Host }),
    }
}

async fn is_read_only<'p>(parameter: impl Fn(&str) -> Option<&'p str>, stream: &mut Stream) -> Result<bool, Failure> {
    match (parameter("default_transaction_read_only"), parameter("in_hot_standby")) {
        (Some(default), Some(standby)) => Ok(default == "on" || standby == "on"),
        _ => value_of("SHOW transaction_read_only", stream).await.map(|answer| answer == "on"),
    }
}

async fn is_in_recovery<'p>(parameter: impl Fn(&str) -> Option<&'p str>, stream: &mut Stream) -> Result<bool, Failure> {
    match parameter("in_hot_standby") {
        Some(standby) => Ok(standby == "on"),
        None => value_of("SELECT pg_catalog.pg_is_in_recovery()", stream).await.map(|answer| answer == "t"),
    }
}
