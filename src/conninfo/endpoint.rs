//! The end of the road: everything that is needed to connect, checked.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::choices::{ChannelBinding, Choice, LoadBalanceHosts, TargetSessionAttrs};
use super::environment::{Defaults, Environment};
use super::error::ConninfoError;
use super::hosts::{self, Host, Location};
use super::keyvalue::is_space;
use super::layers;
use super::numbers::{self, Keepalives};
use super::options::SESSION_VARIABLES;
use super::passfile::{PasswordFile, Wanted};
use super::refusals;
use super::require_auth::RequireAuth;
use super::secret::Secret;
use super::settings::Settings;
use super::tls::TlsSettings;

/// A server, or several that stand for one another, and how to open a session there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// In the order written; never empty.
    pub hosts: Vec<Host>,
    pub user: String,
    /// The password that the connection string, the service file or `PGPASSWORD` gave.
    pub password: Option<Secret>,
    pub dbname: String,
    /// Command-line options for the server.
    pub options: Option<String>,
    /// `application_name`, or else `fallback_application_name`.
    pub application_name: Option<String>,
    /// Server parameters that `PGDATESTYLE`, `PGTZ` and `PGGEQO` set for the session.
    pub session_parameters: Vec<(&'static str, String)>,
    /// `None` is for ever. libpq grants this time anew to each address that it tries.
    pub connect_timeout: Option<Duration>,
    /// `None` when switched off.
    pub keepalives: Option<Keepalives>,
    /// How long sent data may stay unacknowledged; `None` leaves it to the system.
    pub tcp_user_timeout: Option<Duration>,
    pub target_session_attrs: TargetSessionAttrs,
    pub load_balance_hosts: LoadBalanceHosts,
    /// For hosts over TCP; see [`super::Address::is_local`].
    pub tls: TlsSettings,
    pub channel_binding: ChannelBinding,
    pub require_auth: RequireAuth,
    /// The operating system's user that a server on a Unix-domain socket must run as.
    pub requirepeer: Option<String>,
    /// The password file that was looked into, for the hint after a wrong password.
    pub passfile: Option<PathBuf>,
    /// What the user should know though it is no error, such as a password file left unread.
    pub warnings: Vec<String>,
}

impl Endpoint {
    /// The password for one of the hosts: one that was given is for all of them, else the password
    /// file has one for each.
    pub fn password_for<'a>(&'a self, host: &'a Host) -> Option<&'a Secret> {
        self.password.as_ref().or(host.password.as_ref())
    }

    /// `options` and the session parameters as one list of command-line options, for a client that
    /// cannot send the parameters by name.
    pub fn startup_options(&self) -> Option<String> {
        let parameters =
            self.session_parameters.iter().map(|(name, value)| format!("-c {name}={}", escape_option(value)));
        let all: Vec<_> = self.options.clone().into_iter().chain(parameters).collect();
        (!all.is_empty()).then(|| all.join(" "))
    }
}

/// The server splits options at blanks, except at those behind a backslash (`pg_split_opts`).
fn escape_option(value: &str) -> String {
    let mut escaped = String::new();
    for c in value.chars() {
        if c == '\\' || is_space(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "database \"{}\" on ", self.dbname)?;
        for (index, host) in self.hosts.iter().enumerate() {
            let separator = if index == 0 { "" } else { " or " };
            write!(f, "{separator}{host}")?;
        }
        write!(f, " as user \"{}\"", self.user)
    }
}

/// Fills `settings` up from the environment and checks them, as libpq does when it is told to
/// connect (libpq, `pqConnectOptions2`). Reads the service file and the password file, every time.
pub fn resolve(
    settings: &Settings,
    environment: &dyn Environment,
    defaults: &Defaults,
) -> Result<Endpoint, ConninfoError> {
    let settings = layers::complete(settings, environment, defaults)?;
    refusals::check(&settings)?;
    let home = environment.home_dir();
    let text = |option| settings.get_nonempty(option).map(str::to_owned);

    let locations = hosts::locate(&settings, defaults)?;
    let user = text("user").or_else(|| environment.os_user()).ok_or(ConninfoError::NoUser)?;
    let dbname = text("dbname").unwrap_or_else(|| user.clone());

    let password = settings.get_nonempty("password").map(Secret::new);
    let passfile = match password {
        Some(_) => None,
        None => text("passfile").map(PathBuf::from).or_else(|| home.as_ref().map(|home| home.join(".pgpass"))),
    };
    let (password_file, warning) = match &passfile {
        Some(path) => PasswordFile::open(path, environment),
        None => Default::default(),
    };
    let host = |location: Location| Host {
        password: password_file.password(&Wanted {
            host: location.name_in_passfile(defaults),
            port: location.port,
            dbname: &dbname,
            user: &user,
        }),
        address: location.address(),
    };

    Ok(Endpoint {
        hosts: locations.into_iter().map(host).collect(),
        password,
        options: text("options"),
        application_name: application_name(&settings).map(str::to_owned),
        session_parameters: session_parameters(environment),
        connect_timeout: numbers::seconds(&settings, "connect_timeout")?,
        keepalives: Keepalives::of(&settings)?,
        tcp_user_timeout: numbers::positive(&settings, "tcp_user_timeout")?
            .map(|milliseconds| Duration::from_millis(milliseconds.into())),
        target_session_attrs: TargetSessionAttrs::of(&settings)?,
        load_balance_hosts: LoadBalanceHosts::of(&settings)?,
        tls: TlsSettings::new(&settings, home.as_deref())?,
        channel_binding: ChannelBinding::of(&settings)?,
        require_auth: RequireAuth::parse(settings.get("require_auth"))?,
        requirepeer: text("requirepeer"),
        passfile,
        warnings: warning.into_iter().collect(),
        user,
        dbname,
    })
}

/// An `application_name` that is there, even empty, hides the fallback.
fn application_name(settings: &Settings) -> Option<&str> {
    settings
        .get("application_name")
        .or_else(|| settings.get("fallback_application_name"))
        .filter(|name| !name.is_empty())
}

/// `default` in one of these variables is as if it were not set (libpq, `build_startup_packet`).
fn session_parameters(environment: &dyn Environment) -> Vec<(&'static str, String)> {
    SESSION_VARIABLES
        .iter()
        .filter_map(|&(variable, parameter)| Some((parameter, environment.var(variable)?)))
        .filter(|(_, value)| !value.eq_ignore_ascii_case("default"))
        .collect()
}
