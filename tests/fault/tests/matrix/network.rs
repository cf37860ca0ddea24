//! Connections that break, stall or vanish under a call: rows 1 to 6.

use plproxy_fault::cases;
use plproxy_fault::expect::{
    expect_call_error, expect_cancelled, expect_lost, expect_session_ended, expect_shard_error,
    expect_statement_timeout, expect_within,
};
use plproxy_fault::proxy::{Action, Direction, When};
use plproxy_fault::scene::Scene;
use std::time::{Duration, Instant};

cases! {
    case_01_shard_backend_killed_mid_result: direct, session, transaction;
    case_02_black_hole_until_statement_timeout: direct, session, transaction;
    case_02_black_hole_until_query_timeout: direct, session, transaction;
    // A matter of the coordinator's own socket.
    case_02_black_hole_until_tcp_user_timeout: direct;
    case_03_reset_after_the_request: direct, session, transaction;
    case_03_closed_after_a_part_of_the_answer: direct, session, transaction;
    case_03_reset_as_applications_know_it: direct;
    case_04_trickled_login: direct, session, transaction;
    case_04_trickled_row: direct, session, transaction;
    case_04_cancelled_while_trickled: direct, session, transaction;
    case_05_restart_between_two_calls: direct, session, transaction;
    // With a pooler it is the pooler that has to notice.
    case_05_idle_sessions_ended: direct;
    case_06_peer_vanishes_before_the_answer: direct, session, transaction;
}

const SECOND: Duration = Duration::from_secs(1);

fn case_01_shard_backend_killed_mid_result(scene: &mut Scene) {
    let result = scene.meanwhile("select * from numbers_all(3000000)", |meanwhile| {
        meanwhile.proxies[1].wait_for_received(b'D', 1000);
        meanwhile.terminate_shard(1, "numbers");
    });
    expect_session_ended(result, "public.numbers_all(1)", "fault_shard1");
    for proxy in scene.proxies() {
        assert_eq!(proxy.sent(b'E', ""), 1);
    }
    scene.check_gather();
}

fn case_02_black_hole_until_statement_timeout(scene: &mut Scene) {
    scene.black_hole(1);
    scene.run("set statement_timeout = '500ms'");
    let started = Instant::now();
    expect_statement_timeout(scene.texts("select * from echo_all('x')"));
    expect_within(started, SECOND / 2);
    scene.run("set statement_timeout = '60s'");
}

fn case_02_black_hole_until_query_timeout(scene: &mut Scene) {
    scene.set_option("shards", "query_timeout", "1");
    scene.black_hole(1);
    let started = Instant::now();
    expect_call_error(scene.texts("select * from echo_all('x')"), "57014", "public.echo_all(1)", &["query timeout"]);
    expect_within(started, SECOND);
}

fn case_02_black_hole_until_tcp_user_timeout(scene: &mut Scene) {
    let connstrs = [scene.shard_conninfo(1) + " tcp_user_timeout=1000"];
    scene.add_cluster("impatient", &connstrs);
    scene.on_coordinator(
        "create function scene.swallow(part integer, data text) returns integer language plproxy as $$
             cluster 'impatient'; run on 0; target public.swallow;
         $$",
    );
    scene.proxy(1).on(When::to_server(b'B'), Action::Stall);
    let started = Instant::now();
    // More than the buffers of both sides hold.
    let result = scene.text("select scene.swallow(0, repeat('x', 30000000))");
    // It can't have run: it hasn't been sent to its end.
    expect_shard_error(result, "08006", "scene.swallow(2)", "fault_shard1", &["Connection timed out"]);
    expect_within(started, SECOND);
    scene.allow_memory(200_000);
}

fn case_03_reset_after_the_request(scene: &mut Scene) {
    let fault = scene.proxy(1).on(When::from_server(b'D'), Action::Reset);
    expect_lost(scene.text("select bump(1, 'once')"), "public.bump(2)", "fault_shard1");
    assert_eq!(fault.hits(), 1);
    assert_eq!(scene.proxy(1).sent(b'B', "once"), 1);
    assert_eq!(scene.text("select bumps(1, 'once')").unwrap(), "1");
    scene.on_shards("truncate public.bumps");
}

fn case_03_closed_after_a_part_of_the_answer(scene: &mut Scene) {
    scene.proxy(1).on(When::from_server(b'D').nth(3), Action::Cut(4));
    expect_lost(scene.texts("select * from numbers_all(10)"), "public.numbers_all(1)", "fault_shard1");
    for proxy in scene.proxies() {
        assert_eq!(proxy.sent(b'E', ""), 1);
    }
    scene.check_gather();
}

/// Applications that come from the C version catch XX000.
fn case_03_reset_as_applications_know_it(scene: &mut Scene) {
    scene.run("reset plproxy.sqlstate");
    scene.proxy(1).on(When::from_server(b'D'), Action::Reset);
    let result = scene.text("select echo(1, 'x')");
    let text = "PL/Proxy function public.echo(2): [fault_shard1] server closed the connection unexpectedly";
    expect_shard_error(result, "XX000", "public.echo(2)", "fault_shard1", &[text]);
}

fn case_04_trickled_login(scene: &mut Scene) {
    scene.disconnect();
    scene.set_option("shards", "connect_timeout", "1");
    let slowly = Action::Trickle(SECOND / 5);
    let fault = scene.proxy(1).on(When::any(Direction::FromServer).during_login().always(), slowly);
    let started = Instant::now();
    let result = scene.text("select echo(1, 'x')");
    expect_shard_error(result, "08001", "public.echo(2)", "fault_shard1", &["connect timeout"]);
    expect_within(started, SECOND);
    assert!(fault.hits() > 0);
}

fn case_04_trickled_row(scene: &mut Scene) {
    scene.set_option("shards", "query_timeout", "1");
    scene.proxy(1).on(When::from_server(b'D').always(), Action::Trickle(SECOND / 5));
    let started = Instant::now();
    let result = scene.texts("select * from wide(1, 10, 1000)");
    expect_call_error(result, "57014", "public.wide(3)", &["query timeout"]);
    expect_within(started, SECOND);
}

fn case_04_cancelled_while_trickled(scene: &mut Scene) {
    let fault = scene.proxy(1).on(When::from_server(b'D').always(), Action::Trickle(SECOND / 5));
    let mut cancelled = Instant::now();
    let result = scene.meanwhile("select * from wide(1, 10, 1000)", |meanwhile| {
        fault.wait();
        cancelled = meanwhile.cancel();
    });
    expect_cancelled(result);
    // Nobody waits for the rest of a message that takes so long.
    expect_within(cancelled, SECOND / 10);
}

fn case_05_restart_between_two_calls(scene: &mut Scene) {
    scene.disconnect();
    assert_eq!(scene.text("select echo(1, 'again')").unwrap(), "shard1:again");
    assert_eq!(scene.proxy(1).connections(), 1);
    assert!(scene.take_notices().is_empty());
}

fn case_05_idle_sessions_ended(scene: &mut Scene) {
    let ended: i64 = scene.ask(
        "select count(pg_terminate_backend(pid, 10000)) from pg_stat_activity where application_name = 'fault'",
        &[],
    );
    assert_eq!(ended, 4);
    assert_eq!(scene.texts("select * from echo_all('again')").unwrap().len(), 4);
    assert!(scene.proxies().iter().all(|proxy| proxy.connections() == 1));
    assert!(scene.take_notices().is_empty());
}

fn case_06_peer_vanishes_before_the_answer(scene: &mut Scene) {
    scene.set_option("shards", "query_timeout", "1");
    scene.proxy(1).on(When::from_server(b'D'), Action::Vanish);
    let started = Instant::now();
    expect_call_error(scene.text("select bump(1, 'vanished')"), "57014", "public.bump(2)", &["query timeout"]);
    expect_within(started, SECOND);
    assert_eq!(scene.proxy(1).sent(b'B', "vanished"), 1);
    assert_eq!(scene.text("select bumps(1, 'vanished')").unwrap(), "1");
    scene.on_shards("truncate public.bumps");
}
