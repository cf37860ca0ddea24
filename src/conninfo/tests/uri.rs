//! The URI syntax. Most cases follow PostgreSQL's own test of it (`src/interfaces/libpq/t`).

use super::{assert_parse_error, assert_settings};

#[test]
fn reads_every_part() {
    for (uri, expected) in [
        ("postgresql://", &[][..]),
        ("postgres://", &[]),
        ("postgres:///", &[]),
        ("postgresql://host?", &[("host", "host")]),
        (
            "postgresql://u:secret@host:12345/db",
            &[("user", "u"), ("password", "secret"), ("host", "host"), ("port", "12345"), ("dbname", "db")],
        ),
        ("postgresql://u@", &[("user", "u")]),
        ("postgresql://@host", &[("host", "host")]),
        ("postgresql://:@host", &[("host", "host")]),
        ("postgresql://:p@host", &[("password", "p"), ("host", "host")]),
        ("postgresql://u:@host", &[("user", "u"), ("host", "host")]),
        ("postgresql://u:a:b@host", &[("user", "u"), ("password", "a:b"), ("host", "host")]),
        ("postgresql://u:a?b@host", &[("user", "u"), ("password", "a?b"), ("host", "host")]),
        ("postgres://host:/", &[("host", "host")]),
        ("postgres://:12345/", &[("port", "12345")]),
        ("postgres:///db", &[("dbname", "db")]),
        ("postgres://u@/db", &[("user", "u"), ("dbname", "db")]),
        ("postgres://host/a/b", &[("host", "host"), ("dbname", "a/b")]),
        ("postgres://host/a@b", &[("host", "host"), ("dbname", "a@b")]),
        ("postgres://host?user=u", &[("host", "host"), ("user", "u")]),
        ("postgresql://[::1]:12345/db", &[("host", "::1"), ("port", "12345"), ("dbname", "db")]),
        ("postgresql://[::1]", &[("host", "::1")]),
        ("postgresql://[::1]?port=1", &[("host", "::1"), ("port", "1")]),
        ("postgresql://[fe80::1%25eth0]/", &[("host", "fe80::1%eth0")]),
        ("postgresql://?hostaddr=127.0.0.1", &[("hostaddr", "127.0.0.1")]),
    ] {
        assert_settings(uri, expected);
    }
}

#[test]
fn reads_several_hosts() {
    for (uri, expected) in [
        ("postgres://a,b", &[("host", "a,b"), ("port", ",")][..]),
        ("postgres://a:1,b:2/db", &[("host", "a,b"), ("port", "1,2"), ("dbname", "db")]),
        ("postgres://a,[::1]:2,", &[("host", "a,::1,"), ("port", ",2,")]),
        ("postgres://:1,:2", &[("host", ","), ("port", "1,2")]),
        ("postgres://u@a,b?port=1", &[("user", "u"), ("host", "a,b"), ("port", "1")]),
    ] {
        assert_settings(uri, expected);
    }
}

#[test]
fn decodes_percent_encoding() {
    for (uri, expected) in [
        ("postgresql://%68ost/", &[("host", "host")][..]),
        ("postgres://%2Fvar%2frun/db", &[("host", "/var/run"), ("dbname", "db")]),
        ("postgres://%2Ftmp%2Fa@b", &[("user", "/tmp/a"), ("host", "b")]),
        ("postgres://u@%2Ftmp%2Fa@b", &[("user", "u"), ("host", "/tmp/a@b")]),
        ("postgres://u@@name", &[("user", "u"), ("host", "@name")]),
        ("postgres://u%40x:p%3A%2F%25@h", &[("user", "u@x"), ("password", "p:/%"), ("host", "h")]),
        ("postgres://h/%C3%A9", &[("host", "h"), ("dbname", "é")]),
        ("postgres://?u%73er=x", &[("user", "x")]),
        ("postgres://?options=-c%20a%3Db", &[("options", "-c a=b")]),
        ("postgres://?user=a+b", &[("user", "a+b")]),
        ("postgres://host?  user = u & port  = 1 ", &[("host", "host"), ("user", "u"), ("port", "1")]),
    ] {
        assert_settings(uri, expected);
    }
}

#[test]
fn reads_query_parameters() {
    for (uri, expected) in [
        ("postgres://?host=/path/to/dir", &[("host", "/path/to/dir")][..]),
        ("postgres://a/b?host=c&dbname=d", &[("host", "c"), ("dbname", "d")]),
        ("postgres://?ssl=true", &[("sslmode", "require")]),
        ("postgres://?requiressl=1", &[("sslmode", "require")]),
        ("postgres://?user=u&", &[("user", "u")]),
        ("postgres://?user=", &[("user", "")]),
        ("postgres://?user=a?b/c", &[("user", "a?b/c")]),
    ] {
        assert_settings(uri, expected);
    }
}

#[test]
fn refuses_bad_syntax() {
    for (uri, error) in [
        (
            "postgres://[::1",
            r#"end of string reached when looking for matching "]" in IPv6 host address in URI: "postgres://[::1""#,
        ),
        ("postgres://[]", r#"IPv6 host address may not be empty in URI: "postgres://[]""#),
        (
            "postgres://[::1]z",
            r#"unexpected character "z" at position 17 in URI (expected ":" or "/"): "postgres://[::1]z""#,
        ),
        ("postgresql://host?zzz", r#"missing key/value separator "=" in URI query parameter: "zzz""#),
        ("postgresql://host?a&b", r#"missing key/value separator "=" in URI query parameter: "a""#),
        ("postgresql://host?user=u&&", r#"missing key/value separator "=" in URI query parameter: """#),
        ("postgresql://host?key=key=value", r#"extra key/value separator "=" in URI query parameter: "key""#),
        ("postgresql://host?uzer=", r#"invalid URI query parameter: "uzer""#),
        ("postgresql://host?u%7aer=x", r#"invalid URI query parameter: "uzer""#),
        ("postgresql://host?ssl=false", r#"invalid URI query parameter: "ssl""#),
        ("postgres://host?dbname=%XXfoo", r#"invalid percent-encoded token: "%XXfoo""#),
        ("postgresql://%zz", r#"invalid percent-encoded token: "%zz""#),
        ("postgresql://%1", r#"invalid percent-encoded token: "%1""#),
        ("postgresql://%", r#"invalid percent-encoded token: "%""#),
        ("postgresql://%+1", r#"invalid percent-encoded token: "%+1""#),
        ("postgresql://a%00b", r#"forbidden value %00 in percent-encoded value: "a%00b""#),
        ("postgresql://a%FFb", r#"percent-encoded value is not valid UTF-8: "a%FFb""#),
        (
            "postgresql://host?  user user  =  uri  & port = 12345 12 ",
            r#"unexpected spaces found in "  user user  ", use percent-encoded spaces (%20) instead"#,
        ),
        (
            "postgresql://host?  user  =  uri-user  & port = 12345 12 ",
            r#"unexpected spaces found in " 12345 12 ", use percent-encoded spaces (%20) instead"#,
        ),
    ] {
        assert_parse_error(uri, error);
    }
}
