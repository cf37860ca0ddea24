//! Which layer decides: string, service file, environment variables, built-in values.

use std::time::Duration;

use super::super::{Defaults, Isolated, LoadBalanceHosts, Settings, SslMode, TargetSessionAttrs, resolve};
use super::{defaults, world};

#[test]
fn built_in_values_make_a_connection() {
    let endpoint = world().endpoint("");
    assert_eq!(endpoint.user, "app");
    assert_eq!(endpoint.dbname, "app");
    assert_eq!(endpoint.password, None);
    assert_eq!(endpoint.options, None);
    assert_eq!(endpoint.application_name, None);
    assert_eq!(endpoint.connect_timeout, None);
    assert_eq!(endpoint.target_session_attrs, TargetSessionAttrs::Any);
    assert_eq!(endpoint.load_balance_hosts, LoadBalanceHosts::Disable);
    assert_eq!(endpoint.tls.mode, SslMode::Prefer);
    assert_eq!(endpoint.warnings, Vec::<String>::new());
}

#[test]
fn each_layer_hides_those_below() {
    let world = world()
        .var("PGSERVICE", "s")
        .var("PGUSER", "from-variable")
        .var("PGDATABASE", "from-variable")
        .var("PGOPTIONS", "from-variable")
        .file("/home/app/.pg_service.conf", "[s]\nuser=from-service\ndbname=from-service\n");
    let endpoint = world.endpoint("user=from-string");
    assert_eq!(endpoint.user, "from-string");
    assert_eq!(endpoint.dbname, "from-service");
    assert_eq!(endpoint.options.as_deref(), Some("from-variable"));
}

#[test]
fn an_empty_value_hides_too() {
    let world = world().var("PGHOST", "h").var("PGUSER", "u").var("PGDATABASE", "d").var("PGAPPNAME", "n");
    let endpoint = world.endpoint("host='' user='' dbname='' application_name='' fallback_application_name=fallback");
    assert!(endpoint.hosts[0].address.is_local());
    assert_eq!(endpoint.user, "app");
    assert_eq!(endpoint.dbname, "app");
    assert_eq!(endpoint.application_name, None);
    assert_eq!(world.endpoint("postgres://").dbname, "d");

    let world = world.var("PGSSLMODE", "");
    assert_eq!(world.error(""), r#"invalid sslmode value: """#);
}

#[test]
fn the_database_is_named_as_the_user() {
    assert_eq!(world().endpoint("user=u").dbname, "u");
    assert_eq!(world().endpoint("user=u dbname=host=x").dbname, "host=x");
}

#[test]
fn without_any_user_there_is_no_connection() {
    assert_eq!(world().homeless().error("host=h"), "no user name given, and the operating system's user is unknown");
}

#[test]
fn the_application_name_has_a_fallback() {
    for (connstr, expected) in [
        ("fallback_application_name=f", Some("f")),
        ("application_name=a fallback_application_name=f", Some("a")),
        ("application_name=''", None),
    ] {
        let endpoint = world().endpoint(connstr);
        assert_eq!(endpoint.application_name.as_deref(), expected, "{connstr}");
    }
    let world = world().var("PGAPPNAME", "v");
    let endpoint = world.endpoint("fallback_application_name=f");
    assert_eq!(endpoint.application_name.as_deref(), Some("v"));
}

#[test]
fn the_callers_application_name_comes_between_the_service_and_the_variable() {
    let world = world()
        .var("PGAPPNAME", "from-variable")
        .file("/home/app/.pg_service.conf", "[s]\napplication_name=from-service\n[t]\nfallback_application_name=f\n");
    let named = Defaults { application_name: Some("ours".into()), ..defaults() };
    for (connstr, expected) in [
        ("", Some("ours")),
        ("application_name=a", Some("a")),
        ("application_name=''", None),
        ("service=s", Some("from-service")),
        // These two say what the name is where nobody gives one; the variable gives one.
        ("fallback_application_name=f", Some("from-variable")),
        ("service=t", Some("from-variable")),
    ] {
        let endpoint = resolve(&Settings::parse(connstr).unwrap(), &world, &named).unwrap();
        assert_eq!(endpoint.application_name.as_deref(), expected, "{connstr}");
    }
    let settings = Settings::parse("user=u").unwrap();
    assert_eq!(resolve(&settings, &Isolated, &named).unwrap().application_name.as_deref(), Some("ours"));
}

#[test]
fn variables_reach_their_options() {
    let endpoint = world()
        .var("PGHOST", "a,b")
        .var("PGHOSTADDR", "1.1.1.1,2.2.2.2")
        .var("PGPORT", "1,2")
        .var("PGPASSWORD", "p")
        .var("PGCONNECT_TIMEOUT", "7")
        .var("PGTARGETSESSIONATTRS", "primary")
        .var("PGLOADBALANCEHOSTS", "random")
        .var("PGREQUIREPEER", "postgres")
        .endpoint("");
    assert_eq!(endpoint.hosts.len(), 2);
    assert_eq!(endpoint.password.map(|p| p.reveal().to_owned()).as_deref(), Some("p"));
    assert_eq!(endpoint.connect_timeout, Some(Duration::from_secs(7)));
    assert_eq!(endpoint.target_session_attrs, TargetSessionAttrs::Primary);
    assert_eq!(endpoint.load_balance_hosts, LoadBalanceHosts::Random);
    assert_eq!(endpoint.requirepeer.as_deref(), Some("postgres"));
}

#[test]
fn sslmode_has_weaker_and_stronger_defaults() {
    for (variables, connstr, expected) in [
        (&[][..], "", SslMode::Prefer),
        (&[("PGREQUIRESSL", "1")], "", SslMode::Require),
        (&[("PGREQUIRESSL", "0")], "", SslMode::Prefer),
        (&[("PGREQUIRESSL", "1"), ("PGSSLMODE", "allow")], "", SslMode::Allow),
        (&[("PGSSLROOTCERT", "system")], "", SslMode::VerifyFull),
        (&[("PGSSLROOTCERT", "system")], "sslrootcert=x", SslMode::Prefer),
        (&[], "sslrootcert=system", SslMode::VerifyFull),
    ] {
        let world = variables.iter().fold(world(), |world, (name, value)| world.var(name, value));
        assert_eq!(world.endpoint(connstr).tls.mode, expected, "{variables:?}");
    }
}

#[test]
fn session_variables_become_server_parameters() {
    let endpoint = world()
        .var("PGDATESTYLE", "SQL, DMY")
        .var("PGTZ", "Default")
        .var("PGGEQO", r"a\b")
        .endpoint("options='-c x=1'");
    assert_eq!(endpoint.session_parameters, [("datestyle", "SQL, DMY".to_owned()), ("geqo", r"a\b".to_owned())]);
    assert_eq!(endpoint.startup_options().as_deref(), Some(r"-c x=1 -c datestyle=SQL,\ DMY -c geqo=a\\b"));
    assert_eq!(world().endpoint("").startup_options(), None);
}

#[test]
fn isolation_leaves_the_string_alone() {
    let settings = Settings::parse("host=h user=u passfile=/etc/passwd").unwrap();
    let endpoint = resolve(&settings, &Isolated, &defaults()).unwrap();
    assert_eq!(endpoint.password_for(&endpoint.hosts[0]), None);
    assert_eq!(endpoint.tls.certificate, None);

    let settings = Settings::parse("service=s user=u").unwrap();
    let error = resolve(&settings, &Isolated, &defaults()).unwrap_err();
    assert_eq!(error.to_string(), r#"definition of service "s" not found"#);
}
