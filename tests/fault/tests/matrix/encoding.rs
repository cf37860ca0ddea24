//! Text that isn't what it should be: row 17.

use crate::scripted::{self, Scripted, answer, serve};
use plproxy_fault::cases;
use plproxy_fault::expect::{expect_error, expect_no_secret};
use plproxy_fault::fake::Fake;
use plproxy_fault::scene::Scene;
use plproxy_fault::wire::{self, data_row, message, ready_for_query};
use postgres::{Client, SimpleQueryMessage};

// A pooler doesn't look at text.
cases! {
    case_17_data: direct;
    case_17_error_message: direct;
    case_17_notice: direct;
    case_17_column_name: direct;
    case_17_local_database_in_latin1: direct, session, transaction;
    case_17_local_database_without_encoding: direct;
}

const NOT_TEXT: [(&str, &[u8]); 7] = [
    ("no UTF-8 at all", b"abc\xff\xfe"),
    ("a character's beginning", b"abc\xe2\x82"),
    ("a continuation alone", b"\x80abc"),
    ("an overlong form", b"\xc0\xaf"),
    ("a surrogate", b"\xed\xa0\x80"),
    ("more than there is", b"\xf5\x80\x80\x80"),
    ("a NUL", b"a\0b"),
];

/// A type's text form of a word.
type Literal = fn(&[u8]) -> Vec<u8>;

fn case_17_data(scene: &mut Scene) {
    scripted::begin(scene);
    scene.on_coordinator("create domain scene.word as text");
    // Types that come in binary form and such that come as text; what is the text of each.
    let types: [(&str, Literal); 8] = [
        ("text", <[u8]>::to_vec),
        ("varchar(100)", <[u8]>::to_vec),
        ("bpchar", <[u8]>::to_vec),
        ("name", <[u8]>::to_vec),
        ("json", |text| [b"\"", text, b"\""].concat()),
        ("jsonb", |text| [b"\x01\"", text, b"\""].concat()),
        ("scene.word", <[u8]>::to_vec),
        ("text[]", |text| {
            let head = [1, 0, 25, 1, 1, text.len() as i32].map(i32::to_be_bytes);
            [head.as_flattened(), text].concat()
        }),
    ];
    let mut flaws = Vec::new();
    for (number, (type_name, form)) in types.into_iter().enumerate() {
        for (set, function) in [("", format!("scene.one{number}")), ("setof", format!("scene.set{number}"))] {
            scene.on_coordinator(&format!(
                "create function {function}() returns {set} {type_name} language plproxy as $$
                     cluster 'fake'; run on 0;
                 $$"
            ));
            for (name, bytes) in NOT_TEXT {
                let value = form(bytes);
                let scripted = Scripted::new(scene, move |_, peer| {
                    peer.log_in()?;
                    peer.hear_request()?;
                    peer.say(&answer(&[data_row(&[Some(&value)])]))?;
                    serve(peer, "good")
                });
                match scene.texts(&format!("select {function}()")) {
                    Err(error) if error.code().is_some_and(|code| code.code() == "22021") => {}
                    other => flaws.push(format!("{name} in {function} of {type_name}: {other:?}")),
                }
                assert_eq!(scene.text("select scene.fake()").unwrap(), "good");
                assert_eq!(scripted.server.sessions(), 1, "the message as such was right: the connection is kept");
            }
        }
    }
    assert!(flaws.is_empty(), "{flaws:#?}");
}

/// The message as PL/pgSQL has it, in hex: there it is a Datum.
const CATCH: &str = "
    create function scene.caught() returns text language plpgsql as $$
    declare message text; detail text; hint text; context text;
    begin
        perform scene.fake();
    exception when others then
        get stacked diagnostics message = message_text, detail = pg_exception_detail, hint = pg_exception_hint,
            context = pg_exception_context;
        return encode(convert_to(concat_ws('|', message, detail, hint, context), 'UTF8'), 'hex');
    end $$";

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).expect("hex digits")).collect()
}

fn case_17_error_message(scene: &mut Scene) {
    scripted::begin(scene);
    scene.on_coordinator(CATCH);
    for (name, bytes) in NOT_TEXT {
        let fields = [b'S', b'M', b'D', b'H', b'W', b'q'].map(|letter| [&[letter][..], bytes, b"\0"].concat());
        let error = message(b'E', &[&fields.concat()[..], b"C42000\0p1\0P1\0\0"].concat());
        let _scripted = Scripted::new(scene, move |_, peer| {
            peer.log_in()?;
            loop {
                peer.hear_request()?;
                peer.say(&[error.clone(), ready_for_query()].concat())?;
            }
        });
        let caught = unhex(&scene.text("select scene.caught()").unwrap());
        let text = String::from_utf8(caught).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(text.contains("[fake] REMOTE "), "{name}: {text}");
        // The client of the case takes nothing but UTF-8 either.
        let result = scene.text("select scene.fake()");
        let error = result.unwrap_err();
        let error = error.as_db_error().unwrap_or_else(|| panic!("{name}: {error:?}"));
        expect_no_secret(error);
        if name != "a NUL" {
            assert_eq!(error.code().code(), "42000", "{name}");
            assert!(error.message().contains('\u{fffd}'), "{name}: {error:?}");
        }
    }
}

fn case_17_notice(scene: &mut Scene) {
    scripted::begin(scene);
    for (name, bytes) in NOT_TEXT {
        let notice = message(b'N', &[b"SNOTICE\0C00000\0M", bytes, b"\0\0"].concat());
        let _scripted = Scripted::new(scene, move |_, peer| {
            peer.log_in()?;
            loop {
                peer.hear_request()?;
                peer.say(&[notice.clone(), answer(&[data_row(&[Some(b"good")])])].concat())?;
            }
        });
        assert_eq!(scene.text("select scene.fake()").unwrap(), "good", "{name}");
        assert_eq!(scene.take_notices().len(), 1, "{name}");
    }
}

fn case_17_column_name(scene: &mut Scene) {
    scripted::begin(scene);
    scene.on_coordinator(
        "create function scene.a_row(out a text, out b text) language plproxy as $$
             cluster 'fake'; run on 0; select * from scene.it();
         $$;
         create function scene.all_rows() returns table (a text, b text) language plproxy as $$
             cluster 'fake'; run on 0; select * from scene.it();
         $$",
    );
    for function in ["a_row", "all_rows"] {
        for (_, bytes) in &NOT_TEXT[..6] {
            let mut description = wire::row_description(&[("a", 25), ("@@@@@@@@", 25)]);
            let at = description.iter().position(|&byte| byte == b'@').unwrap();
            description[at..at + bytes.len()].copy_from_slice(bytes);
            let scripted = Scripted::new(scene, move |session, peer| {
                peer.log_in()?;
                loop {
                    peer.hear_request()?;
                    let described = [message(b'1', b""), message(b't', b"\0\0"), description.clone()].concat();
                    let rest = match session {
                        0 => ready_for_query(),
                        _ => [message(b'2', b""), wire::command_complete("SELECT 0"), ready_for_query()].concat(),
                    };
                    peer.say(&[described, rest].concat())?;
                }
            });
            let result = scene.texts(&format!("select scene.{function}()"));
            let text = "Field b does not exists in result";
            expect_error(result, "42804", &[&format!("PL/Proxy function scene.{function}(0): "), text]);
            assert_eq!(scripted.server.sessions(), 1);
        }
    }
}

/// A session on another database of the coordinator's server, with the extension and these functions.
fn other_database(scene: &mut Scene, encoding: &str) -> Client {
    let database = format!("fault_{}", encoding.to_lowercase());
    let shard = scene.shard_conninfo(1);
    let mut postgres = scene.server.connect("postgres");
    for sql in [
        format!("drop database if exists {database} with (force)"),
        format!("create database {database} template template0 encoding {encoding} lc_collate 'C' lc_ctype 'C'"),
    ] {
        postgres.batch_execute(&sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    let mut session = scene.server.connect(&database);
    session
        .batch_execute(&format!(
            "create extension plproxy; set plproxy.sqlstate = 'precise';
             create function say(code integer) returns text language plproxy as $$
                 connect '{shard}'; select chr(code);
             $$;
             create function fail(code integer) returns text language plproxy as $$
                 connect '{shard}'; target scene.fail;
             $$;
             create function swallow(part integer, data text) returns text language plproxy as $$
                 connect '{shard}'; target public.echo;
             $$;
             set plproxy.dynamic_connect = 'any'"
        ))
        .unwrap();
    scene.on_shard(
        1,
        "create function scene.fail(code integer) returns text language plpgsql as $$
             begin raise '%', chr(code) using detail = chr(code); end
         $$",
    );
    session
}

fn ask(session: &mut Client, query: &str) -> Result<String, postgres::Error> {
    let messages = session.simple_query(query)?;
    let row = messages.into_iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
        _ => None,
    });
    Ok(row.expect("a row"))
}

fn case_17_local_database_in_latin1(scene: &mut Scene) {
    let mut session = other_database(scene, "LATIN1");
    assert_eq!(ask(&mut session, "select say(228)").unwrap(), "\u{e4}");
    assert_eq!(ask(&mut session, "select octet_length(say(228))").unwrap(), "1");
    assert_eq!(ask(&mut session, "select swallow(1, chr(228))").unwrap(), "shard1:\u{e4}");
    // A character that doesn't exist here.
    expect_error(ask(&mut session, "select say(28450)"), "22P05", &["has no equivalent in encoding \"LATIN1\""]);
    assert_eq!(ask(&mut session, "select say(65)").unwrap(), "A");
    // A message must get through.
    let text = |code| format!("public.fail(1): [fault_shard1] REMOTE ERROR: {code}");
    let mut message = |query: &str| ask(&mut session, query).unwrap_err().as_db_error().unwrap().clone();
    let error = message("select fail(228)");
    assert_eq!((error.message(), error.detail()), (&text('\u{e4}')[..], Some("Remote detail: \u{e4}")));
    let error = message("select fail(28450)");
    assert_eq!((error.message(), error.detail()), (&text('?')[..], Some("Remote detail: ?")));
    drop(session);
    scene.server.connect("postgres").batch_execute("drop database fault_latin1 with (force)").unwrap();
}

/// There bytes are just bytes; but a NUL would end them.
fn case_17_local_database_without_encoding(scene: &mut Scene) {
    let mut session = other_database(scene, "SQL_ASCII");
    for (name, bytes) in NOT_TEXT {
        let server = Fake::new(move |peer| {
            peer.log_in()?;
            let (kind, query) = peer.hear()?;
            assert_eq!((kind, &query[..]), (b'Q', &b"SET client_encoding TO 'SQL_ASCII'\0"[..]));
            peer.say(&[wire::command_complete("SET"), ready_for_query()].concat())?;
            peer.hear_request()?;
            peer.say(&answer(&[data_row(&[Some(bytes)])]))?;
            peer.fall_silent()
        });
        let connstr = scene.conninfo(&server.address(), "fake");
        session
            .batch_execute(&format!(
                "create or replace function fake() returns text language plproxy as $$ connect '{connstr}'; $$"
            ))
            .unwrap();
        let result = ask(&mut session, "select encode(convert_to(fake(), 'SQL_ASCII'), 'hex')");
        match name {
            "a NUL" => drop(expect_error(result, "22021", &["0x00"])),
            _ => assert_eq!(unhex(&result.unwrap()), bytes, "{name}"),
        }
    }
    drop(session);
    scene.server.connect("postgres").batch_execute("drop database fault_sql_ascii with (force)").unwrap();
}
