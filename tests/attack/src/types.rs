//! Types, their values as SQL, and what they need.

use crate::dice::Dice;

/// The types that are made for it, on both sides: enums, domains, row types, one of them with dropped columns.
pub const DEFINITIONS: &str = "
    create type scene.mood as enum ('sad', 'it''s \"ok\"', 'happy');
    create domain scene.positive as integer check (value > 0);
    create domain scene.short as text check (length(value) < 10);
    create domain scene.required as text not null;
    create domain scene.numbers as integer[] check (array_length(value, 1) < 4);
    create table scene.dropped (a integer, gone text, b text, gone_too numeric, c date);
    alter table scene.dropped drop column gone;
    alter table scene.dropped drop column gone_too;
    create type scene.pair as (x integer, y text);
    create type scene.nested as (p scene.pair, m scene.mood[], d scene.positive);
    create domain scene.good_pair as scene.pair check ((value).x is null or (value).x > 0);
";

/// Types by name, with the text of some of their values: ordinary, empty, extreme.
const SCALARS: &[(&str, &[&str])] = &[
    ("bool", &["t", "f"]),
    ("int2", &["0", "-32768", "32767", "7"]),
    ("int4", &["0", "1", "-2147483648", "2147483647", "42"]),
    ("int8", &["0", "-9223372036854775808", "9223372036854775807", "3"]),
    ("float4", &["0", "-0", "NaN", "Infinity", "1e-45", "3.4028235e38", "0.1"]),
    ("float8", &["0", "-0", "NaN", "-Infinity", "5e-324", "1.7976931348623157e308", "0.1"]),
    ("numeric", &["0", "NaN", "Infinity", "-1234567890.0987654321", "1e100", "0.00", "1e-50"]),
    ("text", &["", "it's", "back\\slash", "žluťoučký 𝄞", "a,b{\"c\"}(d)", "NULL", " spaces "]),
    ("varchar", &["", "x", "two words"]),
    ("bpchar", &["", "x  ", "y"]),
    ("\"char\"", &["a", "", "\\"]),
    ("name", &["", "some_name", "Name with \"quotes\""]),
    ("bytea", &["", "\\x00ff10", "\\x5c27"]),
    ("date", &["2026-02-28", "4713-11-24 BC", "5874897-12-31", "infinity", "-infinity"]),
    ("time", &["00:00", "24:00:00", "12:34:56.789012"]),
    ("timetz", &["00:00+00", "23:59:59.999999-15:59", "12:00+05:30"]),
    (
        "timestamp",
        &["2026-02-28 12:34:56.789012", "4713-11-24 00:00:00 BC", "294276-12-31 23:59:59.999999", "infinity"],
    ),
    ("timestamptz", &["2026-02-28 12:34:56.789012+02", "2000-01-01 00:00Z", "-infinity"]),
    ("interval", &["0", "1 year 2 mons -3 days 04:05:06.789", "-178000000 years", "1 microsecond"]),
    ("uuid", &["00000000-0000-0000-0000-000000000000", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]),
    ("json", &["{}", "[1, 2.50, null, \"ž\\u0041\"]", " \"x\" ", "{\"a\":1,\"a\":2}"]),
    ("jsonb", &["{}", "[1, 2.50, null, \"ž\\u0041\"]", "{\"b\": [], \"a\": {\"c\": true}}"]),
    ("jsonpath", &["$.a[*] ? (@ > 1)", "strict $"]),
    ("inet", &["0.0.0.0", "192.168.1.5/24", "::1", "fe80::1/64"]),
    ("cidr", &["10.0.0.0/8", "::/0"]),
    ("macaddr", &["08:00:2b:01:02:03"]),
    ("macaddr8", &["08:00:2b:01:02:03:04:05"]),
    ("bit(3)", &["101", "000"]),
    ("varbit", &["", "1", "10101010101010101"]),
    ("money", &["0", "-12.34", "92233720368547758.07"]),
    ("point", &["(0,0)", "(-1.5,1e300)"]),
    ("box", &["(1,1),(0,0)", "(2,-2),(-3,-4)"]),
    ("circle", &["<(0,0),1>"]),
    ("line", &["{1,-1,0}"]),
    ("lseg", &["[(0,0),(1,1)]"]),
    ("path", &["[(0,0),(1,1),(2,0)]", "((0,0),(1,1))"]),
    ("polygon", &["((0,0),(1,1),(2,0))"]),
    ("oid", &["0", "4294967295"]),
    ("xid", &["0", "4294967295"]),
    ("cid", &["7"]),
    ("tid", &["(0,1)", "(4294967295,65535)"]),
    ("pg_lsn", &["0/0", "FFFFFFFF/FFFFFFFF"]),
    ("regclass", &["pg_catalog.pg_class", "-"]),
    ("regtype", &["integer", "-"]),
    ("tsvector", &["", "'it''s':1A,2 fat:3"]),
    ("tsquery", &["", "'fat' & ( 'cat':AB | !'rat' )"]),
    ("int4range", &["empty", "[1,5)", "(,)", "[2147483646,)"]),
    ("numrange", &["(1.5,2.5]", "empty"]),
    ("tstzrange", &["[2026-01-01 00:00Z,infinity)", "(,)"]),
    ("int8multirange", &["{}", "{[1,3),[5,)}"]),
    ("scene.mood", &["sad", "it's \"ok\"", "happy"]),
    ("scene.positive", &["1", "2147483647"]),
    ("scene.short", &["", "it's"]),
    ("scene.required", &["here"]),
    ("scene.numbers", &["{}", "{1,NULL,3}"]),
    ("scene.dropped", &["(1,\"a \"\"b\"\", c\",2026-01-01)", "(,,)"]),
    ("scene.pair", &["(1,one)", "(,\"\")"]),
    ("scene.nested", &["(\"(1,\"\"it's, \\\\\\\\\"\")\",\"{sad,NULL}\",5)", "(,,)"]),
    ("scene.good_pair", &["(1,one)", "(,)"]),
];

/// The same without the domains' checks: a shard may return what the coordinator refuses.
pub fn unchecked_definitions() -> String {
    let domains = DEFINITIONS.lines().map(|line| match line.trim_start().starts_with("create domain") {
        true => format!("{};", line.trim_end_matches(';').split(" check ").next().expect("there is a first piece")),
        false => line.to_owned(),
    });
    domains.collect::<Vec<_>>().join("\n")
}

/// Such values.
pub const REFUSED: &[(&str, &str)] = &[("scene.positive", "'-1'::integer"), ("scene.short", "'0123456789'::text")];

/// A type and some of its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Type {
    /// As SQL.
    pub sql: String,
    /// Values as expressions of the type, none of them NULL.
    pub values: Vec<String>,
    /// The element's type, if it is an array.
    pub element: Option<Box<Type>>,
}

impl Type {
    fn of((sql, texts): &(&str, &[&str])) -> Type {
        let values = texts.iter().map(|text| format!("{}::{sql}", quoted(text))).collect();
        Type { sql: (*sql).to_owned(), values, element: None }
    }

    /// An array of it.
    pub fn array(self) -> Type {
        let sql = format!("{}[]", self.sql);
        let all = self.values.join(", ");
        let mut values = vec![format!("'{{}}'::{sql}"), format!("array[{all}]::{sql}")];
        if self.sql != "scene.required" {
            let (first, last) = (&self.values[0], &self.values[self.values.len() - 1]);
            values.extend([format!("array[{first}, null, {last}]::{sql}"), format!("array[null]::{sql}")]);
        }
        Type { sql, values, element: Some(Box::new(self)) }
    }

    /// Some value, now and then NULL.
    pub fn some_value(&self, dice: &mut Dice) -> String {
        if dice.one_in(7) { format!("null::{}", self.sql) } else { dice.choose(&self.values).clone() }
    }

    /// Some type, a quarter of them arrays.
    pub fn some(dice: &mut Dice) -> Type {
        let scalar = Type::of(dice.choose(SCALARS));
        if dice.one_in(4) { scalar.array() } else { scalar }
    }
}

/// A string as SQL's literal.
fn quoted(text: &str) -> String {
    let escapes = if text.contains('\\') { " E" } else { "" };
    format!("{escapes}'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}
