//! The connection service file: named groups of options (libpq, `parseServiceInfo`).
//!
//! Owns where the file is and its syntax. LDAP look-ups in it are a syntax error here.

use std::io;
use std::path::{Path, PathBuf};

use super::environment::{Defaults, Environment};
use super::error::ConninfoError;
use super::keyvalue::is_space;
use super::options;
use super::settings::Settings;

/// When a service is named, by the string or `PGSERVICE`, adds the options of its group that the
/// string does not have. The user's file comes first, then the system's.
pub(super) fn fill(
    settings: &mut Settings,
    environment: &dyn Environment,
    defaults: &Defaults,
) -> Result<(), ConninfoError> {
    let written = settings.get("service").map(str::to_owned);
    let Some(service) = written.or_else(|| environment.var("PGSERVICE")) else {
        return Ok(());
    };
    for (file, required) in files(environment, defaults) {
        let text = match environment.read_file(&file) {
            Ok(text) => text.contents,
            Err(error) if !required && is_absence(&error) => continue,
            Err(_) => return Err(ConninfoError::ServiceFileNotFound(file)),
        };
        if fill_from(settings, &service, &file, &text)? {
            return Ok(());
        }
    }
    Err(ConninfoError::ServiceNotFound(service))
}

/// The files to look in, and whether each must be there: only one that `PGSERVICEFILE` names.
fn files(environment: &dyn Environment, defaults: &Defaults) -> Vec<(PathBuf, bool)> {
    let users = match environment.var("PGSERVICEFILE") {
        Some(file) => Some((PathBuf::from(file), true)),
        None => environment.home_dir().map(|home| (home.join(".pg_service.conf"), false)),
    };
    let sysconf_dir = environment.var("PGSYSCONFDIR").map_or_else(|| defaults.sysconf_dir.clone(), PathBuf::from);
    let systems = (sysconf_dir.join("pg_service.conf"), false);
    users.into_iter().chain([systems]).collect()
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Returns whether the file has the group. Blanks around `=` are not allowed, and of an option
/// that the group has twice the first counts (libpq, `parseServiceFile`).
fn fill_from(settings: &mut Settings, service: &str, file: &Path, text: &str) -> Result<bool, ConninfoError> {
    let mut in_group = false;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_matches(is_space);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(header) = line.strip_prefix('[') {
            if in_group {
                return Ok(true);
            }
            in_group = header.strip_prefix(service).is_some_and(|rest| rest.starts_with(']'));
        } else if in_group {
            let (file, line_number) = (file.to_owned(), index + 1);
            let pair = line.split_once('=');
            match pair.and_then(|(keyword, value)| Some((options::find(keyword)?.keyword, value))) {
                Some(("service", _)) => {
                    return Err(ConninfoError::NestedService { file, line: line_number });
                }
                Some((keyword, value)) => settings.fill(keyword, || Some(value.to_owned())),
                None => {
                    return Err(ConninfoError::ServiceSyntax { file, line: line_number });
                }
            }
        }
    }
    Ok(in_group)
}
