//! The real [`Environment`]: this process's variables and the file system.
//!
//! The only file of the module that touches `std::env` and `std::fs`.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use super::environment::{Environment, FileText};

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
        // Looking first, since opening a FIFO would block.
        let metadata = fs::metadata(path)?;
        let contents = match metadata.is_file() {
            true => fs::read(path)?,
            false => Vec::new(),
        };
        Ok(FileText {
            contents: String::from_utf8_lossy(&contents).into_owned(),
            mode: metadata.permissions().mode() & 0o7777,
            is_plain_file: metadata.is_file(),
        })
    }

    fn home_dir(&self) -> Option<PathBuf> {
        env::home_dir().filter(|home| !home.as_os_str().is_empty())
    }

    fn os_user(&self) -> Option<String> {
        self.os_user.clone()
    }
}
