//! A call whose own hash function, domain check, cluster function or configuration function changes what the call stands on:
//! functions, servers, mappings, domains, schemas, the extension, the role, the session. It may fail, but it must not crash;
//! and when that is undone, or committed and everything made anew, calls of the same session are right again.

use plproxy_attack::dice::Dice;
use plproxy_attack::rounds::Rounds;
use plproxy_fault::proxy::wait_until;
use plproxy_fault::scene::{Path, run};
use plproxy_fault::world::{COORDINATOR, Server, shard_database};
use postgres::{Client, NoTls, SimpleQueryMessage};

const ROUNDS: Rounds = Rounds { test: "ddl", short: 150, full: 3000 };

/// Where user code runs in a call.
const PLACES: &[&str] = &["hash", "check", "cluster", "version", "partitions"];

/// What it does there. `PLACEHOLDER` is a connection string.
const ACTIONS: &[&str] = &[
    "drop function scene.f(integer) cascade",
    "drop function scene.h(integer) cascade",
    "drop function scene.check_it(text) cascade",
    "drop function scene.c(integer) cascade",
    "create or replace function scene.f(v integer) returns scene.checked language plproxy as $$ cluster 'acted'; run on 0; select 'new'::text; $$",
    "create or replace function scene.h(v integer) returns integer language sql as $$ select 0 $$",
    "create or replace function scene.check_it(v text) returns boolean language sql as $$ select true $$",
    "create or replace function scene.c(v integer) returns text language sql as $$ select 'acted'::text $$",
    "alter function scene.f(integer) rename to other",
    "alter function scene.h(integer) rename to other",
    "alter function scene.f(integer) set search_path = pg_catalog",
    "alter function scene.f(integer) security definer",
    "alter function scene.f(integer) owner to attack_nobody",
    "drop server acted cascade",
    "alter server acted options (set p0 'PLACEHOLDER application_name=changed')",
    "alter server acted options (add connection_lifetime '1')",
    "alter server acted rename to renamed",
    "alter server acted owner to attack_nobody",
    "drop user mapping for public server acted",
    "alter user mapping for public server acted options (set user 'attack_nobody')",
    "create user mapping for current_user server acted options (user 'nobody_at_all')",
    "alter domain scene.checked add constraint more check (value <> 'x')",
    "alter domain scene.checked drop constraint checks",
    "alter domain scene.checked rename to renamed",
    "drop domain scene.checked cascade",
    "alter schema scene rename to scene_too",
    "drop schema scene cascade",
    "drop extension plproxy cascade",
    "alter extension plproxy set schema scene",
    "set role attack_nobody",
    "alter role attack_nobody rename to attack_somebody",
    "drop owned by attack_nobody",
    "select plproxy_disconnect()",
    "select plproxy_stat_reset()",
    "select count(*) from plproxy_connections, plproxy_clusters, plproxy_functions",
    "select pg_cancel_backend(pg_backend_pid())",
    "select pg_terminate_backend(pg_backend_pid())",
    // It waits for their ends: a query that is sent to a session that is just ending fails.
    "select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname like 'fault\\_shard%' and application_name <> 'rig'",
    "select scene.f(2)",
    "select count(*) from scene.g(2)",
    "select count(*) from scene.s(array[1, 2, 3])",
    "select scene.f(scene.h(2))",
    "select count(*) from plproxy_explain('scene.f(scene.h(1))')",
    "select count(*) from plproxy_explain('scene.g(1)')",
    "select count(*) from plproxy_ping('acted')",
    "select plproxy_route('acted', 7)",
    "set client_encoding = latin1",
    "set datestyle = 'german'",
    "set plproxy.max_depth = 1",
    "set local search_path = pg_catalog",
    "create temporary table pg_temp.s (x integer)",
    "do $$ begin perform scene.f(3); raise 'undone'; exception when raise_exception then null; end $$",
    "do $$ begin drop function scene.f(integer); raise 'undone'; exception when raise_exception then null; end $$",
    "do $$ begin perform scene.f(null); exception when others then null; end $$",
    "select 1 / 0",
];

/// What ends the session, if it isn't undone before.
const ENDS: &str = "pg_terminate_backend(pg_backend_pid())";

const CALLS: &[&str] = &[
    "select scene.f(1)",
    "select scene.f(n) from generate_series(0, 3) n",
    "select * from scene.g(1)",
    "select scene.s(array[1, 2, 3, 4])",
    "do $$ begin begin perform scene.f(1); exception when others then null; end; perform scene.f(2); end $$",
    "do $$ begin for i in 1 .. 3 loop begin perform scene.g(i); exception when others then null; end; end loop; end $$",
    "select * from plproxy_explain('scene.f(1)')",
    "do $$ begin begin perform scene.q('bad'); exception when division_by_zero then null; end; perform scene.q('okay'); end $$",
    REFUSED,
];

/// The one that must always fail: its result is too long for its domain.
const REFUSED: &str = "select scene.long(1)";

/// What this makes, without what is dropped in between.
fn definitions(server: &Server) -> String {
    let address = server.address().conninfo();
    let partitions: Vec<_> =
        (0..2).map(|number| format!("p{number} '{address} dbname={}'", shard_database(number))).collect();
    format!(
        "set client_min_messages = warning;
         drop schema if exists scene, scene_too cascade;
         drop server if exists acted, renamed cascade;
         create schema scene;
         grant usage on schema scene to public;
         create server acted foreign data wrapper plproxy options ({});
         create user mapping for public server acted options (user '{}');
         grant usage on foreign server acted to public;
         create function scene.act(place text) returns void language plpgsql as $f$
             declare action text := current_setting('attack.action', true);
             begin
                 if action <> '' and current_setting('attack.place', true) = place then
                     -- Once only: what it calls runs without.
                     perform set_config('attack.action', '', false);
                     execute action;
                 end if;
             end
         $f$;
         create function scene.h(v integer) returns integer language plpgsql as $f$
             begin perform scene.act('hash'); return v; end
         $f$;
         create function scene.check_it(v text) returns boolean language plpgsql as $f$
             begin perform scene.act('check'); return v <> 'bad'; end
         $f$;
         -- The value is looked at again after user code has run.
         create domain scene.checked as text constraint checks check (scene.check_it(value) and length(value) < 100);
         create table scene.ten (x integer);
         insert into scene.ten values (3);
         grant select on scene.ten to public;
         -- Two statements, the second of which may fail when the first is done.
         create function scene.divide(v text) returns boolean language sql as $f$
             select count(*) from scene.ten; select 10 / (length(v) - x) is not null from scene.ten;
         $f$;
         create domain scene.divided as text check (scene.divide(value));
         create function scene.long(v integer) returns scene.checked language plproxy as $f$
             cluster scene.c(v); run on scene.h(v); select repeat('x', 200);
         $f$;
         create function scene.q(v text) returns scene.divided language plproxy as $f$
             cluster 'acted'; run on 0; select v;
         $f$;
         create function scene.c(v integer) returns text language plpgsql as $f$
             begin perform scene.act('cluster'); return case when v = 3 then 'shards' else 'acted' end; end
         $f$;
         create function scene.f(v integer) returns scene.checked language plproxy as $f$
             cluster scene.c(v); run on scene.h(v); select (v + 1)::text;
         $f$;
         create function scene.g(v integer) returns setof scene.checked language plproxy as $f$
             cluster scene.c(v); run on all; select (v + i)::text from generate_series(1, 3) i;
         $f$;
         create function scene.s(v integer[]) returns setof scene.checked[] language plproxy as $f$
             cluster scene.c(1); split v; run on scene.h(v); select array_agg(x)::text[] from unnest(v) x;
         $f$;
         revoke execute on function scene.check_it(text) from public;
         reset client_min_messages;",
        partitions.join(", "),
        server.user
    )
}

/// The configuration functions of the rig, and those that act.
const CONFIGURATION: &str = "
    create or replace function plproxy.get_cluster_version(cluster text) returns integer language plpgsql as $$
        begin
            perform plproxy.act('version');
            return (select c.version from plproxy.clusters c where c.name = $1);
        end
    $$;
    create or replace function plproxy.get_cluster_partitions(cluster text) returns setof text language plpgsql as $$
        begin
            perform plproxy.act('partitions');
            return query select p.connstr from plproxy.partitions p where p.cluster = $1 order by p.number;
        end
    $$;
    create or replace function plproxy.act(place text) returns void language plpgsql as $$
        begin
            if to_regprocedure('scene.act(text)') is not null then perform scene.act(place); end if;
        end
    $$;
";

/// As the rig has them.
const CONFIGURATION_BEFORE: &str = "
    create or replace function plproxy.get_cluster_version(cluster text) returns integer language sql as $$
        select c.version from plproxy.clusters c where c.name = $1
    $$;
    create or replace function plproxy.get_cluster_partitions(cluster text) returns setof text language sql as $$
        select p.connstr from plproxy.partitions p where p.cluster = $1 order by p.number
    $$;
    drop function plproxy.act(text);
";

#[test]
fn ddl() {
    run(Path::Direct, |scene| {
        let _means = Means::new(scene.server);
        let definitions = definitions(scene.server);
        let connstr = format!("{} dbname={}", scene.server.address().conninfo(), shard_database(0));
        scene.on_coordinator(&definitions);
        let mut session = begin(scene.server);
        let mut tally = Tally::default();
        ROUNDS.play(|_, dice| {
            let action = dice.pick(ACTIONS).replace("PLACEHOLDER", &connstr);
            let place = dice.pick(PLACES);
            let mut flaws = act(&mut session, &action, place, dice, &mut tally, &definitions);
            if session.is_closed() {
                if !action.contains(ENDS) {
                    flaws.push(format!("the session has ended: {action}, in {place}"));
                }
                session = begin(scene.server);
            }
            flaws.extend(check(&mut session).map(|flaw| format!("after {action}, in {place}: {flaw}")));
            flaws
        });
        println!("{tally:?}");
    });
}

/// The role and the configuration functions, which other tests must not find.
struct Means(&'static Server);

impl Means {
    fn new(server: &'static Server) -> Means {
        let mut client = server.connect(COORDINATOR);
        client.batch_execute(&format!("create role attack_nobody; {CONFIGURATION}")).expect("a role and functions");
        Means(server)
    }
}

impl Drop for Means {
    fn drop(&mut self) {
        let undo = "set client_min_messages = warning;
                    drop schema if exists scene, scene_too cascade;
                    create schema scene;
                    drop server if exists acted, renamed cascade;
                    drop owned by attack_nobody;
                    drop role attack_nobody;";
        // After a crash the server lets nobody in for a moment.
        let client = self.0.config(COORDINATOR).connect(NoTls);
        let outcome = client.and_then(|mut client| client.batch_execute(&format!("{undo} {CONFIGURATION_BEFORE}")));
        if let Err(error) = outcome {
            println!("what was made for it couldn't be removed: {error:?}");
        }
    }
}

#[derive(Debug, Default)]
#[allow(dead_code, reason = "printed")]
struct Tally {
    done: usize,
    failed: usize,
    committed: usize,
}

fn begin(server: &Server) -> Client {
    let mut config = server.config(COORDINATOR);
    config.application_name("case").options("-c statement_timeout=60s");
    // After a crash the server lets nobody in for a moment; that there was one is a flaw of its own.
    wait_until("the server to let us in", || config.connect(NoTls).is_ok());
    config.connect(NoTls).expect("as it has just done")
}

/// Calls that do it, in a transaction that is undone, or committed and its effects repaired.
fn act(
    session: &mut Client,
    action: &str,
    place: &str,
    dice: &mut Dice,
    tally: &mut Tally,
    definitions: &str,
) -> Vec<String> {
    let mut flaws = Vec::new();
    let is_warm = dice.one_in(2);
    if !is_warm {
        let _ = session.simple_query("select plproxy_disconnect(); update plproxy.clusters set version = version + 1");
    }
    // Nobody could repair these.
    let is_for_good =
        dice.one_in(3) && !["extension", "role", "owned by", "owner to"].iter().any(|word| action.contains(word));
    let _ = session.simple_query("begin");
    for _ in 0..1 + dice.below(2) {
        let sets = format!(
            "savepoint s; select set_config('attack.action', $act${action}$act$, false), set_config('attack.place', '{place}', false)"
        );
        let call = dice.pick(CALLS);
        let outcome = session.simple_query(&sets).and_then(|_| session.simple_query(call));
        match outcome {
            // Unless there is another domain or another function now.
            Ok(_)
                if call == REFUSED && !["create or", "constraint", "drop"].iter().any(|word| action.contains(word)) =>
            {
                flaws.push(format!("{call}: it is let through: {action}, in {place}"));
            }
            Ok(_) => tally.done += 1,
            Err(error) => {
                tally.failed += 1;
                if let Some(error) = error.as_db_error().filter(|error| is_internal(error)) {
                    flaws.push(format!("{call}: {action}, in {place}: {error:?}"));
                }
                let _ = session.simple_query("rollback to s");
            }
        }
    }
    if is_for_good {
        tally.committed += 1;
        let _ = session.simple_query("commit");
        repair(session, definitions, &mut flaws);
    } else {
        let _ = session.simple_query("rollback");
        let _ = session.simple_query("reset role; reset all; set attack.action = ''; drop table if exists pg_temp.s");
    }
    flaws
}

fn repair(session: &mut Client, definitions: &str, flaws: &mut Vec<String>) {
    if session.is_closed() {
        return;
    }
    let sql = format!("reset role; reset all; set attack.action = ''; drop table if exists pg_temp.s; {definitions}");
    if let Err(error) = session.batch_execute(&sql) {
        flaws.push(format!("repaired: {error:?}"));
    }
}

/// Whether an error tells of something that went wrong inside, not of what the call met.
fn is_internal(error: &postgres::error::DbError) -> bool {
    let is_ours = error.message().contains("PL/Proxy") || error.message().contains("REMOTE");
    error.code().code().starts_with("XX") && !is_ours && !EXPECTED.iter().any(|text| error.message().contains(text))
}

/// What PostgreSQL itself says, with SQLSTATE XX000, of what its own session has dropped while it was in use.
const EXPECTED: &[&str] = &["cache lookup failed for "];

/// Calls are right. Returns what isn't.
fn check(session: &mut Client) -> Option<String> {
    let queries = [
        ("select scene.f(1)", "2"),
        ("select scene.f(3)", "4"),
        ("select string_agg(t, ' ' order by t) from scene.g(1) t", "2 2 3 3 4 4"),
        ("select count(*) from unnest(array(select scene.s(array[1, 2, 3, 4]))) x", "4"),
    ];
    for (query, expected) in queries {
        let answer = match session.simple_query(query) {
            Ok(messages) => messages.into_iter().find_map(|message| match message {
                SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                _ => None,
            }),
            Err(error) => return Some(format!("{query}: {error:?}")),
        };
        if answer.as_deref() != Some(expected) {
            return Some(format!("{query}: {answer:?} instead of {expected}"));
        }
    }
    // Who may not execute what the check calls gets no value through it, whoever has called before.
    let outcome = session.simple_query("set role attack_nobody; select scene.f(1)").err();
    let _ = session.simple_query("reset role");
    match outcome.as_ref().and_then(postgres::Error::code).map(|code| code.code()) {
        Some("42501") => None,
        code => Some(format!("without the right to execute the check: {code:?}")),
    }
}
