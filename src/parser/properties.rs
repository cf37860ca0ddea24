//! For any text: parsing never panics, and printing loses nothing. The scope is that of the other tests.

use proptest::prelude::{ProptestConfig, Strategy, any, prop_assert_eq, proptest};
use proptest::{collection, sample};

use super::tests::SCOPE;
use super::{Body, Scope, parse};

/// Statements, most of them complete, as random bodies that parse often enough are made of them.
const STATEMENTS: [&str; 22] = [
    "cluster 'x';",
    "cluster 'it''s\n';",
    "cluster f(",
    "connect 'x';",
    "connect name;",
    "connect x . y;",
    "connect f (",
    "run on all;",
    "run on any;",
    "run on 12345678901234567890;",
    "run on $1;",
    "run on x;",
    "run on s . f\n(",
    "split all;",
    "split users, $3;",
    "split IDS;",
    "target a\n. b;",
    "select ",
    "select",
    "SELECT (",
    "/* x */",
    "-- x\n",
];

/// Pieces of SQL text and of statements, with everything in them that a lexer can trip over.
#[rustfmt::skip]
const PIECES: [&str; 66] = [
    " ", " ", "\n", "\t", "\u{c}", "\0", "--", "-- '\n", "/*", "*/", "/**/", "/* ;\n*/",
    "'", "''", "'x'", "'\\'", "e", "E'", "e'\\''", "\"", "\"a\"\"\"", "$", "$$", "$$;$$", "$a$",
    "$1", "$2", "$03", "$9", "name", "users", "IDS", "é", "𝔘", "x", "a.b", "a . b", "f(", "0", "1.", "1e5",
    ";", ";", ";", ",", ".", ".", "..", "(", ")", "-", "*", "/", "::", "#", "\\", "`",
    "cluster", "connect", "run", "on", "all", "any", "split", "target", "select",
];

fn pieces() -> impl Strategy<Value = String> {
    let pieces = collection::vec(sample::select(&PIECES[..]), 0..16);
    pieces.prop_map(|pieces| pieces.concat())
}

/// Bodies of which a good part parses: statements, each followed by what may be its SQL text.
fn bodies() -> impl Strategy<Value = String> {
    let statement = (sample::select(&STATEMENTS[..]), pieces()).prop_map(|(statement, pieces)| {
        if statement.ends_with([';', '/', '\n']) { statement.to_owned() } else { format!("{statement}{pieces};") }
    });
    let destination = sample::select(vec!["", "cluster 'x';", "connect $2;"]);
    (destination, collection::vec(statement, 0..4))
        .prop_map(|(destination, statements)| format!("{destination}{}", statements.concat()))
}

fn reread(body: &str, standard_conforming_strings: bool) -> Option<(Body, Body)> {
    let scope = Scope { standard_conforming_strings, ..SCOPE };
    let read = parse(body, &scope).ok()?;
    let printed = read.to_string();
    let again = parse(&printed, &scope).unwrap_or_else(|error| panic!("{body:?} is printed {printed:?}: {error}"));
    Some((read, again))
}

/// No file of past failures: a failure found becomes a case of the other tests.
fn quietly() -> ProptestConfig {
    ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(quietly())]

    #[test]
    fn any_bytes_parse_or_not(bytes: Vec<u8>, standard: bool) {
        reread(&String::from_utf8_lossy(&bytes), standard);
    }

    #[test]
    fn any_text_parses_or_not(before in pieces(), text in any::<String>(), after in pieces(), standard: bool) {
        reread(&format!("{before}{text}{after}"), standard);
    }

    #[test]
    fn what_is_printed_reads_the_same(body in bodies(), standard: bool) {
        if let Some((read, again)) = reread(&body, standard) {
            prop_assert_eq!(read, again);
        }
    }
}
