//! The password file.

use super::{World, world};

const HOME_FILE: &str = "/home/app/.pgpass";

/// The password for each host of `connstr`.
fn passwords(world: &World, connstr: &str) -> Vec<Option<String>> {
    let endpoint = world.endpoint(connstr);
    endpoint.hosts.iter().map(|host| endpoint.password_for(host).map(|p| p.reveal().to_owned())).collect()
}

#[test]
fn lines_match_host_port_database_and_user() {
    for (line, connstr, expected) in [
        ("h:5432:d:u:pw", "host=h user=u dbname=d", Some("pw")),
        ("*:*:*:*:pw", "host=h user=u dbname=d", Some("pw")),
        ("*:*:*:*:pw\r", "host=h", Some("pw")),
        ("h:5432:d:u:pw", "host=x user=u dbname=d", None),
        ("h:5432:d:u:pw", "host=h port=1 user=u dbname=d", None),
        ("h:5432:d:u:pw", "host=h user=u dbname=e", None),
        ("h:5432:d:u:pw", "host=h user=v dbname=d", None),
        ("h:5432:d:u", "host=h user=u dbname=d", None),
        ("hh:*:*:*:pw", "host=h", None),
        ("h:*:*:*:pw", "host=hh", None),
        ("*h:*:*:*:pw", "host=h", None),
        ("#:*:*:*:pw", "host=#", None),
        (r"\#:*:*:*:pw", "host=#", Some("pw")),
        ("*:*:*:*:", "host=h", None),
        (r"*:*:a\:b:c\\d:p\:w\\:more", r"dbname=a:b user=c\\d", Some(r"p:w\")),
        (r"*:*:*:*:pw\", "host=h", Some(r"pw\")),
        ("::1:*:*:*:pw", "host=::1", Some("pw")),
        (r"\:\:1:*:*:*:pw", "hostaddr=::1", Some("pw")),
        ("h:*:*:*:pw", "host=h hostaddr=1.1.1.1", Some("pw")),
        ("1.1.1.1:*:*:*:pw", "host=h hostaddr=1.1.1.1", None),
        ("localhost:*:*:*:pw", "", Some("pw")),
        ("localhost:*:*:*:pw", "host=/run/postgresql", Some("pw")),
        ("localhost:*:*:*:pw", "host=/tmp", None),
        ("/tmp:*:*:*:pw", "host=/tmp", Some("pw")),
        ("@x:*:*:*:pw", "host=@x", Some("pw")),
    ] {
        let world = world().file(HOME_FILE, line);
        let expected = vec![expected.map(str::to_owned)];
        assert_eq!(passwords(&world, connstr), expected, "{line} for {connstr}");
    }
}

#[test]
fn the_first_line_that_fits_decides_for_each_host() {
    let world = world().file(HOME_FILE, "a:*:*:*:1\n# a\n\nb:*:*:*:2\n*:2:*:*:3\n*:*:*:*:4\n");
    let expected = ["1", "2", "3", "4"].map(|password| Some(password.to_owned()));
    assert_eq!(passwords(&world, "host=a,b,c,d port=1,2,2,1"), expected);
}

#[test]
fn a_given_password_leaves_the_file_unread() {
    let world = world().file_with_mode(HOME_FILE, 0o644, "*:*:*:*:file");
    let endpoint = world.endpoint("password=given");
    assert_eq!(endpoint.hosts[0].password, None);
    assert_eq!(endpoint.passfile, None);
    assert_eq!(endpoint.warnings, Vec::<String>::new());
    assert_eq!(passwords(&world, "password=given"), [Some("given".into())]);
    assert_eq!(passwords(&world, "password=''"), [None]);
}

#[test]
fn the_file_may_be_elsewhere() {
    let world = world().file(HOME_FILE, "*:*:*:*:home").file("/v", "*:*:*:*:variable").file("/o", "*:*:*:*:option");
    assert_eq!(passwords(&world, ""), [Some("home".into())]);
    let world = world.var("PGPASSFILE", "/v");
    assert_eq!(passwords(&world, ""), [Some("variable".into())]);
    assert_eq!(passwords(&world, "passfile=/o"), [Some("option".into())]);
    assert_eq!(passwords(&world, "passfile=/missing"), [None]);
    let world = world.homeless();
    assert_eq!(passwords(&world, "passfile='' user=u"), [None]);
}

#[test]
fn a_file_open_to_others_is_left_unread() {
    for mode in [0o640, 0o604, 0o610, 0o777] {
        let world = world().file_with_mode(HOME_FILE, mode, "*:*:*:*:pw");
        let endpoint = world.endpoint("host=a,b");
        assert_eq!(
            endpoint.warnings,
            ["password file \"/home/app/.pgpass\" has group or world access; \
              permissions should be u=rw (0600) or less"]
        );
        assert_eq!(endpoint.hosts[0].password, None, "{mode:o}");
    }
    for mode in [0o600, 0o400, 0o700] {
        let world = world().file_with_mode(HOME_FILE, mode, "*:*:*:*:pw");
        assert!(world.endpoint("").warnings.is_empty(), "{mode:o}");
        assert_eq!(passwords(&world, ""), [Some("pw".into())], "{mode:o}");
    }
}

#[test]
fn only_a_plain_file_is_read() {
    let mut world = world().file(HOME_FILE, "");
    world.files.values_mut().for_each(|file| file.is_plain_file = false);
    assert_eq!(world.endpoint("").warnings, ["password file \"/home/app/.pgpass\" is not a plain file"]);
}
