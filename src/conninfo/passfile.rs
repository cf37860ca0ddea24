//! The password file: lines of `host:port:database:user:password` (libpq, `passwordFromFile`).
//!
//! Owns who may have access to the file, and its syntax.

use std::io;
use std::path::Path;

use super::environment::Environment;
use super::secret::Secret;

/// What a line of the file must be for.
pub(super) struct Wanted<'a> {
    /// `localhost` for a Unix-domain socket in the default directory.
    pub host: &'a str,
    pub port: u16,
    pub dbname: &'a str,
    pub user: &'a str,
}

/// A password file that is fit for use.
#[derive(Default)]
pub(super) struct PasswordFile {
    contents: String,
}

impl PasswordFile {
    /// Opens the file. One that is missing is as an empty one; so is one that others may read, that
    /// is not a plain file or that is too large, with a warning.
    pub(super) fn open(path: &Path, environment: &dyn Environment) -> (Self, Option<String>) {
        let shown = path.display();
        let file = match environment.read_file(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                return (Self::default(), Some(format!("password file \"{shown}\" is too large")));
            }
            Err(_) => return (Self::default(), None),
        };
        if !file.is_plain_file {
            let warning = format!("password file \"{shown}\" is not a plain file");
            return (Self::default(), Some(warning));
        }
        if file.mode & 0o077 != 0 {
            let warning = format!(
                "password file \"{shown}\" has group or world access; permissions should be u=rw (0600) or less"
            );
            return (Self::default(), Some(warning));
        }
        (Self { contents: file.contents }, None)
    }

    /// The password of the first line that fits; none when that password is empty.
    pub(super) fn password(&self, wanted: &Wanted<'_>) -> Option<Secret> {
        let port = wanted.port.to_string();
        let fields = [wanted.host, &port, wanted.dbname, wanted.user];
        let fits = |line| fields.into_iter().try_fold(line, strip_field);
        let password = self
            .contents
            .lines()
            .map(|line| line.trim_end_matches('\r'))
            .filter(|line| !line.starts_with('#'))
            .find_map(fits)?;
        Some(unescape(password)).filter(|password| !password.is_empty()).map(Secret::new)
    }
}

/// What follows the first field of `line` when that field is `*` or means `wanted` (libpq,
/// `pwdfMatchesString`). A backslash takes the next character as it is; so does a colon where
/// `wanted` has one, which is how an unescaped IPv6 address matches.
fn strip_field<'a>(line: &'a str, wanted: &str) -> Option<&'a str> {
    if let Some(rest) = line.strip_prefix("*:") {
        return Some(rest);
    }
    let mut found = line.chars();
    let mut wanted = wanted.chars();
    loop {
        let c = match found.next()? {
            ':' if wanted.as_str().is_empty() => return Some(found.as_str()),
            '\\' => found.next()?,
            c => c,
        };
        if wanted.next() != Some(c) {
            return None;
        }
    }
}

/// The last field, up to an unescaped colon: later versions of the file may have more fields.
fn unescape(field: &str) -> String {
    let mut password = String::new();
    let mut chars = field.chars();
    while let Some(c) = chars.next() {
        match c {
            ':' => break,
            '\\' => password.push(chars.next().unwrap_or('\\')),
            c => password.push(c),
        }
    }
    password
}
