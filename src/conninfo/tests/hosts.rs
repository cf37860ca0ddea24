//! Hosts, addresses and ports matched to one another.

use std::path::PathBuf;

use super::super::{Address, Defaults, Settings, resolve};
use super::{defaults, world};

fn unix(path: &str) -> Address {
    Address::Unix(PathBuf::from(path))
}

fn tcp(host: &str, hostaddr: &str, port: u16) -> Address {
    Address::Tcp { host: host.into(), hostaddr: (!hostaddr.is_empty()).then(|| hostaddr.into()), port }
}

#[test]
fn names_and_ports() {
    for (address, name, port) in [
        (unix("/run/postgresql/.s.PGSQL.5432"), "/run/postgresql", 5432),
        (Address::Abstract("app/.s.PGSQL.1".into()), "@app", 1),
        (tcp("db0", "", 7), "db0", 7),
        (tcp("db0", "10.0.0.1", 7), "db0", 7),
        (tcp("", "::1", 7), "::1", 7),
    ] {
        assert_eq!(address.name_and_port(), (name.to_owned(), port));
    }
}

#[test]
fn lists_match_element_by_element() {
    let default_socket = || unix("/run/postgresql/.s.PGSQL.5432");
    for (connstr, expected) in [
        ("", vec![default_socket()]),
        ("host='' port='' hostaddr=''", vec![default_socket()]),
        ("port=6543", vec![unix("/run/postgresql/.s.PGSQL.6543")]),
        ("host=/tmp port=1", vec![unix("/tmp/.s.PGSQL.1")]),
        ("host=@app port=1", vec![Address::Abstract("app/.s.PGSQL.1".into())]),
        ("host=a", vec![tcp("a", "", 5432)]),
        ("hostaddr=::1", vec![tcp("", "::1", 5432)]),
        ("host=a hostaddr=10.0.0.1", vec![tcp("a", "10.0.0.1", 5432)]),
        ("host=/tmp hostaddr=10.0.0.1", vec![tcp("/tmp", "10.0.0.1", 5432)]),
        ("host=a,b port=7", vec![tcp("a", "", 7), tcp("b", "", 7)]),
        ("host=a,b port=7,8", vec![tcp("a", "", 7), tcp("b", "", 8)]),
        ("host=a,b port=7,", vec![tcp("a", "", 7), tcp("b", "", 5432)]),
        ("host=a,,/tmp", vec![tcp("a", "", 5432), default_socket(), unix("/tmp/.s.PGSQL.5432")]),
        ("host=, hostaddr=1.1.1.1,", vec![tcp("", "1.1.1.1", 5432), default_socket()]),
        ("port='\t65535 '", vec![unix("/run/postgresql/.s.PGSQL.65535")]),
        ("port=+1", vec![unix("/run/postgresql/.s.PGSQL.1")]),
        ("postgres://a,b:8", vec![tcp("a", "", 5432), tcp("b", "", 8)]),
    ] {
        let hosts = world().endpoint(connstr).hosts;
        let addresses: Vec<_> = hosts.into_iter().map(|host| host.address).collect();
        assert_eq!(addresses, expected, "{connstr}");
    }
}

#[test]
fn lists_that_do_not_match_are_errors() {
    for (connstr, error) in [
        ("host=a,b hostaddr=1.1.1.1", "could not match 2 host names to 1 hostaddr values"),
        ("host=a hostaddr=1.1.1.1,2.2.2.2", "could not match 1 host names to 2 hostaddr values"),
        ("host=a port=1,2", "could not match 2 port numbers to 1 hosts"),
        ("port=1,2", "could not match 2 port numbers to 1 hosts"),
        ("host=a,b,c port=1,2", "could not match 2 port numbers to 3 hosts"),
        ("port=0", r#"invalid port number: "0""#),
        ("port=-1", r#"invalid port number: "-1""#),
        ("host=a,b port=1,65536", r#"invalid port number: "65536""#),
        ("port=x", r#"invalid integer value "x" for connection option "port""#),
        ("port=5432x", r#"invalid integer value "5432x" for connection option "port""#),
        ("port=' '", r#"invalid integer value " " for connection option "port""#),
        ("port=4294967297", r#"invalid integer value "4294967297" for connection option "port""#),
    ] {
        assert_eq!(world().error(connstr), error, "{connstr}");
    }
}

#[test]
fn the_installation_decides_the_default_host_and_port() {
    let defaults = Defaults { socket_dir: PathBuf::new(), port: 6000, ..defaults() };
    let endpoint = resolve(&Settings::default(), &world(), &defaults).unwrap();
    assert_eq!(endpoint.hosts[0].address, tcp("localhost", "", 6000));
}

#[test]
fn addresses_say_what_to_look_up_and_to_verify() {
    let address = |connstr| world().endpoint(connstr).hosts.remove(0).address;
    for (connstr, lookup, server_name, is_local) in [
        ("host=a", Some("a"), Some("a"), false),
        ("host=a hostaddr=1.1.1.1", Some("1.1.1.1"), Some("a"), false),
        ("hostaddr=1.1.1.1", Some("1.1.1.1"), None, false),
        ("host=/tmp", None, None, true),
        ("host=@x", None, None, true),
    ] {
        let address = address(connstr);
        assert_eq!(address.lookup_name(), lookup, "{connstr}");
        assert_eq!(address.server_name(), server_name, "{connstr}");
        assert_eq!(address.is_local(), is_local, "{connstr}");
    }
}

#[test]
fn display_names_hosts_as_libpq_does() {
    let endpoint = world().endpoint("host=a,/tmp,@x hostaddr=1.1.1.1,, user=u dbname=d");
    assert_eq!(
        endpoint.to_string(),
        "database \"d\" on server at \"1.1.1.1\", port 5432 \
         or server on socket \"/tmp/.s.PGSQL.5432\" \
         or server on socket \"@x/.s.PGSQL.5432\" as user \"u\""
    );
}

#[test]
fn there_are_limits() {
    let hosts = |count| format!("user=u host={}", vec!["h"; count].join(","));
    assert_eq!(world().endpoint(&hosts(1000)).hosts.len(), 1000);
    let settings = Settings::parse(&hosts(1001)).unwrap();
    let error = resolve(&settings, &world(), &defaults()).unwrap_err();
    assert_eq!(error.to_string(), "too many hosts: 1001 (maximum 1000)");
    for start in ["host=", "postgresql://"] {
        let longest = start.to_owned() + &"a".repeat(1024 * 1024 - start.len());
        assert!(Settings::parse(&longest).is_ok(), "{start}");
        let error = Settings::parse(&(longest + "a")).unwrap_err();
        assert_eq!(error.to_string(), "connection info string is too long: 1048577 bytes (maximum 1048576)");
    }
}
