//! What PostgreSQL was built with: the defaults that a libpq of the same build has.

use pgrx::pg_sys;
use std::ffi::CStr;
use std::path::PathBuf;

/// Directory of the Unix-domain sockets.
pub fn socket_dir() -> PathBuf {
    PathBuf::from(pg_sys::DEFAULT_PGSOCKET_DIR.to_string_lossy().into_owned())
}

/// Directory of the system-wide configuration files.
pub fn sysconf_dir() -> PathBuf {
    let mut path = [0; pg_sys::MAXPGPATH as usize];
    // SAFETY: get_etc_path writes at most MAXPGPATH bytes, NUL-terminated; my_exec_path is the path of this server.
    unsafe {
        pg_sys::get_etc_path((&raw const pg_sys::my_exec_path).cast(), path.as_mut_ptr());
        PathBuf::from(CStr::from_ptr(path.as_ptr()).to_string_lossy().into_owned())
    }
}

/// The port.
pub fn port() -> u16 {
    pg_sys::DEF_PGPORT as u16
}
