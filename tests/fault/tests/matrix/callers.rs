//! Calls from odd places: rows 14, 15, 23, 29 and 31.

use plproxy_fault::cases;
use plproxy_fault::expect::{expect_cancelled, expect_error};
use plproxy_fault::proxy::{Action, Listening, Proxy, When, wait_until};
use plproxy_fault::scene::{Path, Scene};
use plproxy_fault::vitals::memory;
use plproxy_fault::wire::pseudo;
use plproxy_fault::world::{COORDINATOR, shard_database};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

cases! {
    case_14_failing_calls_in_a_loop: direct, session, transaction;
    case_14_lost_connections_in_a_loop: direct, session, transaction;
    case_15_in_a_parallel_worker: direct, session, transaction;
    case_23_a_function_that_calls_itself: direct, session, transaction;
    case_23_there_and_back_again: direct, session, transaction;
    case_29_drop_database_while_a_call_waits: direct, session, transaction;
    // Before anybody is connected, a pooler isn't concerned.
    case_29_drop_database_while_connecting: direct;
    case_31_two_sets_in_one_target_list: direct, session, transaction;
    case_31_two_cursors_on_one_shard: direct, session, transaction;
    case_31_early_stop: direct, session, transaction;
    case_31_a_call_in_its_own_argument: direct, session, transaction;
}

/// Calls a failing function of the name so many times, each in a subtransaction of its own; how many have failed.
const LOOP: &str = "
    create function scene.fail_often(times integer) returns integer language plpgsql as $$
    declare failed integer := 0;
    begin
        for i in 1 .. times loop
            begin
                perform scene.fail(i);
            exception when division_by_zero or connection_exception then failed := failed + 1;
            end;
        end loop;
        return failed;
    end $$";

fn case_14_failing_calls_in_a_loop(scene: &mut Scene) {
    scene.on_shards("create function scene.fail(n integer) returns integer language sql as 'select n / (n - n)'");
    scene.on_coordinator(
        "create function scene.fail(n integer) returns integer language plproxy as $$
             cluster 'shards'; run on n;
         $$",
    );
    scene.on_coordinator(LOOP);
    let warm_up = scene.text("select scene.fail_often(500)");
    assert_eq!(warm_up.unwrap(), "500");
    let before = memory(scene.pid());
    assert_eq!(scene.text("select scene.fail_often(10000)").unwrap(), "10000");
    expect_flat(before, memory(scene.pid()));
    let connections: usize = scene.proxies().iter().map(Proxy::connections).sum();
    assert_eq!(connections, 0, "an error of the query costs no connection");
}

fn case_14_lost_connections_in_a_loop(scene: &mut Scene) {
    scene.on_coordinator(
        "create function scene.fail(n integer) returns text language plproxy as $$
             cluster 'shards'; run on n; select public.echo(0, 'fail');
         $$",
    );
    scene.on_coordinator(LOOP);
    for proxy in scene.proxies() {
        proxy.on(When::to_server(b'B').containing("plproxy").always(), Action::Kill);
    }
    assert_eq!(scene.text("select scene.fail_often(100)").unwrap(), "100");
    let before = memory(scene.pid());
    assert_eq!(scene.text("select scene.fail_often(500)").unwrap(), "500");
    expect_flat(before, memory(scene.pid()));
}

/// What a backend's allocator may take besides, in kB: it doesn't grow with the number of calls.
fn expect_flat(before: usize, after: usize) {
    assert!(after < before + 1024, "memory has grown from {before} to {after} kB");
}

fn case_15_in_a_parallel_worker(scene: &mut Scene) {
    scene.on_coordinator(
        "create function scene.worker() returns integer language plpgsql parallel safe as $$
             begin return pg_backend_pid(); end
         $$;
         create function scene.echo(part integer, token text) returns text language plproxy parallel safe as $$
             cluster 'shards'; run on part; target public.echo;
         $$;
         create function scene.numbers(part integer, n bigint) returns setof bigint language plproxy parallel safe as $$
             cluster 'shards'; run on part; target public.numbers;
         $$;
         create table scene.items as select n from generate_series(0, 999) n;
         analyze scene.items",
    );
    let open = || scene_open(scene.proxies());
    let before = open();
    scene.run(
        "set parallel_setup_cost = 0; set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0;
         set max_parallel_workers_per_gather = 2; set parallel_leader_participation = off",
    );
    let rows = scene.texts(
        "select scene.worker() || ' ' || n || ' ' || scene.echo(n % 4, n::text)
           from scene.items, scene.numbers(n % 4, 2) m",
    );
    let rows = rows.expect("calls work in a worker");
    assert_eq!(rows.len(), 2000);
    let mut workers = BTreeSet::new();
    for row in rows {
        let words: Vec<_> = row.split(' ').collect();
        let number: usize = words[1].parse().unwrap();
        assert_eq!(words[2], format!("shard{}:{number}", number % 4));
        workers.insert(words[0].to_owned());
    }
    assert!(!workers.contains(&scene.pid().to_string()), "all calls were made by workers: {workers:?}");
    wait_until("the workers' connections to be closed", || scene_open(scene.proxies()) == before);
    assert!(scene.proxies().iter().all(|proxy| proxy.connections() >= 1), "they had connections of their own");
    if scene.path == Path::Direct {
        let sessions = "select count(*) from pg_stat_activity where application_name = 'fault'";
        assert_eq!(scene.ask::<i64>(sessions, &[]), 4, "those of the case's own backend are left");
    }
}

fn scene_open(proxies: &[Proxy]) -> usize {
    proxies.iter().map(Proxy::open_connections).sum()
}

fn case_23_a_function_that_calls_itself(scene: &mut Scene) {
    let way_back = Proxy::tcp(&scene.upstream());
    scene.add_cluster("loop", &[scene.conninfo(way_back.address(), COORDINATOR)]);
    scene.on_coordinator(
        "create function scene.again(n integer) returns integer language plproxy as $$ cluster 'loop'; run on 0; $$",
    );
    // Not in the session alone: what counts is how deep the last one may go.
    scene.on_coordinator(&format!("alter database {COORDINATOR} set plproxy.max_depth = 3"));
    expect_too_deep(scene.text("select scene.again(1)"), 3);
    assert_eq!(way_back.connections(), 3);
    // A query of the user's own, and a transaction, change nothing.
    expect_too_deep(scene.text("begin; select max(n) from (select scene.again(1)) x (n)"), 3);
    scene.run("rollback");
    assert_eq!(way_back.connections(), 3, "the same connections do it again");
    scene.on_coordinator(&format!("alter database {COORDINATOR} reset plproxy.max_depth"));
    scene.allow_connections(1);
}

/// The limit's error, which each of the databases on the way back has passed on.
fn expect_too_deep(result: Result<String, postgres::Error>, depth: usize) {
    let limit = format!("through more than {depth} plproxy functions");
    let error = expect_error(result, "54001", &["REMOTE ERROR: ", &limit]);
    assert!(error.hint().is_some_and(|hint| hint.contains("plproxy.max_depth")), "{error:?}");
}

fn case_23_there_and_back_again(scene: &mut Scene) {
    let (there, back) = (Proxy::tcp(&scene.upstream()), Proxy::tcp(&scene.upstream()));
    scene.add_cluster("there", &[scene.conninfo(there.address(), &shard_database(1))]);
    scene.on_coordinator(
        "create function scene.ping(n integer) returns integer language plproxy as $$
             cluster 'there'; run on 0; target scene.pong;
         $$",
    );
    // It goes away with the schema.
    scene.on_shard(
        1,
        &format!(
            "create extension plproxy schema scene;
             create function scene.pong(n integer) returns integer language plproxy as $$
                 connect '{}'; target scene.ping;
             $$",
            scene.conninfo(back.address(), COORDINATOR)
        ),
    );
    expect_too_deep(scene.text("select scene.ping(1)"), 4);
    assert_eq!((there.connections(), back.connections()), (2, 2));
    expect_too_deep(scene.text("select scene.ping(1)"), 4);
    assert_eq!((there.connections(), back.connections()), (2, 2), "the same connections do it again");
    scene.allow_connections(1);
    drop((there, back));
    scene.on_shard(1, "drop extension plproxy cascade");
}

fn case_29_drop_database_while_a_call_waits(scene: &mut Scene) {
    let fault = scene.proxy(1).on(When::to_server(b'B'), Action::Stall);
    let result = scene.meanwhile("select echo(1, 'x')", |meanwhile| {
        fault.wait();
        drop_a_database(meanwhile.rig);
        meanwhile.cancel();
    });
    expect_cancelled(result);
    scene.proxy_mut(1).heal();
}

fn case_29_drop_database_while_connecting(scene: &mut Scene) {
    scene.disconnect();
    scene.proxy_mut(1).listen(Listening::Full);
    let result = scene.meanwhile("select * from echo_all('x')", |meanwhile| {
        meanwhile.proxies[0].wait_for(pseudo::STARTUP, "");
        drop_a_database(meanwhile.rig);
        meanwhile.cancel();
    });
    expect_cancelled(result);
}

/// Since PostgreSQL 15 all backends have to acknowledge a barrier before a database is gone.
fn drop_a_database(rig: &mut postgres::Client) {
    rig.batch_execute("create database fault_unwanted template template0").unwrap();
    let started = Instant::now();
    rig.batch_execute("drop database fault_unwanted").unwrap();
    let taken = started.elapsed();
    assert!(taken < Duration::from_secs(5), "the waiting backend has let it wait for {taken:?}");
}

fn case_31_two_sets_in_one_target_list(scene: &mut Scene) {
    let rows = scene.texts("select array[numbers(1, 2), numbers(1, 4), numbers(2, 3)]");
    assert_eq!(rows.unwrap(), ["{1,1,1}", "{2,2,2}", "{NULL,3,3}", "{NULL,4,NULL}"]);
    let rows = scene.texts("select a || ':' || numbers(1, a) || ':' || numbers_all(1) from numbers(1, 2) a");
    assert_eq!(rows.unwrap(), ["1:1:1", "", "", "", "2:1:1", "2:2:1", "", ""]);
}

fn case_31_two_cursors_on_one_shard(scene: &mut Scene) {
    scene.run(
        "begin;
         declare a cursor for select n from numbers(1, 100000) n;
         declare b cursor for select n * 2 from numbers(1, 100000) n;
         declare c cursor for select numbers(1, 100000) + numbers(1, 3)",
    );
    for number in 1..=3 {
        assert_eq!(scene.text("fetch a").unwrap(), number.to_string());
        assert_eq!(scene.text("fetch b").unwrap(), (2 * number).to_string());
        assert_eq!(scene.text("fetch c").unwrap(), (2 * number).to_string());
        assert_eq!(
            scene.text(&format!("select echo(1, 'between{number}')")).unwrap(),
            format!("shard1:between{number}")
        );
    }
    scene.run("close a");
    assert_eq!(scene.texts("fetch 2 from b").unwrap(), ["8", "10"]);
    // Whatever is open then ends with the transaction.
    expect_error(scene.text("select 1 / 0"), "22012", &["division by zero"]);
    scene.run("rollback");
    assert_eq!(scene.texts("select numbers(1, 2)").unwrap(), ["1", "2"]);
}

fn case_31_early_stop(scene: &mut Scene) {
    assert_eq!(scene.texts("select numbers(1, 100000) limit 2").unwrap(), ["1", "2"]);
    assert_eq!(scene.texts("select n from numbers_all(100000) n limit 2").unwrap(), ["1", "2"]);
    assert_eq!(scene.text("select exists (select from numbers_all(100000))").unwrap(), "t");
    scene.run("begin; declare c cursor for select n from numbers_all(100000) n");
    assert_eq!(scene.texts("fetch 2 from c").unwrap(), ["1", "2"]);
    scene.run("close c; commit");
    let connections: usize = scene.proxies().iter().map(|proxy| proxy.connections() + proxy.cancel_requests()).sum();
    assert_eq!(connections, 0, "the connections are still used, and nothing was cancelled");
}

fn case_31_a_call_in_its_own_argument(scene: &mut Scene) {
    assert_eq!(scene.text("select echo(1, echo(1, echo(2, 'x')))").unwrap(), "shard1:shard1:shard2:x");
    let answers = scene.texts("select echo_all(e) from echo_all('x') e where e like '%1:%' or e like '%3:%'").unwrap();
    let expected = [1, 3].map(|inner| [0, 1, 2, 3].map(|outer| format!("shard{outer}:shard{inner}:x")));
    assert_eq!(answers, expected.as_flattened());
    let sums = scene.texts("select numbers(1, numbers(2, 3))").unwrap();
    assert_eq!(sums, ["1", "1", "2", "1", "2", "3"]);
}
