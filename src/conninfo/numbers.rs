//! Integers in option values, and the limits made of them.

use std::time::Duration;

use super::error::ConninfoError;
use super::keyvalue::is_space;
use super::settings::Settings;

/// A decimal C `int`, blanks around it allowed (libpq, `pqParseIntParam`).
pub(super) fn parse(option: &'static str, value: &str) -> Result<i32, ConninfoError> {
    value.trim_matches(is_space).parse().map_err(|_| ConninfoError::InvalidInteger { option, value: value.to_owned() })
}

/// The value of `option` when it is given and more than zero: for limits where zero and negative
/// values mean none.
pub(super) fn positive(settings: &Settings, option: &'static str) -> Result<Option<u32>, ConninfoError> {
    let value = match settings.get(option) {
        Some(text) => parse(option, text)?,
        None => 0,
    };
    Ok(u32::try_from(value).ok().filter(|&value| value > 0))
}

/// As [`positive`], for a number of seconds.
pub(super) fn seconds(settings: &Settings, option: &'static str) -> Result<Option<Duration>, ConninfoError> {
    Ok(positive(settings, option)?.map(|seconds| Duration::from_secs(seconds.into())))
}

/// TCP keepalive probes. What is `None` is left to the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keepalives {
    /// The silence before the first probe.
    pub idle: Option<Duration>,
    /// The time between probes.
    pub interval: Option<Duration>,
    /// The unanswered probes after which the connection is dead.
    pub count: Option<u32>,
}

impl Keepalives {
    /// `None` when `keepalives` is zero; the other options do not matter then.
    pub(super) fn of(settings: &Settings) -> Result<Option<Self>, ConninfoError> {
        let is_off = match settings.get("keepalives") {
            Some(text) => parse("keepalives", text)? == 0,
            None => false,
        };
        if is_off {
            return Ok(None);
        }
        Ok(Some(Self {
            idle: seconds(settings, "keepalives_idle")?,
            interval: seconds(settings, "keepalives_interval")?,
            count: positive(settings, "keepalives_count")?,
        }))
    }
}
