//! What a connection string says, and nothing it does not say.
//!
//! Owns the set of keywords and values between parsing and resolving; knows neither syntax nor the
//! meaning of values. Every keyword in it is one of the table in `options`.

use std::collections::BTreeMap;
use std::fmt;

use super::error::ConninfoError;
use super::keyvalue;
use super::options;
use super::secret::HIDDEN;
use super::uri;

/// How many bytes a connection string may have. libpq has no limit, but it doesn't get its strings from others.
pub(super) const LONGEST: usize = 1024 * 1024;

/// The keywords and values of one connection string, as written.
///
/// A keyword that was written twice has its last value. An empty value is kept, since libpq lets
/// it hide an environment variable.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Settings {
    values: BTreeMap<&'static str, String>,
}

impl Settings {
    /// Reads a URI when the text starts with `postgresql://` or `postgres://`, else a list of
    /// `key = value` (libpq, `parse_connection_string`).
    pub fn parse(connstr: &str) -> Result<Self, ConninfoError> {
        if connstr.len() > LONGEST {
            return Err(ConninfoError::TooLong(connstr.len()));
        }
        match uri::strip_scheme(connstr) {
            Some(after_scheme) => uri::parse(connstr, after_scheme),
            None => keyvalue::parse(connstr),
        }
    }

    /// The value written for `keyword`, empty or not.
    pub fn get(&self, keyword: &str) -> Option<&str> {
        debug_assert!(options::find(keyword).is_some(), "{keyword} is not a connection option");
        self.values.get(keyword).map(String::as_str)
    }

    /// The value of `keyword` unless it is empty, for the many options where libpq takes empty for
    /// absent.
    pub fn get_nonempty(&self, keyword: &str) -> Option<&str> {
        self.get(keyword).filter(|value| !value.is_empty())
    }

    /// Whether `keyword` was given a value, for decisions such as "was the password in the string".
    pub fn is_given(&self, keyword: &str) -> bool {
        self.get_nonempty(keyword).is_some()
    }

    /// Sets `keyword`, replacing its value. `requiressl` becomes the `sslmode` it stands for.
    pub fn set(&mut self, keyword: &str, value: impl Into<String>) -> Result<(), ConninfoError> {
        let value = value.into();
        let (keyword, value) = match keyword {
            "requiressl" if value.starts_with('1') => ("sslmode", "require".to_owned()),
            "requiressl" => ("sslmode", "prefer".to_owned()),
            _ => (keyword, value),
        };
        let option = options::find(keyword).ok_or_else(|| ConninfoError::UnknownOption(keyword.to_owned()))?;
        self.values.insert(option.keyword, value);
        Ok(())
    }

    /// Sets `keyword` unless the string gave it a value.
    ///
    /// An empty `user=` counts as not given: libpq would take the operating system's user for it,
    /// and no caller of this wants that.
    pub fn with_default(mut self, keyword: &str, value: impl Into<String>) -> Result<Self, ConninfoError> {
        if options::find(keyword).is_none() || !self.is_given(keyword) {
            self.set(keyword, value)?;
        }
        Ok(self)
    }

    /// Sets `keyword` unless it is there, even empty: the rule between libpq's own layers.
    pub(super) fn fill(&mut self, keyword: &'static str, value: impl FnOnce() -> Option<String>) {
        if !self.values.contains_key(keyword)
            && let Some(value) = value()
        {
            self.values.insert(keyword, value);
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.values.iter().map(|(&keyword, value)| {
            let hide = options::is_secret(keyword);
            (keyword, if hide { HIDDEN } else { value.as_str() })
        });
        f.debug_map().entries(shown).finish()
    }
}

/// The settings as a `key=value` list that parses back, without the secrets.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self
            .values
            .iter()
            .filter(|(keyword, _)| !options::is_secret(keyword))
            .map(|(&keyword, value)| (keyword, value.as_str()));
        keyvalue::write(f, shown)
    }
}
