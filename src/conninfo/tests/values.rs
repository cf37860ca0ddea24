//! Values of single options: words, integers, lists.

use std::time::Duration;

use super::super::{AuthMethod, ChannelBinding, Keepalives, TargetSessionAttrs};
use super::world;

#[test]
fn words_are_checked() {
    for option in [
        "sslmode",
        "sslnegotiation",
        "sslcertmode",
        "channel_binding",
        "gssencmode",
        "target_session_attrs",
        "load_balance_hosts",
    ] {
        for value in ["", "nonsense", "Prefer", " any"] {
            assert_eq!(world().error(&format!("{option}='{value}'")), format!("invalid {option} value: \"{value}\""));
        }
    }
    for option in ["min_protocol_version", "max_protocol_version"] {
        assert_eq!(world().error(&format!("{option}=3.1")), format!("invalid {option} value: \"3.1\""));
    }
    for option in ["ssl_min_protocol_version", "ssl_max_protocol_version"] {
        assert_eq!(world().error(&format!("{option}=TLSv2")), format!("invalid \"{option}\" value: \"TLSv2\""));
    }
}

#[test]
fn words_are_understood() {
    for (word, expected) in [
        ("any", TargetSessionAttrs::Any),
        ("read-write", TargetSessionAttrs::ReadWrite),
        ("read-only", TargetSessionAttrs::ReadOnly),
        ("primary", TargetSessionAttrs::Primary),
        ("standby", TargetSessionAttrs::Standby),
        ("prefer-standby", TargetSessionAttrs::PreferStandby),
    ] {
        let endpoint = world().endpoint(&format!("target_session_attrs={word}"));
        assert_eq!(endpoint.target_session_attrs, expected);
    }
    let endpoint = world().endpoint("channel_binding=require");
    assert_eq!(endpoint.channel_binding, ChannelBinding::Require);
}

#[test]
fn integers_are_checked() {
    for option in [
        "connect_timeout",
        "keepalives",
        "keepalives_idle",
        "keepalives_interval",
        "keepalives_count",
        "tcp_user_timeout",
    ] {
        for value in ["", "x", "1.5", "1 2", "10s", "2147483648"] {
            assert_eq!(
                world().error(&format!("{option}='{value}'")),
                format!("invalid integer value \"{value}\" for connection option \"{option}\"")
            );
        }
    }
}

#[test]
fn times_of_zero_or_less_are_no_limit() {
    for (value, expected) in
        [("0", None), ("-5", None), ("1", Some(1)), (" +10\t", Some(10)), ("2147483647", Some(i32::MAX as u64))]
    {
        let endpoint = world().endpoint(&format!("connect_timeout='{value}'"));
        assert_eq!(endpoint.connect_timeout, expected.map(Duration::from_secs), "{value}");
    }
    let endpoint = world().endpoint("tcp_user_timeout=1500");
    assert_eq!(endpoint.tcp_user_timeout, Some(Duration::from_millis(1500)));
}

#[test]
fn keepalives_are_on_by_default() {
    assert_eq!(world().endpoint("").keepalives, Some(Keepalives::default()));
    for off in ["keepalives=0", "keepalives=' 0 '", "keepalives=0 keepalives_idle=x"] {
        assert_eq!(world().endpoint(off).keepalives, None, "{off}");
    }
    let connstr = "keepalives=1 keepalives_idle=30 keepalives_interval=5 keepalives_count=3";
    assert_eq!(
        world().endpoint(connstr).keepalives,
        Some(Keepalives {
            idle: Some(Duration::from_secs(30)),
            interval: Some(Duration::from_secs(5)),
            count: Some(3),
        })
    );
    let endpoint = world().endpoint("keepalives_idle=0 keepalives_count=-1");
    assert_eq!(endpoint.keepalives, Some(Keepalives::default()));
}

#[test]
fn require_auth_accepts_or_refuses() {
    use AuthMethod::{Gss, Md5, None, Oauth, Password, ScramSha256, Sspi};
    let all = [Password, Md5, ScramSha256, Gss, Sspi, Oauth, None];
    for (list, allowed) in [
        ("", &all[..]),
        ("scram-sha-256", &[ScramSha256]),
        ("password,md5", &[Password, Md5]),
        ("none", &[None]),
        ("gss,sspi,oauth,none", &[Gss, Sspi, Oauth, None]),
        ("!password,!md5", &[ScramSha256, Gss, Sspi, Oauth, None]),
        ("!none", &all[..6]),
    ] {
        let required = world().endpoint(&format!("require_auth='{list}'")).require_auth;
        for method in all {
            assert_eq!(required.allows(method), allowed.contains(&method), "{list} {method:?}");
        }
    }
}

#[test]
fn require_auth_is_checked() {
    for (list, error) in [
        ("scram", r#"invalid require_auth value: "scram""#),
        ("!scram", r#"invalid require_auth value: "scram""#),
        ("md5,", r#"invalid require_auth value: """#),
        ("md5, password", r#"invalid require_auth value: " password""#),
        ("md5,!none", r#"negative require_auth method "!none" cannot be mixed with non-negative methods"#),
        ("!md5,none", r#"require_auth method "none" cannot be mixed with negative methods"#),
        ("md5,none,md5", r#"require_auth method "md5" is specified more than once"#),
        ("!none,!none", r#"require_auth method "!none" is specified more than once"#),
    ] {
        assert_eq!(world().error(&format!("require_auth='{list}'")), error);
    }
}

#[test]
fn what_cannot_be_done_is_refused() {
    for (connstr, error) in [
        ("replication=database", r#"connection option "replication" is not supported"#),
        ("replication=true", r#"connection option "replication" is not supported"#),
        ("scram_client_key=AAAA", r#"connection option "scram_client_key" is not supported"#),
        ("min_protocol_version=3.2", r#"min_protocol_version value "3.2" is not supported"#),
        ("min_protocol_version=latest", r#"min_protocol_version value "latest" is not supported"#),
        ("gssencmode=require", r#"gssencmode value "require" invalid when GSSAPI support is not compiled in"#),
        ("dbname=postgres://user:secret@host/d", "dbname must not be a connection URI"),
    ] {
        assert_eq!(world().error(connstr), error, "{connstr}");
    }
}

#[test]
fn what_makes_no_difference_is_accepted() {
    world().endpoint(
        "replication=false gssencmode=prefer max_protocol_version=latest min_protocol_version=3.0 \
         client_encoding=LATIN1 sslcompression=1 krbsrvname=x gsslib=gssapi gssdelegation=1 \
         oauth_issuer=x oauth_client_id=x oauth_client_secret=x oauth_scope=x",
    );
}

#[test]
fn require_auth_is_shown_as_written() {
    for list in ["", "scram-sha-256", "password,md5", "!none,!gss"] {
        let required = world().endpoint(&format!("require_auth='{list}'")).require_auth;
        assert_eq!(required.to_string(), list);
    }
}
