//! Bodies of functions: any text is read or refused, and what is read is what is printed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pure::parser::{
    Argument, Body, ClusterName, ConnectString, Destination, Expression, ParseError, Query, RunOn, Scope, Sql, parse,
};

const ARGUMENTS: [Argument<'static>; 5] = [
    Argument { name: Some("users"), is_array: true },
    Argument { name: Some("Name"), is_array: false },
    Argument { name: Some("ids"), is_array: true },
    Argument { name: None, is_array: false },
    Argument { name: Some("é"), is_array: false },
];

fuzz_target!(|body: &str| {
    for standard_conforming_strings in [true, false] {
        let scope = Scope { arguments: &ARGUMENTS, standard_conforming_strings };
        let outcome = parse(body, &scope);
        lines_are_counted(body, &scope, &outcome);
        if let Ok(read) = outcome {
            sql_of(&read).iter().for_each(|sql| references_are_valid(sql));
            arguments_are_valid(&read);
            printing_loses_nothing(&read, &scope);
        }
    }
});

/// What may stand between statements changes nothing, but the number of the line.
fn lines_are_counted(body: &str, scope: &Scope<'_>, outcome: &Result<Body, ParseError>) {
    match (outcome, parse(&format!("/* x */ -- x\n{body}"), scope)) {
        (Ok(read), Ok(again)) => assert_eq!(*read, again),
        (Err(error), Err(below)) => match (line(error), line(&below)) {
            (Some((number, text)), Some((number_below, text_below))) => {
                assert_eq!((number + 1, text), (number_below, text_below));
                assert!((1..=1 + body.matches('\n').count()).contains(&number), "{error}");
            }
            (None, None) => assert_eq!(error.to_string(), below.to_string()),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

/// Of an error that has one, and the rest of its text.
fn line(error: &ParseError) -> Option<(usize, String)> {
    let text = error.to_string();
    let Some(after) = text.strip_prefix("Compile error at line ") else {
        assert!(text.starts_with("SPLIT parameter "), "{text}");
        return None;
    };
    let (number, rest) = after.split_once(": ").expect("a number");
    Some((number.parse().expect("a number"), rest.to_owned()))
}

/// References are numbered by first use, and are of arguments that there are.
fn references_are_valid(sql: &Sql) {
    let (arguments, mut highest) = (sql.arguments(), 0);
    sql.render(|_, number, index| {
        assert!(number <= highest + 1 && index < ARGUMENTS.len());
        assert_eq!(arguments[number - 1], index);
        highest = highest.max(number);
    });
    assert_eq!(arguments.len(), highest);
}

fn arguments_are_valid(body: &Body) {
    for &index in &body.split {
        assert!(ARGUMENTS[index].is_array);
    }
    let expression = match &body.destination {
        Destination::Connect(ConnectString::Computed(expression)) => expression,
        Destination::Cluster { run_on: RunOn::Hash(expression), .. } => expression,
        _ => return,
    };
    match expression {
        Expression::Argument(index) => assert!(*index < ARGUMENTS.len()),
        Expression::Name(name) => assert!(!is_argument(name)),
        Expression::Call(_) => {}
    }
}

fn is_argument(name: &str) -> bool {
    ARGUMENTS.iter().any(|argument| argument.name.is_some_and(|own| own.eq_ignore_ascii_case(name)))
}

/// Nor does what is printed need the names of arguments, which it has none of.
fn printing_loses_nothing(body: &Body, scope: &Scope<'_>) {
    let printed = body.to_string();
    let again = parse(&printed, scope).unwrap_or_else(|error| panic!("{printed:?}: {error}"));
    assert_eq!(again, *body, "{printed:?}");
    assert_eq!(again.to_string(), printed);

    let nameless = ARGUMENTS.map(|argument| Argument { name: None, ..argument });
    let again = parse(&printed, &Scope { arguments: &nameless, ..*scope });
    assert_eq!(again.as_ref(), Ok(body), "{printed:?}");
}

fn sql_of(body: &Body) -> Vec<&Sql> {
    let mut all = Vec::new();
    match &body.destination {
        Destination::Connect(ConnectString::Computed(Expression::Call(sql))) => all.push(sql),
        Destination::Connect(_) => {}
        Destination::Cluster { name, run_on } => {
            all.extend(if let ClusterName::Call(sql) = name { Some(sql) } else { None });
            all.extend(if let RunOn::Hash(Expression::Call(sql)) = run_on { Some(sql) } else { None });
        }
    }
    all.extend(if let Query::Select(sql) = &body.query { Some(sql) } else { None });
    all
}
