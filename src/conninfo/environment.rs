//! The world outside a connection string, as the rest of the module may see it.

use std::io;
use std::path::{Path, PathBuf};

/// Where environment variables and files come from. [`super::ProcessEnvironment`] is the real one.
pub trait Environment {
    /// The value of an environment variable, `None` when it is not set. Set to nothing is `Some("")`.
    fn var(&self, name: &str) -> Option<String>;

    /// The text and the permissions of a file. A file that is not a plain one is described, not read.
    fn read_file(&self, path: &Path) -> io::Result<FileText>;

    /// The home directory of the user this process runs as.
    fn home_dir(&self) -> Option<PathBuf>;

    /// The name of the user this process runs as: the last resort for `user`.
    fn os_user(&self) -> Option<String>;
}

/// A file as [`Environment::read_file`] found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileText {
    /// Empty when the file is not a plain one. Bytes that are not UTF-8 are replaced.
    pub contents: String,
    /// Unix permission bits.
    pub mode: u32,
    pub is_plain_file: bool,
}

/// No variables, no files, no user: for a connection string whose author must not profit from what
/// this process can read. A string that names a service fails there, one that names a password
/// file gets nothing from it; client certificates are for the caller to look for, with
/// [`super::Settings::is_given`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Isolated;

impl Environment for Isolated {
    fn var(&self, _name: &str) -> Option<String> {
        None
    }

    fn read_file(&self, _path: &Path) -> io::Result<FileText> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn home_dir(&self) -> Option<PathBuf> {
        None
    }

    fn os_user(&self) -> Option<String> {
        None
    }
}

/// What the server that connects has to say where the connection string says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defaults {
    /// Used when no host is given (`DEFAULT_PGSOCKET_DIR`, such as `/var/run/postgresql` or `/tmp`).
    pub socket_dir: PathBuf,
    /// Where `pg_service.conf` is when `PGSYSCONFDIR` does not say (`SYSCONFDIR`).
    pub sysconf_dir: PathBuf,
    /// Used when no port is given (`DEF_PGPORT`).
    pub port: u16,
    /// How the session is named, unless the string or its service has an `application_name` or a
    /// `fallback_application_name`. It comes before `PGAPPNAME`, which is for all that the server does.
    pub application_name: Option<String>,
}
