//! What a shard's session is told of the settings under which it writes and reads text, and asked afterwards.
//!
//! Both are statements of their own in the request that has the query, around it: one implicit transaction, with whose end
//! the settings are again what they were. So nothing is left behind in a session that may be a pooler's, nothing needs to be
//! known of it, and there is no round trip more. A request whose values are all in binary, or mean the same under all
//! settings, has neither.
//!
//! That a function changes one of them while it runs, be it for itself alone, can't be prevented. A server reports such
//! changes, but not all of them: newer ones tell only what has remained of them at the end. So it is asked.

use crate::pg::guc::Settings;
use crate::wire::{Fields, Malformed};
use std::ffi::CStr;

/// The statement that gives these settings their portable values.
pub fn to_set(settings: Settings) -> String {
    let set = |(name, value)| format!("pg_catalog.set_config('{}','{}',true)", text(name), text(value));
    format!("select {}", settings.iter().map(set).collect::<Vec<_>>().join(","))
}

/// The statement that asks for the values of these settings.
pub fn to_ask(settings: Settings) -> String {
    let ask = |(name, _)| format!("pg_catalog.current_setting('{}')", text(name));
    format!("select {}", settings.iter().map(ask).collect::<Vec<_>>().join(","))
}

/// Which of these settings has another value by now, according to the answer.
pub fn changed(settings: Settings, answer: Fields<'_>) -> Result<Option<&'static str>, Malformed> {
    let (count, mut fields) = answer.iter()?;
    if usize::from(count) != settings.iter().count() {
        return Err(Malformed);
    }
    let mut changed = None;
    for (name, value) in settings.iter() {
        // `datestyle` also says in which order dates are read.
        let current = fields.next()?.unwrap_or_default();
        let is_same = current.split(|&byte| byte == b',').next() == Some(value.to_bytes());
        if !is_same {
            changed = changed.or(Some(text(name)));
        }
    }
    fields.end()?;
    Ok(changed)
}

fn text(text: &'static CStr) -> &'static str {
    text.to_str().expect("names and values of settings are ASCII")
}
