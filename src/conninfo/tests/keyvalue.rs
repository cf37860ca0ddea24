//! The `key = value` syntax.

use super::super::{ConninfoError, Settings};
use super::{assert_parse_error, assert_settings};

#[test]
fn reads_pairs() {
    for (text, expected) in [
        ("", &[][..]),
        (" \t\n\x0b\x0c\r ", &[]),
        ("host=h", &[("host", "h")]),
        ("host = h", &[("host", "h")]),
        (" host\t=\nh  port=1 ", &[("host", "h"), ("port", "1")]),
        ("host=", &[("host", "")]),
        ("host= port=1", &[("host", "port=1")]),
        ("host='' port=1", &[("host", ""), ("port", "1")]),
        ("host='a b'port=1", &[("host", "a b"), ("port", "1")]),
        ("host=a'b", &[("host", "a'b")]),
        ("host=a=b", &[("host", "a=b")]),
        ("host='password=b'", &[("host", "password=b")]),
        ("password=password=b", &[("password", "password=b")]),
        (r"host=a\ b", &[("host", "a b")]),
        (r"host=a\\b\'", &[("host", r"a\b'")]),
        (r"host=a\", &[("host", "a")]),
        (r"host='it\'s \\ \n'", &[("host", r"it's \ n")]),
        ("dbname=Ünï\u{a0}x", &[("dbname", "Ünï\u{a0}x")]),
        ("host=a host=b", &[("host", "b")]),
        ("requiressl=1", &[("sslmode", "require")]),
        ("requiressl=0", &[("sslmode", "prefer")]),
    ] {
        assert_settings(text, expected);
    }
}

#[test]
fn refuses_bad_syntax() {
    for (text, error) in [
        ("host", r#"missing "=" after "host" in connection info string"#),
        ("host h", r#"missing "=" after "host" in connection info string"#),
        ("host=a port", r#"missing "=" after "port" in connection info string"#),
        ("postgre://", r#"missing "=" after "postgre://" in connection info string"#),
        (" postgresql://", r#"missing "=" after "postgresql://" in connection info string"#),
        ("host='a", "unterminated quoted string in connection info string"),
        (r"host='a\'", "unterminated quoted string in connection info string"),
        (r"host='a\", "unterminated quoted string in connection info string"),
        ("hots=a", r#"invalid connection option "hots""#),
        ("Host=a", r#"invalid connection option "Host""#),
        ("=a", r#"invalid connection option """#),
        ("authtype=a", r#"invalid connection option "authtype""#),
    ] {
        assert_parse_error(text, error);
    }
}

#[test]
fn knows_every_keyword_of_libpq_18() {
    for keyword in "service user password passfile channel_binding connect_timeout dbname host \
        hostaddr port client_encoding options application_name fallback_application_name \
        keepalives keepalives_idle keepalives_interval keepalives_count tcp_user_timeout sslmode \
        sslnegotiation sslcompression sslcert sslkey sslcertmode sslpassword sslrootcert sslcrl \
        sslcrldir sslsni requirepeer require_auth min_protocol_version max_protocol_version \
        ssl_min_protocol_version ssl_max_protocol_version gssencmode krbsrvname gsslib \
        gssdelegation replication target_session_attrs load_balance_hosts scram_client_key \
        scram_server_key oauth_issuer oauth_client_id oauth_client_secret oauth_scope \
        sslkeylogfile"
        .split_whitespace()
    {
        assert_settings(&format!("{keyword}=x"), &[(keyword, "x")]);
    }
}

#[test]
fn answers_what_was_written() {
    let settings = Settings::parse("user='' password=x port=1").unwrap();
    assert_eq!(settings.get("user"), Some(""));
    assert_eq!(settings.get_nonempty("user"), None);
    assert_eq!(settings.get("host"), None);
    assert!(settings.is_given("password"));
    assert!(!settings.is_given("user"));
    assert!(!settings.is_given("host"));
}

#[test]
fn takes_additions() {
    let settings = Settings::parse("user='' password=x")
        .and_then(|settings| settings.with_default("user", "alice"))
        .and_then(|settings| settings.with_default("password", "y"))
        .unwrap();
    assert_eq!(settings.get("user"), Some("alice"));
    assert_eq!(settings.get("password"), Some("x"));

    let mut settings = settings;
    settings.set("password", "z").unwrap();
    assert_eq!(settings.get("password"), Some("z"));
    assert_eq!(settings.set("pasword", "z"), Err(ConninfoError::UnknownOption("pasword".into())));
}

#[test]
fn prints_what_parses_back() {
    let text = r"application_name='' dbname='a b' host=h options='\'\\'";
    assert_eq!(Settings::parse(text).unwrap().to_string(), text);
}
