//! The connection service file.

use super::world;

const HOME_FILE: &str = "/home/app/.pg_service.conf";

#[test]
fn finds_the_group() {
    let world = world().file(
        HOME_FILE,
        "# comment\n\
         host=outside-any-group\n\
         [other]\n\
         not an option at all\n\
         [mine] trailing words\n\
         \t# comment\n\
         \n\
         \x20 host=h1 \n\
         host=h2\n\
         dbname=a = b\n\
         [mine]\n\
         user=second-group-of-the-name\n",
    );
    for connstr in ["service=mine", "postgres://?service=mine"] {
        let endpoint = world.endpoint(connstr);
        assert_eq!(endpoint.hosts[0].to_string(), "server at \"h1\", port 5432");
        assert_eq!(endpoint.dbname, "a = b");
        assert_eq!(endpoint.user, "app");
    }
    let endpoint = world.clone().var("PGSERVICE", "mine").endpoint("");
    assert_eq!(endpoint.dbname, "a = b");
    for missing in ["min", "mine2", ""] {
        assert_eq!(
            world.error(&format!("service='{missing}'")),
            format!("definition of service \"{missing}\" not found")
        );
    }
}

#[test]
fn looks_in_the_users_file_then_in_the_systems() {
    let world = world()
        .file("/etc/postgresql-common/pg_service.conf", "[s]\nuser=system\n")
        .file("/conf/pg_service.conf", "[s]\nuser=directory\n")
        .file("/named.conf", "[t]\nuser=named\n");
    assert_eq!(world.endpoint("service=s").user, "system");
    assert_eq!(world.clone().homeless().endpoint("service=s").user, "system");

    let world = world.var("PGSYSCONFDIR", "/conf");
    assert_eq!(world.endpoint("service=s").user, "directory");

    let world = world.var("PGSERVICEFILE", "/named.conf");
    assert_eq!(world.endpoint("service=t").user, "named");
    assert_eq!(world.endpoint("service=s").user, "directory");

    let world = world.file(HOME_FILE, "[s]\nuser=home\n");
    assert_eq!(world.endpoint("service=s").user, "directory");

    let world = world.var("PGSERVICEFILE", "/missing.conf");
    assert_eq!(world.error("service=s"), "service file \"/missing.conf\" not found");
}

#[test]
fn refuses_bad_groups() {
    for (line, error) in [
        ("nonsense", "syntax error in service file \"/home/app/.pg_service.conf\", line 2"),
        ("hots=a", "syntax error in service file \"/home/app/.pg_service.conf\", line 2"),
        ("host = a", "syntax error in service file \"/home/app/.pg_service.conf\", line 2"),
        (
            "service=t",
            "nested service specifications not supported in service file \"/home/app/.pg_service.conf\", line 2",
        ),
    ] {
        let world = world().file(HOME_FILE, &format!("[s]\n{line}\n"));
        assert_eq!(world.error("service=s"), error);
    }
}
