//! Tests of the whole module, one file for each topic, over a world made of constants.

mod hosts;
mod keyvalue;
mod layers;
mod passfile;
mod process;
mod properties;
mod secrets;
mod service;
mod tls;
mod uri;
mod values;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::{ConninfoError, Defaults, Endpoint, Environment, FileText, Settings, resolve};

/// An [`Environment`] whose home directory is `/home/app` and whose user is `app`.
#[derive(Clone, Default)]
struct World {
    variables: BTreeMap<String, String>,
    files: BTreeMap<PathBuf, FileText>,
    is_homeless: bool,
}

impl World {
    fn var(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    fn file(self, path: &str, contents: &str) -> Self {
        self.file_with_mode(path, 0o600, contents)
    }

    fn file_with_mode(mut self, path: &str, mode: u32, contents: &str) -> Self {
        let contents = contents.into();
        let is_plain_file = true;
        self.files.insert(path.into(), FileText { contents, mode, is_plain_file });
        self
    }

    fn homeless(mut self) -> Self {
        self.is_homeless = true;
        self
    }

    fn resolve(&self, connstr: &str) -> Result<Endpoint, ConninfoError> {
        resolve(&Settings::parse(connstr)?, self, &defaults())
    }

    #[track_caller]
    fn endpoint(&self, connstr: &str) -> Endpoint {
        self.resolve(connstr).unwrap_or_else(|error| panic!("{connstr}: {error}"))
    }

    #[track_caller]
    fn error(&self, connstr: &str) -> String {
        match self.resolve(connstr) {
            Ok(endpoint) => panic!("{connstr}: no error but {endpoint}"),
            Err(error) => error.to_string(),
        }
    }
}

impl Environment for World {
    fn var(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn read_file(&self, path: &Path) -> io::Result<FileText> {
        let file = self.files.get(path).cloned();
        file.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn home_dir(&self) -> Option<PathBuf> {
        (!self.is_homeless).then(|| "/home/app".into())
    }

    fn os_user(&self) -> Option<String> {
        (!self.is_homeless).then(|| "app".into())
    }
}

fn defaults() -> Defaults {
    Defaults {
        socket_dir: "/run/postgresql".into(),
        sysconf_dir: "/etc/postgresql-common".into(),
        port: 5432,
        application_name: None,
    }
}

fn world() -> World {
    World::default()
}

/// Asserts that `connstr` has the settings of `expected`, itself in plain `key=value` syntax.
#[track_caller]
fn assert_settings(connstr: &str, expected: &[(&str, &str)]) {
    let settings = Settings::parse(connstr).unwrap_or_else(|error| panic!("{connstr}: {error}"));
    let mut wanted = Settings::default();
    for (keyword, value) in expected {
        wanted.set(keyword, *value).expect("known keyword");
    }
    assert!(settings == wanted, "{connstr}: got {settings:?}, want {wanted:?}");
}

#[track_caller]
fn assert_parse_error(connstr: &str, expected: &str) {
    let error = Settings::parse(connstr).expect_err(connstr);
    assert_eq!(error.to_string(), expected, "{connstr}");
}
