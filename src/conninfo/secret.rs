//! What must never be shown: the type of passwords, and what an error may quote of a text that
//! could hold one.
//!
//! Knows no syntax beyond the `user:password@` of URIs.

use std::borrow::Cow;
use std::fmt;

/// Stands in error texts and `Debug` output where a secret would be.
pub(super) const HIDDEN: &str = "***";

/// A password. Neither `Debug` nor `Display` shows it: only [`Secret::reveal`] does.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the one place that sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

/// The part of `text` that an error may quote.
///
/// A mistyped URI reaches errors as a host name, a database name or an option, with its user and
/// password in front of the last `@`: they are left out. After a `://` without `@` the rest may be
/// a password that was cut at a blank, so it is hidden whole.
pub(super) fn quotable(text: &str) -> Cow<'_, str> {
    match text.split_once("://") {
        None | Some((_, "")) => after_last_at(text).into(),
        Some((scheme, rest)) if rest.contains('@') => {
            format!("{}://{}", after_last_at(scheme), after_last_at(rest)).into()
        }
        Some((scheme, _)) => format!("{}://{HIDDEN}", after_last_at(scheme)).into(),
    }
}

fn after_last_at(text: &str) -> &str {
    match text.rsplit_once('@') {
        Some((_, "")) => HIDDEN,
        Some((_, after)) => after,
        None => text,
    }
}
