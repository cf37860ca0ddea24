//! The SQL that plproxy itself writes. It may run with the privileges of a function's owner and the `search_path` of its
//! caller, so each function, type and operator in it is written with its schema. This looks at the source's string
//! literals; what the server makes of them is `tests/pg_regress/sql/names.sql`'s matter.
#![allow(missing_docs)]

use std::fs;
use std::path::Path;

/// Words before a parenthesis that are SQL's own.
const SYNTAX: [&str; 12] =
    ["from", "in", "exists", "as", "and", "or", "not", "lateral", "select", "where", "operator", "coalesce"];

/// The string literals of the source: what is written, without the escapes' meanings.
fn literals(source: &str) -> Vec<String> {
    let mut literals = Vec::new();
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let code = source.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut characters = code.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            // A quote as a character: '"'.
            '\'' if characters.peek() == Some(&'"') => drop(characters.next()),
            '"' => {
                let mut literal = String::new();
                while let Some(c) = characters.next().filter(|&c| c != '"') {
                    match c {
                        '\\' => literal.push(characters.next().map_or(' ', |c| if c == 'n' { ' ' } else { c })),
                        _ => literal.push(c),
                    }
                }
                literals.push(literal);
            }
            _ => {}
        }
    }
    literals
}

/// Whether this is a statement, or what another one of these goes on with.
fn is_sql(literal: &str) -> bool {
    let lower = literal.trim_start().to_ascii_lowercase();
    let is_statement = lower.starts_with("select ") || lower.starts_with("with ");
    // Texts for people speak of statements, too.
    let is_text = lower.starts_with("select statement");
    (is_statement && !is_text) || (lower.starts_with(", ") && lower.contains("${"))
}

/// What in a statement could mean something else under another `search_path`.
fn unqualified(sql: &str) -> Vec<String> {
    let mut found = Vec::new();
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    for (at, _) in sql.match_indices('(') {
        let before = &sql[..at];
        let name = &before[before.rfind(|c| !is_word(c)).map_or(0, |end| end + 1)..];
        let is_qualified = before.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'));
        if !name.is_empty() && !is_qualified && !SYNTAX.contains(&name.to_ascii_lowercase().as_str()) {
            found.push(format!("{name}()"));
        }
    }
    for (at, _) in sql.match_indices("::") {
        let of = &sql[at + 2..];
        if !of.starts_with("pg_catalog.") && !of.starts_with('{') {
            found.push(sql[at..].chars().take(12).collect());
        }
    }
    // Between blanks stand operators alone. `*` is also what a SELECT selects.
    let words: Vec<_> = sql.split_whitespace().collect();
    let is_operator = |word: &&str| word.chars().all(|c| "+-*/<>=~!@#%^&|`?".contains(c));
    for pair in words.windows(2) {
        if is_operator(&pair[1]) && !(pair[1] == "*" && pair[0].trim_start_matches('(').eq_ignore_ascii_case("select"))
        {
            found.push(pair[1].to_owned());
        }
    }
    found
}

fn sources(directory: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        let name = path.display().to_string();
        match path.is_dir() {
            true if name.ends_with("/tests") => {}
            true => sources(&path, found),
            false if name.ends_with(".rs") && !name.ends_with("/tests.rs") => {
                found.push((name, fs::read_to_string(&path).expect("a source file")));
            }
            false => {}
        }
    }
}

#[test]
fn every_name_has_its_schema() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    // The parser's random tests are compiled for tests only.
    files.retain(|(name, _)| !name.ends_with("src/parser/properties.rs"));
    let statements: Vec<_> = files
        .iter()
        .flat_map(|(name, source)| literals(source).into_iter().map(move |literal| (name, literal)))
        .filter(|(_, literal)| is_sql(literal))
        .collect();
    assert!(statements.len() >= 10, "{statements:#?}");
    assert!(statements.iter().any(|(_, literal)| literal.contains("generate_series")));
    let bad: Vec<_> = statements
        .iter()
        .map(|(name, literal)| (name, literal, unqualified(literal)))
        .filter(|(.., found)| !found.is_empty())
        .collect();
    assert!(bad.is_empty(), "{bad:#?}");
}

#[test]
fn names_without_schema_are_found() {
    for (sql, found) in [
        ("select generate_series(1, $1) n", vec!["generate_series()"]),
        (", unnest(${number}) a{argument}", vec!["unnest()"]),
        ("select count(*) from x", vec!["count()"]),
        ("select $1::text", vec!["::text"]),
        ("select a = b", vec!["="]),
        ("select * from {schema}.{name}($1)", vec![]),
        ("select a operator(pg_catalog.=) $1::pg_catalog.text and exists (select from b)", vec![]),
        ("select s.n, h.* from ({series}) s cross join lateral (select * from {text}) h", vec![]),
    ] {
        assert!(is_sql(sql), "{sql}");
        assert_eq!(unqualified(sql), found, "{sql}");
    }
}
