//! Connections that can't be had, or only after a while: rows 7, 19, 20 and 32.

use plproxy_fault::cases;
use plproxy_fault::expect::{expect_cancelled, expect_shard_error, expect_within};
use plproxy_fault::fake::Fake;
use plproxy_fault::proxy::{Action, Listening, Proxy, When};
use plproxy_fault::scene::{Path, Scene};
use plproxy_fault::wire::pseudo;
use plproxy_fault::world::{REFUSED_BY_HBA, TOO_MANY_CONNECTIONS, WITH_PASSWORD, shard_database};
use std::sync::Arc;
use std::time::{Duration, Instant};

cases! {
    // A pooler logs in for itself, so what the server thinks of the user isn't for us to see.
    case_07_wrong_password: direct;
    case_07_no_pg_hba_entry: direct;
    case_07_too_many_connections: direct;
    case_07_unknown_database: direct, session, transaction;
    case_07_password_asked_for_in_the_clear: direct;
    // PgBouncer's own listening is like any server's.
    case_19_full_backlog_for_a_while: direct;
    case_19_full_backlog_until_the_deadline: direct;
    case_19_full_backlog_for_the_cancel_request: direct;
    case_20_first_host_refuses: direct, session, transaction;
    case_20_first_host_drops_packets: direct, session, transaction;
    case_20_first_host_says_nothing: direct, session, transaction;
    case_20_first_host_is_read_only: direct;
    case_20_run_on_any_goes_elsewhere: direct, session, transaction;
    case_32_one_of_sixteen_drops_packets: direct, session, transaction;
    case_32_one_of_sixteen_refuses: direct, session, transaction;
}

const SECOND: Duration = Duration::from_secs(1);

/// Calls all four shards, of which one has another connection string, and expects that nothing has run anywhere: its error is
/// told, and that it was asked once.
fn refused(scene: &mut Scene, connstr: String, database: &str, sqlstates: &[&str], text: &str) {
    let connstrs: Vec<_> =
        (0..4).map(|shard| if shard == 1 { connstr.clone() } else { scene.shard_conninfo(shard) }).collect();
    scene.add_cluster("refusing", &connstrs);
    scene.on_coordinator(
        "create function scene.everywhere(token text) returns setof text language plproxy as $$
             cluster 'refusing'; run on all; select public.echo(0, token);
         $$",
    );
    let result = scene.texts("select * from scene.everywhere('x')");
    let code = result.as_ref().err().and_then(postgres::Error::code).map_or("none", |code| code.code()).to_owned();
    assert!(sqlstates.contains(&code.as_str()), "{code}");
    expect_shard_error(result, &code, "scene.everywhere(1)", database, &[text]);
    assert_eq!(scene.proxy(1).sent(pseudo::STARTUP, ""), 1, "it was asked once");
    for proxy in scene.proxies() {
        assert_eq!(proxy.sent(b'B', ""), 0, "nothing was asked to run");
    }
}

fn of_user(scene: &Scene, user: &str) -> String {
    scene.shard_conninfo(1).replace(&format!("user={}", scene.server.user), &format!("user={user}"))
}

fn case_07_wrong_password(scene: &mut Scene) {
    let connstr = of_user(scene, WITH_PASSWORD);
    refused(scene, connstr, "fault_shard1", &["28P01"], "password authentication failed for user");
}

fn case_07_no_pg_hba_entry(scene: &mut Scene) {
    let connstr = of_user(scene, REFUSED_BY_HBA);
    refused(scene, connstr, "fault_shard1", &["28000"], "pg_hba.conf rejects connection");
}

fn case_07_too_many_connections(scene: &mut Scene) {
    let connstr = of_user(scene, TOO_MANY_CONNECTIONS);
    refused(scene, connstr, "fault_shard1", &["53300"], "too many connections for role");
}

fn case_07_unknown_database(scene: &mut Scene) {
    let connstr = scene.conninfo(scene.proxy(1).address(), "fault_nonesuch");
    // PgBouncer passes the server's message on; older versions with a code of their own.
    let sqlstates = if scene.path == Path::Direct { &["3D000"][..] } else { &["3D000", "08P01"] };
    refused(scene, connstr, "fault_nonesuch", sqlstates, "database \"fault_nonesuch\" does not exist");
}

fn case_07_password_asked_for_in_the_clear(scene: &mut Scene) {
    let fake = Fake::new(|peer| {
        peer.say(&plproxy_fault::wire::authentication(3, b""))?;
        let (kind, _) = peer.hear()?;
        assert_eq!(kind, b'p');
        peer.say(&plproxy_fault::wire::report(b'E', "FATAL", "28P01", "wrong password"))
    });
    let connstr = scene.conninfo(&fake.address(), "fault_shard1");
    scene.add_cluster("fake", &[connstr]);
    scene.on_coordinator(
        "create function scene.one() returns integer language plproxy as $$ cluster 'fake'; run on 0; select 1; $$",
    );
    let result = scene.text("select scene.one()");
    expect_shard_error(result, "28P01", "scene.one(0)", "fault_shard1", &["wrong password"]);
    assert_eq!(fake.sessions(), 1);
}

/// A cluster of one shard behind a socket in the file system, and a function that runs there.
fn behind_a_unix_socket(scene: &mut Scene, options: &str) -> Proxy {
    let directory = scene.socket_directory("case19");
    let proxy = Proxy::unix(&directory, &scene.upstream());
    let connstr = scene.conninfo(proxy.address(), &shard_database(2));
    scene.add_cluster("local", &[format!("{connstr} {options}")]);
    scene.on_coordinator(
        "create function scene.rest(part integer, seconds float8) returns text language plproxy as $$
             cluster 'local'; run on 0; target public.rest;
         $$",
    );
    proxy
}

fn case_19_full_backlog_for_a_while(scene: &mut Scene) {
    let mut proxy = behind_a_unix_socket(scene, "");
    proxy.listen(Listening::Full);
    let result = scene.meanwhile("select scene.rest(0, 0)", |meanwhile| {
        meanwhile.pause(300);
        proxy.heal();
    });
    assert_eq!(result.unwrap(), ["rested"]);
    scene.allow_connections(1);
}

fn case_19_full_backlog_until_the_deadline(scene: &mut Scene) {
    let mut proxy = behind_a_unix_socket(scene, "connect_timeout=2");
    proxy.listen(Listening::Full);
    let started = Instant::now();
    let result = scene.text("select scene.rest(0, 0)");
    expect_shard_error(result, "08001", "scene.rest(2)", "fault_shard2", &["connect timeout"]);
    assert!(started.elapsed() >= SECOND, "it tried until the deadline");
    expect_within(started, 2 * SECOND);
}

fn case_19_full_backlog_for_the_cancel_request(scene: &mut Scene) {
    let mut proxy = behind_a_unix_socket(scene, "");
    scene.text("select scene.rest(0, 0)").unwrap();
    proxy.listen(Listening::Full);
    let mut cancelled = Instant::now();
    let result = scene.meanwhile("select scene.rest(0, 600)", |meanwhile| {
        meanwhile.wait_for_running("rest", 1);
        cancelled = meanwhile.cancel();
        meanwhile.pause(200);
        proxy.heal();
    });
    expect_cancelled(result);
    expect_within(cancelled, SECOND);
    assert!(proxy.cancel_requests() > 0);
    scene.allow_connections(1);
}

/// A cluster of one shard on two hosts, and a call that must find the second one.
fn second_host(scene: &mut Scene, first: &Proxy, options: &str) {
    let (first, second) = (first.address().port(), scene.proxy(1).address().port());
    let user = &scene.server.user;
    let connstr = format!(
        "host=127.0.0.1,127.0.0.1 port={first},{second} dbname=fault_shard1 user={user} application_name=fault {options}"
    );
    scene.add_cluster("two_hosts", &[connstr]);
    scene.on_coordinator(
        "create function scene.echo(part integer, token text) returns text language plproxy as $$
             cluster 'two_hosts'; run on 0; target public.echo;
         $$",
    );
    let started = Instant::now();
    assert_eq!(scene.text("select scene.echo(0, 'x')").unwrap(), "shard1:x");
    expect_within(started, 2 * SECOND);
    assert_eq!(scene.proxy(1).sent(pseudo::STARTUP, ""), 1);
    scene.allow_connections(1);
}

fn case_20_first_host_refuses(scene: &mut Scene) {
    let mut first = Proxy::tcp(&scene.upstream());
    first.listen(Listening::Refusing);
    second_host(scene, &first, "connect_timeout=2");
}

fn case_20_first_host_drops_packets(scene: &mut Scene) {
    let mut first = Proxy::tcp(&scene.upstream());
    first.listen(Listening::Full);
    second_host(scene, &first, "connect_timeout=2");
}

fn case_20_first_host_says_nothing(scene: &mut Scene) {
    let mut first = Proxy::tcp(&scene.upstream());
    first.listen(Listening::Silent);
    second_host(scene, &first, "connect_timeout=2");
    assert_eq!(first.connections(), 1);
}

fn case_20_first_host_is_read_only(scene: &mut Scene) {
    let first = Proxy::tcp(&scene.upstream());
    let read_only = Arc::new(|message: &mut Vec<u8>| {
        *message = plproxy_fault::wire::parameter_status("default_transaction_read_only", "on");
    });
    let fault =
        first.on(When::from_server(b'S').containing("default_transaction_read_only"), Action::Mutate(read_only));
    second_host(scene, &first, "connect_timeout=2 target_session_attrs=read-write");
    assert_eq!(fault.hits(), 1);
}

fn case_20_run_on_any_goes_elsewhere(scene: &mut Scene) {
    scene.disconnect();
    (0..3).for_each(|shard| scene.proxy_mut(shard).listen(Listening::Refusing));
    for round in 0..20 {
        assert_eq!(scene.text(&format!("select echo_any('{round}')")).unwrap(), format!("shard3:{round}"));
    }
}

/// A cluster of sixteen partitions of which nobody is connected, one of them behind this proxy, and a call to all of them.
fn one_of_sixteen(scene: &mut Scene, listening: Listening, text: &str) {
    let mut unreachable = Proxy::tcp(&scene.upstream());
    unreachable.listen(listening);
    let mut connstrs: Vec<_> =
        (0..16).map(|number| format!("{} application_name=fault{number}", scene.shard_conninfo(number % 4))).collect();
    connstrs[7] = scene.conninfo(unreachable.address(), "fault_shard3");
    scene.add_cluster("sixteen", &connstrs);
    scene.set_option("sixteen", "connect_timeout", "2");
    scene.on_coordinator(
        "create function scene.everywhere(token text) returns setof text language plproxy as $$
             cluster 'sixteen'; run on all; select public.echo(0, token);
         $$",
    );
    let started = Instant::now();
    let result = scene.texts("select * from scene.everywhere('x')");
    expect_shard_error(result, "08001", "scene.everywhere(1)", "fault_shard3", &[text]);
    expect_within(started, 2 * SECOND);
    for proxy in scene.proxies() {
        assert_eq!(proxy.sent(b'B', ""), 0, "nothing was asked to run");
    }
    scene.allow_connections(15);
}

fn case_32_one_of_sixteen_drops_packets(scene: &mut Scene) {
    one_of_sixteen(scene, Listening::Full, "connect timeout");
}

fn case_32_one_of_sixteen_refuses(scene: &mut Scene) {
    one_of_sixteen(scene, Listening::Refusing, "Connection refused");
}
