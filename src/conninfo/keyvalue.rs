//! The `key = value` syntax, read and written (libpq, `conninfo_parse`).
//!
//! Knows quoting only; which keywords exist is for `options`.

use std::fmt;

use super::error::ConninfoError;
use super::options;
use super::secret::{HIDDEN, quotable};
use super::settings::Settings;

/// C's `isspace`, which libpq uses wherever blanks matter.
pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t'..='\r')
}

pub(super) fn parse(text: &str) -> Result<Settings, ConninfoError> {
    let mut settings = Settings::default();
    let mut rest = skip_blanks(text);
    // An unquoted blank in a password makes the rest of the password look like the next keyword.
    let mut may_be_secret = false;
    while !rest.is_empty() {
        let name_end = rest.find(|c| c == '=' || is_space(c));
        let (name, after_name) = rest.split_at(name_end.unwrap_or(rest.len()));
        let shown = || match may_be_secret {
            true => HIDDEN.to_owned(),
            false => quotable(name).into_owned(),
        };
        let Some(after_equals) = skip_blanks(after_name).strip_prefix('=') else {
            return Err(ConninfoError::MissingEquals(shown()));
        };
        let value_text = skip_blanks(after_equals);
        if !options::is_secret(name) && is_secret_setting(value_text) {
            return Err(ConninfoError::MissingValue(shown()));
        }
        let (value, after_value) = take_value(value_text)?;
        settings.set(name, value).map_err(|_| ConninfoError::UnknownOption(shown()))?;
        let clearly_ends = value_text.starts_with('\'') && after_value.starts_with(is_space);
        may_be_secret = options::is_secret(name) && !clearly_ends;
        rest = skip_blanks(after_value);
    }
    Ok(settings)
}

/// To libpq `host= password=a` gives a host and no password. Nobody meant that, and hosts are shown.
fn is_secret_setting(value_text: &str) -> bool {
    value_text.split_once('=').is_some_and(|(keyword, _)| options::is_secret(keyword.trim_end_matches(is_space)))
}

fn skip_blanks(text: &str) -> &str {
    text.trim_start_matches(is_space)
}

/// Splits off one value: quoted up to the closing quote, else up to a blank. A backslash keeps the
/// next character as it is; one at the very end of an unquoted value is dropped.
fn take_value(text: &str) -> Result<(String, &str), ConninfoError> {
    let (quoted, body) = match text.strip_prefix('\'') {
        Some(body) => (true, body),
        None => (false, text),
    };
    let mut value = String::new();
    let mut chars = body.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            '\'' if quoted => return Ok((value, &body[at + 1..])),
            c if is_space(c) && !quoted => return Ok((value, &body[at..])),
            c => value.push(c),
        }
    }
    match quoted {
        true => Err(ConninfoError::UnterminatedQuote),
        false => Ok((value, "")),
    }
}

/// Writes pairs so that [`parse`] reads them back.
pub(super) fn write<'a>(f: &mut fmt::Formatter<'_>, pairs: impl Iterator<Item = (&'a str, &'a str)>) -> fmt::Result {
    for (index, (keyword, value)) in pairs.enumerate() {
        let separator = if index == 0 { "" } else { " " };
        write!(f, "{separator}{keyword}={}", Quoted(value))?;
    }
    Ok(())
}

/// A value as it is written after `=`: bare where that is safe, else in quotes.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let needs_quotes = self.0.is_empty()
            || self.0.contains(|c| is_space(c) || matches!(c, '\'' | '\\'))
            || is_secret_setting(self.0);
        if !needs_quotes {
            return f.write_str(self.0);
        }
        f.write_str("'")?;
        for c in self.0.chars() {
            if matches!(c, '\'' | '\\') {
                f.write_str("\\")?;
            }
            write!(f, "{c}")?;
        }
        f.write_str("'")
    }
}
