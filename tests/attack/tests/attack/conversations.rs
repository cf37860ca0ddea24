//! A shard that says anything: answers that are right, changed, cut, repeated and reordered, from the login on. No such
//! conversation may crash the server, hang, spoil the next call of another shard, or have a password said to anybody.

use plproxy_attack::dice::Dice;
use plproxy_attack::mutation::mutate;
use plproxy_attack::rounds::Rounds;
use plproxy_fault::expect::expect_no_secret;
use plproxy_fault::fake::{Fake, Peer};
use plproxy_fault::scene::{Path, Scene, run};
use plproxy_fault::wire::{
    self, authentication, backend_key_data, command_complete, data_row, message, parameter_status,
};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const ROUNDS: Rounds = Rounds { test: "conversations", short: 60, full: 600 };

/// How long a call may take: statement_timeout.
const BOUND: &str = "1s";

const FUNCTIONS: &str = "
    create function scene.value() returns text language plproxy as $$ cluster 'hostile'; run on 0; $$;
    create function scene.number() returns bigint language plproxy as $$ cluster 'hostile'; run on 0; $$;
    create function scene.texts() returns setof text language plproxy as $$ cluster 'hostile'; run on 0; $$;
    create function scene.pairs(out a integer, out b text) returns setof record language plproxy as $$
        cluster 'hostile'; run on all;
    $$;
    create function scene.asked(a integer) returns text language plproxy as $$
        cluster 'hostile'; run on 0; select 'x'::text as r, a;
    $$;
    create function scene.nothing() returns void language plproxy as $$ cluster 'hostile'; run on 0; $$;
    create function scene.arrays() returns setof integer[] language plproxy as $$ cluster 'hostile'; run on 0; $$;
    create function scene.caught(query text) returns text language plpgsql as $$
        begin execute query; return 'done'; exception when others then return sqlstate; end
    $$;
";

const CALLS: &[&str] = &[
    "select scene.value()",
    "select scene.number()",
    "select * from scene.texts()",
    "select * from scene.pairs()",
    "select scene.asked(7)",
    "select scene.nothing()",
    "select * from scene.arrays()",
    "select scene.caught('select scene.value()') from generate_series(1, 3)",
    "select count(*) from plproxy_ping('hostile')",
    "do $$ begin perform scene.value(), scene.number(); perform scene.texts(); end $$",
    "do $$ begin begin perform scene.pairs(); exception when others then null; end; perform scene.asked(1); end $$",
];

#[test]
fn conversations() {
    run(Path::Direct, |scene| {
        scene.allow_connections(1);
        scene.on_coordinator(FUNCTIONS);
        scene.run(&format!("set statement_timeout = '{BOUND}'"));
        // What the next session of the server says. Each goes on where the last one has stopped.
        let plan = Arc::new(Mutex::new(Dice::new(0, 0)));
        let theirs = plan.clone();
        let server = Fake::from_first_byte(move |peer| {
            // A client that waits for the rest of what was cut must not wait for its time-out each time.
            peer.stream().set_read_timeout(Some(Duration::from_millis(20)))?;
            let mut dice = theirs.lock().expect("no panic in there").clone();
            let talked = talk(peer, &mut dice);
            *theirs.lock().expect("no panic in there") = dice;
            talked
        });
        let address = scene.conninfo(&server.address(), "hostile");
        let mut tally = Tally::default();
        ROUNDS.play(|number, dice| {
            *plan.lock().expect("no panic in there") = Dice::new(dice.number(), number);
            scene.set_option("hostile", "prepared_statements", dice.pick(&["on", "off"]));
            // Another string, so that nothing is left of the last round's sessions.
            scene.add_cluster("hostile", &[format!("{address} keepalives_idle={}", 1 + number)]);
            let calls: Vec<_> = (0..1 + dice.below(6)).map(|_| dice.pick(CALLS)).collect();
            calls.into_iter().filter_map(|call| converse(scene, call, number, &mut tally)).collect()
        });
        println!("{tally:?}");
        scene.run("select plproxy_disconnect('hostile'); set statement_timeout = '60s'");
        drop(server);
    });
}

#[derive(Debug, Default)]
#[allow(dead_code, reason = "printed")]
struct Tally {
    answered: usize,
    failed: usize,
    timed_out: usize,
}

/// One call of the hostile shard, and one of another.
fn converse(scene: &mut Scene, call: &str, number: u64, tally: &mut Tally) -> Option<String> {
    match scene.texts(call) {
        Ok(_) => tally.answered += 1,
        Err(error) => match error.as_db_error() {
            Some(error) => {
                expect_no_secret(error);
                tally.failed += 1;
                tally.timed_out += usize::from(error.code().code() == "57014");
                if error.message().contains("panicked") {
                    return Some(format!("{call}: {error:?}"));
                }
            }
            None => panic!("the session is lost: {call}: {error:?}"),
        },
    }
    let shard = number % 4;
    let next = scene.text(&format!("select public.echo({shard}, 'after{number}')"));
    match next {
        Ok(text) if text == format!("shard{shard}:after{number}") => None,
        next => Some(format!("after {call}: {next:?}")),
    }
}

/// A whole session.
fn talk(peer: &mut Peer, dice: &mut Dice) -> io::Result<()> {
    if !greet(peer, dice)? {
        return Ok(());
    }
    let mut answered = 0;
    loop {
        let request = peer.hear_request()?;
        let wants_description = request.iter().any(|(kind, _)| *kind == b'D');
        let said = answer(wants_description, request.iter().any(|(kind, _)| *kind == b'P'), dice);
        say(peer, said, dice)?;
        answered += 1;
        match dice.below(200) {
            0..5 => return Ok(()),
            5 => {
                peer.stream().set_read_timeout(None)?;
                return peer.fall_silent();
            }
            _ if answered > 50 => return Ok(()),
            _ => {}
        }
    }
}

/// The login. `false` if there is nothing more to say.
fn greet(peer: &mut Peer, dice: &mut Dice) -> io::Result<bool> {
    loop {
        use io::Read;
        let mut length = [0; 4];
        peer.stream().read_exact(&mut length)?;
        let mut body = vec![0; (u32::from_be_bytes(length) as usize).saturating_sub(4)];
        peer.stream().read_exact(&mut body)?;
        match body.first_chunk().map_or(0, |code| u32::from_be_bytes(*code)) {
            wire::CANCEL_CODE => return Ok(false),
            wire::SSL_CODE | wire::GSS_CODE => {
                peer.say(dice.pick(&["N", "N", "N", "N", "S", "E", "", "NN"]).as_bytes())?
            }
            _ => break,
        }
    }
    if dice.one_in(12) {
        // Questions first.
        let question = match dice.below(5) {
            0 => authentication(3, b""),
            1 => authentication(5, b"salt"),
            2 => authentication(10, b"SCRAM-SHA-256\0\0"),
            3 => authentication(10, b"SCRAM-SHA-256-PLUS\0OTHER\0\0"),
            _ => authentication(*dice.choose(&[1, 2, 6, 7, 9, 11, 12, 99, u32::MAX]), b"more"),
        };
        say(peer, vec![question], dice)?;
        peer.hear()?;
        if dice.one_in(2) {
            let more = [
                authentication(11, b"r=nonce,s=c2FsdA==,i=4096"),
                authentication(12, b"v=c2lnbmF0dXJl"),
                wire::error("28P01", "password authentication failed"),
            ];
            say(peer, vec![dice.choose(&more).clone()], dice)?;
        }
    }
    let messages = vec![
        authentication(0, b""),
        parameter_status("server_version", dice.pick(&["15.0", "15.0", "9.2.1", "banana", ""])),
        parameter_status("client_encoding", "UTF8"),
        parameter_status("DateStyle", "ISO, MDY"),
        parameter_status("IntervalStyle", "postgres"),
        parameter_status("server_encoding", "UTF8"),
        parameter_status("integer_datetimes", "on"),
        backend_key_data(1, 2),
        wire::ready_for_query(),
    ];
    // Mostly right, since otherwise nothing comes after it.
    if dice.one_in(5) {
        say(peer, messages, dice)?
    } else {
        peer.say(&messages.concat())?
    }
    Ok(true)
}

/// An answer that some shard might give.
fn answer(wants_description: bool, wants_parse: bool, dice: &mut Dice) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    if wants_parse {
        messages.push(message(b'1', b""));
    }
    if wants_description {
        messages.push(message(b't', b"\0\x01\0\0\0\x17"));
        let columns: &[(&str, u32)] = dice.choose::<&[(&str, u32)]>(&[
            &[("r", 25)],
            &[("a", 23), ("b", 25)],
            &[("r", 25), ("a", 23)],
            &[],
            &[("asked", 1007)],
        ]);
        messages.push(wire::row_description(columns));
    }
    messages.push(message(b'2', b""));
    let columns = 1 + dice.below(2);
    for _ in 0..dice.below(4) {
        let fields: Vec<Option<&[u8]>> = (0..columns)
            .map(|_| {
                *dice.choose::<Option<&[u8]>>(&[
                    Some(b"good"),
                    Some(b"\0\0\0\x07"),
                    Some(b"\0\0\0\0\0\0\0\x07"),
                    Some(b"\0\0\0\x01\0\0\0\0\0\0\0\x17\0\0\0\x01\0\0\0\x01\0\0\0\x04\0\0\0\x07"),
                    Some(b"7"),
                    Some(b""),
                    Some(b"\xff\xfe"),
                    None,
                ])
            })
            .collect();
        messages.push(data_row(&fields));
    }
    match dice.below(8) {
        0 => messages
            .push(wire::error(dice.pick(&["22012", "57014", "XX000", "00000", "57P01"]), "an error of the shard")),
        1 => messages.push(message(b'I', b"")),
        _ => messages.push(command_complete(dice.pick(&["SELECT 1", "SELECT 1", "", "INSERT 0 1"]))),
    }
    match dice.below(30) {
        0 => messages.push(message(b'Z', dice.pick(&["T", "E", "?", ""]).as_bytes())),
        1 => {}
        _ => messages.push(wire::ready_for_query()),
    }
    messages
}

/// Says it, or something like it.
fn say(peer: &mut Peer, mut messages: Vec<Vec<u8>>, dice: &mut Dice) -> io::Result<()> {
    for _ in 0..dice.below(3) {
        let place = dice.below(messages.len() + 1);
        let other = dice.below(messages.len().max(1));
        match dice.below(7) {
            0 if place < messages.len() => drop(messages.remove(place)),
            1 if place < messages.len() => messages.swap(place, other),
            2 if other < messages.len() => messages.insert(place, messages[other].clone()),
            3 => messages.insert(place, wire::report(b'N', "NOTICE", "00000", dice.pick(&["a notice", ""]))),
            4 => {
                let change = [
                    parameter_status("client_encoding", "LATIN1"),
                    parameter_status("DateStyle", "German, DMY"),
                    parameter_status("application_name", "x"),
                    parameter_status("is_superuser", "off"),
                ];
                messages.insert(place, dice.choose(&change).clone());
            }
            5 => {
                let kind = *dice.choose(b"1234ACDEGHINRSTVWZcdnst\0\xff");
                let body: Vec<u8> = (0..dice.below(12)).map(|_| dice.number() as u8).collect();
                messages.insert(place, message(kind, &body));
            }
            _ if place < messages.len() => mutate(&mut messages[place], dice),
            _ => {}
        }
    }
    let mut bytes = messages.concat();
    if dice.one_in(12) {
        bytes.truncate(dice.below(bytes.len() + 1));
    }
    if dice.one_in(20) {
        mutate(&mut bytes, dice);
    }
    // In one piece or in two.
    let (first, second) = bytes.split_at(dice.below(bytes.len() + 1));
    peer.say(first)?;
    peer.say(second)
}
