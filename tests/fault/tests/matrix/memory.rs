//! Answers that are larger than they should be: row 16.

use crate::scripted::{self, Scripted, begun};
use plproxy_fault::cases;
use plproxy_fault::expect::{expect_error, expect_shard_error};
use plproxy_fault::scene::Scene;
use plproxy_fault::vitals::memory;
use plproxy_fault::world::{SHARDS, shard_database};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

cases! {
    case_16_a_large_field: direct, session, transaction;
    case_16_more_than_a_message_may_have: direct, session, transaction;
    // Between us and a server that lies a pooler changes nothing.
    case_16_a_length_that_isnt_true: direct;
    // A proxy would be what takes the time; and the rows' way to the result begins behind the socket.
    case_16_many_rows_of_many_partitions: direct;
    case_16_no_memory_for_a_message: direct, session, transaction;
}

/// A figure in kB that Linux tells of a process.
pub fn status(pid: i32, name: &str) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the backend is there");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("Linux knows that");
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().expect("a number of kB")
}

/// Runs `action` and says how much memory the process had at most meanwhile, in kB more than before.
pub fn peak<T>(pid: i32, action: impl FnOnce() -> T) -> (T, usize) {
    let (before, highest, is_over) = (memory(pid), AtomicUsize::new(0), AtomicBool::new(false));
    let result = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(SeqCst) {
                highest.fetch_max(memory(pid), SeqCst);
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        let result = action();
        is_over.store(true, SeqCst);
        result
    });
    (result, highest.into_inner().saturating_sub(before))
}

const FIELD: usize = 300_000_000;

fn case_16_a_large_field(scene: &mut Scene) {
    let pid = scene.pid();
    for function in ["wide", "scene.wide"] {
        scene.on_coordinator(
            "create or replace function scene.wide(part integer, n integer, width integer) returns text
             language plproxy as $$ cluster 'shards'; run on part; target public.wide; $$",
        );
        let query = format!("select length({function}(1, 1, {FIELD}))");
        let (result, peak) = peak(pid, || scene.text(&query));
        assert_eq!(result.unwrap(), FIELD.to_string());
        // The message as it is received, in a buffer that grows by doubling; the value; and a row of the result.
        assert!(peak < 5 * FIELD / 1024, "{function}: {peak} kB at the peak");
    }
    // What it took is given back: the scene checks that.
}

fn case_16_more_than_a_message_may_have(scene: &mut Scene) {
    scene.run("set plproxy.max_message_size = '1MB'");
    assert_eq!(scene.text("select length(wide(1, 1, 1000000))").unwrap(), "1000000");
    for query in ["select wide(1, 1, 1100000)", "select wide(1, 1, 300000000)"] {
        let (result, peak) = peak(scene.pid(), || scene.texts(query));
        let error =
            expect_shard_error(result, "54000", "public.wide(3)", "fault_shard1", &["plproxy.max_message_size"]);
        assert!(error.hint().is_some_and(|hint| hint.contains("max_message_size")), "{error:?}");
        assert!(peak < 16 * 1024, "{peak} kB at the peak");
    }
    // Rows are messages; there may be any number of them.
    assert_eq!(scene.text("select sum(length(w)) from wide(1, 100, 1000000) w").unwrap(), "100000000");
    scene.run("reset plproxy.max_message_size");
    assert_eq!(scene.text("select length(wide(1, 1, 1100000))").unwrap(), "1100000");
}

fn case_16_a_length_that_isnt_true(scene: &mut Scene) {
    scripted::begin(scene);
    scene.run("set statement_timeout = '500ms'");
    for kind in [b'D', b'E', b'N', b'S', b'T'] {
        let scripted = Scripted::at_first(scene, move |peer| {
            peer.hear_request()?;
            // Almost 1 GB, of which 100 kB come, and one field that says the same.
            let head = [&[kind][..], &0x3fff_ff00_u32.to_be_bytes(), b"\0\x01\x3f\xff\xfe\xf0"].concat();
            peer.say(&[begun(), head, vec![b'x'; 100_000]].concat())
        });
        let before = status(scene.pid(), "VmPeak");
        expect_error(scene.text("select scene.fake()"), "57014", &["statement timeout"]);
        let reserved = status(scene.pid(), "VmPeak").saturating_sub(before);
        assert!(reserved < 16 * 1024, "{reserved} kB for a message {:?}", char::from(kind));
        scripted.wait_for_closed(1);
        assert_eq!(scene.text("select scene.fake()").unwrap(), "good");
    }
    scene.run("set statement_timeout = '60s'");
}

/// How many rows come from each of the partitions.
const ROWS: usize = 625_000;

fn case_16_many_rows_of_many_partitions(scene: &mut Scene) {
    let address = scene.upstream();
    let connstrs: Vec<_> = (0..16)
        .map(|number| {
            scene.conninfo(&address, &shard_database(number % SHARDS))
                + &format!(" fallback_application_name=p{number}")
        })
        .collect();
    scene.add_cluster("sixteen", &connstrs);
    scene.on_coordinator(
        "create function scene.numbers(n bigint) returns setof bigint language plproxy as $$
             cluster 'sixteen'; run on all; select public.numbers(0, n);
         $$",
    );
    scene.allow_connections(16);
    scene.run("set work_mem = '1MB'");
    let query = format!("select count(*) || ' ' || sum(n) from scene.numbers({ROWS}) n");
    let (result, peak) = peak(scene.pid(), || scene.text(&query));
    assert_eq!(result.unwrap(), format!("{} {}", 16 * ROWS, 16 * ROWS * (ROWS + 1) / 2));
    // Twice work_mem for rows, and less than 1 MB for each connection.
    assert!(peak < 18 * 1024, "{peak} kB at the peak");
    scene.run("reset work_mem");
}

fn case_16_no_memory_for_a_message(scene: &mut Scene) {
    let pid = scene.pid();
    for query in ["select length(wide(1, 1, 300000000))", "select count(*) from wide(1, 1, 300000000)"] {
        limit_memory(scene, &((status(pid, "VmSize") + 100 * 1024) * 1024).to_string());
        let result = scene.texts(query);
        limit_memory(scene, "unlimited");
        expect_error(result, "53200", &["out of memory"]);
        assert_eq!(scene.text("select length(wide(1, 1, 1000000))").unwrap(), "1000000");
    }
}

/// How many bytes the backend may have, of any kind.
pub fn limit_memory(scene: &Scene, bytes: &str) {
    // Without privileges only the process's own user may do that.
    let owner = fs::metadata(&scene.server.home).expect("the server's directory is there");
    let mut command = Command::new("setpriv");
    if fs::metadata("/proc/self").is_ok_and(|us| us.uid() == 0) {
        command.args([format!("--reuid={}", owner.uid()), format!("--regid={}", owner.gid())]).arg("--clear-groups");
    }
    command.args(["prlimit", "--pid", &scene.pid().to_string(), &format!("--as={bytes}:")]);
    assert!(command.status().expect("setpriv and prlimit are installed").success());
}
