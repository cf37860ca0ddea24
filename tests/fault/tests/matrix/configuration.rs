//! Configurations that are broken or change: rows 22 and 28.

use plproxy_fault::cases;
use plproxy_fault::expect::expect_error;
use plproxy_fault::proxy::wait_until;
use plproxy_fault::scene::Scene;
use plproxy_fault::wire::pseudo;
use plproxy_fault::world::{CANARY, shard_database};
use postgres::Error;

// Through a pooler as well, where connections are made or closed.
cases! {
    case_22_broken_functions: direct;
    case_22_broken_rows: direct;
    case_22_the_good_one_stays: direct, session, transaction;
    case_22_version_goes_down: direct, session, transaction;
    case_22_change_while_a_call_waits: direct, session, transaction;
    case_22_change_while_a_call_is_routed: direct, session, transaction;
    case_28_server_altered: direct, session, transaction;
    case_28_server_altered_while_a_call_waits: direct, session, transaction;
    case_28_server_dropped: direct, session, transaction;
    case_28_mapping_altered: direct, session, transaction;
    case_28_roles_share_nothing: direct, session, transaction;
}

/// The error says in its message or its CONTEXT which cluster is to blame.
fn expect_blamed(result: Result<String, Error>, sqlstate: &str, cluster: &str, texts: &[&str]) {
    let error = expect_error(result, sqlstate, texts);
    let said = format!("{} {}", error.message(), error.where_().unwrap_or_default());
    assert!(said.contains(cluster), "which cluster? {error:?}");
}

const CALL: &str = "select echo(1, 'x')";

fn case_22_broken_functions(scene: &mut Scene) {
    let good: Vec<String> = ["version", "config", "partitions"]
        .map(|name| scene.ask(&format!("select pg_get_functiondef('plproxy.get_cluster_{name}'::regproc)"), &[]))
        .into();
    let replace = |name: &str, body: &str| {
        let head = match name {
            "version" => "get_cluster_version(cluster text) returns integer",
            "config" => "get_cluster_config(cluster text, out key text, out val text) returns setof record",
            _ => "get_cluster_partitions(cluster text) returns setof text",
        };
        format!("create or replace function plproxy.{head} language plpgsql as $$ begin {body} end $$")
    };
    let call = |problem: &'static str| ("XX000", problem);
    for (name, body, (sqlstate, text)) in [
        ("version", "raise 'out of order' using errcode = '55000';", ("55000", "out of order")),
        ("version", "return null;", call("get_version: got NULL?")),
        ("version", "return 1 / (length($1) - 6);", ("22012", "division by zero")),
        ("config", "raise 'out of order' using errcode = '55000';", ("55000", "out of order")),
        ("config", "key := null; val := '1'; return next;", call("key must not be NULL")),
        ("config", "key := 'query_timeout'; val := null; return next;", call("val must not be NULL")),
        ("config", "key := 'kwery_timeout'; val := '1'; return next;", call("Unknown config param: kwery_timeout")),
        ("config", "key := 'default_user'; val := 'x'; return next;", call("default_user: Expect ")),
        ("partitions", "raise 'out of order' using errcode = '55000';", ("55000", "out of order")),
        ("partitions", "return;", call("get_partlist: invalid part count")),
        ("partitions", "return next null;", call("connstr must not be NULL")),
        ("partitions", "return query values ('a'), ('b'), ('c');", call("get_partlist: invalid part count")),
    ] {
        scene.on_coordinator(&replace(name, body));
        // Otherwise nobody looks at the others.
        scene.set_option("shards", "query_timeout", "30");
        for _ in 0..2 {
            expect_blamed(scene.text(CALL), sqlstate, "shards", &[text]);
        }
        good.iter().for_each(|definition| scene.on_coordinator(definition));
        assert_eq!(scene.text(CALL).unwrap(), "shard1:x", "{name}: {body}");
    }
}

fn case_22_broken_rows(scene: &mut Scene) {
    scene.on_coordinator(
        "create function scene.echo(part integer, token text) returns text language plproxy as $$
             cluster 'broken'; run on part; target public.echo;
         $$",
    );
    let call = "select scene.echo(0, 'x')";
    // Unknown, then known and empty.
    expect_blamed(scene.text(call), "XX000", "broken", &["get_version: got NULL?"]);
    scene.add_cluster("broken", &[]);
    expect_blamed(scene.text(call), "XX000", "broken", &["get_partlist: invalid part count"]);
    let good: Vec<_> = (0..3).map(|shard| scene.shard_conninfo(shard)).collect();
    scene.add_cluster("broken", &good);
    expect_blamed(scene.text(call), "XX000", "broken", &["get_partlist: invalid part count"]);
    scene.set_option("broken", "modular_mapping", "1");
    assert_eq!(scene.text(call).unwrap(), "shard0:x");
    for connstr in [
        "hostt=127.0.0.1".to_owned(),
        "host='127.0.0.1".to_owned(),
        format!("password={CANARY} port=none"),
        format!("postgresql://user:{CANARY}@[::1/db"),
        "sslmode=sometimes".to_owned(),
        "dbname".to_owned(),
    ] {
        let mut connstrs = good.clone();
        connstrs[0] = connstr;
        scene.add_cluster("broken", &connstrs);
        expect_blamed(scene.text(call), "08001", "broken", &["PL/Proxy function scene.echo(2): "]);
        // The others are as good as before.
        assert_eq!(scene.text("select scene.echo(1, 'x')").unwrap(), "shard1:x");
    }
    scene.add_cluster("broken", &good);
    assert_eq!(scene.text(call).unwrap(), "shard0:x");
}

/// A configuration that can't be read takes nothing away from the one that was read.
fn case_22_the_good_one_stays(scene: &mut Scene) {
    let connstrs: Vec<_> = (0..4).map(|shard| scene.shard_conninfo(shard)).collect();
    let version: i32 = scene.ask("select version from plproxy.clusters where name = 'shards'", &[]);
    scene.add_cluster("shards", &connstrs[..3]);
    expect_blamed(scene.text(CALL), "XX000", "shards", &["get_partlist: invalid part count"]);
    scene.run("begin; savepoint here");
    expect_blamed(scene.text(CALL), "XX000", "shards", &["get_partlist: invalid part count"]);
    scene.run("rollback");
    // As it was, and said so: nothing has to be read, nor to be connected.
    scene.rig.execute("update plproxy.clusters set version = $1 where name = 'shards'", &[&version]).unwrap();
    assert_eq!(scene.texts("select * from echo_all('x')").unwrap().len(), 4);
    assert!(scene.proxies().iter().all(|proxy| proxy.connections() == 0), "the connections are still used");
    scene.add_cluster("shards", &connstrs);
    assert_eq!(scene.texts("select * from echo_all('x')").unwrap().len(), 4);
}

fn case_22_version_goes_down(scene: &mut Scene) {
    let connstrs: Vec<_> = (0..4).map(|shard| scene.shard_conninfo(shard)).collect();
    let turned: Vec<_> = connstrs.iter().rev().cloned().collect();
    for (version, connstrs, expected) in
        [(100, &turned, "shard2:x"), (7, &connstrs, "shard1:x"), (0, &turned, "shard2:x"), (-1, &connstrs, "shard1:x")]
    {
        scene.add_cluster("shards", connstrs);
        scene.rig.execute("update plproxy.clusters set version = $1 where name = 'shards'", &[&version]).unwrap();
        assert_eq!(scene.text(CALL).unwrap(), expected, "version {version}");
    }
}

fn case_22_change_while_a_call_waits(scene: &mut Scene) {
    scene.on_shards(
        "create function scene.slowly(token text) returns text language sql as $$
             select substr(current_database(), 7) || ':' || token from pg_sleep(1)
         $$",
    );
    scene.on_coordinator(
        "create function scene.slowly(token text) returns setof text language plproxy as $$
             cluster 'shards'; run on all;
         $$",
    );
    let result = scene.meanwhile("select scene.slowly('x')", |meanwhile| {
        meanwhile.wait_for_running("slowly", 4);
        let swap = "update plproxy.partitions set number = 3 - number + 10 where cluster = 'shards';
             update plproxy.partitions set number = number - 10 where cluster = 'shards';
             delete from plproxy.partitions where cluster = 'shards' and number > 1;
             update plproxy.clusters set version = version + 1 where name = 'shards'";
        meanwhile.rig.batch_execute(swap).unwrap();
    });
    assert_eq!(result.unwrap(), ["shard0:x", "shard1:x", "shard2:x", "shard3:x"], "it ends as it began");
    assert_eq!(
        scene.texts("select * from echo_all('x')").unwrap(),
        ["shard3:x", "shard2:x"],
        "the next one is another"
    );
    wait_until("connections of no use to be closed", || scene.proxy(0).open_connections() == 0);
    let connstrs: Vec<_> = (0..4).map(|shard| scene.shard_conninfo(shard)).collect();
    scene.add_cluster("shards", &connstrs);
    // Not for a connection, but for the wait set of those calls that began with another one.
    scene.allow_connections(1);
}

/// The call has its cluster, and asks a function where to go, which makes another cluster of it, and calls that.
fn case_22_change_while_a_call_is_routed(scene: &mut Scene) {
    scene.on_coordinator(
        "create function scene.turn() returns integer language plpgsql as $$
         begin
             delete from plproxy.partitions where cluster = 'shards' and number > 1;
             update plproxy.clusters set version = version + 1 where name = 'shards';
             assert (select array_agg(e) from public.echo_all('in') e) = '{shard0:in,shard1:in}';
             return 3;
         end $$;
         create function scene.echo(token text) returns text language plproxy as $$
             cluster 'shards'; run on scene.turn(); select public.echo(0, token);
         $$",
    );
    scene.run("begin");
    assert_eq!(scene.text("select scene.echo('out')").unwrap(), "shard3:out", "it ends on the old one");
    assert_eq!(scene.texts("select * from echo_all('x')").unwrap().len(), 2);
    scene.run("rollback");
    // The version is what it was; its partitions are those of that version again.
    assert_eq!(scene.texts("select * from echo_all('x')").unwrap().len(), 4);
}

/// A connection string of the server's own, so that its connections are of no use to others.
fn server_conninfo(scene: &Scene, shard: usize) -> String {
    scene.shard_conninfo(shard) + " fallback_application_name=server"
}

/// Makes `scene.call(token)` and `scene.rest(seconds)`, of a cluster that is a foreign server on this shard.
fn make_server(scene: &mut Scene, shard: usize) {
    let connstr = server_conninfo(scene, shard);
    scene.on_coordinator(&format!(
        "drop server if exists fault_server cascade;
         create server fault_server foreign data wrapper plproxy options (p0 '{connstr}');
         create user mapping for public server fault_server;
         create function scene.call(token text) returns text language plproxy as $$
             cluster 'fault_server'; run on 0; select public.echo(0, token);
         $$;
         create function scene.rest(seconds float8) returns text language plproxy as $$
             cluster 'fault_server'; run on 0; select public.echo(0, 'rested') from pg_sleep(seconds);
         $$"
    ));
    // What the server shows of this session is its last query, and there is a password in that.
    scene.on_coordinator("select 1");
    scene.allow_connections(1);
}

fn alter_server(scene: &Scene, shard: usize) -> String {
    format!("alter server fault_server options (set p0 '{}')", server_conninfo(scene, shard))
}

fn drop_server(scene: &mut Scene) {
    scene.on_coordinator("drop server if exists fault_server cascade");
}

fn case_28_server_altered(scene: &mut Scene) {
    make_server(scene, 1);
    assert_eq!(scene.text("select scene.call('x')").unwrap(), "shard1:x");
    for shard in [2, 1, 3, 1] {
        let sql = alter_server(scene, shard);
        scene.on_coordinator(&sql);
        scene.on_coordinator("select 1");
        assert_eq!(scene.text("select scene.call('x')").unwrap(), format!("shard{shard}:x"));
    }
    drop_server(scene);
}

fn case_28_server_altered_while_a_call_waits(scene: &mut Scene) {
    make_server(scene, 1);
    let sql = alter_server(scene, 2);
    let result = scene.meanwhile("select scene.rest(0.5)", |meanwhile| {
        meanwhile.wait_for_running("rested", 1);
        meanwhile.rig.batch_execute(&sql).unwrap();
        meanwhile.rig.batch_execute("select 1").unwrap();
    });
    assert_eq!(result.unwrap(), ["shard1:rested"], "it ends where it began");
    assert_eq!(scene.text("select scene.call('x')").unwrap(), "shard2:x");
    let result = scene.meanwhile("select scene.rest(0.5)", |meanwhile| {
        meanwhile.wait_for_running("rested", 1);
        meanwhile.rig.batch_execute("drop server fault_server cascade").unwrap();
    });
    assert_eq!(result.unwrap(), ["shard2:rested"]);
    expect_blamed(scene.text("select scene.call('x')"), "XX000", "fault_server", &["get_version: got NULL?"]);
}

fn case_28_server_dropped(scene: &mut Scene) {
    make_server(scene, 1);
    assert_eq!(scene.text("select scene.call('x')").unwrap(), "shard1:x");
    drop_server(scene);
    expect_blamed(scene.text("select scene.call('x')"), "XX000", "fault_server", &["get_version: got NULL?"]);
    // Then the functions are asked.
    let connstr = scene.shard_conninfo(3);
    scene.add_cluster("fault_server", &[connstr]);
    assert_eq!(scene.text("select scene.call('x')").unwrap(), "shard3:x");
    scene.on_coordinator("drop function scene.call(text), scene.rest(float8)");
    make_server(scene, 2);
    assert_eq!(scene.text("select scene.call('x')").unwrap(), "shard2:x");
    drop_server(scene);
    assert_eq!(scene.text("select scene.call('x')").unwrap(), "shard3:x");
}

/// Roles that may do nothing, and a server without a user in its connection string.
fn make_roles(scene: &mut Scene) {
    let address = scene.proxy(1).address().conninfo();
    scene.on_coordinator(&format!(
        "drop server if exists fault_server cascade;
         drop role if exists fault_alice, fault_bob;
         create role fault_alice login; create role fault_bob login;
         create server fault_server foreign data wrapper plproxy
             options (p0 '{address} dbname={} application_name=fault');
         grant usage on foreign server fault_server to fault_alice, fault_bob;
         grant usage on schema scene to public;
         create function scene.call(token text) returns text language plproxy as $$
             cluster 'fault_server'; run on 0; select public.echo(0, token);
         $$;
         create function scene.of_definer(token text) returns text language plproxy security definer as $$
             cluster 'fault_server'; run on 0; select public.echo(0, token);
         $$",
        shard_database(1)
    ));
}

fn drop_roles(scene: &mut Scene) {
    scene.on_coordinator(
        "drop server if exists fault_server cascade;
         drop function scene.call(text), scene.of_definer(text);
         drop role fault_alice, fault_bob",
    );
}

/// How often this user has logged in.
fn logins(scene: &Scene, user: &str) -> usize {
    scene.proxy(1).sent(pseudo::STARTUP, &format!("user\0{user}\0"))
}

fn case_28_mapping_altered(scene: &mut Scene) {
    make_roles(scene);
    scene.on_coordinator("create user mapping for public server fault_server options (user 'fault_alice')");
    let call = |scene: &mut Scene| assert_eq!(scene.text("select scene.call('x')").unwrap(), "shard1:x");
    call(scene);
    call(scene);
    assert_eq!((logins(scene, "fault_alice"), logins(scene, "fault_bob")), (1, 0));
    let open = scene.proxy(1).open_connections();
    scene.on_coordinator("alter user mapping for public server fault_server options (set user 'fault_bob')");
    call(scene);
    assert_eq!((logins(scene, "fault_alice"), logins(scene, "fault_bob")), (1, 1));
    wait_until("the old identity's connection to be closed", || scene.proxy(1).open_connections() == open);
    // One's own comes before that of all.
    scene.on_coordinator("create user mapping for current_user server fault_server options (user 'fault_alice')");
    call(scene);
    assert_eq!((logins(scene, "fault_alice"), logins(scene, "fault_bob")), (2, 1));
    scene.on_coordinator("drop user mapping for current_user server fault_server");
    call(scene);
    assert!(logins(scene, "fault_bob") >= 1 && logins(scene, "fault_alice") == 2);
    scene.on_coordinator("drop user mapping for public server fault_server");
    let error = scene.text("select scene.call('x')").expect_err("there is no mapping");
    assert_eq!(error.code().unwrap().code(), "42704", "{error:?}");
    drop_roles(scene);
}

fn case_28_roles_share_nothing(scene: &mut Scene) {
    make_roles(scene);
    scene.on_coordinator("create user mapping for public server fault_server");
    // One for each role, also for one that isn't there any more.
    scene.allow_connections(4);
    let postgres = scene.server.user.clone();
    let call = |scene: &mut Scene, function: &str| {
        assert_eq!(scene.text(&format!("select scene.{function}('x')")).unwrap(), "shard1:x");
    };
    let counts = |scene: &Scene| [&postgres[..], "fault_alice", "fault_bob"].map(|user| logins(scene, user));
    for _ in 0..2 {
        scene.run("reset role");
        call(scene, "call");
        scene.run("set role fault_alice");
        call(scene, "call");
        scene.run("set role fault_bob");
        call(scene, "call");
    }
    assert_eq!(counts(scene), [1, 1, 1], "each role has a connection of its own, and keeps it");
    // The definer's, whoever calls.
    call(scene, "of_definer");
    assert_eq!(counts(scene), [1, 1, 1]);
    scene.run("reset role; begin; set local role fault_alice");
    call(scene, "call");
    scene.run("rollback");
    assert_eq!(counts(scene), [1, 1, 1]);
    // The right is looked at in each call.
    scene.on_coordinator("revoke usage on foreign server fault_server from fault_alice");
    scene.run("set role fault_alice");
    let error = scene.text("select scene.call('x')").expect_err("alice has no right any more");
    assert_eq!(error.code().unwrap().code(), "42501", "{error:?}");
    call(scene, "of_definer");
    scene.run("reset role");
    // A role of the same name is another one.
    scene.on_coordinator("drop owned by fault_bob; drop role fault_bob; create role fault_bob login");
    scene.on_coordinator("grant usage on foreign server fault_server to fault_bob");
    scene.run("set role fault_bob");
    call(scene, "call");
    assert_eq!(counts(scene), [1, 1, 2]);
    scene.run("reset role");
    drop_roles(scene);
}
