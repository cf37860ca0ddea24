//! How deep a call is: how many plproxy calls, of which each runs inside of the one before, have led to it.
//!
//! A function whose cluster leads back to its own database would call itself until there is no connection left, anywhere.
//! No session can see that by itself; so each tells the next one how deep it is. It does so by the name of the portal that
//! runs the query: unlike a setting or a start-up parameter this needs no message of its own and passes every pooler, and
//! unlike a comment it leaves the query alone.

use crate::error::Problem;
use crate::pg::portals;
use crate::settings;
use std::ffi::CStr;

/// The portals' names, by depth; a call that comes from elsewhere has depth 0, and no such portal.
const PORTALS: [&CStr; settings::DEEPEST] = [
    c"plproxy_depth_1",
    c"plproxy_depth_2",
    c"plproxy_depth_3",
    c"plproxy_depth_4",
    c"plproxy_depth_5",
    c"plproxy_depth_6",
    c"plproxy_depth_7",
    c"plproxy_depth_8",
];

/// The name of the portals that this call's queries run in; fails if it is too deep to make any.
pub fn portal() -> Result<&'static str, Problem> {
    let depth = current();
    let limit = settings::max_depth();
    if depth >= limit {
        return Err(Problem::TooDeep(limit));
    }
    Ok(PORTALS[depth].to_str().expect("plain ASCII"))
}

fn current() -> usize {
    portals::with_active_name(|name| match name {
        // Nearly always: what a client runs, or another plproxy.
        Some(name) if name.is_empty() => 0,
        Some(name) if let Some(depth) = PORTALS.iter().position(|&portal| portal == name) => depth + 1,
        // A query inside of a function, which may be in such a portal.
        _ => PORTALS.iter().position(|portal| portals::exists(portal)).map_or(0, |depth| depth + 1),
    })
}
