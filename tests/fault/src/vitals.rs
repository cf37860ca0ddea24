//! What must be the same before and after a case: what the coordinator's backend holds.

use std::collections::BTreeMap;
use std::fs;

/// What a backend holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vitals {
    /// Descriptors of sockets.
    pub sockets: usize,
    /// Descriptors of epoll sets and the like.
    pub anonymous: usize,
    /// Descriptors of temporary files.
    pub temporary: usize,
    /// Memory of its own, in kB (RssAnon).
    pub memory: usize,
}

impl Vitals {
    /// Of a process. Relation files aren't counted: the server opens them when it needs to, and keeps them.
    pub fn of(pid: i32) -> Vitals {
        let mut vitals = Vitals { sockets: 0, anonymous: 0, temporary: 0, memory: memory(pid) };
        for target in descriptors(pid).values() {
            if target.starts_with("socket:") {
                vitals.sockets += 1;
            } else if target.starts_with("anon_inode:") {
                vitals.anonymous += 1;
            } else if target.contains("pgsql_tmp") {
                vitals.temporary += 1;
            }
        }
        vitals
    }
}

/// What the descriptors of a process lead to.
pub fn descriptors(pid: i32) -> BTreeMap<String, String> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).unwrap_or_else(|error| panic!("process {pid}: {error}"));
    let described = entries.flatten().filter_map(|entry| {
        // One that is closed meanwhile has no target.
        let target = fs::read_link(entry.path()).ok()?;
        Some((entry.file_name().to_string_lossy().into_owned(), target.display().to_string()))
    });
    described.collect()
}

/// Memory of a process that is its own, in kB.
pub fn memory(pid: i32) -> usize {
    let status =
        fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_else(|error| panic!("process {pid}: {error}"));
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("Linux says how much memory it is");
    line.trim().trim_end_matches(" kB").parse().expect("a number of kB")
}
