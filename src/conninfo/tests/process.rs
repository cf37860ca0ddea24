//! The real environment, as far as a test may touch it.

use std::os::unix::fs::PermissionsExt;
use std::{env, fs, process};

use super::super::{Environment, ProcessEnvironment, Settings, resolve};
use super::defaults;

#[test]
fn reads_plain_files_with_their_mode() {
    let path = env::temp_dir().join(format!("conninfo-test-{}", process::id()));
    fs::write(&path, b"a\xff").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let file = ProcessEnvironment::default().read_file(&path);
    fs::remove_file(&path).unwrap();
    let file = file.unwrap();
    assert_eq!(file.contents, "a\u{fffd}");
    assert_eq!(file.mode, 0o640);
    assert!(file.is_plain_file);
}

#[test]
fn describes_what_is_no_plain_file() {
    let directory = ProcessEnvironment::default().read_file(&env::temp_dir()).unwrap();
    assert!(!directory.is_plain_file);
    assert_eq!(directory.contents, "");
}

#[test]
fn a_password_file_may_be_too_large() {
    let path = env::temp_dir().join(format!("conninfo-test-large-{}", process::id()));
    fs::File::create(&path).unwrap().set_len(16 * 1024 * 1024 + 1).unwrap();
    let settings = Settings::parse(&format!("user=u passfile={}", path.display())).unwrap();
    let endpoint = resolve(&settings, &ProcessEnvironment::default(), &defaults());
    fs::remove_file(&path).unwrap();
    assert_eq!(endpoint.unwrap().warnings, [format!("password file \"{}\" is too large", path.display())]);
}

#[test]
fn reads_variables_and_tells_its_user() {
    let environment = ProcessEnvironment { os_user: Some("postgres".into()) };
    assert_eq!(environment.var("PATH"), env::var("PATH").ok());
    assert_eq!(environment.var("NO_SUCH_VARIABLE_IS_SET"), None);
    assert_eq!(environment.os_user().as_deref(), Some("postgres"));
}
