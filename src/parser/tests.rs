//! What bodies mean; what is wrong with them, and on which line.
//!
//! Every body is read as one of `f(users text[], "Name" text, ids int[], text, é text)`.

use std::collections::BTreeSet;

use super::{
    Argument, Body, ClusterName, ConnectString, Destination, Expression, ParseError, Query, RunOn, Scope, Sql, parse,
};

const ARGUMENTS: [Argument<'static>; 5] = [
    argument(Some("users"), true),
    argument(Some("Name"), false),
    argument(Some("ids"), true),
    argument(None, false),
    argument(Some("é"), false),
];

pub(super) const SCOPE: Scope<'static> = Scope { arguments: &ARGUMENTS, standard_conforming_strings: true };

const fn argument(name: Option<&str>, is_array: bool) -> Argument<'_> {
    Argument { name, is_array }
}

fn read(body: &str) -> Body {
    parse(body, &SCOPE).unwrap_or_else(|error| panic!("{body:?}: {error}"))
}

/// The text of the error that `body` meets.
fn refusal(body: &str) -> String {
    match parse(body, &SCOPE) {
        Ok(read) => panic!("{body:?} is\n{read}"),
        Err(error) => error.to_string(),
    }
}

/// The text with `{k:index}` for each reference.
fn text(sql: &Sql) -> String {
    sql.render(|out, k, index| out.push_str(&format!("{{{k}:{index}}}")))
}

fn select(sql: &str) -> String {
    select_in(&SCOPE, sql).unwrap_or_else(|error| panic!("{sql:?}: {error}"))
}

fn select_in(scope: &Scope<'_>, sql: &str) -> Result<String, ParseError> {
    let body = parse(&format!("cluster 'x'; {sql}"), scope)?;
    match body.query {
        Query::Select(sql) => Ok(text(&sql)),
        other => panic!("{sql:?} is {other:?}"),
    }
}

fn run_on(statement: &str) -> RunOn {
    match read(&format!("cluster 'x'; {statement}")).destination {
        Destination::Cluster { run_on, .. } => run_on,
        other => panic!("{statement:?} is {other:?}"),
    }
}

fn call(expression: &Expression) -> String {
    match expression {
        Expression::Call(sql) => text(sql),
        other => panic!("{other:?}"),
    }
}

#[test]
fn cluster_names() {
    for (statement, name) in [
        ("cluster 'x';", "x"),
        ("CLUSTER'x' ;", "x"),
        ("Cluster\n''\t;", ""),
        ("cluster 'it''s \\';", "it's \\"),
        ("cluster 'x -- y /*\n';", "x -- y /*\n"),
    ] {
        let Destination::Cluster { name: found, .. } = read(statement).destination else {
            panic!("{statement:?}");
        };
        assert_eq!(found, ClusterName::Literal(name.to_owned()), "{statement:?}");
    }
    let Destination::Cluster { name: ClusterName::Call(sql), .. } = read("cluster Pick(users, $2) || 'x';").destination
    else {
        panic!("not a call");
    };
    assert_eq!(text(&sql), "Pick({1:0}, {2:1}) || 'x'");
}

#[test]
fn connect_strings() {
    for (statement, expected) in [
        ("connect 'host=x';", ConnectString::Literal("host=x".to_owned())),
        ("connect name;", ConnectString::Computed(Expression::Argument(1))),
        ("CONNECT $4;", ConnectString::Computed(Expression::Argument(3))),
        ("connect current_user;", ConnectString::Computed(Expression::Name("current_user".to_owned()))),
    ] {
        let found = read(statement).destination;
        assert_eq!(found, Destination::Connect(expected), "{statement:?}");
    }
    let Destination::Connect(ConnectString::Computed(expression)) = read("connect find(name, 'x');").destination else {
        panic!("not computed");
    };
    assert_eq!(call(&expression), "find({1:1}, 'x')");
}

#[test]
fn run_on_partitions() {
    for (statement, expected) in [
        ("", RunOn::Any),
        ("run on any;", RunOn::Any),
        ("RUN/**/ON--\nALL;", RunOn::All),
        ("run on 0;", RunOn::Partition(0)),
        ("run on 007;", RunOn::Partition(7)),
        ("run on 99999999999999999999999;", RunOn::Partition(u32::MAX)),
        ("run on NAME;", RunOn::Hash(Expression::Argument(1))),
        ("run on $1;", RunOn::Hash(Expression::Argument(0))),
        ("run on $0000000000000000000000001;", RunOn::Hash(Expression::Argument(0))),
        ("run on É;", RunOn::Hash(Expression::Name("É".to_owned()))),
        ("run on a . b;", RunOn::Hash(Expression::Name("a . b".to_owned()))),
        ("run on clusterx;", RunOn::Hash(Expression::Name("clusterx".to_owned()))),
        ("run on all.x;", RunOn::Hash(Expression::Name("all.x".to_owned()))),
    ] {
        assert_eq!(run_on(statement), expected, "{statement:?}");
    }
}

#[test]
fn calls_keep_their_spelling() {
    for (statement, expected) in [
        ("run on f(name);", "f({1:1})"),
        ("run on HashText \n\t(Name);", "HashText \n\t({1:1})"),
        ("run on s . f( name );", "s . f( {1:1} )"),
        ("run on all(name);", "all({1:1})"),
        ("run on users(users);", "users({1:0})"),
        ("run on select.f(1);", "select.f(1)"),
        ("run on f( ;", "f( "),
    ] {
        let RunOn::Hash(expression) = run_on(statement) else {
            panic!("{statement:?}");
        };
        assert_eq!(call(&expression), expected, "{statement:?}");
    }
}

#[test]
fn splits() {
    for (statement, expected) in
        [("", vec![]), ("split users;", vec![0]), ("split $3 , USERS;", vec![0, 2]), ("SPLIT All;", vec![0, 2])]
    {
        let expected = BTreeSet::from_iter(expected);
        for destination in ["cluster 'x'", "connect 'x'"] {
            let body = format!("{statement} {destination};");
            assert_eq!(read(&body).split, expected, "{body:?}");
        }
    }
    let no_arrays = Scope { arguments: &[], ..SCOPE };
    let body = parse("split all; cluster 'x';", &no_arrays);
    assert_eq!(body.map(|body| body.split), Ok(BTreeSet::new()));
}

#[test]
fn targets_as_written() {
    for name in ["g", "Other.G", "a \n. b", "users"] {
        let body = read(&format!("cluster 'x'; target {name} ;"));
        assert_eq!(body.query, Query::Target(name.to_owned()));
    }
    assert_eq!(read("cluster 'x';").query, Query::Default);
}

#[test]
fn statements_in_any_order() {
    let body = read("select 1; split ids; run on all; cluster 'x';");
    assert_eq!(body, read("cluster 'x'; run on all; split ids; select 1;"));
}

#[test]
fn sql_text() {
    for (sql, expected) in [
        ("select 1;", "select 1"),
        ("SELECT(1);", "SELECT(1)"),
        ("select\n (1);", "select (1)"),
        ("select ;", "select "),
        ("select'x';", "select'x'"),
        // White space and comments.
        ("select \t\r\n1 ;", "select 1 "),
        ("select 1 -- it's; a comment\n + 2;", "select 1  + 2"),
        ("select 1--\n;", "select 1 "),
        ("select/* ; ' /* */1;", "select 1"),
        ("select /***/ 1 /*/*/;", "select   1  "),
        // References: by name or position, numbered by first use.
        ("select ids, name, ids, $2;", "select {1:2}, {2:1}, {1:2}, {2:1}"),
        ("select USERS, users, \"users\";", "select {1:0}, {1:0}, \"users\""),
        ("select $5, é, É, $05;", "select {1:4}, {1:4}, É, {1:4}"),
        ("select f(name)::int, name.*;", "select f({1:1})::int, {1:1}.*"),
        ("select t.name, name . x, \"t\".name;", "select t.name, name . x, \"t\".{1:1}"),
        ("select x\n.\n name, x. \"name\";", "select x\n.\n name, x. \"name\""),
        ("select name_, names, nom;", "select name_, names, nom"),
        ("select $1$2a;", "select {1:0}{2:1}a"),
        ("select 1.5.name, 1name;", "select 1.5.{1:1}, 1{1:1}"),
        // Quotes: nothing inside is touched.
        ("select '$1  name -- ; ''' name;", "select '$1  name -- ; ''' {1:1}"),
        ("select '\\', name;", "select '\\', {1:1}"),
        ("select E'\\'  $1;', e'\\\\', name;", "select E'\\'  $1;', e'\\\\', {1:1}"),
        ("select E'é\\é''', ne'\\';", "select E'é\\é''', ne'\\'"),
        ("select \"a\"\"  ; $1\", \"\\\";", "select \"a\"\"  ; $1\", \"\\\""),
        ("select $$ $1  ; ' $x$ $$ name;", "select $$ $1  ; ' $x$ $$ {1:1}"),
        ("select $a1$ $A1$ $a1 $$ $a1$;", "select $a1$ $A1$ $a1 $$ $a1$"),
        ("select $é$ ; $é$$1;", "select $é$ ; $é${1:0}"),
        // Symbols.
        ("select -!#%&()*+,/:<=>?@[]^{|}~.;", "select -!#%&()*+,/:<=>?@[]^{|}~."),
    ] {
        assert_eq!(select(sql), expected, "{sql:?}");
    }
}

#[test]
fn backslashes_escape_when_strings_do_not_conform() {
    let scope = Scope { standard_conforming_strings: false, ..SCOPE };
    for (sql, expected) in [
        ("select '\\'; $1', $1;", "select '\\'; $1', {1:0}"),
        ("select '\\\\', \"\\\", 'é''\\\n';", "select '\\\\', \"\\\", 'é''\\\n'"),
    ] {
        assert_eq!(select_in(&scope, sql).as_deref(), Ok(expected), "{sql:?}");
    }
    // Names of clusters and connection strings are the language's own, and never escape.
    let body = parse("connect 'a\\';", &scope).map(|body| body.destination);
    let literal = ConnectString::Literal("a\\".to_owned());
    assert_eq!(body, Ok(Destination::Connect(literal)));
}

#[test]
fn arguments_in_order_of_first_use() {
    let Query::Select(sql) = read("cluster 'x'; select ids, $1, $3, name;").query else {
        panic!("not a select");
    };
    assert_eq!(sql.arguments(), [2, 0, 1]);
}

#[test]
fn comments_between_statements() {
    let plain = read("cluster 'x'; run on all;");
    for body in [
        "--\ncluster--'y'\n'x';-- ;\nrun on all;--",
        "/**/cluster/* /* ; */'x'/***/;run/*/*/on all;",
        "cluster 'x'; run on all; /* open",
        "cluster 'x'; run on all; /* open *",
    ] {
        assert_eq!(read(body), plain, "{body:?}");
    }
}

#[test]
fn refused_statements() {
    for (body, line, message) in [
        // Missing, repeated and contradictory statements.
        ("", 1, "CLUSTER statement missing"),
        ("\n -- cluster 'x';\n run on 0;\n", 4, "CLUSTER statement missing"),
        ("\nselect 1; /*\n", 3, "CLUSTER statement missing"),
        ("cluster 'x';\ncluster f(1)\n;\n", 3, "Only one CLUSTER statement allowed"),
        ("connect 'x';\nconnect x;\n", 2, "Only one CONNECT statement allowed"),
        ("run on 1; run on any;", 1, "Only one RUN statement allowed"),
        ("split ids;\n\nsplit users;", 3, "Only one SPLIT statement allowed"),
        ("split $1; split all;", 1, "Only one SPLIT statement allowed"),
        ("target x;\ntarget x;\n", 2, "Only one TARGET statement allowed"),
        ("select 1;\nSelect\n", 2, "Only one SELECT statement allowed"),
        ("connect 'x'; cluster 'x';\n", 2, "CONNECT cannot be used with CLUSTER/RUN"),
        ("run on 0; connect 'x';", 1, "CONNECT cannot be used with CLUSTER/RUN"),
        ("target x; cluster 'x';\nselect 1;\n\n", 4, "TARGET cannot be used with SELECT"),
        // The first check to fail is the one reported.
        ("target x; select 1;", 1, "CLUSTER statement missing"),
        ("target x; select 1; connect 'x'; run on 0;", 1, "CONNECT cannot be used with CLUSTER/RUN"),
        // References.
        ("split\nx\n;", 2, "invalid argument reference: x"),
        ("split users, a\n. b;", 2, "invalid argument reference: a\n. b"),
        ("split $6;", 1, "invalid argument reference: $6"),
        ("split users; split x;", 1, "invalid argument reference: x"),
        ("connect $0 junk", 1, "invalid argument reference: $0"),
        ("run on $99999999999999999999999;", 1, "invalid argument reference: $99999999999999999999999"),
        ("select 1,\n$6,\n2", 2, "invalid argument reference: $6"),
        ("run on f(\n'\n', $7);", 3, "invalid argument reference: $7"),
        // Statements that are none.
        ("junk;", 1, "syntax error"),
        (";", 1, "syntax error"),
        ("cluster 'x';;", 1, "syntax error"),
        ("cluster 'x'\n\n", 3, "syntax error"),
        ("cluster x;", 1, "syntax error"),
        ("cluster $1;", 1, "syntax error"),
        ("cluster('x');", 1, "syntax error"),
        ("cluster.x 'x';", 1, "syntax error"),
        ("connect all;", 1, "syntax error"),
        ("connect 3;", 1, "syntax error"),
        ("run all;", 1, "syntax error"),
        ("run on;", 1, "syntax error"),
        ("run on -1;", 1, "syntax error"),
        ("run on 'x';", 1, "syntax error"),
        ("run on any(1", 1, "syntax error"),
        ("run on f /**/ (1);", 1, "syntax error"),
        ("run on \"f\"(1);", 1, "syntax error"),
        ("split all, ids;", 1, "syntax error"),
        ("split ids users;", 1, "syntax error"),
        ("split ids,;", 1, "syntax error"),
        ("split;", 1, "syntax error"),
        ("target 'x';", 1, "syntax error"),
        ("target $1;", 1, "syntax error"),
        ("target f(1);", 1, "syntax error"),
        ("target select;", 1, "syntax error"),
        ("f\n(1);", 2, "syntax error"),
        ("select .x;", 1, "syntax error"),
        ("cluster\u{a0}'x';", 1, "syntax error"),
        ("cluster\u{c}'x';", 1, "syntax error"),
        // SQL text that is none.
        ("select;", 1, "syntax error"),
        ("run on f(;", 1, "syntax error"),
        ("select", 1, "syntax error"),
        ("select 1\n", 2, "syntax error"),
        ("select\n`x`\n;", 2, "syntax error"),
        ("select $;", 1, "syntax error"),
        ("select $x;", 1, "syntax error"),
        ("select\n\\;\n", 2, "syntax error"),
        ("select \u{c};", 1, "syntax error"),
        // Never closed. In SQL text that is noticed at the end, in a literal at its last quote.
        ("select 'a''\n;\n", 3, "syntax error"),
        ("select E'\\'\n;\n", 3, "syntax error"),
        ("select E'\\", 1, "syntax error"),
        ("select \"a\n;\n", 3, "syntax error"),
        ("select $$ $x$\n;\n", 3, "syntax error"),
        ("select $a$ $A$\n;\n", 3, "syntax error"),
        ("select 1 /* ;\n*", 2, "syntax error"),
        ("select 1 -- ;", 1, "syntax error"),
        ("cluster 'x;\n\n", 1, "syntax error"),
        ("cluster 'x\n''y;\n\n", 2, "syntax error"),
        // A null character, even in quotes.
        ("cluster 'x';\nselect '\0';", 2, "null character not permitted"),
    ] {
        let expected = format!("Compile error at line {line}: {message}");
        assert_eq!(refusal(body), expected, "{body:?}");
    }
}

#[test]
fn refused_splits_carry_no_line() {
    for (body, message) in [
        ("split users, ids, Users;", "SPLIT parameter specified more than once: Users"),
        ("split users; split $1;", "SPLIT parameter specified more than once: $1"),
        ("split all; split ids;", "SPLIT parameter specified more than once: ids"),
        ("split $2;", "SPLIT parameter is not an array: $2"),
        ("split ids, NAME junk", "SPLIT parameter is not an array: NAME"),
    ] {
        assert_eq!(refusal(body), message, "{body:?}");
    }
}

#[test]
fn the_first_of_names_equal_but_for_case_wins() {
    let scope = Scope { arguments: &[argument(Some("a"), false), argument(Some("A"), false)], ..SCOPE };
    let found = select_in(&scope, "select A, a, $2;");
    assert_eq!(found.as_deref(), Ok("select {1:0}, {1:0}, {2:1}"));
}

#[test]
fn printed_bodies() {
    for (body, expected) in [
        ("cluster 'it''s';", "CLUSTER 'it''s';\nRUN ON ANY;\n"),
        ("split all; run on\n f  (users ); cluster g($4);", "CLUSTER g($4);\nRUN ON f  ($1 );\nSPLIT $1, $3;\n"),
        ("connect x; select name  /* */ /* */, 'a  b';", "CONNECT x;\nselect $2 /**//**//**/, 'a  b';\n"),
        ("target g; connect ids;", "CONNECT $3;\nTARGET g;\n"),
        ("select/**/.5, a. /**/b; connect x;", "CONNECT x;\nselect/**/.5, a./**//**/b;\n"),
    ] {
        assert_eq!(read(body).to_string(), expected, "{body:?}");
    }
}
