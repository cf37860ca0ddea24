//! The real [`Environment`]: this process's variables and the file system.
//!
//! The only file of the module that touches `std::env` and the file system.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::{env, io};

use super::environment::{Environment, FileText};
use crate::plain_file;

/// This process, with the user name that its caller looked up (a name for the effective user id
/// needs the system's user database).
#[derive(Debug, Clone, Default)]
pub struct ProcessEnvironment {
    pub os_user: Option<String>,
}

impl Environment for ProcessEnvironment {
    /// Bytes that are not UTF-8 are replaced, so that a wrong value is noticed and not skipped.
    fn var(&self, name: &str) -> Option<String> {
        env::var_os(name).map(|value| value.to_string_lossy().into_owned())
    }

    fn read_file(&self, path: &Path) -> io::Result<FileText> {
        match plain_file::read(path) {
            Ok((contents, metadata)) => Ok(FileText {
                contents: String::from_utf8_lossy(&contents).into_owned(),
                mode: metadata.permissions().mode() & 0o7777,
                is_plain_file: true,
            }),
            Err(error) if plain_file::is_other(&error) => {
                Ok(FileText { contents: String::new(), mode: 0, is_plain_file: false })
            }
            Err(error) => Err(error),
        }
    }

    fn home_dir(&self) -> Option<PathBuf> {
        env::home_dir().filter(|home| !home.as_os_str().is_empty())
    }

    fn os_user(&self) -> Option<String> {
        self.os_user.clone()
    }
}
