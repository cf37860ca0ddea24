//! Values that no shard should send: samples of all types, changed here and there, in whichever form is asked for. What comes
//! of them must be what PostgreSQL makes of the same bytes: COPY reads a binary field with nothing but the type's receive
//! function, and a text field with its input function. Either the value is the same, or both refuse it.

use plproxy_attack::dice::Dice;
use plproxy_attack::mutation::mutate;
use plproxy_attack::rounds::Rounds;
use plproxy_attack::types::{DEFINITIONS, Type};
use plproxy_fault::fake::{Fake, Peer};
use plproxy_fault::scene::{Path, Scene, run};
use plproxy_fault::wire::{command_complete, data_row, message, ready_for_query};
use postgres::{Client, Error};
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex};

const ROUNDS: Rounds = Rounds { test: "values", short: 1500, full: 20_000 };

type Stricter = (fn(&str) -> bool, &'static str, &'static str);

/// Where this library refuses what PostgreSQL's own functions take: what types these are, what the error says, and why.
const STRICTER: &[Stricter] = &[
    (
        |name| name.ends_with("[]"),
        "elements of type",
        "array_recv takes elements of another type if one of them was made by a user; here the types are built in",
    ),
    (
        |name| name.starts_with("macaddr8"),
        "6 bytes instead of 8",
        "macaddr8_recv makes a macaddr8 of a macaddr; no server sends one",
    ),
];

/// Types that are rows.
const ROWS: &[&str] = &["scene.dropped", "scene.pair", "scene.nested", "scene.good_pair"];

/// The beginning of a binary COPY: signature, no flags, no extension.
const COPY_HEAD: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

#[test]
fn values() {
    run(Path::Direct, |scene| {
        scene.allow_connections(1);
        scene.on_coordinator(DEFINITIONS);
        scene.set_option("fake", "prepared_statements", "off");
        // Thousands of errors say nothing to whoever reads the log.
        scene.on_coordinator("set log_min_messages = fatal");
        scene.run("set log_min_messages = fatal");
        let lie = Arc::new(Mutex::new(Lie::default()));
        let told = lie.clone();
        let server = Fake::new(move |peer| tell(peer, &told));
        let address = scene.conninfo(&server.address(), "fake");
        scene.add_cluster("fake", &[address]);
        let mut types = Vec::new();
        let mut by_name = HashMap::new();
        let mut counts = Counts::default();
        ROUNDS.play(|_, dice| {
            let of = some_type(dice);
            let number = *by_name.entry(of.sql.clone()).or_insert_with(|| {
                types.push(Samples::new(scene, &of, types.len()));
                types.len() - 1
            });
            let samples: &Samples = &types[number];
            let (mut binary, mut text) = dice.choose(&samples.forms).clone();
            mutate(&mut binary, dice);
            mutate(&mut text, dice);
            *lie.lock().expect("no panic in there") = Lie { binary, text, asked: None };
            // A function that returns a row type asks for its columns.
            let path = dice.pick(if samples.is_row { &["row"] } else { &["one", "set", "row"] });
            let ours = scene.texts(&format!("select v::text from scene.{path}{number}() t(v)"));
            let lie = lie.lock().expect("no panic in there").clone();
            judge(scene, samples, &lie, ours, &mut counts).into_iter().collect()
        });
        println!("{counts:?}");
        for (_, says, reason) in STRICTER {
            println!("stricter, \"… {says} …\": {reason}");
        }
        drop(server);
    });
}

fn some_type(dice: &mut Dice) -> Type {
    loop {
        let of = Type::some(dice);
        // A column of a table has the modifier, a function's result hasn't.
        if !of.sql.contains('(') {
            return of;
        }
    }
}

/// What the shard says, in either form, and which of them it was asked for.
#[derive(Clone, Debug, Default)]
struct Lie {
    binary: Vec<u8>,
    text: Vec<u8>,
    asked: Option<bool>,
}

#[derive(Debug, Default)]
#[allow(dead_code, reason = "printed")]
struct Counts {
    binary: usize,
    text: usize,
    same: usize,
    refused: usize,
    stricter: usize,
}

/// A type, and its values in both forms.
struct Samples {
    number: usize,
    name: String,
    is_row: bool,
    forms: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Samples {
    /// Makes functions that return the type on three paths, and a table that the oracle reads into.
    fn new(scene: &mut Scene, of: &Type, number: usize) -> Samples {
        let sql = &of.sql;
        scene.on_coordinator(&format!(
            "create function scene.one{number}() returns {sql} language plproxy as $$ cluster 'fake'; run on 0; $$;
             create function scene.set{number}() returns setof {sql} language plproxy as $$ cluster 'fake'; run on 0; $$;
             create function scene.row{number}(out v {sql}, out n integer) language plproxy as $$ cluster 'fake'; run on 0; $$;
             create temporary table oracle{number} (v {sql})"
        ));
        let form = |value: &String| {
            let binary = copied(&mut scene.rig, &format!("copy (select {value}) to stdout (format binary)"));
            let length = i32::from_be_bytes(*binary[COPY_HEAD.len() + 2..].first_chunk().expect("a length"));
            let start = COPY_HEAD.len() + 6;
            let end = start + usize::try_from(length).expect("no NULL");
            let text: String = scene.rig.query_one(&format!("select ({value})::text"), &[]).expect("a text").get(0);
            (binary[start..end].to_vec(), text.into_bytes())
        };
        let forms = of.values.iter().map(form).collect();
        let is_row = ROWS.contains(&sql.as_str());
        Samples { number, name: sql.clone(), is_row, forms }
    }
}

fn copied(client: &mut Client, statement: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut reader = client.copy_out(statement).unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    reader.read_to_end(&mut bytes).expect("the rows");
    bytes
}

/// A server that says what it is told to, and is honest about its settings.
fn tell(peer: &mut Peer, lie: &Mutex<Lie>) -> io::Result<()> {
    peer.log_in()?;
    loop {
        let mut settings = HashMap::new();
        let mut answer = Vec::new();
        let mut sql = String::new();
        for (kind, body) in peer.hear_request()? {
            match kind {
                b'P' => {
                    sql = body
                        .split(|byte| *byte == 0)
                        .nth(1)
                        .map(String::from_utf8_lossy)
                        .unwrap_or_default()
                        .into_owned();
                    answer.extend(message(b'1', b""));
                }
                b'B' => {
                    answer.extend(message(b'2', b""));
                    answer.extend(match about_settings(&sql, &mut settings) {
                        Some(values) => {
                            data_row(&values.iter().map(|value| Some(value.as_bytes())).collect::<Vec<_>>())
                        }
                        None => row(&result_formats(&body).unwrap_or_default(), lie),
                    });
                    answer.extend(command_complete("SELECT 1"));
                }
                _ => {}
            }
        }
        answer.extend(ready_for_query());
        peer.say(&answer)?;
    }
}

/// The lie, in the form that was asked for, and perhaps the number that follows it.
fn row(formats: &[i16], lie: &Mutex<Lie>) -> Vec<u8> {
    let mut lie = lie.lock().expect("no panic in there");
    let is_binary = formats.first() == Some(&1);
    lie.asked = Some(is_binary);
    let value = if is_binary { &lie.binary } else { &lie.text };
    let number: &[u8] = if formats.last() == Some(&1) { &7_i32.to_be_bytes() } else { b"7" };
    match formats.len() {
        0 | 1 => data_row(&[Some(value)]),
        _ => data_row(&[Some(value), Some(number)]),
    }
}

/// What a query answers that sets settings, or asks for those that were set; `None` if it does neither.
fn about_settings(sql: &str, settings: &mut HashMap<String, String>) -> Option<Vec<String>> {
    // The text between quotes: names and values in turns, or names.
    let quoted: Vec<_> = sql.split('\'').skip(1).step_by(2).map(str::to_owned).collect();
    if sql.starts_with("select pg_catalog.set_config(") {
        settings.extend(quoted.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())));
        return Some(quoted.chunks_exact(2).map(|pair| pair[1].clone()).collect());
    }
    sql.starts_with("select pg_catalog.current_setting(")
        .then(|| quoted.iter().map(|name| settings.get(name).cloned().unwrap_or_default()).collect())
}

/// The formats of the result that a Bind asks for.
fn result_formats(bind: &[u8]) -> Option<Vec<i16>> {
    let mut rest = bind;
    for _ in 0..2 {
        let end = rest.iter().position(|byte| *byte == 0)?;
        rest = &rest[end + 1..];
    }
    let number = |rest: &mut &[u8]| -> Option<i16> {
        let (bytes, after) = rest.split_first_chunk()?;
        *rest = after;
        Some(i16::from_be_bytes(*bytes))
    };
    for _ in 0..number(&mut rest)? {
        number(&mut rest)?;
    }
    for _ in 0..number(&mut rest)? {
        let (length, after) = rest.split_first_chunk()?;
        rest = after.get(usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0)..)?;
    }
    (0..number(&mut rest)?).map(|_| number(&mut rest)).collect()
}

/// What PostgreSQL makes of it.
fn oracle(rig: &mut Client, samples: &Samples, lie: &Lie) -> Result<String, Error> {
    let table = format!("oracle{}", samples.number);
    rig.batch_execute(&format!("truncate {table}"))?;
    let (options, bytes) = match lie.asked {
        Some(true) => {
            let length = i32::try_from(lie.binary.len()).expect("a short value").to_be_bytes();
            (" (format binary)", [COPY_HEAD, &[0, 1], &length, &lie.binary, &[0xff, 0xff]].concat())
        }
        _ => {
            let escaped: String = lie.text.iter().map(|byte| format!("\\x{byte:02x}")).collect();
            ("", format!("{escaped}\n").into_bytes())
        }
    };
    let mut writer = rig.copy_in(&format!("copy {table} from stdin{options}"))?;
    // An error of the server's comes from `finish`.
    let _ = writer.write_all(&bytes);
    writer.finish()?;
    Ok(rig.query_one(&format!("select v::text from {table}"), &[])?.get(0))
}

fn judge(
    scene: &mut Scene,
    samples: &Samples,
    lie: &Lie,
    ours: Result<Vec<String>, Error>,
    counts: &mut Counts,
) -> Option<String> {
    let theirs = oracle(&mut scene.rig, samples, lie);
    let is_binary = lie.asked?;
    *(if is_binary { &mut counts.binary } else { &mut counts.text }) += 1;
    let bytes = if is_binary { &lie.binary } else { &lie.text };
    let ours = ours.map_err(|error| match error.as_db_error() {
        Some(error) => (error.code().code().to_owned(), error.message().to_owned()),
        None => panic!("the session is lost: {} {bytes:02x?}: {error:?}", samples.name),
    });
    let flaw = |what: String| Some(format!("{} {bytes:02x?}, binary: {is_binary}: {what}", samples.name));
    match (&ours, &theirs) {
        (Ok(ours), Ok(theirs)) if ours.len() == 1 && &ours[0] == theirs => {
            counts.same += 1;
            None
        }
        (Err((code, text)), _) if code.starts_with("XX") => flaw(format!("{code}: {text}")),
        (Err(_), Err(_)) => {
            counts.refused += 1;
            None
        }
        (Err((_, text)), Ok(_)) if is_stricter(&samples.name, text) => {
            counts.stricter += 1;
            None
        }
        _ => flaw(format!("{ours:?} instead of {theirs:?}")),
    }
}

fn is_stricter(name: &str, text: &str) -> bool {
    STRICTER.iter().any(|(is_of, says, _)| is_of(name) && text.contains(says))
}

#[test]
fn formats_are_those_at_the_end_of_bind() {
    let bind = b"p\0s\0\0\x01\0\x01\0\x01\0\0\0\x04abcd\0\x02\0\x01\0\0";
    assert_eq!(result_formats(bind), Some(vec![1, 0]));
}
