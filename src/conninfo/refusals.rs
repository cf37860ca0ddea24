//! Options that ask for what libpq can do and this client cannot. Each is an error before any
//! socket is opened, so that nobody believes it was honoured.

use super::error::ConninfoError;
use super::settings::Settings;
use super::uri;

pub(super) fn check(settings: &Settings) -> Result<(), ConninfoError> {
    match settings.get("gssencmode") {
        Some("disable" | "prefer") | None => {}
        Some("require") => return Err(ConninfoError::GssEncryptionRequired),
        Some(other) => return Err(invalid("gssencmode", other)),
    }
    // Version 3.0 is spoken; a higher maximum is only an offer.
    for option in ["min_protocol_version", "max_protocol_version"] {
        match settings.get_nonempty(option) {
            Some("3.0") | None => {}
            Some("3.2" | "latest") if option == "max_protocol_version" => {}
            Some(value @ ("3.2" | "latest")) => {
                let value = value.to_owned();
                return Err(ConninfoError::UnsupportedValue { option, value });
            }
            Some(other) => return Err(invalid(option, other)),
        }
    }
    match settings.get_nonempty("replication") {
        None | Some("0" | "off" | "no" | "false") => {}
        Some(_) => return Err(ConninfoError::UnsupportedOption("replication")),
    }
    for option in ["scram_client_key", "scram_server_key"] {
        if settings.is_given(option) {
            return Err(ConninfoError::UnsupportedOption(option));
        }
    }
    // To libpq this is the name of a database, which it sends to the server, password and all.
    if settings.get("dbname").is_some_and(|dbname| uri::strip_scheme(dbname).is_some()) {
        return Err(ConninfoError::UriAsDatabase);
    }
    Ok(())
}

fn invalid(option: &'static str, value: &str) -> ConninfoError {
    let value = value.to_owned();
    ConninfoError::InvalidValue { option, value }
}
