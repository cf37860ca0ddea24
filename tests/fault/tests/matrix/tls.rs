//! Servers that don't want TLS, or whose answer isn't theirs alone: row 21. Certificates are the business of `tests/tls`.

use plproxy_fault::cases;
use plproxy_fault::expect::{expect_cancelled, expect_shard_error, expect_within};
use plproxy_fault::fake::Fake;
use plproxy_fault::scene::Scene;
use plproxy_fault::wire::{self, authentication, contains};
use plproxy_fault::world::CANARY;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

// A pooler would have a certificate of its own.
cases! {
    case_21_no_tls: direct;
    case_21_bytes_behind_the_answer: direct;
    case_21_no_answer: direct;
    case_21_no_handshake: direct;
    case_04_trickled_handshake: direct;
}

const SECOND: Duration = Duration::from_secs(1);

/// The request for TLS: its length and its code.
const REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Calls a server that answers the request for TLS like this. Returns the error's message, and all that the client has
/// said on each of its connections.
fn call(scene: &mut Scene, options: &str, answer: &[u8]) -> (String, Vec<Vec<u8>>) {
    scene.on_coordinator(
        "create or replace function scene.fake() returns text language plproxy as $$ cluster 'fake'; run on 0; $$",
    );
    let heard: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let (theirs, answer) = (heard.clone(), answer.to_vec());
    let server = Fake::from_first_byte(move |peer| {
        let number = {
            let mut heard = theirs.lock().unwrap();
            heard.push(Vec::new());
            heard.len() - 1
        };
        let mut request = [0; 8];
        peer.stream().read_exact(&mut request)?;
        theirs.lock().unwrap()[number].extend(request);
        peer.stream().write_all(&answer)?;
        let mut buffer = [0; 4096];
        loop {
            match peer.stream().read(&mut buffer)? {
                0 => return Ok(()),
                count => theirs.lock().unwrap()[number].extend(&buffer[..count]),
            }
        }
    });
    let connstr = scene.conninfo(&server.address(), "fake") + " connect_timeout=5 " + options;
    scene.add_cluster("fake", &[connstr]);
    let started = Instant::now();
    let error = expect_shard_error(scene.text("select scene.fake()"), "08001", "scene.fake(0)", "fake", &[]);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    drop(server);
    let heard = heard.lock().unwrap().clone();
    for bytes in &heard {
        assert!(!contains(bytes, CANARY.as_bytes()), "{options}: the password was sent");
        assert!(!contains(bytes, b"user\0"), "{options}: a session was begun without TLS");
    }
    (error.message().to_owned(), heard)
}

const STRICT: [&str; 2] = ["sslmode=require", "sslmode=verify-full sslrootcert=system"];

fn case_21_no_tls(scene: &mut Scene) {
    for options in STRICT {
        let (message, heard) = call(scene, options, b"N");
        assert!(message.contains("server does not support SSL, but SSL was required"), "{options}: {message}");
        assert_eq!(heard, [REQUEST], "{options}");
        // What the server says besides makes no difference.
        let (_, heard) = call(scene, options, &[&b"N"[..], &authentication(3, b"")].concat());
        assert_eq!(heard, [REQUEST], "{options}");
    }
}

/// Whoever is between us and the server may put bytes there, which mustn't be taken for what comes through TLS.
fn case_21_bytes_behind_the_answer(scene: &mut Scene) {
    let injected = [
        authentication(3, b""),
        authentication(0, b""),
        wire::error("28000", "who are you?"),
        vec![0x16, 3, 3, 0, 1],
        vec![0],
    ];
    for options in ["sslmode=require", "sslmode=prefer"] {
        for bytes in &injected {
            let (message, heard) = call(scene, options, &[b"S", &bytes[..]].concat());
            assert!(message.contains("received unencrypted data after SSL response"), "{options}: {message}");
            assert_eq!(heard, [REQUEST], "{options}: there is no second attempt");
        }
    }
}

fn case_21_no_answer(scene: &mut Scene) {
    for answer in [&b""[..], b"X", b"\0", b"s", &authentication(0, b""), &wire::error("53300", "too many"), b"HTTP/1.1"]
    {
        let (_, heard) = call(scene, "sslmode=require", answer);
        assert_eq!(heard, [REQUEST], "{answer:?}");
    }
    // What an error says comes from nobody knows whom.
    let (message, _) = call(scene, "sslmode=require", &wire::error("53300", "send money"));
    assert!(!message.contains("send money"), "{message}");
}

/// The answer is right, and after it comes something that isn't TLS.
fn case_21_no_handshake(scene: &mut Scene) {
    for options in STRICT {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let theirs = heard.clone();
        let server = Fake::from_first_byte(move |peer| {
            peer.stream().read_exact(&mut [0; 8])?;
            peer.stream().write_all(b"S")?;
            // The client's first message of the handshake.
            let mut buffer = [0; 4096];
            let count = peer.stream().read(&mut buffer)?;
            theirs.lock().unwrap().extend(&buffer[..count]);
            peer.stream().write_all(&authentication(3, b""))?;
            peer.stream().read_to_end(&mut theirs.lock().unwrap()).map(drop)
        });
        scene.on_coordinator(
            "create or replace function scene.fake() returns text language plproxy as $$ cluster 'fake'; run on 0; $$",
        );
        let connstr = scene.conninfo(&server.address(), "fake") + " connect_timeout=5 " + options;
        scene.add_cluster("fake", &[connstr]);
        expect_shard_error(scene.text("select scene.fake()"), "08001", "scene.fake(0)", "fake", &[]);
        drop(server);
        let heard = heard.lock().unwrap();
        assert_eq!(heard.first(), Some(&0x16), "{options}: a handshake");
        assert!(!contains(&heard, CANARY.as_bytes()) && !contains(&heard, b"user\0"), "{options}: not in clear text");
    }
}

/// A handshake whose bytes come so slowly that it would take hours: the deadline passes, and a cancel acts at once.
fn case_04_trickled_handshake(scene: &mut Scene) {
    let server = Fake::from_first_byte(move |peer| {
        peer.stream().read_exact(&mut [0; 8])?;
        peer.stream().write_all(b"S")?;
        // The head of a record with a ServerHello of 16 kB, and of its body as much as anybody waits for.
        for byte in [0x16, 3, 3, 0x40, 0, 2, 0, 0x3f, 0xfc].into_iter().chain(std::iter::repeat(3)) {
            std::thread::sleep(SECOND / 5);
            peer.stream().write_all(&[byte])?;
        }
        Ok(())
    });
    scene.on_coordinator(
        "create function scene.fake() returns text language plproxy as $$ cluster 'fake'; run on 0; $$",
    );
    for options in STRICT {
        let connstr = scene.conninfo(&server.address(), "fake") + " connect_timeout=2 " + options;
        scene.add_cluster("fake", &[connstr]);
        let started = Instant::now();
        expect_shard_error(scene.text("select scene.fake()"), "08001", "scene.fake(0)", "fake", &["connect timeout"]);
        expect_within(started, 2 * SECOND);
    }
    let connstr = scene.conninfo(&server.address(), "fake") + " sslmode=require";
    scene.add_cluster("fake", &[connstr]);
    let mut cancelled = Instant::now();
    let result = scene.meanwhile("select scene.fake()", |meanwhile| {
        meanwhile.pause(500);
        cancelled = meanwhile.cancel();
    });
    expect_cancelled(result);
    expect_within(cancelled, SECOND / 10);
}
