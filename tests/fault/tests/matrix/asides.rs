//! What servers say without being asked: row 27, and the floods of row 18.

use crate::scripted::{self, Scripted, answer, begun, ended};
use plproxy_fault::cases;
use plproxy_fault::expect::{expect_cancelled, expect_error};
use plproxy_fault::fake::Peer;
use plproxy_fault::proxy::{Action, When, wait_until};
use plproxy_fault::scene::Scene;
use plproxy_fault::wire::{self, data_row, message};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

cases! {
    case_27_notices: direct, session, transaction;
    case_27_notice_flood: direct, session, transaction;
    // A pooler keeps what its servers say while no client has them.
    case_27_notify_on_a_pooled_connection: direct, session;
    // Fake servers, to which a pooler would be the client.
    case_27_talk_while_idle: direct;
    case_27_flood_while_idle: direct;
    case_27_answer_while_idle: direct;
    // A pooler that gets an answer too many closes the connection itself: so it is the proxy in front of it that adds one.
    case_27_answer_behind_the_answer: direct, session, transaction;
    case_18_floods_end_with_statement_timeout: direct;
    case_18_floods_end_with_query_timeout: direct;
    case_18_floods_end_with_a_cancel: direct;
}

fn case_27_notices(scene: &mut Scene) {
    scene.on_shards(
        "create function scene.f() returns integer language plpgsql as $$
         begin
             raise debug 'nobody sees this';
             raise notice 'a notice' using detail = 'small', hint = 'none';
             raise warning 'a warning';
             raise info 'information';
             return 1;
         end $$",
    );
    scene.on_coordinator(
        "create function scene.f() returns integer language plproxy as $$ cluster 'shards'; run on 1; $$",
    );
    assert_eq!(scene.text("select scene.f()").unwrap(), "1");
    let notices = scene.take_notices();
    let seen: Vec<_> = notices.iter().map(|notice| (notice.severity(), notice.message())).collect();
    let expected = [
        ("NOTICE", "scene.f(0): [fault_shard1] REMOTE NOTICE: a notice"),
        ("WARNING", "scene.f(0): [fault_shard1] REMOTE WARNING: a warning"),
        ("NOTICE", "scene.f(0): [fault_shard1] REMOTE INFO: information"),
    ];
    assert_eq!(seen, expected);
    assert_eq!((notices[0].detail(), notices[0].hint()), (Some("Remote detail: small"), Some("Remote hint: none")));
    scene.run("set client_min_messages = warning");
    assert_eq!(scene.text("select scene.f()").unwrap(), "1");
    assert_eq!(scene.take_notices().len(), 1);
    scene.run("reset client_min_messages");
}

fn case_27_notice_flood(scene: &mut Scene) {
    scene.on_shards(
        "create function scene.f(n integer) returns integer language plpgsql as $$
         begin
             for i in 1 .. n loop raise notice '%', repeat('flood ', 20); end loop;
             return n;
         end $$",
    );
    scene.on_coordinator(
        "create function scene.f(n integer) returns setof integer language plproxy as $$
             cluster 'shards'; run on all;
         $$",
    );
    assert_eq!(scene.texts("select scene.f(5000)").unwrap(), ["5000"; 4]);
    assert_eq!(scene.take_notices().len(), 20_000);
    // More than anybody wants to read. Memory is bounded by what the scene allows.
    scene.run("set client_min_messages = warning");
    assert_eq!(scene.texts("select scene.f(50000)").unwrap(), ["50000"; 4]);
    let mut cancelled = Instant::now();
    let result = scene.meanwhile("select scene.f(2000000000)", |meanwhile| {
        meanwhile.proxies.iter().for_each(|proxy| proxy.wait_for_received(b'N', 1000));
        meanwhile.cancel();
        cancelled = Instant::now();
    });
    expect_cancelled(result);
    assert!(cancelled.elapsed() < Duration::from_secs(5), "{:?}", cancelled.elapsed());
    scene.run("reset client_min_messages");
    assert!(scene.take_notices().is_empty());
}

fn case_27_notify_on_a_pooled_connection(scene: &mut Scene) {
    scene.on_shards(
        "create function scene.listen() returns integer language plpgsql as $$ begin listen news; return 1; end $$;
         create function scene.unlisten() returns integer language plpgsql as $$ begin unlisten *; return 1; end $$",
    );
    for name in ["listen", "unlisten"] {
        scene.on_coordinator(&format!(
            "create function scene.{name}() returns integer language plproxy as $$ cluster 'shards'; run on 1; $$"
        ));
    }
    scene.text("select scene.listen()").unwrap();
    for number in 0..5 {
        scene.on_shard(1, "notify news, 'there is some'");
        wait_until("the notification", || scene.proxy(1).received(b'A') > number);
        let token = format!("news{number}");
        assert_eq!(scene.text(&format!("select echo(1, '{token}')")).unwrap(), format!("shard1:{token}"));
    }
    // Within an answer it comes as well.
    scene.on_shard(1, "create function scene.notify() returns integer language sql as $$ notify news; select 1 $$");
    scene.text("select scene.unlisten()").unwrap();
    assert_eq!(scene.proxy(1).connections(), 0, "it is still the same connection");
}

/// After its first answer a server says this, when nothing is asked of it.
fn say_while_idle(scene: &mut Scene, bytes: Vec<u8>) -> (Scripted, Arc<AtomicUsize>) {
    let said = Arc::new(AtomicUsize::new(0));
    let theirs = said.clone();
    let scripted = Scripted::at_first(scene, move |peer| {
        loop {
            peer.hear_request()?;
            peer.say(&answer(&[data_row(&[Some(b"first")])]))?;
            std::thread::sleep(Duration::from_millis(50));
            peer.say(&bytes)?;
            theirs.fetch_add(1, SeqCst);
        }
    });
    (scripted, said)
}

fn case_27_talk_while_idle(scene: &mut Scene) {
    scripted::begin(scene);
    for (name, bytes) in [
        ("a notice", wire::report(b'N', "NOTICE", "00000", "by the way")),
        ("parameters", wire::parameter_status("TimeZone", "UTC").repeat(5)),
        ("a notification", message(b'A', b"\0\0\0\x01news\0there is some\0")),
    ] {
        let (scripted, said) = say_while_idle(scene, bytes);
        for count in 1..=3 {
            assert_eq!(scene.text("select scene.fake()").unwrap(), "first", "{name}");
            wait_until("the server to say it", || said.load(SeqCst) == count);
        }
        assert_eq!(scripted.server.sessions(), 1, "{name}: the connection is still used");
    }
    assert!(scene.take_notices().is_empty(), "they belong to no call");
}

/// Whether a connection is usable must not take for ever to find out.
fn case_27_flood_while_idle(scene: &mut Scene) {
    scripted::begin(scene);
    let scripted = Scripted::at_first(scene, |peer| {
        peer.hear_request()?;
        peer.say(&answer(&[data_row(&[Some(b"first")])]))?;
        flood(peer, wire::parameter_status("x", "y"))
    });
    assert_eq!(scene.text("select scene.fake()").unwrap(), "first");
    std::thread::sleep(Duration::from_millis(200));
    let started = Instant::now();
    assert_eq!(scene.text("select scene.fake()").unwrap(), "good");
    assert!(started.elapsed() < Duration::from_secs(5));
    scripted.wait_for_closed(1);
}

fn case_27_answer_while_idle(scene: &mut Scene) {
    scripted::begin(scene);
    let row = data_row(&[Some(b"evil")]);
    for (name, bytes) in [
        ("a row", row.clone()),
        ("rows and an end", [row.clone(), ended()].concat()),
        ("a whole answer", answer(std::slice::from_ref(&row))),
        ("a notice and a whole answer", [wire::report(b'N', "NOTICE", "00000", "x"), answer(&[row])].concat()),
        ("an end", ended()),
        ("ready", wire::ready_for_query()),
        ("an error", wire::error("57P01", "terminating connection")),
        ("what is no message", vec![0; 50]),
    ] {
        let (scripted, said) = say_while_idle(scene, bytes);
        assert_eq!(scene.text("select scene.fake()").unwrap(), "first", "{name}");
        wait_until("the server to say it", || said.load(SeqCst) > 0);
        for _ in 0..3 {
            assert_eq!(scene.text("select scene.fake()").unwrap(), "good", "{name}");
        }
        scripted.wait_for_closed(1);
        assert_eq!(scripted.server.sessions(), 2, "{name}");
    }
    assert!(scene.take_notices().is_empty(), "they belong to no call");
}

fn case_27_answer_behind_the_answer(scene: &mut Scene) {
    let more = answer(&[data_row(&[Some(b"shard1:evil")])])[10..].to_vec();
    let add = Arc::new(move |bytes: &mut Vec<u8>| bytes.extend(&more));
    let fault = scene.proxy(1).on(When::from_server(b'Z'), Action::Mutate(add));
    for number in 0..5 {
        assert_eq!(scene.text(&format!("select echo(1, 'own{number}')")).unwrap(), format!("shard1:own{number}"));
    }
    assert_eq!(fault.hits(), 1);
    assert_eq!(scene.proxy(1).connections(), 1, "the connection was replaced");
}

/// Says the same for ever.
fn flood(peer: &mut Peer, bytes: Vec<u8>) -> io::Result<()> {
    let many = bytes.repeat(1 + 60_000 / bytes.len());
    loop {
        peer.say(&many)?;
    }
}

/// What there is no end of, and what comes before it.
fn floods() -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
    vec![
        ("parameters", vec![], wire::parameter_status("x", "y")),
        ("notifications", vec![], message(b'A', b"\0\0\0\x01news\0there is some\0")),
        ("notices", vec![], wire::report(b'N', "NOTICE", "00000", "x")),
        ("long notices", vec![], wire::report(b'N', "NOTICE", "00000", &"x".repeat(50_000))),
        ("rows", begun(), data_row(&[Some(b"x")])),
        ("rows of nothing", begun(), data_row(&[None])),
        (
            "parameters after the rows",
            [begun(), wire::command_complete("SELECT 0")].concat(),
            wire::parameter_status("x", "y"),
        ),
        ("notices after an error", wire::error("XX000", "x"), wire::report(b'N', "NOTICE", "00000", "x")),
        ("a row without an end", [&begun()[..], b"D\x3f\xff\xff\x00\0\x01\x3f\xff\xfe\xf0"].concat(), vec![b'x'; 100]),
    ]
}

/// Runs a call against each of the floods; it must end soon, without much memory, whatever its result is.
fn with_floods(scene: &mut Scene, mut call: impl FnMut(&mut Scene, &str, &AtomicBool)) {
    scripted::begin(scene);
    scene.run("set client_min_messages = error; set temp_file_limit = '2GB'; set plproxy.max_message_size = '16MB'");
    for (name, first, forever) in floods() {
        let is_under_way = Arc::new(AtomicBool::new(false));
        let theirs = is_under_way.clone();
        let scripted = Scripted::at_first(scene, move |peer| {
            peer.hear_request()?;
            peer.say(&first)?;
            theirs.store(true, SeqCst);
            flood(peer, forever.clone())
        });
        call(scene, name, &is_under_way);
        scripted.wait_for_closed(1);
        assert_eq!(scene.text("select scene.fakes()").unwrap(), "good", "{name}");
    }
    scene.run("reset client_min_messages; reset temp_file_limit; reset plproxy.max_message_size");
}

/// The errors that a flood may end with besides the one that is waited for.
fn expect_end(name: &str, result: Result<Vec<String>, postgres::Error>, texts: &[&str]) {
    match (name, &result) {
        // Nobody waits for more than a second for the end of an answer.
        ("notices after an error", Err(error)) if error.code().is_some_and(|code| code.code() == "XX000") => {}
        ("a row without an end", Err(error)) if error.code().is_some_and(|code| code.code() == "54000") => {}
        _ => drop(expect_error(result, "57014", texts)),
    }
}

fn case_18_floods_end_with_statement_timeout(scene: &mut Scene) {
    with_floods(scene, |scene, name, _| {
        scene.run("set statement_timeout = '300ms'");
        let started = Instant::now();
        let result = scene.texts("select scene.fakes()");
        assert!(started.elapsed() < Duration::from_secs(6), "{name}: {:?}", started.elapsed());
        expect_end(name, result, &["statement timeout"]);
        scene.run("set statement_timeout = '60s'");
    });
}

fn case_18_floods_end_with_query_timeout(scene: &mut Scene) {
    scene.set_option("fake", "query_timeout", "1");
    with_floods(scene, |scene, name, _| {
        let started = Instant::now();
        let result = scene.texts("select scene.fakes()");
        assert!(started.elapsed() < Duration::from_secs(7), "{name}: {:?}", started.elapsed());
        expect_end(name, result, &["query timeout"]);
    });
}

fn case_18_floods_end_with_a_cancel(scene: &mut Scene) {
    with_floods(scene, |scene, name, is_under_way| {
        let mut cancelled = Instant::now();
        let result = scene.meanwhile("select scene.fakes()", |meanwhile| {
            wait_until("the flood", || is_under_way.load(SeqCst));
            meanwhile.pause(100);
            meanwhile.cancel();
            cancelled = Instant::now();
        });
        assert!(cancelled.elapsed() < Duration::from_secs(5), "{name}: {:?}", cancelled.elapsed());
        expect_end(name, result, &["user request"]);
    });
}
