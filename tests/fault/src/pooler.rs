//! PgBouncer, in front of all databases of the private server.
//!
//! With its defaults, so up to 1.23 it knows nothing of prepared statements, and from 1.24 on it keeps track of them.

use crate::proxy::{Address, wait_until};
use crate::world::Server;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::PathBuf;
use std::process::{Child, Command};

/// A running PgBouncer; dropping it ends it.
#[derive(Debug)]
pub struct Pooler {
    process: Child,
    directory: PathBuf,
}

impl Pooler {
    /// Starts one in this mode: `session` or `transaction`.
    pub fn start(server: &Server, mode: &str) -> Pooler {
        let directory = server.home.join(format!("pooler-{mode}"));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir(&directory).expect("a directory for PgBouncer");
        let owner = fs::metadata(&server.home).expect("the server's directory is there");
        let path = directory.join("ini");
        let (home, port, user) = (server.home.display(), server.port, &server.user);
        let here = directory.display();
        let settings = format!(
            "[databases]\n* = host={home} port={port} user={user}\n[pgbouncer]\nlisten_addr =\nlisten_port = 6432\n\
             unix_socket_dir = {here}\nauth_type = any\npool_mode = {mode}\ndefault_pool_size = 20\n\
             max_client_conn = 500\nlog_connections = 0\n\
             logfile = {here}/log\n"
        );
        fs::write(&path, settings).expect("its settings");
        for entry in [&directory, &path] {
            fs::set_permissions(entry, Permissions::from_mode(0o755)).expect("our file");
            chown(entry, Some(owner.uid()), Some(owner.gid())).expect("the server's user may have it");
        }
        // It refuses to run as root, and mustn't outlive a rig that is killed.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if fs::metadata("/proc/self").is_ok_and(|us| us.uid() == 0) {
            command
                .args([format!("--reuid={}", owner.uid()), format!("--regid={}", owner.gid())])
                .arg("--clear-groups");
        }
        command.args(["pgbouncer", "-q"]).arg(&path).current_dir(&directory);
        let process = command.spawn().expect("setpriv and PgBouncer are installed: `make setup`");
        let socket = directory.join(".s.PGSQL.6432");
        wait_until("PgBouncer to listen", || socket.exists());
        Pooler { process, directory }
    }

    /// Whether it goes on when a server's session is ended while it passes on a cancel request that has come too late.
    /// Before 1.21 it ends itself, with the words "server in bad state: 11".
    pub fn survives_ended_sessions() -> bool {
        let output = Command::new("pgbouncer").arg("--version").output().expect("PgBouncer is installed");
        let text = String::from_utf8_lossy(&output.stdout);
        let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse::<u32>().ok());
        let version = numbers.next().zip(numbers.next());
        version.unwrap_or_else(|| panic!("PgBouncer says what it is: {text}")) >= (1, 21)
    }

    /// Where it listens.
    pub fn address(&self) -> Address {
        Address::Unix { directory: self.directory.clone(), port: 6432 }
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let ended = self.process.try_wait();
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            if let Ok(Some(status)) = ended {
                println!("PgBouncer has ended itself: {status}");
            }
            println!("PgBouncer's log:\n{}", fs::read_to_string(self.directory.join("log")).unwrap_or_default());
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}
