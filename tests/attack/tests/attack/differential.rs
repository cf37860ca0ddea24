//! Random functions, made and called with this library and with the C version: rows must be the same, and so must errors, in
//! SQLSTATE and message. Both have the same shards.
//!
//! C_VERSION is the directory where the C version's package is unpacked. It is a database of its own on the same server, and
//! its library lies beside the server's socket.

use crate::functions::{Function, HASHES};
use plproxy_attack::rounds::Rounds;
use plproxy_attack::types::{DEFINITIONS, unchecked_definitions};
use plproxy_fault::scene::{Path, Scene, run};
use plproxy_fault::world::{SHARDS, Server, shard_database};
use postgres::{Client, NoTls, SimpleQueryMessage};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

const ROUNDS: Rounds = Rounds { test: "differential", short: 50, full: 1000 };

/// The C version's database.
const DATABASE: &str = "attack_c";

#[test]
fn differential() {
    run(Path::Direct, |scene| {
        let mut both = Both::new(scene);
        let mut compared = 0;
        let mut known = [0; KNOWN.len()];
        let mut left_out = 0;
        ROUNDS.play(|number, dice| {
            let function = Function::some(number, &both.connect, dice);
            let mut flaws = Vec::new();
            both.make_on_shards(&function);
            for statement in [&function.local].into_iter().chain(&function.calls) {
                let is_call = *statement != function.local;
                if is_call && function.is_any && function.is_split {
                    left_out += 1;
                    continue;
                }
                let (ours, theirs) = both.outcomes(statement);
                compared += 1;
                let is_same = ours == theirs || function.is_anywhere() && ours.is_error_of_a_shard(&theirs);
                match KNOWN.iter().position(|(_, is_it)| is_it(is_call, &ours, &theirs)) {
                    _ if is_same => {}
                    Some(number) => known[number] += 1,
                    None => flaws.push(format!(
                        "{statement}\n  ours:   {ours:?}\n  theirs: {theirs:?}\n  of {}\n  and {}",
                        function.local, function.remote
                    )),
                }
                // A function that one of them refuses can't be called.
                if !is_call && !matches!((&ours, &theirs), (Outcome::Rows(_), Outcome::Rows(_))) {
                    break;
                }
            }
            both.forget(&function);
            flaws
        });
        println!("{compared} comparisons; {left_out} left out: a random route of a SPLIT");
        for ((reason, _), count) in KNOWN.iter().zip(known) {
            println!("{count} known differences: {reason}");
        }
        assert!(compared > 0, "nothing was compared");
    });
}

/// What a statement has led to.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Rows(Vec<Vec<Option<String>>>),
    /// SQLSTATE and the message's first line.
    Error(String, String),
    /// The session is lost.
    Lost(String),
}

impl Outcome {
    /// Whether both are the same error, of this or that shard.
    fn is_error_of_a_shard(&self, other: &Outcome) -> bool {
        self.anywhere().is_some() && self.anywhere() == other.anywhere()
    }

    /// Without the shard's name.
    fn anywhere(&self) -> Option<(&str, String)> {
        match self {
            Outcome::Error(code, text) => {
                let names = (0..SHARDS).map(shard_database);
                Some((code, names.fold(text.clone(), |text, name| text.replace(&name, "shard"))))
            }
            Outcome::Rows(_) | Outcome::Lost(_) => None,
        }
    }
}

/// Why outcomes differ, and how that is known, given whether they are those of a call (not of CREATE FUNCTION), ours, theirs.
type Known = (&'static str, fn(bool, &Outcome, &Outcome) -> bool);

/// The differences that docs/compatibility.md and docs/migration.md describe.
const KNOWN: [Known; 6] = [
    (
        "the C version knows no multiranges",
        |_, _, theirs| matches!(theirs, Outcome::Error(_, text) if text.contains("unsupported type code: ") && text.contains("multirange")),
    ),
    ("the C version has no results that are domains over row types", |_, ours, theirs| match (ours, theirs) {
        (Outcome::Rows(_) | Outcome::Error(..), Outcome::Error(_, text)) => text.ends_with(": unsupported type"),
        _ => false,
    }),
    ("a SPLIT without elements asks no hash function, not even whether it is there", |_, ours, theirs| {
        match (ours, theirs) {
            (Outcome::Rows(rows), Outcome::Error(_, text)) => rows.is_empty() && text.ends_with("does not exist"),
            (Outcome::Error(_, no_row), Outcome::Error(_, text)) => {
                no_row.ends_with("requires 1 row from remote query, got 0") && text.ends_with("does not exist")
            }
            _ => false,
        }
    }),
    ("columns are checked before there are rows", |_, ours, theirs| match (ours, theirs) {
        (Outcome::Error(_, text), Outcome::Rows(rows)) => {
            rows.is_empty() && COLUMNS.iter().any(|part| text.contains(part))
        }
        (Outcome::Error(_, text), Outcome::Error(_, other)) => {
            other.contains("requires 1 row from remote query") && COLUMNS.iter().any(|part| text.contains(part))
        }
        _ => false,
    }),
    ("a row is read when it comes, before it is known whether there are more", |_, ours, theirs| {
        match (ours, theirs) {
            (Outcome::Error(code, _), Outcome::Error(_, other)) => {
                (code.starts_with("22") || code.starts_with("23")) && other.contains("requires 1 row from remote query")
            }
            _ => false,
        }
    }),
    ("which of two errors is found first", |_, ours, theirs| match (ours, theirs) {
        (Outcome::Error(_, ours), Outcome::Error(_, theirs)) => {
            FIRST.iter().any(|(first, other)| ours.contains(first) && theirs.contains(other))
        }
        _ => false,
    }),
];

/// Errors about columns.
const COLUMNS: &[&str] =
    &["Got too few fields", "Got too many fields", "Field ", "single field function but got record"];

/// Errors that a call can have both of: the one that is found first here, and by the C version.
const FIRST: &[(&str, &str)] = &[
    ("Only set-returning function allows hashcount <> 1", "Hash function returned NULL"),
    // Here the route is only looked at when the cluster is known.
    ("get_version: got NULL?", "does not exist"),
    ("Cluster name", "does not exist"),
    ("cluster not found", "does not exist"),
    ("Cluster/connect name map func returned NULL", "does not exist"),
    ("split arrays must be of identical lengths", "does not exist"),
    ("get_version: got NULL?", "Function used in wrong context"),
    ("Cluster name", "Function used in wrong context"),
    ("Cluster/connect name map func returned NULL", "Function used in wrong context"),
    ("cluster not found", "Function used in wrong context"),
];

/// Both coordinators and their shards.
struct Both {
    ours: Client,
    theirs: Client,
    shards: Vec<Client>,
    /// What CONNECT is given.
    connect: String,
}

impl Both {
    fn new(scene: &mut Scene) -> Both {
        let server = scene.server;
        make_database(server);
        let mut shards: Vec<_> = (0..SHARDS).map(|number| server.connect(&shard_database(number))).collect();
        for shard in &mut shards {
            shard.batch_execute(&unchecked_definitions()).expect("types on a shard");
        }
        let address = server.address().conninfo();
        let connstrs: Vec<_> = (0..SHARDS)
            .map(|number| format!("{address} dbname={} user={}", shard_database(number), server.user))
            .collect();
        scene.add_cluster("direct", &connstrs);
        let partitions = connstrs.iter().enumerate().map(|(number, connstr)| format!("p{number} '{connstr}'"));
        let cluster = format!(
            "drop server if exists server cascade;
             create server server foreign data wrapper plproxy options ({});
             create user mapping for public server server;",
            partitions.collect::<Vec<_>>().join(", ")
        );
        let functions = format!(
            "create schema plproxy;
             create function plproxy.get_cluster_version(cluster text) returns integer language sql as $$
                 select 1 where $1 = 'direct'
             $$;
             create function plproxy.get_cluster_config(cluster text, out key text, out val text) returns setof record
             language sql as $$ select null::text, null::text where false $$;
             create function plproxy.get_cluster_partitions(cluster text) returns setof text language sql as $$
                 values {}
             $$;",
            connstrs.iter().map(|connstr| format!("('{connstr}')")).collect::<Vec<_>>().join(", ")
        );
        let connect = format!("'{}'", connstrs[1]);
        let connstr_of = format!(
            "create function scene.connstr_of(v anyelement) returns text language sql as $$ select {connect}::text $$;"
        );
        let (mut ours, mut theirs) = (session(server, plproxy_fault::world::COORDINATOR), session(server, DATABASE));
        theirs.batch_execute("create schema scene").expect("a schema");
        for (client, more) in [(&mut ours, ""), (&mut theirs, functions.as_str())] {
            let sql = format!("{DEFINITIONS} {HASHES} {connstr_of} {cluster} {more}");
            client.batch_execute(&sql).unwrap_or_else(|error| panic!("{error:?}: {sql}"));
        }
        Both { ours, theirs, shards, connect }
    }

    /// Makes a function's other half.
    fn make_on_shards(&mut self, function: &Function) {
        for shard in self.shards.iter_mut().filter(|_| !function.remote.is_empty()) {
            shard.batch_execute(&function.remote).unwrap_or_else(|error| panic!("{}: {error:?}", function.remote));
        }
    }

    fn outcomes(&mut self, statement: &str) -> (Outcome, Outcome) {
        let outcomes = (outcome(&mut self.ours, statement), outcome(&mut self.theirs, statement));
        // A crash ends all sessions of the server, which then starts again.
        if matches!(outcomes, (Outcome::Lost(_), _) | (_, Outcome::Lost(_))) {
            panic!("a session is lost: {statement}: {outcomes:?}");
        }
        outcomes
    }

    /// What was made for a function is dropped, so that catalogs stay small.
    fn forget(&mut self, function: &Function) {
        let name = function.signature.split('(').next().expect("there is a first piece");
        let bare = name.trim_start_matches("scene.");
        let drop = format!(
            "do $$ declare f regprocedure; begin
                 for f in select oid from pg_proc where pronamespace = 'scene'::regnamespace and proname ~ '^{bare}(_|$)' loop
                     execute 'drop function ' || f;
                 end loop;
             end $$"
        );
        for client in self.shards.iter_mut().chain([&mut self.ours, &mut self.theirs]) {
            client.batch_execute(&drop).unwrap_or_else(|error| panic!("{drop}: {error:?}"));
        }
    }
}

fn outcome(client: &mut Client, statement: &str) -> Outcome {
    match client.simple_query(statement) {
        Ok(messages) => Outcome::Rows(messages.into_iter().filter_map(cells).collect()),
        Err(error) => match error.as_db_error() {
            Some(error) if !error.code().code().starts_with("57P0") => {
                let message = error.message().lines().next().unwrap_or_default();
                Outcome::Error(error.code().code().to_owned(), message.to_owned())
            }
            _ => Outcome::Lost(format!("{error:?}")),
        },
    }
}

fn cells(message: SimpleQueryMessage) -> Option<Vec<Option<String>>> {
    match message {
        SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|number| row.get(number).map(str::to_owned)).collect()),
        _ => None,
    }
}

fn session(server: &Server, database: &str) -> Client {
    let mut client = server.config(database).connect(NoTls).expect("the server lets us in");
    client.batch_execute("set statement_timeout = '60s'").expect("a setting");
    client
}

/// The C version's objects, in a database of its own.
fn make_database(server: &Server) {
    let mut postgres = server.connect("postgres");
    for statement in [
        format!("drop database if exists {DATABASE} with (force)"),
        format!("create database {DATABASE} template template0"),
        format!("alter database {DATABASE} set search_path = scene, public"),
    ] {
        postgres.batch_execute(&statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    let library = library(server);
    let sql = format!(
        "create function plproxy_call_handler() returns language_handler as '{library}' language c;
         create function plproxy_validator(oid) returns void as '{library}' language c;
         create language plproxy handler plproxy_call_handler validator plproxy_validator;
         create function plproxy_fdw_validator(text[], oid) returns boolean as '{library}' language c;
         create foreign data wrapper plproxy validator plproxy_fdw_validator;"
    );
    server.connect(DATABASE).batch_execute(&sql).expect("the C version's objects");
}

/// The C version's library, where the server can read it.
fn library(server: &Server) -> String {
    let package = PathBuf::from(std::env::var("C_VERSION").expect("C_VERSION is set: run `make attack`"));
    let lib = package.join("usr/lib/postgresql");
    let major =
        fs::read_dir(&lib).expect("the package has a library").flatten().next().expect("and that of one version");
    let ours = server.home.join("plproxy_c.so");
    fs::copy(major.path().join("lib/plproxy.so"), &ours).expect("a copy of it");
    fs::set_permissions(&ours, Permissions::from_mode(0o755)).expect("our file");
    ours.display().to_string()
}
