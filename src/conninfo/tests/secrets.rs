//! No text that leaves the module holds a password or a part of one.

use super::super::{ConninfoError, Secret, Settings};
use super::{assert_parse_error, world};

#[test]
fn types_show_no_secret() {
    assert_eq!(format!("{0} {0:?}", Secret::new("hush")), "*** ***");
    let text = "password=hush sslpassword=hush2 oauth_client_secret=hush3 user=u";
    let settings = Settings::parse(text).unwrap();
    assert_eq!(settings.to_string(), "user=u");
    assert!(!format!("{settings:?} {settings:#?}").contains("hush"));

    let world = world().file("/home/app/.pgpass", "*:*:*:*:hush");
    for connstr in [text, "user=u sslpassword=hush"] {
        let endpoint = world.endpoint(connstr);
        assert!(endpoint.password_for(&endpoint.hosts[0]).is_some());
        assert!(!format!("{endpoint} {endpoint:?} {endpoint:#?}").contains("hush"));
    }
}

#[test]
fn syntax_errors_hide_what_follows_a_password() {
    for (text, error) in [
        ("password=a hush", r#"missing "=" after "***" in connection info string"#),
        ("password=a hush=1", r#"invalid connection option "***""#),
        ("host= password=hush", r#"missing value after "host=" in connection info string"#),
        ("host=a options= sslpassword = 'hush'", r#"missing value after "options=" in connection info string"#),
        ("password=a hush= password=b", r#"missing value after "***=" in connection info string"#),
        ("password='it's hush' host=a", r#"missing "=" after "***" in connection info string"#),
        ("password='a' hots=1", r#"invalid connection option "hots""#),
        ("password=a host=b hots=1", r#"invalid connection option "hots""#),
        ("postgre://u:hush@h", r#"missing "=" after "postgre://h" in connection info string"#),
        ("postgre://u:hush hush@h", r#"missing "=" after "postgre://***" in connection info string"#),
        (" postgres://u:hush@h/?host=a", r#"invalid connection option "postgres://h/?host""#),
        ("u:hush@h", r#"missing "=" after "h" in connection info string"#),
        ("postgres://?password=a&hush", r#"missing key/value separator "=" in URI query parameter: "***""#),
        ("postgres://?password=a&hush=b", r#"invalid URI query parameter: "***""#),
        ("postgres://?password=a=hush", r#"extra key/value separator "=" in URI query parameter: "password""#),
        ("postgres://?password=%zzhush", r#"invalid percent-encoded token: "***""#),
        ("postgres://?pass%77ord=hush%00", r#"forbidden value %00 in percent-encoded value: "***""#),
        ("postgres://u:hush%zz@h", r#"invalid percent-encoded token: "***""#),
        ("postgres://u:hush hush@h", r#"unexpected spaces found in "***", use percent-encoded spaces (%20) instead"#),
        (
            "postgres://u:hush@[::1?password=hush",
            r#"end of string reached when looking for matching "]" in IPv6 host address in URI: "postgres://[::1""#,
        ),
        (
            "postgres://u:hush@[::1]z",
            r#"unexpected character "z" at position 24 in URI (expected ":" or "/"): "postgres://[::1]z""#,
        ),
    ] {
        assert_parse_error(text, error);
    }
}

#[test]
fn unencoded_passwords_do_not_become_hosts_or_ports() {
    for uri in [
        "postgres://u:hu@sh@host/db",
        "postgres://u:hu/sh@host/db",
        "postgres://u:hu/sh?@host/db",
        "postgres://u:hush@a:sh@host/db",
        "postgres://u:hu:sh/x@host/db",
        "postgres://u:a@b,hu@sh",
        "postgres://h?password=hu@sh",
        "postgres://?p%61ssword=hush&host=@h",
        "postgres://h:1?user=u&password=hu@sh",
    ] {
        assert_eq!(Settings::parse(uri), Err(ConninfoError::AmbiguousCredentials), "{uri}");
    }
}
