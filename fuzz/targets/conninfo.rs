//! Connection strings: any text is read or refused, what is read is what is printed, and no password is seen anywhere.
//!
//! The input is a connection string and, after a NUL, the text of every file that it leads to.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pure::conninfo::{ConninfoError, Defaults, Endpoint, Environment, FileText, Isolated, Settings, resolve};
use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};

/// A password that is in no input, however it may be spelled.
const HUSH: &str = "HUSH";

fuzz_target!(|input: &str| {
    let spelled = input.replace('\\', "").replace("%48", "H").replace("%55", "U").replace("%53", "S");
    if spelled.contains(HUSH) {
        return;
    }
    let (text, file) = input.split_once('\0').unwrap_or((input, ""));
    if let Ok(settings) = Settings::parse(text) {
        printed_settings_parse_back(&settings);
        _ = check(resolve(&settings, &Isolated, &defaults()));
        _ = check(resolve(&settings, &World { file }, &defaults()));
    }
    passwords_are_hidden(text);
    passwords_in_files_are_hidden(text, file);
});

/// A world whose files all have the same text.
struct World<'a> {
    file: &'a str,
}

impl Environment for World<'_> {
    fn var(&self, _name: &str) -> Option<String> {
        None
    }

    fn read_file(&self, _path: &Path) -> io::Result<FileText> {
        Ok(FileText { contents: self.file.to_owned(), mode: 0o600, is_plain_file: true })
    }

    fn home_dir(&self) -> Option<PathBuf> {
        Some("/home/app".into())
    }

    fn os_user(&self) -> Option<String> {
        Some("app".to_owned())
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

/// With the secrets, which aren't printed, put in again, the printed settings are the same and mean the same.
fn printed_settings_parse_back(settings: &Settings) {
    let printed = settings.to_string();
    let mut again = Settings::parse(&printed).unwrap_or_else(|error| panic!("{printed:?}: {error}"));
    assert_eq!(again.to_string(), printed);
    for keyword in ["password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"] {
        assert_eq!(again.get(keyword), None);
        if let Some(secret) = settings.get(keyword) {
            again.set(keyword, secret).expect("a known keyword");
        }
    }
    assert!(again == *settings, "{printed:?}");
    assert_eq!(resolve(&again, &Isolated, &defaults()), resolve(settings, &Isolated, &defaults()));
}

/// Checks what holds for every endpoint.
fn check(endpoint: Result<Endpoint, ConninfoError>) -> Result<Endpoint, ConninfoError> {
    let endpoint = endpoint?;
    assert!(!endpoint.hosts.is_empty() && !endpoint.user.is_empty() && !endpoint.dbname.is_empty());
    for host in &endpoint.hosts {
        assert_eq!(host.address.is_local(), host.address.lookup_name().is_none());
        assert_ne!(host.address.lookup_name(), Some(""));
        assert!(endpoint.password_for(host).is_none_or(|password| !password.reveal().is_empty()));
    }
    let mut required = Settings::default();
    required.set("require_auth", endpoint.require_auth.to_string())?;
    required.set("user", "app")?;
    assert_eq!(resolve(&required, &Isolated, &defaults())?.require_auth, endpoint.require_auth);
    Ok(endpoint)
}

/// A password that is written as it must be isn't shown, whatever surrounds it; nor is what follows a blank or an `&` in one
/// that isn't.
fn passwords_are_hidden(text: &str) {
    let (before, after) = text.split_at(text.floor_char_boundary(text.len() / 2));
    let is_list = !before.starts_with("postgres") && !before.ends_with('\\') && Settings::parse(before).is_ok();
    for (text, is_complete) in [
        (format!("password='{HUSH}' {text}"), true),
        (format!("password = {HUSH}\\ {HUSH}\t{text}"), true),
        (format!("{before} password='{HUSH}\\'{HUSH}' {after}"), is_list),
        (format!("postgres://u:{HUSH}@{text}"), true),
        (format!("postgresql://u:{HUSH}%40{HUSH}@{text}"), true),
        (format!("postgres://?password={HUSH}%26{HUSH}&{text}"), true),
        (format!("postgres://?p%61ssword={HUSH}%{HUSH}&{text}"), true),
        (format!("password={HUSH} {HUSH}{text}"), true),
        (format!("postgres://?password={HUSH}&{HUSH}{text}"), true),
    ] {
        // Else the password isn't one: it begins in the middle of something.
        if is_complete {
            let settings = Settings::parse(&text);
            hides(&text, &settings);
            if let Ok(settings) = settings {
                assert!(!settings.to_string().contains(HUSH), "{text:?}: {settings}");
                let endpoint = resolve(&settings, &World { file: "" }, &defaults());
                hides(&text, &endpoint);
                assert!(endpoint.map_or(true, |endpoint| !endpoint.to_string().contains(HUSH)));
            }
        }
    }
}

fn hides<T: Debug>(text: &str, result: &Result<T, ConninfoError>) {
    assert!(!format!("{result:?} {result:#?}").contains(HUSH), "{text:?}: {result:?}");
    if let Err(error) = result {
        assert!(!error.to_string().contains(HUSH), "{text:?}: {error}");
    }
}

fn passwords_in_files_are_hidden(text: &str, file: &str) {
    let passwords = format!("{file}\n*:*:*:*:{HUSH}\n[service]\npassword={HUSH}\n{file}");
    for text in [text, "service=service"] {
        if let Ok(settings) = Settings::parse(text) {
            hides(text, &check(resolve(&settings, &World { file: &passwords }, &defaults())));
        }
    }
}
