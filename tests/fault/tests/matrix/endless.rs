//! What others decide the length of: servers that talk without end, lists of hosts, files that have none: rows 34 and 35.

use crate::scripted;
use plproxy_fault::cases;
use plproxy_fault::expect::{expect_cancelled, expect_error, expect_shard_error, expect_statement_timeout};
use plproxy_fault::fake::{Fake, Peer};
use plproxy_fault::scene::Scene;
use plproxy_fault::wire::{self, CANCEL_CODE};
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

// Each is about whom we speak to ourselves.
cases! {
    case_34_cancel_port_talks: direct;
    case_34_login_without_end: direct;
    case_34_answer_without_end: direct;
    case_34_handshake_without_end: direct;
    case_34_hosts_that_fail_at_once: direct;
    case_35_files_that_are_none: direct;
}

/// How long a server talks. What is tested doesn't wait for the end of it.
const TALK: Duration = Duration::from_secs(30);

/// Less than that by far, and more than anything here takes.
const BOUND: Duration = Duration::from_secs(15);

/// Says this again and again, as fast as it is taken, until the client has gone.
fn talk(peer: &mut Peer, bytes: &[u8]) -> io::Result<()> {
    let flood = bytes.repeat(1 + 65536 / bytes.len());
    let started = Instant::now();
    while started.elapsed() < TALK {
        peer.say(&flood)?;
    }
    Ok(())
}

fn notice() -> Vec<u8> {
    wire::report(b'N', "NOTICE", "00000", "and another thing")
}

/// A message without a type: its code and what follows.
fn first_message(peer: &mut Peer) -> io::Result<u32> {
    let mut head = [0; 8];
    peer.stream().read_exact(&mut head)?;
    let [length, code] = [&head[..4], &head[4..]].map(|bytes| u32::from_be_bytes(bytes.try_into().expect("four")));
    let mut rest = vec![0; (length as usize).saturating_sub(8)];
    peer.stream().read_exact(&mut rest)?;
    Ok(code)
}

/// The only partition of cluster `fake` is this server, reached with these options.
fn begin(scene: &mut Scene, server: &Fake, options: &str) {
    scripted::begin(scene);
    let connstr = scene.conninfo(&server.address(), "fake") + " " + options;
    scene.add_cluster("fake", &[connstr]);
}

fn case_34_cancel_port_talks(scene: &mut Scene) {
    let server = Fake::from_first_byte(|peer| {
        if first_message(peer)? == CANCEL_CODE {
            return talk(peer, b"\0");
        }
        peer.log_in()?;
        peer.hear_request()?;
        peer.fall_silent()
    });
    begin(scene, &server, "sslmode=disable");
    scene.run("set statement_timeout = '500ms'");
    let started = Instant::now();
    expect_statement_timeout(scene.text("select scene.fake()"));
    assert!(started.elapsed() < BOUND, "{:?}", started.elapsed());
    scene.run("set statement_timeout = '60s'");
}

/// The call of a server that goes on like this is ended by `statement_timeout`, by a cancel, and by `connect_timeout`.
fn expect_ends(scene: &mut Scene, server: &Fake, options: &str) {
    begin(scene, server, options);
    let mut started = Instant::now();
    scene.run("set statement_timeout = '500ms'");
    expect_statement_timeout(scene.text("select scene.fake()"));
    scene.run("set statement_timeout = '60s'");
    assert!(started.elapsed() < BOUND, "statement_timeout: {:?}", started.elapsed());
    let result = scene.meanwhile("select scene.fake()", |meanwhile| {
        meanwhile.pause(500);
        started = meanwhile.cancel();
    });
    expect_cancelled(result);
    assert!(started.elapsed() < BOUND, "cancel: {:?}", started.elapsed());
    let connstr = scene.conninfo(&server.address(), "fake") + " connect_timeout=2 " + options;
    scene.add_cluster("fake", &[connstr]);
    started = Instant::now();
    expect_shard_error(scene.text("select scene.fake()"), "08001", "scene.fake(0)", "fake", &["connect timeout"]);
    assert!(started.elapsed() < BOUND, "connect_timeout: {:?}", started.elapsed());
}

/// There is a limit to what a server may say before it lets us in.
fn case_34_login_without_end(scene: &mut Scene) {
    let pieces = [notice(), wire::parameter_status("name", "value"), wire::authentication(0, b"")];
    scripted::begin(scene);
    for piece in pieces {
        let server = Fake::new(move |peer| {
            peer.say(&wire::authentication(0, b""))?;
            talk(peer, &piece)
        });
        let connstr = scene.conninfo(&server.address(), "fake");
        scene.add_cluster("fake", &[connstr]);
        let started = Instant::now();
        let result = scene.text("select scene.fake()");
        expect_shard_error(result, "08P01", "scene.fake(0)", "fake", &[]);
        assert!(started.elapsed() < BOUND, "{:?}", started.elapsed());
    }
}

/// An old server is asked whether it is read-only, and answers at length.
fn case_34_answer_without_end(scene: &mut Scene) {
    let server = Fake::new(|peer| {
        peer.log_in()?;
        peer.hear()?;
        talk(peer, &notice())
    });
    expect_ends(scene, &server, "target_session_attrs=read-write");
}

/// A server that begins TLS by asking for it, which a client is to pass over.
fn case_34_handshake_without_end(scene: &mut Scene) {
    let server = Fake::from_first_byte(|peer| {
        first_message(peer)?;
        peer.stream().write_all(b"S")?;
        peer.stream().read_exact(&mut [0; 5])?;
        talk(peer, &[22, 3, 3, 0, 4, 0, 0, 0, 0])
    });
    expect_ends(scene, &server, "sslmode=require");
}

/// A list of hosts none of which takes any time.
fn case_34_hosts_that_fail_at_once(scene: &mut Scene) {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
    let hosts = vec!["localhost"; 1000].join(",");
    scripted::begin(scene);
    let connstr = format!("host={hosts} port={port} dbname=fake user=nobody target_session_attrs=prefer-standby");
    scene.add_cluster("fake", &[connstr]);
    let error =
        expect_shard_error(scene.text("select scene.fake()"), "08001", "scene.fake(0)", "fake", &["more failures"]);
    assert!(error.message().len() < 100_000, "{}", error.message().len());
    scene.run("set statement_timeout = '20ms'");
    expect_statement_timeout(scene.text("select scene.fake()"));
    scene.run("set statement_timeout = '60s'");
    for (connstr, text) in [
        (format!("host={hosts},one_more dbname=fake"), "too many hosts: 1001 (maximum 1000)"),
        (format!("host={} dbname=fake", "/a,".repeat(1_000_000)), "connection info string is too long: "),
    ] {
        scene.add_cluster("fake", &[connstr]);
        expect_error(scene.text("select scene.fake()"), "08001", &[text]);
    }
}

/// A FIFO to which nobody writes, in place of each file that a connection string can name. Somebody does write, in the end.
fn case_35_files_that_are_none(scene: &mut Scene) {
    let directory = scene.socket_directory("files");
    let fifo = directory.join("fifo");
    assert!(Command::new("mkfifo").args(["-m", "666"]).arg(&fifo).status().expect("coreutils are there").success());
    let fifo = fifo.display().to_string();
    let server = Fake::from_first_byte(|peer| {
        first_message(peer)?;
        peer.stream().write_all(b"S")?;
        peer.fall_silent()
    });
    let directory = directory.display().to_string();
    let trusted = scene.server.home.join("log").display().to_string();
    scripted::begin(scene);
    let mut flaws = Vec::new();
    for (options, text) in [
        (format!("sslmode=verify-ca sslrootcert={fifo}"), "could not read root certificate file"),
        (format!("sslmode=require sslcert={fifo}"), "could not read certificate file"),
        (format!("sslmode=require sslkeylogfile={fifo}"), "could not open SSL key logging file"),
        (format!("sslmode=require sslrootcert={trusted}"), "no certificate or crl found"),
        (format!("sslmode=require sslrootcert={directory}"), "not a regular file"),
    ] {
        let connstr = scene.conninfo(&server.address(), "fake") + " connect_timeout=30 " + &options;
        scene.add_cluster("fake", &[connstr]);
        let path = fifo.clone();
        let has_waited = AtomicBool::new(false);
        let started = Instant::now();
        let result = scene.meanwhile("select scene.fake()", |meanwhile| {
            meanwhile.pause(200);
            // A backend that waits for the other end of the FIFO gets it after a while, so that this test has an end.
            while started.elapsed() < BOUND && is_waiting(meanwhile.pid) {
                meanwhile.pause(50);
            }
            if is_waiting(meanwhile.pid) {
                let _ = OpenOptions::new().read(true).write(true).open(&path);
                has_waited.store(true, SeqCst);
            }
        });
        let said = result.expect_err("an error");
        let said = said.as_db_error().map_or_else(|| said.to_string(), |error| error.message().to_owned());
        if has_waited.into_inner() || !said.contains(text) {
            flaws.push(format!("{options}: {said}"));
        }
    }
    assert!(flaws.is_empty(), "{flaws:#?}");
}

/// Whether the process waits in the kernel for somebody to open or to write a FIFO.
fn is_waiting(pid: i32) -> bool {
    let place = fs::read_to_string(format!("/proc/{pid}/wchan")).unwrap_or_default();
    place.contains("fifo") || place.contains("pipe_read") || place.contains("wait_for_partner")
}
