//! Servers that don't keep to the protocol: row 18.

use crate::scripted::{self, Scripted, answer, begun, ended, serve};
use plproxy_fault::cases;
use plproxy_fault::expect::expect_shard_error;
use plproxy_fault::fake::Peer;
use plproxy_fault::scene::Scene;
use plproxy_fault::wire::{self, authentication, command_complete, data_row, message, ready_for_query};
use std::io;
use std::time::{Duration, Instant};

// Between us and a server that doesn't keep to the protocol a pooler changes nothing: it would be the one to notice.
cases! {
    case_18_malformed_answers: direct;
    case_18_malformed_rows: direct;
    case_18_malformed_values: direct;
    case_18_malformed_descriptions: direct;
    case_18_strange_but_harmless: direct;
    case_18_an_error_that_says_success: direct;
    case_18_more_than_the_answer: direct;
    case_18_malformed_logins: direct;
    case_18_too_many_scram_iterations: direct;
}

const VIOLATION: &str = "08P01";

/// A message that ends before its length says so, or whose length can't be.
fn with_length(kind: u8, length: u32) -> Vec<u8> {
    [&[kind][..], &length.to_be_bytes(), &[0; 16]].concat()
}

fn good() -> Vec<u8> {
    data_row(&[Some(b"good")])
}

/// Calls both functions of a server whose first sessions give this answer: each call must fail in such a way and drop its
/// connection, and the next one, which meets a server in its right mind, succeed. Returns what was otherwise.
fn flaws_of(scene: &mut Scene, sqlstate: &str, name: &str, bad: Vec<u8>) -> Vec<String> {
    let mut flaws = Vec::new();
    for function in ["fake", "fakes"] {
        let bad = bad.clone();
        let scripted = Scripted::at_first(scene, move |peer| {
            peer.hear_request()?;
            peer.say(&bad)
        });
        let mut check = || {
            let started = Instant::now();
            let result = scene.texts(&format!("select scene.{function}()"));
            let error = result.err().ok_or("no error")?;
            let error = error.as_db_error().ok_or("no error of the coordinator's")?;
            let label = format!("scene.{function}(0): [fake] ");
            if error.code().code() != sqlstate || !error.message().contains(&label) {
                return Err(format!("{}: {}", error.code().code(), error.message()));
            }
            if started.elapsed() > Duration::from_secs(10) {
                return Err("it takes too long".to_owned());
            }
            let next =
                scene.texts(&format!("select scene.{function}()")).map_err(|error| format!("next: {error:?}"))?;
            if next == ["good"] {
                scripted.wait_for_closed(1); // whoever counts has to notice first
            }
            if next != ["good"] || scripted.closed() != 1 || scripted.server.sessions() != 2 {
                return Err("the connection is still used".to_owned());
            }
            Ok(())
        };
        flaws.extend(check().err().map(|flaw: String| format!("{name}, {function}(): {flaw}")));
    }
    flaws
}

/// All of these answers are violations of the protocol.
fn expect_violations(scene: &mut Scene, answers: Vec<(&str, Vec<u8>)>) {
    scripted::begin(scene);
    let flaws: Vec<_> = answers.into_iter().flat_map(|(name, bytes)| flaws_of(scene, VIOLATION, name, bytes)).collect();
    assert!(flaws.is_empty(), "{flaws:#?}");
}

fn case_18_malformed_answers(scene: &mut Scene) {
    let mut answers = vec![
        ("a length of 0", with_length(b'1', 0)),
        ("a length of 3", [begun(), with_length(b'D', 3)].concat()),
        ("a length of 2 GB", [begun(), with_length(b'D', i32::MAX as u32)].concat()),
        ("a negative length", [begun(), with_length(b'D', u32::MAX)].concat()),
        ("an error of 2 GB", with_length(b'E', i32::MAX as u32)),
        ("a notice of negative length", with_length(b'N', 0x8000_0000)),
        ("HTTP", b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n".to_vec()),
        ("zeros", vec![0; 100]),
        ("ready at once", ready_for_query()),
        ("ready after ParseComplete", [message(b'1', b""), ready_for_query()].concat()),
        ("ready without CommandComplete", [begun(), good(), ready_for_query()].concat()),
        ("rows before BindComplete", [message(b'1', b""), good(), ended()].concat()),
        ("CommandComplete before BindComplete", [message(b'1', b""), ended()].concat()),
        ("BindComplete twice", [begun(), message(b'2', b""), good(), ended()].concat()),
        ("CommandComplete twice", [begun(), good(), command_complete("SELECT 1"), ended()].concat()),
        ("a row after CommandComplete", [begun(), good(), command_complete("SELECT 1"), good(), ended()].concat()),
        ("an unasked description", [begun(), wire::row_description(&[("r", 25)]), good(), ended()].concat()),
        ("PortalSuspended", [begun(), good(), message(b's', b""), ended()].concat()),
        ("login questions", [begun(), authentication(3, b""), good(), ended()].concat()),
        ("a parameter without a value", [message(b'S', b"x"), begun(), good(), ended()].concat()),
        ("a parameter without anything", [begun(), good(), message(b'S', b""), ended()].concat()),
        ("BackendKeyData", [begun(), wire::backend_key_data(1, 2), good(), ended()].concat()),
    ];
    // CopyIn, CopyOut, CopyBoth, CopyData, CopyDone, FunctionCallResponse, NegotiateProtocolVersion; what only clients
    // send; what nobody does.
    for kind in *b"GHWdcVvQPBXF~\0\xff" {
        let unasked = [begun(), message(kind, b"\0\0\0\0\0"), good(), ended()].concat();
        answers.push((Box::leak(format!("message {:?}", char::from(kind)).into_boxed_str()), unasked));
    }
    expect_violations(scene, answers);
}

fn case_18_malformed_rows(scene: &mut Scene) {
    let with_row = |body: &[u8]| [begun(), message(b'D', body), ended()].concat();
    expect_violations(
        scene,
        vec![
            ("no fields", with_row(&[0, 0])),
            ("two fields", [begun(), data_row(&[Some(b"a"), Some(b"b")]), ended()].concat()),
            ("no number of fields", with_row(b"")),
            ("half a number of fields", with_row(b"\0")),
            ("more fields than there are", with_row(b"\0\x01")),
            ("as many fields as can be", with_row(b"\xff\xff\0\0\0\x01a")),
            ("a field longer than its row", with_row(b"\0\x01\0\0\0\x05good")),
            ("a field of 2 GB", with_row(b"\0\x01\x7f\xff\xff\xffgood")),
            ("a field of length -2", with_row(b"\0\x01\xff\xff\xff\xfegood")),
            ("something after the last field", with_row(b"\0\x01\0\0\0\x04goodx")),
            // The other way round a function that returns one value complains of the number of rows.
            ("a good row after a bad one", [begun(), message(b'D', b"\0\x01"), good(), ended()].concat()),
        ],
    );
}

/// Values that no send function has made. The message as such is right, so the connection may be kept; but nothing of the
/// kind may get into a Datum.
fn case_18_malformed_values(scene: &mut Scene) {
    scripted::begin(scene);
    let array = |dimensions: i32, oid: u32, rest: &[i32], bytes: &[u8]| {
        let mut array = [dimensions.to_be_bytes(), 0_i32.to_be_bytes(), oid.to_be_bytes()].concat();
        rest.iter().for_each(|number| array.extend(number.to_be_bytes()));
        [&array[..], bytes].concat()
    };
    let values: Vec<(&str, Vec<u8>)> = vec![
        ("bool", vec![]),
        ("bool", vec![0, 1]),
        ("int2", vec![1]),
        ("int4", vec![1, 2, 3]),
        ("int4", vec![1, 2, 3, 4, 5]),
        ("int4", b"17".to_vec()),
        ("int8", vec![0; 7]),
        ("float8", vec![0; 4]),
        ("uuid", vec![0; 15]),
        ("date", vec![0; 8]),
        ("timestamptz", vec![0x7f; 7]),
        ("timestamptz", vec![0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]),
        ("interval", vec![0; 15]),
        ("numeric", b"\0\x02\0\0\0\0\0\0\0\x01".to_vec()),
        ("numeric", b"\xff\xff\0\0\0\0\0\0".to_vec()),
        ("numeric", b"\0\x01\0\0\0\0\0\0\x7f\xff".to_vec()),
        ("jsonb", b"\x07{}".to_vec()),
        ("jsonb", b"\x01{".to_vec()),
        ("json", b"{".to_vec()),
        ("inet", b"\x02\x20\0\x10abcd".to_vec()),
        ("varbit", b"\x7f\xff\xff\xff\0".to_vec()),
        ("int4range", b"\0".to_vec()),
        ("int4range", b"\x02\0\0\0\x04\0\0\0\x05\0\0\0\x04\0\0\0\x01".to_vec()),
        ("int4[]", vec![]),
        ("int4[]", array(7, 23, &[], b"")),
        ("int4[]", array(-1, 23, &[], b"")),
        ("int4[]", array(1, 23, &[i32::MAX, 1], b"")),
        ("int4[]", array(2, 23, &[65536, 1, 65536, 1], b"")),
        ("int4[]", array(1, 23, &[-1, 1], b"")),
        ("int4[]", array(1, 23, &[1, 1, 3], b"abc")),
        ("int4[]", array(1, 23, &[1, 1, i32::MAX], b"abc")),
        ("int4[]", array(1, 25, &[1, 1, 4], b"abcd")),
        ("text[]", array(1, 25, &[2, 1, 1], b"a")),
    ];
    let mut flaws = Vec::new();
    for (number, (type_name, value)) in values.into_iter().enumerate() {
        scene.on_coordinator(&format!(
            "create function scene.value{number}() returns {type_name} language plproxy as $$
                 cluster 'fake'; run on 0;
             $$;
             create function scene.values{number}() returns setof {type_name} language plproxy as $$
                 cluster 'fake'; run on 0;
             $$"
        ));
        for function in [format!("value{number}"), format!("values{number}")] {
            let value = value.clone();
            let scripted = Scripted::new(scene, move |_, peer| {
                peer.log_in()?;
                peer.hear_request()?;
                peer.say(&answer(&[data_row(&[Some(&value)])]))?;
                serve(peer, "good")
            });
            match scene.texts(&format!("select scene.{function}()")) {
                Ok(value) => flaws.push(format!("{function} of {type_name} is {value:?}")),
                Err(error) => match error.code().map_or("none", |code| code.code()) {
                    // 22000 and its like, 54000 for too many elements, 42804 for elements of another type.
                    code if code.starts_with("22") || matches!(code, "08P01" | "54000" | "42804") => {}
                    code => flaws.push(format!("{function} of {type_name}: {code}: {error:?}")),
                },
            }
            if scene.texts("select scene.fake()").unwrap() != ["good"] || scripted.server.sessions() != 1 {
                flaws.push(format!("{function} of {type_name}: the connection isn't kept"));
            }
        }
    }
    assert!(flaws.is_empty(), "{flaws:#?}");
}

/// Descriptions of a query of the user's own.
fn case_18_malformed_descriptions(scene: &mut Scene) {
    scripted::begin(scene);
    scene.on_coordinator(
        "drop function scene.fake(), scene.fakes();
         create function scene.fake() returns text language plproxy as $$ cluster 'fake'; run on 0; select 1; $$;
         create function scene.fakes() returns setof text language plproxy as $$ cluster 'fake'; run on 0; select 1; $$",
    );
    let described = |description: Vec<u8>| {
        [message(b'1', b""), message(b't', b"\0\0"), description, message(b'2', b""), good(), ended()].concat()
    };
    let description = wire::row_description(&[("r", 25)]);
    let descriptions = vec![
        ("no number of columns", message(b'T', b"")),
        ("a column that ends too early", message(b'T', b"\0\x01r\0\0\0")),
        ("a name without an end", message(b'T', b"\0\x01rrrrrrrrrrrrrrrrrrrrrrrrr")),
        ("fewer columns than announced", message(b'T', &[&[0, 2], &description[7..]].concat())),
        ("more columns than announced", message(b'T', &[&[0, 0], &description[7..]].concat())),
    ];
    let flaws: Vec<_> = descriptions
        .into_iter()
        .flat_map(|(name, bytes)| {
            // Whether the next session is asked to describe it again is the library's business.
            let mut flaws = flaws_of(scene, VIOLATION, name, described(bytes));
            flaws.retain(|flaw| !flaw.contains("next: "));
            flaws
        })
        .collect();
    assert!(flaws.is_empty(), "{flaws:#?}");
}

/// What has no meaning that could be wrong is passed over.
fn case_18_strange_but_harmless(scene: &mut Scene) {
    scripted::begin(scene);
    let asides = [
        ("a notification of nothing", message(b'A', b"")),
        ("a notice of nothing", message(b'N', b"")),
        ("a notice without an end", message(b'N', b"Mnotice")),
        ("a notice with odd fields", message(b'N', b"\xffx\0M\xff\xfe\0C\0\0")),
        ("a notice with a long SQLSTATE", wire::report(b'N', "NOTICE", "000000000", "x")),
    ];
    for (name, aside) in asides {
        for function in ["fake", "fakes"] {
            let aside = aside.clone();
            let scripted = Scripted::new(scene, move |_, peer| {
                peer.log_in()?;
                loop {
                    peer.hear_request()?;
                    let pieces = [&aside, &begun(), &aside, &good(), &aside, &ended(), &aside];
                    peer.say(&pieces.map(|piece| &piece[..]).concat())?;
                }
            });
            for _ in 0..3 {
                let result = scene.texts(&format!("select scene.{function}()"));
                assert_eq!(result.unwrap_or_else(|error| panic!("{name}: {error:?}")), ["good"], "{name}");
            }
            assert_eq!(scripted.server.sessions(), 1, "{name}");
        }
    }
    // Errors are errors whatever is in them.
    for (name, error) in [
        ("an error of nothing", message(b'E', b"")),
        ("an error without an end", message(b'E', b"SERROR\0Mbad")),
        ("an odd SQLSTATE", wire::report(b'E', "ERROR", "\u{e4}\u{e4}x", "bad")),
    ] {
        let scripted = Scripted::new(scene, move |_, peer| {
            peer.log_in()?;
            peer.hear_request()?;
            peer.say(&[message(b'1', b""), error.clone(), ready_for_query()].concat())?;
            serve(peer, "good")
        });
        let result = scene.texts("select scene.fakes()");
        let error = expect_shard_error(result, "XX000", "scene.fakes(0)", "fake", &["REMOTE ERROR: "]);
        assert_eq!(error.severity(), "ERROR", "{name}");
        assert_eq!(scene.texts("select scene.fakes()").unwrap(), ["good"], "{name}");
        assert_eq!(scripted.server.sessions(), 1, "{name}");
    }
}

fn case_18_an_error_that_says_success(scene: &mut Scene) {
    scripted::begin(scene);
    let _scripted = Scripted::new(scene, |_, peer| {
        peer.log_in()?;
        loop {
            peer.hear_request()?;
            peer.say(&[wire::report(b'E', "ERROR", "00000", "bad"), ready_for_query()].concat())?;
        }
    });
    expect_shard_error(scene.text("select scene.fake()"), "XX000", "scene.fake(0)", "fake", &["REMOTE ERROR: bad"]);
}

/// The answer is right, and so is the result; but the connection isn't used again.
fn case_18_more_than_the_answer(scene: &mut Scene) {
    scripted::begin(scene);
    let evil = data_row(&[Some(b"evil")]);
    for (name, more) in [
        ("ReadyForQuery", ready_for_query()),
        ("another answer", answer(std::slice::from_ref(&evil))),
        ("the end of another answer", [evil, ended()].concat()),
        ("an error", wire::error("XX000", "evil")),
        ("a length of 0", with_length(b'D', 0)),
        ("half a message", message(b'D', b"\0\x01\0\0\0\x04evil")[..7].to_vec()),
    ] {
        let is_half = name == "half a message";
        let scripted = Scripted::at_first(scene, move |peer| {
            peer.hear_request()?;
            peer.say(&[answer(&[good()]), more.clone()].concat())?;
            match is_half {
                true => serve(peer, "good"),
                false => Ok(()),
            }
        });
        assert_eq!(scene.texts("select scene.fakes()").unwrap(), ["good"], "{name}");
        let next = scene.texts("select scene.fakes()");
        match is_half {
            // What came was the beginning of a message that may have been harmless.
            true if next.is_err() => drop(expect_shard_error(next, VIOLATION, "scene.fakes(0)", "fake", &[])),
            _ => assert_eq!(next.unwrap(), ["good"], "{name}"),
        }
        assert_eq!(scene.texts("select scene.fakes()").unwrap(), ["good"], "{name}");
        scripted.wait_for_closed(1);
        assert_eq!(scripted.server.sessions(), 2, "{name}");
    }
}

/// Says one step after each message of the client. In a step `@` is the nonce that the client has sent.
fn say_steps(peer: &mut Peer, steps: &[Vec<u8>]) -> io::Result<()> {
    let (first, others) = steps.split_first().expect("a login has a first step");
    peer.say(first)?;
    for step in others {
        let heard = peer.hear()?.1;
        let heard = String::from_utf8_lossy(&heard).into_owned();
        let nonce = heard.split_once("r=").map_or("", |(_, rest)| rest.split(',').next().unwrap_or_default());
        let at = step.iter().position(|&byte| byte == b'@');
        let step = match at {
            // In front of it: type, length and code.
            Some(at) => authentication(11, &[&step[9..at], nonce.as_bytes(), &step[at + 1..]].concat()),
            None => step.clone(),
        };
        peer.say(&step)?;
    }
    Ok(())
}

fn case_18_malformed_logins(scene: &mut Scene) {
    scripted::begin(scene);
    let sasl = || authentication(10, b"SCRAM-SHA-256\0\0");
    let challenge = |text: &str| authentication(11, text.as_bytes());
    let in_session = |bytes: Vec<u8>| vec![[authentication(0, b""), bytes, ready_for_query()].concat()];
    let logins: Vec<(&str, &str, Vec<Vec<u8>>)> = vec![
        ("HTTP", VIOLATION, vec![b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n".to_vec()]),
        ("SSH", VIOLATION, vec![b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n".to_vec()]),
        ("zeros", VIOLATION, vec![vec![0; 100]]),
        ("a length of 0", VIOLATION, vec![with_length(b'R', 0)]),
        ("a length of 3", VIOLATION, vec![with_length(b'R', 3)]),
        ("a question of 4 bytes", VIOLATION, vec![[message(b'R', b""), vec![0; 16]].concat()]),
        ("a question of 2 GB", VIOLATION, vec![with_length(b'R', i32::MAX as u32)]),
        ("a question of negative length", VIOLATION, vec![with_length(b'R', u32::MAX)]),
        ("an error of 2 GB", VIOLATION, vec![with_length(b'E', i32::MAX as u32)]),
        ("an error of nothing", VIOLATION, vec![message(b'E', b"\0")]),
        ("ready before it has asked", VIOLATION, vec![ready_for_query()]),
        ("a row", VIOLATION, vec![good()]),
        ("a row when we are in", VIOLATION, in_session(good())),
        ("CopyIn when we are in", VIOLATION, in_session(message(b'G', b"\0\0\0"))),
        ("a second question when we are in", VIOLATION, in_session(authentication(3, b""))),
        ("half a key", VIOLATION, in_session(message(b'K', b"\0\0\0\x01"))),
        // What ends too early is taken for the end of the connection.
        ("a parameter without a value", "08001", in_session(message(b'S', b"x"))),
        ("an unknown question", "08001", vec![authentication(99, b"")]),
        ("Kerberos", "08001", vec![authentication(2, b"")]),
        ("GSS", "08001", vec![authentication(7, b"")]),
        ("md5 without a salt", "08001", vec![authentication(5, b"")]),
        ("SASL without a mechanism", "08001", vec![authentication(10, b"\0")]),
        ("SASL with others alone", "08001", vec![authentication(10, b"OAUTHBEARER\0\0")]),
        ("SASL without an end", VIOLATION, vec![authentication(10, b"SCRAM-SHA-256")]),
        ("the middle of SASL at once", VIOLATION, vec![challenge("r=x,s=c2FsdA==,i=4096")]),
        ("the end of SASL at once", VIOLATION, vec![authentication(12, b"v=x")]),
        ("in without the end of SASL", VIOLATION, vec![sasl(), authentication(0, b"")]),
        ("another's nonce", "08001", vec![sasl(), challenge("r=another,s=c2FsdA==,i=4096")]),
        ("no salt", "08001", vec![sasl(), challenge("r=@xyz,i=4096")]),
        ("no iterations", "08001", vec![sasl(), challenge("r=@xyz,s=c2FsdA==,i=x")]),
        ("nothing", "08001", vec![sasl(), challenge("")]),
        ("text that is none", "08001", vec![sasl(), authentication(11, b"\xff\xfe,\xff")]),
        (
            "a server without the password",
            "08001",
            vec![sasl(), challenge("r=@xyz,s=c2FsdA==,i=4096"), authentication(12, b"v=AAAA")],
        ),
        ("a flood of parameters", VIOLATION, in_session(wire::parameter_status("x", "y").repeat(200_000))),
        ("one long parameter", VIOLATION, in_session(wire::parameter_status("x", &"y".repeat(40_000)))),
    ];
    let mut flaws = Vec::new();
    for (name, sqlstate, steps) in logins {
        let scripted = Scripted::new(scene, move |session, peer| match session {
            0 => say_steps(peer, &steps),
            _ => peer.log_in().and_then(|()| serve(peer, "good")),
        });
        let started = Instant::now();
        let result = scene.texts("select scene.fake()");
        let took_long = started.elapsed() > Duration::from_secs(10);
        match result.as_ref().map_err(|error| error.as_db_error()) {
            Err(Some(error)) => {
                let text = format!("{}: {}", error.code().code(), error.message());
                if error.code().code() != sqlstate || !text.contains("scene.fake(0): [fake] ") || took_long {
                    flaws.push(format!("{name}: {text}"));
                }
            }
            _ => flaws.push(format!("{name}: {result:?}")),
        }
        scripted.wait_for_closed(1);
        assert_eq!(scene.texts("select scene.fake()").unwrap(), ["good"], "{name}");
    }
    assert!(flaws.is_empty(), "{flaws:#?}");
}

/// Each costs the client some microseconds, in which it can't be interrupted.
fn case_18_too_many_scram_iterations(scene: &mut Scene) {
    scripted::begin(scene);
    for iterations in ["1000001", "100000000", "4294967295", "4294967296", "99999999999999999999999999"] {
        let challenge = authentication(11, format!("r=@xyz,s=c2FsdA==,i={iterations}").as_bytes());
        let steps = vec![authentication(10, b"SCRAM-SHA-256\0\0"), challenge];
        let scripted = Scripted::new(scene, move |_, peer| say_steps(peer, &steps));
        let started = Instant::now();
        // More than fits into a number isn't one.
        let text = if iterations.len() > 20 { "" } else { "SCRAM iterations, of which no more than" };
        expect_shard_error(scene.text("select scene.fake()"), "08001", "scene.fake(0)", "fake", &[text]);
        assert!(started.elapsed() < Duration::from_secs(5), "{iterations} iterations");
        scripted.wait_for_closed(1);
    }
}
