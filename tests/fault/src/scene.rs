//! One case's world, and what must hold after the case.
//!
//! What it owns: a session on the coordinator, a proxy in front of each shard, PgBouncer where the path leads through it.
//! Before a case everything is as new; after it [`Scene::check`] verifies the fault matrix's invariants.

use crate::expect::expect_no_secret;
use crate::pooler::Pooler;
use crate::proxy::{Action, Address, Direction, Listening, Proxy, When, wait_until};
use crate::vitals::{Vitals, descriptors, memory};
use crate::world::{CANARY, COORDINATOR, SHARDS, Server, shard_database};
use postgres::types::{FromSqlOwned, ToSql};
use postgres::{Client, Error, NoTls};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How calls get to a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// Through a proxy only.
    Direct,
    /// And then PgBouncer, session mode.
    Session,
    /// And then PgBouncer, transaction mode.
    Transaction,
}

/// Runs a case and checks what must hold afterwards. Cases share databases, so it is one at a time.
pub fn run(path: Path, case: impl FnOnce(&mut Scene)) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut scene = Scene::new(path);
    case(&mut scene);
    scene.check();
}

/// See the module.
pub struct Scene {
    /// How calls get to the shards.
    pub path: Path,
    /// The private server.
    pub server: &'static Server,
    /// The session on the coordinator whose calls are the case.
    pub session: Client,
    /// A session of the rig's own, directly, on the coordinator's database.
    pub rig: Client,
    pid: i32,
    is_over: bool,
    notices: Arc<Mutex<Vec<postgres::error::DbError>>>,
    proxies: Vec<Proxy>,
    pooler: Option<Pooler>,
    started: String,
    log_start: u64,
    before: Option<Vitals>,
    extra_connections: usize,
    memory_bound: usize,
}

impl Scene {
    fn new(path: Path) -> Scene {
        let server = Server::get();
        let pooler = match path {
            Path::Direct => None,
            Path::Session => Some(Pooler::start(server, "session")),
            Path::Transaction => Some(Pooler::start(server, "transaction")),
        };
        let upstream = pooler.as_ref().map_or(server.address(), Pooler::address);
        let proxies: Vec<_> = (0..SHARDS).map(|_| Proxy::tcp(&upstream)).collect();
        let mut rig = server.connect(COORDINATOR);
        let log_start = server.log_length();
        let started = postmaster_start(&mut rig);
        end_leftovers(&mut rig);
        rig.batch_execute("truncate plproxy.clusters, plproxy.partitions, plproxy.options")
            .expect("the tables are there");
        let notices = Arc::default();
        let session = new_session(server, &notices);
        let mut scene = Scene {
            path,
            server,
            session,
            rig,
            pid: 0,
            is_over: false,
            notices,
            proxies,
            pooler,
            started,
            log_start,
            before: None,
            extra_connections: 0,
            memory_bound: 32 * 1024,
        };
        scene.pid = backend_pid(&mut scene.session);
        scene.each_database(|client| client.batch_execute(NEW_SCHEMA).expect("a schema for the case"));
        let shards: Vec<_> = (0..SHARDS).map(|number| scene.shard_conninfo(number)).collect();
        scene.add_cluster("shards", &shards);
        scene.rig.batch_execute("analyze plproxy.partitions").expect("the rig's own");
        scene.probe();
        scene.before = Some(Vitals::of(scene.pid));
        scene.forget();
        scene
    }

    /// The proxy in front of a shard.
    pub fn proxy(&self, shard: usize) -> &Proxy {
        &self.proxies[shard]
    }

    /// As [`Scene::proxy`], to change how it listens.
    pub fn proxy_mut(&mut self, shard: usize) -> &mut Proxy {
        &mut self.proxies[shard]
    }

    /// All of them.
    pub fn proxies(&self) -> &[Proxy] {
        &self.proxies
    }

    /// Where the shards, or the pooler in front of them, listen: the proxies' upstream.
    pub fn upstream(&self) -> Address {
        self.pooler.as_ref().map_or(self.server.address(), Pooler::address)
    }

    /// Whether a shard's session may be ended at any moment: not with every PgBouncer.
    pub fn survives_ended_sessions(&self) -> bool {
        self.pooler.is_none() || Pooler::survives_ended_sessions()
    }

    /// The connection string of a shard, through its proxy.
    pub fn shard_conninfo(&self, shard: usize) -> String {
        self.conninfo(self.proxies[shard].address(), &shard_database(shard))
    }

    /// The connection string of a database at some address.
    pub fn conninfo(&self, address: &Address, database: &str) -> String {
        let user = &self.server.user;
        format!("{} dbname={database} user={user} password={CANARY} application_name=fault", address.conninfo())
    }

    /// A directory of the case's own in which the server's user may connect to sockets.
    pub fn socket_directory(&self, name: &str) -> PathBuf {
        let directory = self.server.home.join(name);
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir(&directory).expect("a directory beside the server's socket");
        fs::set_permissions(&directory, Permissions::from_mode(0o755)).expect("our directory");
        directory
    }

    /// Makes a cluster of these connection strings, or changes it.
    pub fn add_cluster(&mut self, name: &str, connstrs: &[String]) {
        let sql = [
            "delete from plproxy.partitions where cluster = $1",
            "insert into plproxy.clusters values ($1, 1) on conflict (name) do update set version = clusters.version + 1",
        ];
        for statement in sql {
            self.rig.execute(statement, &[&name]).expect("the cluster's rows");
        }
        let insert =
            "insert into plproxy.partitions select $1, n - 1, c from unnest($2::text[]) with ordinality as t (c, n)";
        self.rig.execute(insert, &[&name, &connstrs]).expect("the partitions' rows");
    }

    /// Sets an option of a cluster.
    pub fn set_option(&mut self, cluster: &str, key: &str, value: &str) {
        self.rig
            .execute("delete from plproxy.options where cluster = $1 and key = $2", &[&cluster, &key])
            .expect("rows");
        self.rig.execute("insert into plproxy.options values ($1, $2, $3)", &[&cluster, &key, &value]).expect("a row");
        self.rig
            .execute("update plproxy.clusters set version = version + 1 where name = $1", &[&cluster])
            .expect("a row");
    }

    /// Runs SQL on the coordinator, in a session of the rig's.
    pub fn on_coordinator(&mut self, sql: &str) {
        self.rig.batch_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Runs SQL on every shard, directly.
    pub fn on_shards(&self, sql: &str) {
        for number in 0..SHARDS {
            self.on_shard(number, sql);
        }
    }

    /// Runs SQL on one shard, directly.
    pub fn on_shard(&self, shard: usize, sql: &str) {
        self.server.connect(&shard_database(shard)).batch_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    fn each_database(&self, mut action: impl FnMut(&mut Client)) {
        let shards = (0..SHARDS).map(shard_database);
        for database in [COORDINATOR.to_owned()].into_iter().chain(shards) {
            action(&mut self.server.connect(&database));
        }
    }

    /// Runs a query of the case; its rows' first column. By the simple protocol, so that nothing but the query happens.
    pub fn texts(&mut self, query: &str) -> Result<Vec<String>, Error> {
        let messages = self.session.simple_query(query);
        if let Some(error) = messages.as_ref().err().and_then(Error::as_db_error) {
            expect_no_secret(error);
        }
        let rows = messages?.into_iter().filter_map(|message| match message {
            postgres::SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
            _ => None,
        });
        Ok(rows.collect())
    }

    /// Runs a query of the case that returns one value.
    pub fn text(&mut self, query: &str) -> Result<String, Error> {
        let rows = self.texts(query)?;
        assert_eq!(rows.len(), 1, "{query} must return one row");
        Ok(rows.into_iter().next().unwrap_or_default())
    }

    /// Runs statements in the case's session, which must succeed.
    pub fn run(&mut self, sql: &str) {
        self.session.batch_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Runs a query of the case, and something else at the same time, which gets a session of the rig's and the PID of the
    /// case's backend.
    pub fn meanwhile(
        &mut self,
        query: &str,
        action: impl FnOnce(&mut Meanwhile<'_>) + Send,
    ) -> Result<Vec<String>, Error> {
        let mut rig = self.server.connect(COORDINATOR);
        let (pid, proxies) = (self.pid, std::mem::take(&mut self.proxies));
        let result = std::thread::scope(|scope| {
            let mut meanwhile = Meanwhile { rig: &mut rig, pid, proxies: &proxies };
            let other = scope.spawn(move || {
                let outcome = catch_unwind(AssertUnwindSafe(|| action(&mut meanwhile)));
                // Without the rest of the action the query may have no end.
                outcome.unwrap_or_else(|panic| {
                    meanwhile.terminate();
                    resume_unwind(panic)
                });
            });
            let result = self.texts(query);
            other.join().unwrap_or_else(|panic| resume_unwind(panic));
            result
        });
        self.proxies = proxies;
        result
    }

    /// The PID of the case's backend.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// The notices and warnings that the session has got since this was last asked.
    pub fn take_notices(&self) -> Vec<postgres::error::DbError> {
        std::mem::take(&mut self.notices.lock().expect("no panic in the callback"))
    }

    /// Asks something in a session of the rig's.
    pub fn ask<T: FromSqlOwned>(&mut self, query: &str, parameters: &[&(dyn ToSql + Sync)]) -> T {
        let row = self.rig.query_one(query, parameters).unwrap_or_else(|error| panic!("{query}: {error}"));
        row.get(0)
    }

    /// From now on nothing comes back from a shard, as if its machine had lost its network.
    pub fn black_hole(&mut self, shard: usize) {
        self.proxies[shard].on(When::any(Direction::ToServer).always(), Action::Vanish);
        self.proxies[shard].listen(Listening::Silent);
    }

    /// I7: a call to all shards returns all of its rows.
    pub fn check_gather(&mut self) {
        let sums = self.text("select count(*) || ' ' || sum(n) from public.numbers_all(10000) n");
        assert_eq!(sums.expect("all shards answer"), "40000 200020000");
    }

    /// Closes the connections of the coordinator to all shards, so that the next calls have to connect.
    pub fn disconnect(&self) {
        self.proxies.iter().for_each(Proxy::close_all);
        self.forget();
    }

    /// Empties the records of the proxies.
    pub fn forget(&self) {
        self.proxies.iter().for_each(Proxy::forget);
    }

    /// The case's session has ended, or will: what must hold after the case is checked in a new one.
    pub fn session_is_over(&mut self) {
        self.is_over = true;
    }

    /// The case leaves so many idle connections in the pool besides one for each shard: to clusters of its own.
    pub fn allow_connections(&mut self, count: usize) {
        self.extra_connections += count;
    }

    /// The backend's memory may grow by so many kB in this case. The default is 32 MB: what a call takes and malloc keeps.
    pub fn allow_memory(&mut self, kilobytes: usize) {
        self.memory_bound = kilobytes;
    }

    /// Every shard gives its own answer to what it is asked, several times.
    fn probe(&mut self) {
        for round in 0..4 {
            for shard in 0..SHARDS {
                self.probe_shard(shard, round);
            }
            let token = token();
            let expected: Vec<_> = (0..SHARDS).map(|shard| format!("shard{shard}:{token}")).collect();
            let answers = self.texts(&format!("select * from public.echo_all('{token}')")).expect("all shards answer");
            assert_eq!(answers, expected, "I3: each shard has its own answer");
        }
    }

    fn probe_shard(&mut self, shard: usize, round: usize) {
        let token = token();
        let answer = self.text(&format!("select public.echo({shard}, '{token}')"));
        let answer = answer.unwrap_or_else(|error| panic!("I2: shard {shard} can be called: round {round}: {error:?}"));
        assert_eq!(answer, format!("shard{shard}:{token}"), "I3: an answer is to its own question");
    }

    /// What must hold after every case: the invariants I1 to I5 of the fault matrix, and of I6 that no password is seen.
    fn check(&mut self) {
        self.check_alive();
        for shard in 0..SHARDS {
            if self.proxies[shard].is_healthy() {
                self.probe_shard(shard, 0);
            }
        }
        // Sessions behind a fault end only now; what they had to do they must have stopped doing before.
        self.proxies.iter_mut().for_each(Proxy::heal);
        self.check_nothing_runs();
        self.probe();
        self.check_vitals();
        self.check_log();
    }

    /// I1: the backend is the same, and the server hasn't restarted.
    fn check_alive(&mut self) {
        if self.is_over {
            wait_until("the session's backend to exit", || !fs::exists(format!("/proc/{}", self.pid)).unwrap_or(true));
            self.session = new_session(self.server, &self.notices);
        } else {
            assert_eq!(backend_pid(&mut self.session), self.pid, "I1: the backend is the same");
            assert_eq!(self.text("select 6 * 7").expect("I1: a local query works"), "42");
        }
        self.rig = self.server.connect(COORDINATOR);
        assert_eq!(postmaster_start(&mut self.rig), self.started, "I1: the server hasn't restarted");
    }

    /// I5: no query of ours is left running on a shard. The matrix says 2 s, but here everything shares two cores.
    fn check_nothing_runs(&mut self) {
        let server = self.server;
        let rig = Mutex::new(server.connect("postgres"));
        wait_until("I5: no query to be left running on a shard", || {
            let mut rig = rig.lock().expect("no panic in here");
            let running = rig.query(
                "select from pg_stat_activity
                  where datname like 'fault\\_shard%' and state <> 'idle' and application_name <> 'rig'",
                &[],
            );
            running.expect("the server answers").is_empty()
        });
        let mut rig = rig.into_inner().expect("no panic in there");
        let shown = rig.query("select query from pg_stat_activity where query like '%' || $1 || '%'", &[&CANARY]);
        assert_eq!(shown.expect("the server answers").len(), 0, "I6: pg_stat_activity shows no password");
    }

    /// I4: the backend holds what it held before. The connections that the case ended have been made again by the probe.
    fn check_vitals(&mut self) {
        if self.is_over {
            return;
        }
        let before = self.before.clone().expect("it was there before the case");
        let after = Vitals::of(self.pid);
        let listed = || format!("I4: before {before:?}, after {after:?}: {:#?}", descriptors(self.pid));
        let extra = self.extra_connections;
        assert!((before.sockets..=before.sockets + extra).contains(&after.sockets), "{}", listed());
        // All connections share one wait set.
        assert!(after.anonymous <= before.anonymous, "{}", listed());
        assert_eq!(after.temporary, before.temporary, "{}", listed());
        let grown = memory(self.pid).saturating_sub(before.memory);
        assert!(grown <= self.memory_bound, "I4: memory has grown by {grown} kB; allowed are {}", self.memory_bound);
    }

    fn check_log(&self) {
        let log = self.server.log_since(self.log_start);
        for line in log.lines() {
            assert!(!line.contains("PANIC") && !line.contains("terminated by signal"), "I1: {line}");
            assert!(!line.starts_with("TRAP:"), "I1: an assertion of PostgreSQL's: {line}");
            assert!(!line.contains("panicked at"), "I1: {line}");
            assert!(!line.contains(CANARY), "I6: a password is in the log: {line}");
        }
    }
}

/// What may be done while a query runs.
pub struct Meanwhile<'m> {
    /// A session of the rig's on the coordinator's database.
    pub rig: &'m mut Client,
    /// The PID of the backend that runs the query.
    pub pid: i32,
    /// The proxies in front of the shards.
    pub proxies: &'m [Proxy],
}

impl Meanwhile<'_> {
    /// Cancels the query; when that was.
    pub fn cancel(&mut self) -> Instant {
        self.rig.execute("select pg_cancel_backend($1)", &[&self.pid]).expect("the rig is a superuser");
        Instant::now()
    }

    /// Ends the backend; when that was.
    pub fn terminate(&mut self) -> Instant {
        self.rig.execute("select pg_terminate_backend($1)", &[&self.pid]).expect("the rig is a superuser");
        Instant::now()
    }

    /// Waits until so many shards are busy with a query that has this in it.
    pub fn wait_for_running(&mut self, text: &str, count: i64) {
        wait_until(&format!("{count} shards to run {text}"), {
            let rig = Mutex::new(&mut *self.rig);
            let pattern = format!("%{text}%");
            move || {
                let mut rig = rig.lock().expect("no panic in here");
                let row = rig.query_one(
                    "select count(*) from pg_stat_activity
                      where datname like 'fault\\_shard%' and state = 'active' and query like $1",
                    &[&pattern],
                );
                row.expect("the server answers").get::<_, i64>(0) >= count
            }
        });
    }

    /// Ends the session of a shard that is busy with a query that has this in it, as an administrator would.
    pub fn terminate_shard(&mut self, shard: usize, text: &str) {
        let database = shard_database(shard);
        let sql = "select pg_terminate_backend(pid) from pg_stat_activity
                    where datname = $1 and state = 'active' and query like '%' || $2 || '%'";
        assert_eq!(self.rig.execute(sql, &[&database, &text]).expect("a superuser may"), 1, "one session runs {text}");
    }

    /// Lets some time pass.
    pub fn pause(&self, milliseconds: u64) {
        std::thread::sleep(Duration::from_millis(milliseconds));
    }
}

const NEW_SCHEMA: &str = "set client_min_messages = warning; drop schema if exists scene cascade; create schema scene";

fn new_session(server: &Server, notices: &Arc<Mutex<Vec<postgres::error::DbError>>>) -> Client {
    let mut config = server.config(COORDINATOR);
    let notices = notices.clone();
    config.application_name("case").notice_callback(move |notice| {
        notices.lock().expect("no panic in the callback").push(notice);
    });
    let mut session = config.connect(NoTls).expect("the coordinator lets us in");
    // The settings are there when the library is.
    let settings = "load 'plproxy'; set plproxy.sqlstate = 'precise'; set statement_timeout = '60s'";
    session.batch_execute(settings).expect("the settings are there");
    session
}

fn backend_pid(session: &mut Client) -> i32 {
    let row = session.query_one("select pg_backend_pid()", &[]).expect("I1: the backend is alive");
    row.get(0)
}

fn postmaster_start(rig: &mut Client) -> String {
    rig.query_one("select pg_postmaster_start_time()::text", &[]).expect("the server answers").get(0)
}

/// Ends what a case that failed has left on the shards, so that only this case's own leftovers count.
fn end_leftovers(rig: &mut Client) {
    let sql = "select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname like 'fault\\_shard%'";
    rig.execute(sql, &[]).expect("the rig is a superuser");
}

/// A word that hasn't been used before.
fn token() -> String {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    format!("token{}", NUMBER.fetch_add(1, Ordering::SeqCst))
}
