//! Calls that are cancelled, and backends that are ended: rows 8 to 13, and 26.

use plproxy_fault::cases;
use plproxy_fault::expect::{
    expect_cancelled, expect_error, expect_shard_error, expect_statement_timeout, expect_within,
};
use plproxy_fault::proxy::{Action, Listening, Proxy, When, wait_until};
use plproxy_fault::scene::Scene;
use plproxy_fault::world::COORDINATOR;
use postgres::{Config, NoTls};
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

cases! {
    // Before anybody is connected, a pooler isn't concerned.
    case_08_cancelled_while_connecting: direct;
    case_08_timed_out_while_connecting: direct;
    case_09_cancelled_while_sending: direct, session, transaction;
    case_10_cancelled_with_all_busy: direct, session, transaction;
    case_10_cancelled_while_rows_come: direct, session, transaction;
    case_11_cancel_port_refuses: direct, session, transaction;
    case_11_cancel_port_is_unreachable: direct, session, transaction;
    case_11_cancel_port_is_silent: direct, session, transaction;
    case_12_cancelled_when_just_finished: direct, session, transaction;
    case_13_backend_ended: direct, session, transaction;
    case_13_client_gone_and_looked_for: direct, session, transaction;
    case_13_client_gone: direct, session, transaction;
    case_26_one_shard_fails_while_others_stream: direct, session, transaction;
}

const SECOND: Duration = Duration::from_secs(1);

fn case_08_cancelled_while_connecting(scene: &mut Scene) {
    scene.disconnect();
    scene.proxy_mut(1).listen(Listening::Full);
    let mut cancelled = Instant::now();
    let result = scene.meanwhile("select * from echo_all('x')", |meanwhile| {
        meanwhile.proxies[0].wait_for(plproxy_fault::wire::pseudo::STARTUP, "");
        cancelled = meanwhile.cancel();
    });
    expect_cancelled(result);
    expect_within(cancelled, SECOND / 10);
}

fn case_08_timed_out_while_connecting(scene: &mut Scene) {
    scene.disconnect();
    scene.proxy_mut(1).listen(Listening::Full);
    scene.run("set statement_timeout = '200ms'");
    let started = Instant::now();
    expect_statement_timeout(scene.text("select echo(1, 'x')"));
    expect_within(started, SECOND * 3 / 10);
    scene.run("set statement_timeout = '60s'");
}

fn case_09_cancelled_while_sending(scene: &mut Scene) {
    let fault = scene.proxy(1).on(When::to_server(b'B'), Action::Stall);
    // More than the buffers of both sides hold.
    let result = scene.meanwhile("select swallow(1, repeat('x', 30000000))", |meanwhile| {
        fault.wait();
        meanwhile.pause(200);
        meanwhile.cancel();
    });
    expect_cancelled(result);
    scene.proxy_mut(1).heal();
    wait_until("the connection to be closed", || scene.proxy(1).open_connections() == 0);
    scene.allow_memory(200_000);
}

fn case_10_cancelled_with_all_busy(scene: &mut Scene) {
    let mut cancelled = Instant::now();
    let result = scene.meanwhile("select * from rest_all(600)", |meanwhile| {
        meanwhile.wait_for_running("rest", 4);
        cancelled = meanwhile.cancel();
    });
    expect_cancelled(result);
    // Shards have a second to answer.
    expect_within(cancelled, SECOND);
    expect_cancelled_and_kept(scene, 0..4);
}

fn case_10_cancelled_while_rows_come(scene: &mut Scene) {
    let result = scene.meanwhile("select * from numbers_all(3000000)", |meanwhile| {
        meanwhile.proxies.iter().for_each(|proxy| proxy.wait_for_received(b'D', 1000));
        meanwhile.cancel();
    });
    expect_cancelled(result);
    expect_cancelled_and_kept(scene, 0..4);
    scene.check_gather();
}

/// Each of these shards was asked to cancel, and the connections are still used.
fn expect_cancelled_and_kept(scene: &mut Scene, mut shards: impl Iterator<Item = usize>) {
    assert_eq!(scene.texts("select * from echo_all('next')").unwrap().len(), 4);
    assert!(shards.all(|shard| scene.proxy(shard).cancel_requests() > 0));
    for proxy in scene.proxies() {
        assert_eq!(proxy.connections(), proxy.cancel_requests(), "all new connections were cancel requests");
    }
}

fn case_11_cancel_port_refuses(scene: &mut Scene) {
    cancel_port(scene, Listening::Refusing);
}

fn case_11_cancel_port_is_unreachable(scene: &mut Scene) {
    cancel_port(scene, Listening::Full);
}

fn case_11_cancel_port_is_silent(scene: &mut Scene) {
    cancel_port(scene, Listening::Silent);
}

fn cancel_port(scene: &mut Scene, listening: Listening) {
    scene.proxy_mut(1).listen(listening);
    let mut cancelled = Instant::now();
    // Nobody can tell the shard to stop, and it won't come to an end by itself while this lasts.
    let result = scene.meanwhile("select rest(1, 600)", |meanwhile| {
        meanwhile.wait_for_running("rest", 1);
        cancelled = meanwhile.cancel();
    });
    expect_cancelled(result);
    expect_within(cancelled, SECOND);
    let end = "select count(pg_cancel_backend(pid)) from pg_stat_activity
                where datname like 'fault\\_shard%' and state = 'active' and query like '%public.rest%'";
    assert_eq!(scene.ask::<i64>(end, &[]), 1);
    wait_until("the connection to be closed", || scene.proxy(1).open_connections() == 0);
}

/// Whenever a call is cancelled, the next call on its connection isn't.
fn case_12_cancelled_when_just_finished(scene: &mut Scene) {
    let is_over = AtomicBool::new(false);
    let (server, pid) = (scene.server, scene.pid());
    let mut cancelled = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut rig = server.connect(COORDINATOR);
            let cancel = rig.prepare("select pg_cancel_backend($1)").unwrap();
            for number in 0.. {
                if is_over.load(SeqCst) {
                    break;
                }
                rig.execute(&cancel, &[&pid]).unwrap();
                std::thread::sleep(Duration::from_micros(number * 37 % 1500));
            }
        });
        let mut requests = 0;
        // How many cancels come between calls, or find the answer there already, is the machine's business.
        for number in 0..100_000 {
            match scene.text(&format!("select echo(1, 'call{number}')")) {
                Ok(answer) => assert_eq!(answer, format!("shard1:call{number}")),
                error => {
                    expect_cancelled(error);
                    cancelled += 1;
                }
            }
            requests = scene.proxy(1).cancel_requests();
            if number >= 10_000 && cancelled > 100 && requests > 100 {
                break;
            }
        }
        is_over.store(true, SeqCst);
        assert!(cancelled > 100, "only {cancelled} calls were cancelled");
        assert!(requests > 100, "only {requests} requests to cancel were made");
    });
    // Otherwise what comes after the case might be cancelled.
    while scene.text("select 1").is_err() {}
}

fn case_13_backend_ended(scene: &mut Scene) {
    let mut terminated = Instant::now();
    let pid = scene.pid();
    let result = scene.meanwhile("select * from rest_all(600)", |meanwhile| {
        meanwhile.wait_for_running("rest", 4);
        terminated = meanwhile.terminate();
    });
    expect_error(result, "57P01", &["terminating connection due to administrator command"]);
    wait_until("the backend to exit", || !is_there(pid));
    expect_within(terminated, SECOND);
    scene.session_is_over();
    assert!(scene.proxies().iter().all(|proxy| proxy.cancel_requests() > 0));
}

/// The server looks for the client from time to time when it is told to.
fn case_13_client_gone_and_looked_for(scene: &mut Scene) {
    client_gone(scene, "100ms", "select * from rest_all(600)");
    assert!(scene.proxies().iter().all(|proxy| proxy.cancel_requests() > 0));
}

/// Otherwise it notices when it sends something: that the call's result comes to nobody.
fn case_13_client_gone(scene: &mut Scene) {
    client_gone(scene, "0", "select * from rest_all(2)");
}

fn client_gone(scene: &mut Scene, check_interval: &str, query: &str) {
    let front = Proxy::tcp(&scene.server.address());
    let mut config = Config::new();
    config.host("127.0.0.1").port(front.address().port()).user(&scene.server.user).dbname(COORDINATOR);
    let mut session = config.connect(NoTls).unwrap();
    let setting = format!("set client_connection_check_interval = '{check_interval}'");
    session.batch_execute(&setting).unwrap();
    let pid: i32 = session.query_one("select pg_backend_pid()", &[]).unwrap().get(0);
    let mut gone = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| session.simple_query(query).expect_err("the client is gone"));
        let running = "select count(*) from pg_stat_activity where query like '%public.rest%' and state = 'active'
                          and datname like 'fault\\_shard%'";
        while scene.ask::<i64>(running, &[]) < 4 {
            std::thread::sleep(Duration::from_millis(5));
        }
        front.close_all();
        gone = Instant::now();
    });
    wait_until("the backend to exit", || !is_there(pid));
    expect_within(gone, 2 * SECOND);
}

fn is_there(pid: i32) -> bool {
    fs::exists(format!("/proc/{pid}")).unwrap_or(true)
}

fn case_26_one_shard_fails_while_others_stream(scene: &mut Scene) {
    scene.on_shards(
        "create function scene.flawed() returns setof bigint language sql as $$
             select case when current_database() = 'fault_shard1' and g = 1000 then 1 / (g - g) else g end
               from generate_series(1, 3000000) g
         $$",
    );
    scene.on_coordinator(
        "create function scene.flawed() returns setof bigint language plproxy as $$
             cluster 'shards'; run on all; select scene.flawed();
         $$",
    );
    let result = scene.texts("select * from scene.flawed()");
    expect_shard_error(result, "22012", "scene.flawed(0)", "fault_shard1", &["REMOTE ERROR: division by zero"]);
    expect_cancelled_and_kept(scene, [0, 2, 3].into_iter());
    scene.check_gather();
}
