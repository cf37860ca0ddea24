//! The layers of defaults under a connection string (libpq, `conninfo_add_defaults`): the string, the service file,
//! for the application's name the caller's, environment variables, built-in values. The first layer that has an
//! option decides, even when its value is empty.

use super::environment::{Defaults, Environment};
use super::error::ConninfoError;
use super::options::OPTIONS;
use super::service;
use super::settings::Settings;

/// The settings with all layers in them.
pub(super) fn complete(
    settings: &Settings,
    environment: &dyn Environment,
    defaults: &Defaults,
) -> Result<Settings, ConninfoError> {
    let mut complete = settings.clone();
    service::fill(&mut complete, environment, defaults)?;
    if complete.get("fallback_application_name").is_none() {
        complete.fill("application_name", || defaults.application_name.clone());
    }
    for option in OPTIONS {
        let variable = option.variable.and_then(|name| environment.var(name));
        complete.fill(option.keyword, || variable);
    }
    // Deprecated, hence under PGSSLMODE.
    let requires_tls = environment.var("PGREQUIRESSL").is_some_and(|value| value.starts_with('1'));
    complete.fill("sslmode", || requires_tls.then(|| "require".to_owned()));
    // The system's authorities sign anybody's certificate, so the name must be checked.
    let has_system_roots = complete.get("sslrootcert") == Some("system");
    complete.fill("sslmode", || has_system_roots.then(|| "verify-full".to_owned()));
    for option in OPTIONS {
        complete.fill(option.keyword, || option.default.map(str::to_owned));
    }
    Ok(complete)
}
