//! Random functions: what a coordinator and its shards are told, and calls of them.

use plproxy_attack::dice::Dice;
use plproxy_attack::types::{REFUSED, Type};

/// What the coordinator has for it: hash functions of all kinds, over anything, and functions that name clusters.
pub const HASHES: &str = "
    create function scene.h2(v anyelement) returns int2 language sql as $$ select (hashtext($1::text) % 1000)::int2 $$;
    create function scene.h4(v anyelement) returns int4 language sql as $$ select hashtext($1::text) $$;
    create function scene.h8(v anyelement) returns int8 language sql as $$ select hashtext($1::text)::int8 * 1048583 $$;
    create function scene.h_strict(v anyelement) returns int4 language sql strict as $$ select hashtext($1::text) $$;
    create function scene.h_set(v anyelement) returns setof int4 language sql as $$ values (2), (hashtext($1::text)) $$;
    create function scene.h_twice(v anyelement) returns setof int8 language sql as $$ values (1::int8), (3), (1), (7) $$;
    create function scene.h_none(v anyelement) returns setof int4 language sql as $$ select 1 where false $$;
    create function scene.h_null(v anyelement) returns int4 language sql as $$ select null::int4 $$;
    create function scene.h_null_in_set(v anyelement) returns setof int4 language sql as $$ values (1), (null) $$;
    create function scene.h_text(v anyelement) returns text language sql as $$ select '1'::text $$;
    create function scene.h_numeric(v anyelement) returns numeric language sql as $$ select 1.0 $$;
    create function scene.h_pair(v anyelement, out a int4, out b int4) language sql as $$ select 1, 2 $$;
    create function scene.h_error(v anyelement) returns int4 language plpgsql as $$
        begin raise 'no hash of this' using errcode = '22023', detail = 'why', hint = 'how'; end
    $$;
    create function scene.cluster_of(v anyelement) returns text language sql as $$ select 'direct'::text $$;
    create function scene.no_cluster_of(v anyelement) returns text language sql as $$ select null::text $$;
";

const HASH_FUNCTIONS: &[&str] = &[
    "scene.h2",
    "scene.h4",
    "scene.h4",
    "scene.h8",
    "scene.h_strict",
    "scene.h_set",
    "scene.h_twice",
    "scene.h_none",
    "scene.h_null",
    "scene.h_null_in_set",
    "scene.h_text",
    "scene.h_numeric",
    "scene.h_pair",
    "scene.h_error",
];

/// A function on both sides, and calls of it.
pub struct Function {
    /// Its signature, for DROP FUNCTION.
    pub signature: String,
    /// For the coordinator.
    pub local: String,
    /// For the shards; empty if there is none.
    pub remote: String,
    /// Queries.
    pub calls: Vec<String>,
    /// It is RUN ON ANY.
    pub is_any: bool,
    /// It has a SPLIT.
    pub is_split: bool,
}

impl Function {
    /// Whether its errors are those of one of several shards: of a random one, or of the first to complain.
    pub fn is_anywhere(&self) -> bool {
        let is_many = ["run on all", "scene.h_set", "scene.h_twice"].iter().any(|route| self.local.contains(route));
        self.is_any || self.is_split || is_many
    }
}

struct Argument {
    name: String,
    of: Type,
    is_split: bool,
}

impl Argument {
    /// How the body names it.
    fn reference(&self, number: usize, dice: &mut Dice) -> String {
        if dice.one_in(3) { format!("${}", number + 1) } else { self.name.clone() }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Scalar,
    Void,
    Out,
    Table,
    Record,
}

struct Shape {
    form: Form,
    is_set: bool,
    columns: Vec<(String, Type)>,
}

impl Shape {
    fn some(dice: &mut Dice) -> Shape {
        let form =
            *dice.choose(&[Form::Scalar, Form::Scalar, Form::Scalar, Form::Void, Form::Out, Form::Table, Form::Record]);
        let count = match form {
            Form::Void => 0,
            Form::Scalar => 1,
            Form::Out | Form::Table | Form::Record => 1 + dice.below(3),
        };
        let columns = (0..count).map(|number| (format!("c{number}"), Type::some(dice))).collect();
        Shape { form, is_set: form == Form::Table || dice.one_in(3), columns }
    }

    /// `a type, b type`.
    fn list(&self) -> String {
        self.columns.iter().map(|(name, of)| format!("{name} {}", of.sql)).collect::<Vec<_>>().join(", ")
    }

    fn returns(&self) -> String {
        let set = if self.is_set { "setof " } else { "" };
        match self.form {
            Form::Scalar => format!("returns {set}{}", self.columns[0].1.sql),
            Form::Void => format!("returns {set}void"),
            Form::Table => format!("returns table ({})", self.list()),
            Form::Record => format!("returns {set}record"),
            Form::Out if self.is_set && self.columns.len() == 1 => format!("returns setof {}", self.columns[0].1.sql),
            Form::Out if self.is_set => "returns setof record".to_owned(),
            Form::Out => String::new(),
        }
    }
}

impl Function {
    /// The function with this number.
    pub fn some(number: u64, connect: &str, dice: &mut Dice) -> Function {
        let name = format!("scene.d{number}");
        let mut arguments: Vec<_> = (0..dice.below(5))
            .map(|number| Argument { name: format!("a{number}"), of: Type::some(dice), is_split: false })
            .collect();
        let shape = Shape::some(dice);
        let (split, is_split) = some_split(&mut arguments, dice);
        let (run_on, is_any) = some_route(&arguments, dice);
        let place = some_place(connect, &arguments, dice);
        let (query, has_remote, remote_name) = some_query(&name, &arguments, &shape, dice);
        // CONNECT has no partitions.
        let body = match place.starts_with("connect") {
            true => format!("{place}; {query}"),
            false => format!("{place}; {split}{run_on}{query}"),
        };
        let body = spoil(body, dice);
        // As it is left.
        let is_any = is_any || !body.contains("run on");
        let parameters = parameters(&arguments, &shape);
        let local = format!(
            "create function {name}({parameters}) {} language plproxy as $body$ {body} $body$",
            shape.returns()
        );
        let remote = match has_remote {
            true => remote(&remote_name, &arguments, &shape, is_any, dice),
            false => String::new(),
        };
        let calls = (0..5).map(|_| some_call(&name, &arguments, &shape, dice)).collect();
        let types: Vec<_> = arguments.iter().map(|argument| argument.of.sql.as_str()).collect();
        Function { signature: format!("{name}({})", types.join(", ")), local, remote, calls, is_any, is_split }
    }
}

/// The arguments, and what the function returns by OUT arguments.
fn parameters(arguments: &[Argument], shape: &Shape) -> String {
    let mut list: Vec<_> = arguments.iter().map(|argument| format!("{} {}", argument.name, argument.of.sql)).collect();
    if shape.form == Form::Out {
        list.extend(shape.columns.iter().map(|(name, of)| format!("out {name} {}", of.sql)));
    }
    list.join(", ")
}

fn some_split(arguments: &mut [Argument], dice: &mut Dice) -> (String, bool) {
    let arrays: Vec<_> = (0..arguments.len()).filter(|&number| arguments[number].of.element.is_some()).collect();
    if arrays.is_empty() {
        // An error at CREATE FUNCTION.
        let named = arguments.first().filter(|_| dice.one_in(40)).map(|argument| argument.name.clone());
        return (named.map(|name| format!("split {name}; ")).unwrap_or_default(), false);
    }
    match dice.below(4) {
        0 => {
            arrays.iter().for_each(|&number| arguments[number].is_split = true);
            ("split all; ".to_owned(), true)
        }
        1 | 2 => {
            let number = *dice.choose(&arrays);
            arguments[number].is_split = true;
            (format!("split {}; ", arguments[number].reference(number, dice)), true)
        }
        _ => (String::new(), false),
    }
}

/// RUN ON, and whether that is ANY.
fn some_route(arguments: &[Argument], dice: &mut Dice) -> (String, bool) {
    let split: Vec<_> = (0..arguments.len()).filter(|&number| arguments[number].is_split).collect();
    let route = match dice.below(14) {
        0 | 1 => "all".to_owned(),
        2 => return ("run on any; ".to_owned(), true),
        3 => dice.below(4).to_string(),
        4 => dice.pick(&["4", "-1", "2147483648", "x", "scene.h4()", "scene.nowhere(1)"]).to_owned(),
        5 if !arguments.is_empty() => {
            let number = dice.below(arguments.len());
            arguments[number].reference(number, dice)
        }
        _ => {
            let argument = match arguments.len() {
                0 => "1".to_owned(),
                _ => {
                    let number = split.first().copied().unwrap_or_else(|| dice.below(arguments.len()));
                    arguments[number].reference(number, dice)
                }
            };
            format!("{}({argument})", dice.pick(HASH_FUNCTIONS))
        }
    };
    // The default is ANY.
    if dice.one_in(20) { (String::new(), true) } else { (format!("run on {route}; "), false) }
}

fn some_place(connect: &str, arguments: &[Argument], dice: &mut Dice) -> String {
    let argument = match arguments.len() {
        0 => "1".to_owned(),
        count => {
            let number = dice.below(count);
            arguments[number].reference(number, dice)
        }
    };
    match dice.below(20) {
        0 => format!("cluster scene.cluster_of({argument})"),
        1 => format!("cluster scene.no_cluster_of({argument})"),
        2 => "cluster 'nowhere'".to_owned(),
        3 if dice.one_in(2) => format!("connect scene.connstr_of({argument})"),
        3 => format!("connect {connect}"),
        4 => "cluster 'server'".to_owned(),
        _ => "cluster 'direct'".to_owned(),
    }
}

/// TARGET, SELECT or neither; whether the shards have a function for it, and its name.
fn some_query(name: &str, arguments: &[Argument], shape: &Shape, dice: &mut Dice) -> (String, bool, String) {
    match dice.below(8) {
        0 => (format!("target {name}_there;"), true, format!("{name}_there")),
        1 => (format!("target scene.\"{}_Odd name\";", &name[6..]), true, format!("scene.\"{}_Odd name\"", &name[6..])),
        // A function that returns RECORD can't have one.
        2 | 3 if !shape.columns.is_empty() && (shape.form != Form::Record || dice.one_in(9)) => {
            (select(arguments, shape, dice), false, name.to_owned())
        }
        // None at all.
        4 if dice.one_in(6) => (String::new(), false, name.to_owned()),
        _ => (String::new(), true, name.to_owned()),
    }
}

/// A query of the function's own, its columns in any order, now and then with one that is wrong.
fn select(arguments: &[Argument], shape: &Shape, dice: &mut Dice) -> String {
    let mut list: Vec<_> = shape
        .columns
        .iter()
        .map(|(name, of)| {
            let same = arguments.iter().position(|argument| argument.of == *of);
            let value = match same {
                Some(number) => arguments[number].reference(number, dice),
                None => of.some_value(dice),
            };
            format!("{value} as {name}")
        })
        .collect();
    if list.len() > 1 && dice.one_in(3) {
        list.reverse();
    }
    if dice.one_in(12) {
        list.push("1 as surplus".to_owned());
    }
    if dice.one_in(12) {
        list.pop();
    }
    if let Some(first) = list.first_mut().filter(|_| dice.one_in(12)) {
        *first = "'other'::text as misnamed".to_owned();
    }
    let rows = dice.pick(&["", "", "", " where false", " from generate_series(1, 3)"]);
    format!("select {}{rows};", if list.is_empty() { "1".to_owned() } else { list.join(", ") })
}

/// The shard's function: returns an argument of the type, or some value, no row, many rows, an error.
fn remote(name: &str, arguments: &[Argument], shape: &Shape, is_any: bool, dice: &mut Dice) -> String {
    let parameters = parameters(arguments, shape);
    let head = format!("create function {name}({parameters}) {}", shape.returns());
    if dice.one_in(10) {
        let raise = "raise 'refused: %', 7 using errcode = 'AB123', detail = 'a detail', hint = 'a hint'";
        return format!("{head} language plpgsql as $body$ begin {raise}; end $body$");
    }
    let row = |dice: &mut Dice| {
        let mut value = |(name, of): &(String, Type)| {
            let refused = REFUSED.iter().find(|(sql, _)| *sql == of.sql).filter(|_| dice.one_in(4));
            let same = arguments.iter().position(|argument| argument.of == *of).filter(|_| !dice.one_in(4));
            match (refused, same) {
                (Some((_, value)), _) => format!("{value}::{} as {name}", of.sql),
                (None, Some(number)) => format!("${} as {name}", number + 1),
                // Which shard has answered.
                (None, None) if of.sql == "text" && !is_any => format!("current_database()::text as {name}"),
                (None, None) => format!("{} as {name}", of.some_value(dice)),
            }
        };
        let list: Vec<_> = shape.columns.iter().map(&mut value).collect();
        format!("select {}", list.join(", "))
    };
    if shape.form == Form::Void {
        return format!("{head} language sql as $body$ select 1 where false $body$");
    }
    let body = match (shape.is_set, dice.below(4)) {
        (true, 0) => format!("{} where false", row(dice)),
        (true, 1) => format!("{} union all {} union all {}", row(dice), row(dice), row(dice)),
        (false, 0) => format!("{} where false", row(dice)),
        _ => row(dice),
    };
    format!("{head} language sql as $body$ {body} $body$")
}

/// A syntax error, now and then.
fn spoil(mut body: String, dice: &mut Dice) -> String {
    if !dice.one_in(25) {
        return body;
    }
    match dice.below(4) {
        0 => body.truncate(body.len() / 2),
        1 => body.insert_str(0, "run on all; "),
        2 => body = body.replacen("cluster", "clutser", 1),
        _ => body.push_str(" target x; select 1;"),
    }
    body
}

fn some_call(name: &str, arguments: &[Argument], shape: &Shape, dice: &mut Dice) -> String {
    let values: Vec<_> = arguments.iter().map(|argument| argument.of.some_value(dice)).collect();
    let call = format!("{name}({})", values.join(", "));
    match shape.form {
        Form::Record if !dice.one_in(8) => {
            let mut list = shape.list();
            if dice.one_in(8) {
                list.push_str(", surplus integer");
            }
            format!("select * from {call} as t({list})")
        }
        _ if dice.one_in(3) => format!("select {call}"),
        _ if dice.one_in(12) && arguments.is_empty() => format!("select n, {call} from generate_series(1, 2) n"),
        _ => format!("select * from {call}"),
    }
}
