//! More partitions than PostgreSQL lends descriptors for, and processes that have none left: row 33.

use plproxy_fault::cases;
use plproxy_fault::expect::{expect_cancelled, expect_error, expect_statement_timeout};
use plproxy_fault::proxy::wait_until;
use plproxy_fault::scene::{Meanwhile, Scene};
use plproxy_fault::vitals::{Vitals, descriptors};
use plproxy_fault::world::{SHARDS, shard_database};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

// A pooler has limits of its own.
cases! {
    case_33_many_partitions: direct;
    case_33_many_partitions_and_few_descriptors: direct;
    case_33_many_partitions_time_out: direct;
    case_33_many_partitions_are_cancelled: direct;
    case_33_many_partitions_of_a_backend_that_ends: direct;
    case_33_process_without_descriptors_connects: direct;
    case_33_process_without_descriptors_is_cancelled: direct;
}

/// A cluster of so many partitions, which are sessions of their own on the four shards, without a proxy in between.
fn many(scene: &mut Scene, name: &str, count: usize) {
    let address = scene.server.address().conninfo();
    let user = &scene.server.user;
    let connstrs: Vec<_> = (0..count)
        .map(|number| {
            let database = shard_database(number % SHARDS);
            format!("{address} dbname={database} user={user} application_name={name}{number}")
        })
        .collect();
    scene.add_cluster(name, &connstrs);
    scene.on_coordinator(&format!(
        "create function scene.{name}(v integer) returns integer language plproxy as $$
             cluster '{name}'; run on v; select v;
         $$;
         create function scene.{name}_all() returns setof integer language plproxy as $$
             cluster '{name}'; run on all; select 1;
         $$;
         create function scene.{name}_rest() returns setof text language plproxy as $$
             cluster '{name}'; run on all; select public.rest(0, 600);
         $$"
    ));
    scene.allow_connections(count + 1);
    scene.allow_memory(128 * 1024);
}

fn one_by_one(scene: &mut Scene, name: &str, count: usize) {
    let sum = scene.text(&format!("select sum(scene.{name}(i)) from generate_series(0, {count} - 1) i"));
    assert_eq!(sum.expect("each partition can be called"), (count * (count - 1) / 2).to_string());
}

fn at_once(scene: &mut Scene, name: &str, count: usize) {
    let rows = scene.text(&format!("select count(*) from scene.{name}_all()"));
    assert_eq!(rows.expect("all partitions can be called"), count.to_string());
}

fn case_33_many_partitions(scene: &mut Scene) {
    many(scene, "many", 512);
    let before = Vitals::of(scene.pid());
    one_by_one(scene, "many", 512);
    at_once(scene, "many", 512);
    one_by_one(scene, "many", 512);
    let after = Vitals::of(scene.pid());
    assert!(after.sockets <= before.sockets + 512, "one descriptor for a connection: {before:?}, {after:?}");
    assert_eq!(after.anonymous, before.anonymous, "one wait set for all");
}

/// With what systems allow by default, which isn't more than `max_files_per_process`, the server still opens its own files.
fn case_33_many_partitions_and_few_descriptors(scene: &mut Scene) {
    many(scene, "many", 512);
    let pid = scene.pid();
    set_limit(pid, "1024");
    one_by_one(scene, "many", 512);
    at_once(scene, "many", 512);
    scene.run(
        "do $$
         declare relation regclass;
         begin
             for relation in select oid from pg_class where relkind = 'r' and relnamespace = 'pg_catalog'::regnamespace loop
                 execute format('select count(*) from %s', relation);
             end loop;
         end $$",
    );
    one_by_one(scene, "many", 512);
    give_descriptors(pid);
}

fn case_33_many_partitions_time_out(scene: &mut Scene) {
    for count in [128, 512] {
        let name = format!("many{count}");
        many(scene, &name, count);
        one_by_one(scene, &name, count);
        scene.run("set statement_timeout = '3s'");
        expect_statement_timeout(scene.texts(&format!("select * from scene.{name}_rest()")));
        scene.run("set statement_timeout = '60s'");
        expect_nothing_runs(scene, &name);
        // Nobody who doesn't say so catches it.
        scene.run("set statement_timeout = '3s'");
        let caught = scene.texts(&format!(
            "do $$ begin perform scene.{name}_rest(); exception when others then raise notice 'caught'; end $$"
        ));
        expect_statement_timeout(caught);
        scene.run("set statement_timeout = '60s'");
        at_once(scene, &name, count);
        assert_eq!(scene.text("select 'closed ' || (plproxy_disconnect() > 0)").unwrap(), "closed true");
    }
}

fn case_33_many_partitions_are_cancelled(scene: &mut Scene) {
    many(scene, "many", 512);
    let result = scene.meanwhile("select * from scene.many_rest()", |meanwhile| {
        wait_for_running(meanwhile, 512);
        meanwhile.cancel();
    });
    expect_cancelled(result);
    expect_nothing_runs(scene, "many");
    at_once(scene, "many", 512);
}

fn case_33_many_partitions_of_a_backend_that_ends(scene: &mut Scene) {
    many(scene, "many", 512);
    one_by_one(scene, "many", 512);
    let result = scene.meanwhile("select * from scene.many_rest()", |meanwhile| {
        wait_for_running(meanwhile, 512);
        meanwhile.terminate();
    });
    expect_error(result, "57P01", &["terminating connection due to administrator command"]);
    scene.session_is_over();
    expect_nothing_runs(scene, "many");
}

fn wait_for_running(meanwhile: &mut Meanwhile<'_>, count: i64) {
    meanwhile.wait_for_running("public.rest", count);
}

/// The queries of this cluster have been cancelled.
fn expect_nothing_runs(scene: &mut Scene, name: &str) {
    let address = scene.server.clone();
    let pattern = format!("{name}%");
    wait_until("the queries to be cancelled", || {
        let running = "select count(*) from pg_stat_activity where application_name like $1 and state = 'active'";
        let row = address.connect("postgres").query_one(running, &[&pattern]).expect("the server answers");
        row.get::<_, i64>(0) == 0
    });
}

/// From now on the process can open no more than what it has open, and what it closes of that.
fn take_descriptors(pid: i32) {
    let highest = descriptors(pid).keys().filter_map(|number| number.parse::<u32>().ok()).max().expect("some are open");
    set_limit(pid, &(highest + 1).to_string());
}

fn give_descriptors(pid: i32) {
    let hard = fs::read_to_string(format!("/proc/{pid}/limits")).expect("a process says what its limits are");
    let line = hard.lines().find(|line| line.starts_with("Max open files")).expect("Linux has one");
    let hard = line.split_whitespace().nth(4).expect("soft and hard");
    set_limit(pid, hard);
}

/// The soft limit alone can be raised again. It takes the user of the process, which root needn't be.
fn set_limit(pid: i32, soft: &str) {
    let owner = fs::metadata(format!("/proc/{pid}")).expect("the process is there");
    let mut prlimit = Command::new("prlimit");
    prlimit.arg(format!("--pid={pid}")).arg(format!("--nofile={soft}:")).current_dir("/");
    if owner.uid() != fs::metadata("/proc/self").expect("we are there").uid() {
        prlimit.uid(owner.uid()).gid(owner.gid());
    }
    assert!(prlimit.status().expect("util-linux is there").success());
}

/// Idle connections are closed for those that are needed; where that isn't enough, the error says what it is.
fn case_33_process_without_descriptors_connects(scene: &mut Scene) {
    many(scene, "lots", 128);
    let pid = scene.pid();
    set_limit(pid, "64");
    one_by_one(scene, "lots", 128);
    let error = expect_error(
        scene.texts("select * from scene.lots_all()"),
        "53000",
        &["could not connect: too many open files", "There are too many open files on the local server."],
    );
    assert!(error.hint().is_some_and(|hint| hint.contains("max_files_per_process")), "{error:?}");
    // What is local works as well.
    assert_eq!(scene.text("select count(*) > 0 from pg_class").unwrap(), "t");
    one_by_one(scene, "lots", 128);
    give_descriptors(pid);
    at_once(scene, "lots", 128);
}

fn case_33_process_without_descriptors_is_cancelled(scene: &mut Scene) {
    many(scene, "many", 64);
    at_once(scene, "many", 64);
    let pid = scene.pid();
    let result = scene.meanwhile("select * from scene.many_rest()", |meanwhile| {
        wait_for_running(meanwhile, 64);
        take_descriptors(pid);
        meanwhile.cancel();
    });
    give_descriptors(pid);
    expect_cancelled(result);
    expect_nothing_runs(scene, "many");
    at_once(scene, "many", 64);
}
