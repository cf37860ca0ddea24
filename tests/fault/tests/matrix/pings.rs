//! `plproxy_ping` of servers that are in trouble.

use crate::scripted::{self, Scripted};
use plproxy_fault::cases;
use plproxy_fault::expect::{expect_cancelled, expect_within};
use plproxy_fault::proxy::{Action, When};
use plproxy_fault::scene::Scene;
use plproxy_fault::wire;
use std::time::{Duration, Instant};

cases! {
    case_02_ping_into_a_black_hole: direct, session, transaction;
    case_02_ping_without_time_outs: direct;
    case_03_ping_on_a_connection_that_breaks: direct, session, transaction;
    case_03_ping_of_a_server_that_breaks: direct;
    case_04_trickled_ping: direct, session, transaction;
    case_08_ping_cancelled_while_connecting: direct;
    case_13_terminated_in_a_ping: direct;
    case_18_ping_answered_with_nonsense: direct;
    case_18_ping_flooded: direct;
}

const SECOND: Duration = Duration::from_secs(1);

/// What a ping finds, a line for each partition.
fn ping(scene: &mut Scene, cluster: &str) -> Vec<String> {
    let query = format!(
        "select format('%s %s %s', partition, database, coalesce(replace(error, chr(10), ' '), 'in ' || (latency < 60000)))
           from plproxy_ping('{cluster}')"
    );
    scene.texts(&query).expect("whatever the servers do, it is no error")
}

/// What it finds where all is well but what is wrong with the second one.
fn but_second(wrong: &str) -> Vec<String> {
    let line = |shard: usize| match shard {
        1 => format!("1 fault_shard1 {wrong}"),
        _ => format!("{shard} fault_shard{shard} in true"),
    };
    (0..4).map(line).collect()
}

fn case_02_ping_into_a_black_hole(scene: &mut Scene) {
    scene.set_option("shards", "query_timeout", "1");
    scene.set_option("shards", "connect_timeout", "1");
    scene.black_hole(1);
    let started = Instant::now();
    assert_eq!(ping(scene, "shards"), but_second("query timeout"));
    expect_within(started, SECOND);
    // That has closed the connection, and there is no other one.
    let started = Instant::now();
    assert_eq!(ping(scene, "shards"), but_second("[fault_shard1] connect timeout"));
    expect_within(started, SECOND);
}

fn case_02_ping_without_time_outs(scene: &mut Scene) {
    scene.black_hole(1);
    let started = Instant::now();
    assert_eq!(ping(scene, "shards"), but_second("query timeout"));
    assert_eq!(ping(scene, "shards"), but_second("[fault_shard1] connect timeout"));
    expect_within(started, 10 * SECOND);
}

fn case_03_ping_on_a_connection_that_breaks(scene: &mut Scene) {
    let fault = scene.proxy(1).on(When::to_server(b'Q'), Action::Reset);
    assert_eq!(ping(scene, "shards"), but_second("in true"));
    assert_eq!(fault.hits(), 1);
}

fn case_03_ping_of_a_server_that_breaks(scene: &mut Scene) {
    let fault = scene.proxy(1).on(When::to_server(b'Q').always(), Action::Reset);
    assert_eq!(ping(scene, "shards"), but_second("[fault_shard1] server closed the connection unexpectedly"));
    assert_eq!(fault.hits(), 2);
}

fn case_04_trickled_ping(scene: &mut Scene) {
    scene.set_option("shards", "query_timeout", "1");
    scene.proxy(1).on(When::from_server(b'D').always(), Action::Trickle(SECOND / 5));
    let started = Instant::now();
    assert_eq!(ping(scene, "shards"), but_second("query timeout"));
    expect_within(started, SECOND);
}

fn case_08_ping_cancelled_while_connecting(scene: &mut Scene) {
    scene.disconnect();
    scene.black_hole(1);
    let mut cancelled = Instant::now();
    let result = scene.meanwhile("select partition::text from plproxy_ping('shards')", |meanwhile| {
        meanwhile.pause(300);
        cancelled = meanwhile.cancel();
    });
    expect_cancelled(result);
    expect_within(cancelled, SECOND / 10);
}

fn case_13_terminated_in_a_ping(scene: &mut Scene) {
    scene.black_hole(1);
    let mut terminated = Instant::now();
    let result = scene.meanwhile("select partition::text from plproxy_ping('shards')", |meanwhile| {
        meanwhile.pause(300);
        terminated = meanwhile.terminate();
    });
    assert!(result.is_err());
    expect_within(terminated, SECOND);
    scene.session_is_over();
}

fn case_18_ping_answered_with_nonsense(scene: &mut Scene) {
    let row = |fields: &[Option<&[u8]>]| [wire::data_row(fields), scripted::ended()].concat();
    let nonsense = [
        row(&[]),
        row(&[Some(b"15")]),
        row(&[Some(b"15"), None]),
        scripted::ended(),
        wire::message(b'G', &[0, 0, 0]),
        wire::message(b'D', &[0xff; 3]),
        vec![b'D', 0, 0, 0, 1],
    ];
    for answer in nonsense {
        let server = Scripted::new(scene, move |_, peer| {
            peer.log_in()?;
            peer.hear()?;
            peer.say(&answer)
        });
        assert_eq!(ping(scene, "fake"), ["0 fake [fake] lost synchronization with server"]);
        server.wait_for_closed(1);
    }
}

fn case_18_ping_flooded(scene: &mut Scene) {
    scene.set_option("fake", "query_timeout", "1");
    let server = Scripted::new(scene, |_, peer| {
        peer.log_in()?;
        peer.hear()?;
        let notices = wire::report(b'N', "NOTICE", "00000", "and another thing").repeat(1000);
        loop {
            peer.say(&notices)?;
        }
    });
    let started = Instant::now();
    assert_eq!(ping(scene, "fake"), ["0 fake query timeout"]);
    expect_within(started, SECOND);
    server.wait_for_closed(1);
}
