//! The databases of a run: a coordinator and its shards, on the private server that PGHOST and PGPORT name.
//!
//! What it owns: everything that cases find there. It is made once for each run.
//!
//! Functions, in schema `public` of the coordinator (`part` is the partition that a call goes to):
//!
//! | function | returns |
//! |---|---|
//! | `echo(part, token)` | `shardN:token` |
//! | `echo_all(token)` | that of all shards |
//! | `bump(part, token)` | how many rows of table `bumps` of the shard are of that token, with the one that this call has added |
//! | `bumps(part, token)` | how many there are |
//! | `rest(part, seconds)` | `rested`, after so long |
//! | `rest_all(seconds)` | that of all shards |
//! | `numbers(part, n)` | 1 … n |
//! | `numbers_all(n)` | that of all shards |
//! | `wide(part, n, width)` | n texts so long |
//! | `swallow(part, data)` | the length of its argument |
//! | `remote_pid(part)` | the process that answers |
//! | `echo_any(token)` | as echo, of a random partition |
//!
//! All of them are on cluster `shards`, whose partitions are the databases `fault_shard0` … `fault_shard3`. Clusters are rows of
//! tables `plproxy.clusters`, `plproxy.partitions` and `plproxy.options`.

use crate::proxy::{Address, wait_until};
use postgres::{Client, Config, NoTls};
use std::path::PathBuf;
use std::sync::OnceLock;

/// An odd word, which is the password in all connection strings. Nobody may ever see it.
pub const CANARY: &str = "kanarienvogel_7319";

/// How many shards there are.
pub const SHARDS: usize = 4;

/// The coordinator's database.
pub const COORDINATOR: &str = "fault_coordinator";

/// A role whose password isn't the one in the connection strings.
pub const WITH_PASSWORD: &str = "fault_with_password";

/// A role that pg_hba.conf rejects.
pub const REFUSED_BY_HBA: &str = "fault_refused";

/// A role that may have no connection.
pub const TOO_MANY_CONNECTIONS: &str = "fault_too_many";

/// A shard's database.
pub fn shard_database(number: usize) -> String {
    format!("fault_shard{number}")
}

/// The private server.
#[derive(Clone, Debug)]
pub struct Server {
    /// The directory of its socket, its log, its data.
    pub home: PathBuf,
    /// The number in its socket's name.
    pub port: u16,
    /// Its superuser.
    pub user: String,
}

impl Server {
    /// The one that the environment names, with the databases on it.
    pub fn get() -> &'static Server {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(|| {
            let variable = |name| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `make fault`"));
            let port = variable("PGPORT").parse().expect("PGPORT is a number");
            let server = Server { home: variable("PGHOST").into(), port, user: variable("PGUSER") };
            make(&server);
            server
        })
    }

    /// Where it listens.
    pub fn address(&self) -> Address {
        Address::Unix { directory: self.home.clone(), port: self.port }
    }

    /// How to reach a database of it.
    pub fn config(&self, database: &str) -> Config {
        let mut config = Config::new();
        config.host_path(&self.home).port(self.port).user(&self.user).dbname(database).application_name("rig");
        config
    }

    /// A session of the rig's own, directly.
    pub fn connect(&self, database: &str) -> Client {
        self.config(database).connect(NoTls).unwrap_or_else(|error| panic!("can't connect to {database}: {error}"))
    }

    /// What it has logged from this byte on.
    pub fn log_since(&self, start: u64) -> String {
        let log = std::fs::read(self.home.join("log")).expect("the server has a log");
        String::from_utf8_lossy(log.get(start as usize..).unwrap_or_default()).into_owned()
    }

    /// How long its log is.
    pub fn log_length(&self) -> u64 {
        std::fs::metadata(self.home.join("log")).expect("the server has a log").len()
    }
}

fn make(server: &Server) {
    let mut postgres = server.connect("postgres");
    let shards = (0..SHARDS).map(shard_database);
    for database in [COORDINATOR.to_owned()].into_iter().chain(shards) {
        let sql = [
            format!("drop database if exists {database} with (force)"),
            format!("create database {database} template template0"),
            format!("alter database {database} set search_path = scene, public"),
        ];
        for statement in sql {
            postgres.batch_execute(&statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
        }
    }
    make_roles(server, &mut postgres);
    server.connect(COORDINATOR).batch_execute(ON_COORDINATOR).expect("the coordinator's functions");
    for number in 0..SHARDS {
        server.connect(&shard_database(number)).batch_execute(ON_SHARDS).expect("the shards' functions");
    }
}

/// Roles that can't connect, each for a reason of its own.
fn make_roles(server: &Server, postgres: &mut Client) {
    let sql = format!(
        "set client_min_messages = warning;
         drop role if exists {WITH_PASSWORD}, {REFUSED_BY_HBA}, {TOO_MANY_CONNECTIONS};
         create role {WITH_PASSWORD} login password 'another';
         create role {REFUSED_BY_HBA} login;
         create role {TOO_MANY_CONNECTIONS} login connection limit 0"
    );
    postgres.batch_execute(&sql).expect("roles");
    let hba: String = postgres.query_one("show hba_file", &[]).expect("a file").get(0);
    let old = std::fs::read_to_string(&hba).expect("pg_hba.conf");
    let new = format!("local all {WITH_PASSWORD} scram-sha-256\nlocal all {REFUSED_BY_HBA} reject\n{old}");
    std::fs::write(&hba, new).expect("the private server's file is ours");
    postgres.execute("select pg_reload_conf()", &[]).expect("the rig is a superuser");
    // The postmaster reads it when it gets round to it.
    wait_until("pg_hba.conf to be read", || server.config("postgres").user(REFUSED_BY_HBA).connect(NoTls).is_err());
}

const ON_COORDINATOR: &str = "
    create extension plproxy schema public;
    create schema plproxy;
    create table plproxy.clusters (name text primary key, version integer);
    create table plproxy.partitions (cluster text, number integer, connstr text, primary key (cluster, number));
    create table plproxy.options (cluster text, key text, val text);
    create function plproxy.get_cluster_version(cluster text) returns integer language sql as $$
        select c.version from plproxy.clusters c where c.name = $1
    $$;
    create function plproxy.get_cluster_config(cluster text, out key text, out val text) returns setof record
    language sql as $$
        select o.key, o.val from plproxy.options o where o.cluster = $1
    $$;
    create function plproxy.get_cluster_partitions(cluster text) returns setof text language sql as $$
        select p.connstr from plproxy.partitions p where p.cluster = $1 order by p.number
    $$;
    create function echo(part integer, token text) returns text language plproxy as $$
        cluster 'shards'; run on part;
    $$;
    create function echo_all(token text) returns setof text language plproxy as $$
        cluster 'shards'; run on all; select public.echo(0, token);
    $$;
    create function echo_any(token text) returns text language plproxy as $$
        cluster 'shards'; run on any; select public.echo(0, token);
    $$;
    create function bump(part integer, token text) returns bigint language plproxy as $$
        cluster 'shards'; run on part;
    $$;
    create function bumps(part integer, token text) returns bigint language plproxy as $$
        cluster 'shards'; run on part;
    $$;
    create function rest(part integer, seconds float8) returns text language plproxy as $$
        cluster 'shards'; run on part;
    $$;
    create function rest_all(seconds float8) returns setof text language plproxy as $$
        cluster 'shards'; run on all; select public.rest(0, seconds);
    $$;
    create function numbers(part integer, n bigint) returns setof bigint language plproxy as $$
        cluster 'shards'; run on part;
    $$;
    create function numbers_all(n bigint) returns setof bigint language plproxy as $$
        cluster 'shards'; run on all; select public.numbers(0, n);
    $$;
    create function wide(part integer, n integer, width integer) returns setof text language plproxy as $$
        cluster 'shards'; run on part;
    $$;
    create function swallow(part integer, data text) returns integer language plproxy as $$
        cluster 'shards'; run on part;
    $$;
    create function remote_pid(part integer) returns integer language plproxy as $$
        cluster 'shards'; run on part; select pg_backend_pid();
    $$;
";

const ON_SHARDS: &str = "
    create function echo(part integer, token text) returns text language sql as $$
        select substr(current_database(), 7) || ':' || token
    $$;
    create table bumps (token text);
    create function bumps(part integer, token text) returns bigint language sql as $$
        select count(*) from public.bumps b where b.token = $2
    $$;
    create function bump(part integer, token text) returns bigint language sql as $$
        insert into public.bumps values ($2);
        select public.bumps($1, $2);
    $$;
    create function rest(part integer, seconds float8) returns text language sql as $$
        select 'rested'::text from pg_sleep(seconds)
    $$;
    create function numbers(part integer, n bigint) returns setof bigint language sql as $$
        select * from generate_series(1, n)
    $$;
    create function wide(part integer, n integer, width integer) returns setof text language sql as $$
        select repeat('x', width) from generate_series(1, n)
    $$;
    create function swallow(part integer, data text) returns integer language sql as $$ select length(data) $$;
";
