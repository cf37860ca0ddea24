//! The name under which a session appears on its server, from a format with escapes. Pure.
//!
//! The escapes and what becomes of those that there aren't are those of `postgres_fdw.application_name`.

/// What an escape stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// `%a`: `application_name` of this session.
    ApplicationName,
    /// `%C`: `cluster_name` of this server.
    ClusterName,
    /// `%c`: the ID of this session, as in the log.
    SessionId,
    /// `%d`: the database.
    Database,
    /// `%p`: the process ID.
    ProcessId,
    /// `%u`: the user.
    User,
}

impl Escape {
    fn of(letter: char) -> Option<Escape> {
        Some(match letter {
            'a' => Escape::ApplicationName,
            'C' => Escape::ClusterName,
            'c' => Escape::SessionId,
            'd' => Escape::Database,
            'p' => Escape::ProcessId,
            'u' => Escape::User,
            _ => return None,
        })
    }
}

/// The format with the escapes replaced, `%%` by `%`; what has no value is `[unknown]`. An escape that there isn't is left
/// out, and so is a `%` at the end.
pub fn expand(format: &str, value: impl Fn(Escape) -> Option<String>) -> String {
    let mut name = String::with_capacity(format.len());
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            name.push(letter);
            continue;
        }
        match letters.next() {
            Some('%') => name.push('%'),
            Some(letter) => {
                let value = Escape::of(letter).map(|escape| value(escape).unwrap_or_else(|| "[unknown]".into()));
                name.push_str(&value.unwrap_or_default());
            }
            None => {}
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::{Escape, expand};

    fn expanded(format: &str) -> String {
        expand(format, |escape| match escape {
            Escape::User => None,
            Escape::ApplicationName => Some("%p".into()),
            other => Some(format!("<{other:?}>")),
        })
    }

    #[test]
    fn escapes_are_replaced() {
        assert_eq!(expanded("plproxy:%d:%p"), "plproxy:<Database>:<ProcessId>");
        assert_eq!(expanded("%C %c"), "<ClusterName> <SessionId>");
        assert_eq!(expanded("ä%pö"), "ä<ProcessId>ö");
    }

    #[test]
    fn a_value_is_taken_as_it_is() {
        assert_eq!(expanded("%a"), "%p");
    }

    #[test]
    fn what_has_no_value_is_unknown() {
        assert_eq!(expanded("%u%u"), "[unknown][unknown]");
    }

    #[test]
    fn a_percent_sign_is_two() {
        assert_eq!(expanded("100%%"), "100%");
        assert_eq!(expanded("%%p"), "%p");
        assert_eq!(expanded("%%%p"), "%<ProcessId>");
    }

    #[test]
    fn what_is_no_escape_is_left_out() {
        assert_eq!(expanded("a%xb%ä%-5pc%"), "ab5pc");
        assert_eq!(expanded("%"), "");
        assert_eq!(expanded(""), "");
    }
}
