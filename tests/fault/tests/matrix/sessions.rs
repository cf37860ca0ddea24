//! What a server tells of its session: that it is in a transaction, that it speaks another encoding. Rows 17, 18 and 27.

use crate::scripted::{self, Scripted, answer, begun, ended, serve};
use plproxy_fault::cases;
use plproxy_fault::expect::{expect_error, expect_shard_error, expect_statement_timeout};
use plproxy_fault::fake::Peer;
use plproxy_fault::scene::Scene;
use plproxy_fault::wire::{self, command_complete, data_row, message, parameter_status};
use std::io;
use std::sync::{Arc, Mutex};

cases! {
    // Fake servers, to which a pooler would be the client.
    case_18_answers_that_end_in_a_transaction: direct;
    case_18_failures_that_end_in_a_transaction: direct;
    case_18_logins_that_end_in_a_transaction: direct;
    case_18_pings_that_end_in_a_transaction: direct;
    case_18_malformed_parameters: direct;
    case_17_encoding_changed_while_idle: direct;
    case_17_encoding_changed_in_an_answer: direct;
    case_17_encoding_changed_at_the_login: direct;
    case_17_encoding_changed_by_a_function: direct, session, transaction;
    case_27_text_settings: direct;
    case_27_text_settings_through_a_pooler: direct, session, transaction;
}

const GOOD: &[&[u8]] = &[b"I"];
const IN_TRANSACTION: &[&[u8]] = &[b"T", b"E"];
const NO_STATUS: &[&[u8]] = &[b"?", b"i", b"\0", b"", b"II"];

fn row(text: &str) -> Vec<u8> {
    data_row(&[Some(text.as_bytes())])
}

/// An answer of one row that ends so.
fn answer_with(text: &str, status: &[u8]) -> Vec<u8> {
    [begun(), row(text), command_complete("SELECT 1"), wire::ready(status)].concat()
}

fn latin1() -> Vec<u8> {
    parameter_status("client_encoding", "LATIN1")
}

fn case_18_answers_that_end_in_a_transaction(scene: &mut Scene) {
    scripted::begin(scene);
    let outcomes = [(GOOD, None), (IN_TRANSACTION, Some("25000")), (NO_STATUS, Some("08P01"))];
    for (statuses, sqlstate) in outcomes {
        for &status in statuses {
            for function in ["fake", "fakes"] {
                let scripted = Scripted::at_first(scene, move |peer| {
                    loop {
                        peer.hear_request()?;
                        peer.say(&answer_with("first", status))?;
                    }
                });
                let query = format!("select scene.{function}()");
                let result = scene.texts(&query);
                let Some(sqlstate) = sqlstate else {
                    assert_eq!(result.unwrap(), ["first"]);
                    assert_eq!(scene.texts(&query).unwrap(), ["first"]);
                    assert_eq!(scripted.server.sessions(), 1);
                    continue;
                };
                let error = expect_shard_error(result, sqlstate, &format!("scene.{function}(0)"), "fake", &[]);
                if sqlstate == "25000" {
                    let detail = "What the call has done there isn't committed. The connection has been closed.";
                    assert_eq!(error.detail(), Some(detail));
                    assert!(error.message().ends_with("the server is still in a transaction after the call"));
                }
                scripted.wait_for_closed(1);
                assert_eq!(scene.texts(&query).unwrap(), ["good"], "{status:?}");
                assert_eq!(scripted.server.sessions(), 2, "{status:?}");
            }
        }
    }
}

/// A call that fails anyway keeps its error, but not its connection.
fn case_18_failures_that_end_in_a_transaction(scene: &mut Scene) {
    scripted::begin(scene);
    scene.on_coordinator(
        "create function scene.number() returns integer language plproxy as $$ cluster 'fake'; run on 0; $$",
    );
    let failed = |status: &[u8]| [wire::error("22012", "division by zero"), wire::ready(status)].concat();
    let unreadable = |status: &[u8]| answer_with("not four bytes", status);
    for &status in GOOD.iter().chain(IN_TRANSACTION).chain(NO_STATUS) {
        for (bytes, sqlstate) in [(failed(status), "22012"), (unreadable(status), "22P03")] {
            let scripted = Scripted::at_first(scene, move |peer| {
                peer.hear_request()?;
                peer.say(&bytes)?;
                serve(peer, "\0\0\0\x01")
            });
            expect_error(scene.text("select scene.number()"), sqlstate, &[]);
            let (next, sessions) = if GOOD.contains(&status) { (1, 1) } else { (i32::from_be_bytes(*b"good"), 2) };
            assert_eq!(scene.text("select scene.number()").unwrap(), next.to_string());
            assert_eq!(scripted.server.sessions(), sessions, "{sqlstate} {status:?}");
        }
    }
}

fn case_18_logins_that_end_in_a_transaction(scene: &mut Scene) {
    scripted::begin(scene);
    let log_in = |status: &[u8]| {
        [
            wire::authentication(0, b""),
            parameter_status("client_encoding", "UTF8"),
            wire::backend_key_data(1, 7),
            wire::ready(status),
        ]
        .concat()
    };
    for &status in IN_TRANSACTION.iter().chain(NO_STATUS) {
        let _scripted = Scripted::new(scene, move |session, peer| {
            peer.say(&log_in(if session == 0 { status } else { b"I" }))?;
            serve(peer, "good")
        });
        expect_error(scene.text("select scene.fake()"), "08P01", &["scene.fake(0): [fake] "]);
        assert_eq!(scene.text("select scene.fake()").unwrap(), "good", "{status:?}");
    }
    // The question whether it is the right kind of server.
    for &status in GOOD.iter().chain(IN_TRANSACTION).chain(NO_STATUS) {
        let scripted = Scripted::new(scene, move |_, peer| {
            peer.log_in()?;
            peer.hear()?;
            peer.say(&answer_with("off", status)[begun().len()..])?;
            serve(peer, "good")
        });
        let connstr = scene.conninfo(&scripted.server.address(), "fake");
        scene.add_cluster("fake", &[format!("{connstr} target_session_attrs=read-write")]);
        let result = scene.text("select scene.fake()");
        match GOOD.contains(&status) {
            true => assert_eq!(result.unwrap(), "good"),
            false => drop(expect_error(result, "08001", &["\"SHOW transaction_read_only\" failed"])),
        }
    }
}

fn case_18_pings_that_end_in_a_transaction(scene: &mut Scene) {
    scripted::begin(scene);
    let what = || [data_row(&[Some(b"15.0"), Some(b"f")]), command_complete("SELECT 1")].concat();
    for &status in IN_TRANSACTION.iter().chain(NO_STATUS) {
        let scripted = Scripted::at_first(scene, move |peer| {
            peer.hear()?;
            peer.say(&[what(), wire::ready(status)].concat())
        });
        let error = scene.text("select error from plproxy_ping('fake')").unwrap();
        let expected = match IN_TRANSACTION.contains(&status) {
            true => "[fake] the server is still in a transaction after the call",
            false => "[fake] lost synchronization with server",
        };
        assert_eq!(error, expected);
        scripted.wait_for_closed(1);
    }
}

fn case_18_malformed_parameters(scene: &mut Scene) {
    scripted::begin(scene);
    for body in [&b""[..], b"\0", b"client_encoding", b"client_encoding\0", b"client_encoding\0LATIN1"] {
        let scripted = Scripted::at_first(scene, move |peer| {
            peer.hear_request()?;
            peer.say(&[begun(), row("first"), message(b'S', body), ended()].concat())
        });
        expect_shard_error(scene.text("select scene.fake()"), "08P01", "scene.fake(0)", "fake", &[]);
        scripted.wait_for_closed(1);
        assert_eq!(scene.text("select scene.fake()").unwrap(), "good", "{body:?}");
    }
}

fn case_17_encoding_changed_while_idle(scene: &mut Scene) {
    scripted::begin(scene);
    for (bytes, is_kept) in [
        (parameter_status("client_encoding", "UTF8"), true),
        (parameter_status("client_encoding", "utf-8"), true),
        (parameter_status("Client_Encoding", "LATIN1"), true),
        (parameter_status("DateStyle", "German, DMY").repeat(9), true),
        (latin1(), false),
        (latin1().repeat(500), false),
        ([latin1(), parameter_status("client_encoding", "UTF8")].concat(), false),
        ([parameter_status("TimeZone", "UTC"), latin1()].concat(), false),
    ] {
        let scripted = Scripted::at_first(scene, move |peer| {
            peer.hear_request()?;
            // In one piece, so that it has come when the client looks.
            peer.say(&[answer(&[row("first")]), bytes.clone()].concat())?;
            serve(peer, "kept")
        });
        assert_eq!(scene.text("select scene.fake()").unwrap(), "first");
        let expected = if is_kept { "kept" } else { "good" };
        assert_eq!(scene.text("select scene.fake()").unwrap(), expected);
        assert_eq!(scripted.server.sessions(), if is_kept { 1 } else { 2 });
    }
}

fn case_17_encoding_changed_in_an_answer(scene: &mut Scene) {
    scripted::begin(scene);
    let (ascii, other) = (row("LATIN1"), row("\u{e4}"));
    let complete = command_complete("SELECT 1");
    // Where it is said, and whether the result is known.
    for (name, bytes, is_known) in [
        ("before all", [latin1(), answer(std::slice::from_ref(&ascii))].concat(), false),
        (
            "before it is run",
            [message(b'1', b""), latin1(), message(b'2', b""), ascii.clone(), ended()].concat(),
            false,
        ),
        ("before rows in ASCII", [begun(), latin1(), ascii.clone(), ended()].concat(), true),
        ("after a row in ASCII", [begun(), ascii.clone(), latin1(), ended()].concat(), true),
        ("at the end of ASCII", [begun(), ascii.clone(), complete.clone(), latin1(), wire::ready(b"I")].concat(), true),
        ("and back", [begun(), latin1(), parameter_status("client_encoding", "UTF8"), ascii, ended()].concat(), true),
        ("before other rows", [begun(), latin1(), other.clone(), ended()].concat(), false),
        ("after another row", [begun(), other.clone(), latin1(), ended()].concat(), false),
        ("at the end of others", [begun(), other, complete, latin1(), wire::ready(b"I")].concat(), false),
    ] {
        for function in ["fake", "fakes"] {
            let bytes = bytes.clone();
            let scripted = Scripted::at_first(scene, move |peer| {
                peer.hear_request()?;
                peer.say(&bytes)?;
                serve(peer, "bad")
            });
            let query = format!("select scene.{function}()");
            let result = scene.text(&query);
            match is_known {
                true => assert_eq!(result.unwrap(), "LATIN1", "{name}"),
                false => {
                    let what = "\"client_encoding\" was changed on the server before the result was complete";
                    expect_shard_error(result, "55000", &format!("scene.{function}(0)"), "fake", &[what]);
                }
            }
            scripted.wait_for_closed(1);
            assert_eq!(scene.text(&query).unwrap(), "good", "{name}");
        }
    }
    // Without end.
    scene.run("set statement_timeout = '500ms'");
    let scripted = Scripted::at_first(scene, |peer| {
        peer.hear_request()?;
        let many = latin1().repeat(1000);
        peer.say(&begun())?;
        loop {
            peer.say(&many)?;
        }
    });
    expect_statement_timeout(scene.text("select scene.fake()"));
    scene.run("set statement_timeout = '60s'");
    scripted.wait_for_closed(1);
    assert_eq!(scene.text("select scene.fake()").unwrap(), "good");
}

/// A server that lets us in with another encoding than we ask for is asked once more.
fn case_17_encoding_changed_at_the_login(scene: &mut Scene) {
    scripted::begin(scene);
    let asked = Arc::new(Mutex::new(Vec::new()));
    let theirs = asked.clone();
    let _scripted = Scripted::new(scene, move |_, peer| {
        let mut login = wire::authentication(0, b"");
        login.extend(latin1());
        login.extend(wire::backend_key_data(1, 7));
        login.extend(wire::ready_for_query());
        peer.say(&login)?;
        let query = peer.hear()?;
        theirs.lock().unwrap().push(query);
        peer.say(&[command_complete("SET"), wire::ready_for_query()].concat())?;
        serve(peer, "\u{e4}")
    });
    assert_eq!(scene.text("select scene.fake()").unwrap(), "\u{e4}");
    assert_eq!(*asked.lock().unwrap(), [(b'Q', b"SET client_encoding TO 'UTF8'\0".to_vec())]);
}

fn case_17_encoding_changed_by_a_function(scene: &mut Scene) {
    // Two characters that are one in UTF-8, if their LATIN1 is taken for it.
    let odd = "\u{c3}\u{a4}";
    scene.on_shards(&format!(
        "create function scene.change(value text) returns text language plpgsql as $$
         begin
             set client_encoding = 'LATIN1';
             return value;
         end $$;
         create function scene.last() returns setof text language plpgsql as $$
         begin
             if current_database() like '%3' then
                 set client_encoding = 'LATIN1';
             end if;
             return query select '{odd}' from generate_series(1, 3);
         end $$;
         create function scene.for_itself() returns text language plpgsql set client_encoding = 'LATIN1' as $$
         begin return '{odd}'; end $$;
         create function scene.hex(value text) returns text language sql as $$
             select encode(convert_to(value, 'UTF8'), 'hex')
         $$;
         create function scene.odd() returns text language sql as $$ select '{odd}'::text $$"
    ));
    for (function, returns) in
        [("change(value text)", "text"), ("for_itself()", "text"), ("hex(value text)", "text"), ("odd()", "text")]
    {
        scene.on_coordinator(&format!(
            "create function scene.{function} returns {returns} language plproxy as $$ cluster 'shards'; run on 1; $$"
        ));
    }
    scene.on_coordinator(
        "create function scene.last() returns setof text language plproxy as $$ cluster 'shards'; run on all; $$",
    );
    let fine = |scene: &mut Scene| {
        assert_eq!(scene.text("select scene.hex('\u{e4}')").unwrap(), "c3a4");
        assert_eq!(scene.text("select scene.odd()").unwrap(), odd);
        assert_eq!(scene.text("select length(scene.odd())::text").unwrap(), "2");
    };
    fine(scene);
    for _ in 0..3 {
        assert_eq!(scene.text("select scene.change('LATIN1')").unwrap(), "LATIN1");
        fine(scene);
        let what = "\"client_encoding\" was changed on the server before the result was complete";
        let error = expect_error(scene.text(&format!("select scene.change('{odd}')")), "55000", &[what]);
        assert!(error.detail().is_some() && error.hint().is_some());
        fine(scene);
        expect_error(scene.texts("select scene.last()"), "55000", &["[fault_shard3] ", what]);
        fine(scene);
        assert_eq!(scene.text("select scene.for_itself()").unwrap(), odd);
        fine(scene);
    }
    // Those of one shard, three times twice; of another one three times.
    scene.allow_connections(1);
}

/// The types of a request's messages, in order.
fn kinds(request: &[(u8, Vec<u8>)]) -> String {
    request.iter().map(|(kind, _)| char::from(*kind)).collect()
}

/// What is sent along with a query for the sake of its text, and what the answer means.
fn case_27_text_settings(scene: &mut Scene) {
    scripted::begin(scene);
    scene.on_coordinator(
        "create domain scene.day as date;
         create function scene.number(x date) returns integer language plproxy as $$ cluster 'fake'; run on 0; $$;
         create function scene.day() returns scene.day language plproxy as $$ cluster 'fake'; run on 0; $$;
         create function scene.price(x money) returns integer language plproxy as $$ cluster 'fake'; run on 0; $$",
    );
    let heard = Arc::new(Mutex::new(Vec::new()));
    let serve_with = |scene: &mut Scene, bytes: Vec<u8>| {
        let theirs = heard.clone();
        Scripted::at_first(scene, move |peer: &mut Peer| -> io::Result<()> {
            loop {
                let request = peer.hear_request()?;
                theirs.lock().unwrap().push(request);
                peer.say(&bytes)?;
            }
        })
    };
    let own = |rows: &[Vec<u8>]| [begun(), rows.concat(), command_complete("SELECT 1")].concat();
    let ready = wire::ready_for_query();

    // Values in binary need nothing.
    let _scripted = serve_with(scene, answer(&[row("\0\0\0\x01")]));
    for _ in 0..3 {
        assert_eq!(scene.text("select scene.number('2001-02-03')").unwrap(), "1");
    }
    let requests = std::mem::take(&mut *heard.lock().unwrap());
    assert_eq!(requests.iter().map(|request| kinds(request)).collect::<Vec<_>>(), ["PBE"; 3]);

    // An argument needs it before.
    let bytes = [own(&[row("C")]), own(&[row("\0\0\0\x01")]), ready.clone()].concat();
    let _scripted = serve_with(scene, bytes);
    assert_eq!(scene.text("select scene.price(1.5::money)").unwrap(), "1");
    let requests = std::mem::take(&mut *heard.lock().unwrap());
    assert_eq!(kinds(&requests[0]), "PBEPBE");
    assert_eq!(requests[0][0].1, b"\0select pg_catalog.set_config('lc_monetary','C',true)\0\0\0");
    assert!(wire::contains(&requests[0][4].1, b"$1.50"));

    // A column of the result before and after.
    let with_check = |checked: &[Vec<u8>]| {
        [own(&[row("ISO, DMY")]), own(&[row("2001-02-03")]), own(checked), ready.clone()].concat()
    };
    for (checked, sqlstate) in [
        (vec![row("ISO, DMY")], None),
        (vec![row("ISO, YMD")], None),
        (vec![], Some("08P01")),
        (vec![row("German, DMY")], Some("55000")),
        (vec![row("ISO, DMY"), row("SQL, DMY")], Some("08P01")),
        (vec![row("")], Some("55000")),
        (vec![data_row(&[None])], Some("55000")),
        (vec![data_row(&[])], Some("08P01")),
        (vec![data_row(&[Some(b"ISO"), Some(b"ISO")])], Some("08P01")),
        (vec![message(b'D', b"\0\x01\0\0\0\x09")], Some("08P01")),
    ] {
        let scripted = serve_with(scene, with_check(&checked));
        let result = scene.text("select scene.day()::text");
        match sqlstate {
            None => assert_eq!(result.unwrap(), "2001-02-03"),
            Some(sqlstate) => drop(expect_shard_error(result, sqlstate, "scene.day(0)", "fake", &[])),
        }
        if sqlstate == Some("08P01") {
            scripted.wait_for_closed(1);
        }
        let requests = std::mem::take(&mut *heard.lock().unwrap());
        assert_eq!(requests.iter().map(|request| kinds(request)).collect::<Vec<_>>(), ["PBEPBEPBE"]);
        assert_eq!(requests[0][0].1, b"\0select pg_catalog.set_config('datestyle','ISO',true)\0\0\0");
        assert_eq!(requests[0][6].1, b"\0select pg_catalog.current_setting('datestyle')\0\0\0");
    }

    // An error in any of the three is the call's, and the connection is good.
    let error = || wire::error("42501", "no");
    for bytes in [
        [error(), ready.clone()].concat(),
        [own(&[row("ISO, DMY")]), error(), ready.clone()].concat(),
        [own(&[row("ISO, DMY")]), own(&[row("2001-02-03")]), error(), ready.clone()].concat(),
    ] {
        let scripted = serve_with(scene, bytes);
        for _ in 0..2 {
            expect_shard_error(scene.text("select scene.day()::text"), "42501", "scene.day(0)", "fake", &["no"]);
        }
        assert_eq!(scripted.server.sessions(), 1);
        heard.lock().unwrap().clear();
    }
}

/// The same with real servers, of which each call may meet another one.
fn case_27_text_settings_through_a_pooler(scene: &mut Scene) {
    scene.on_shards(
        "create domain scene.day as date;
         create domain scene.span as interval;
         create function scene.days(part integer) returns setof scene.day language sql as $$ values ('2001-02-03'::date) $$;
         create function scene.span(x scene.span) returns scene.span language sql as $$ select x $$;
         create function scene.style() returns text language sql as $$
             select current_setting('datestyle') || ' ' || current_setting('intervalstyle')
         $$;
         create function scene.change() returns text language plpgsql as $$
         begin set datestyle = 'German'; set intervalstyle = 'sql_standard'; return 'changed'; end $$",
    );
    scene.on_coordinator(
        "create domain scene.day as date;
         create domain scene.span as interval;
         create function scene.days(part integer) returns setof scene.day language plproxy as $$ cluster 'shards'; run on all; $$;
         create function scene.span(x scene.span) returns scene.span language plproxy as $$ cluster 'shards'; run on 1; $$;
         create function scene.today() returns date language plproxy as $$
             cluster 'shards'; run on 1; select '2001-02-03'::date;
         $$;
         create function scene.style() returns text language plproxy as $$ cluster 'shards'; run on 1; $$;
         create function scene.change() returns text language plproxy as $$ cluster 'shards'; run on 1; $$",
    );
    for _ in 0..2 {
        let style = scene.text("select scene.style()").unwrap();
        for _ in 0..4 {
            assert_eq!(scene.texts("select scene.days(0)::text").unwrap(), ["2001-02-03"; 4]);
            assert_eq!(scene.text("select scene.today()::text").unwrap(), "2001-02-03");
            assert_eq!(scene.text("select scene.span('-1 days -02:00:00')::text").unwrap(), "-1 days -02:00:00");
            assert_eq!(scene.text("select scene.style()").unwrap(), style, "nothing is left behind");
        }
        // From now on the session is of another kind, if it is the same.
        assert_eq!(scene.text("select scene.change()").unwrap(), "changed");
    }
}
