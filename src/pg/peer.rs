//! Who is at the other end of a Unix-domain socket (the system's calls; PostgreSQL's own are for its own sockets).

use std::ffi::{CStr, c_int};
use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// The user that the process at the other end ran as when it began to listen.
#[cfg(target_os = "linux")]
pub fn user_id(socket: &impl AsFd) -> io::Result<libc::uid_t> {
    let mut peer = libc::ucred { pid: 0, uid: libc::uid_t::MAX, gid: libc::gid_t::MAX };
    let mut length = size_of_val(&peer) as libc::socklen_t;
    // SAFETY: the descriptor is open for as long as it is borrowed; `peer` has `length` bytes.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut peer).cast(),
            &raw mut length,
        )
    };
    success(result).map(|()| peer.uid)
}

/// The user that the process at the other end ran as when it began to listen.
#[cfg(not(target_os = "linux"))]
pub fn user_id(socket: &impl AsFd) -> io::Result<libc::uid_t> {
    let (mut uid, mut gid) = (libc::uid_t::MAX, libc::gid_t::MAX);
    // SAFETY: the descriptor is open for as long as it is borrowed, and both are there to be written to.
    let result = unsafe { libc::getpeereid(socket.as_fd().as_raw_fd(), &raw mut uid, &raw mut gid) };
    success(result).map(|()| uid)
}

fn success(result: c_int) -> io::Result<()> {
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The name of a user of the system; `None` if there is no such user.
pub fn user_name(uid: libc::uid_t) -> io::Result<Option<String>> {
    let mut text = vec![0; 1024];
    loop {
        // SAFETY: plain C data, for which zeroes are a value.
        let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
        let mut found = std::ptr::null_mut();
        // SAFETY: `text` has the length that is given, and outlives what `entry` points to.
        match unsafe { libc::getpwuid_r(uid, &raw mut entry, text.as_mut_ptr(), text.len(), &raw mut found) } {
            0 if found.is_null() => return Ok(None),
            // SAFETY: a found entry has a NUL-terminated name, in `text`.
            0 => return Ok(Some(unsafe { CStr::from_ptr(entry.pw_name) }.to_string_lossy().into_owned())),
            libc::ERANGE => text.resize(text.len() * 2, 0),
            error => return Err(io::Error::from_raw_os_error(error)),
        }
    }
}
