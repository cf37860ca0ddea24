//! Opening a connection: from a connection string to a session.
//!
//! What it owns: which of the string's hosts a connection goes to, and everything up to the moment when it can take a
//! query. libpq's rules apply throughout, and its words, since people know them.
//!
//! ```text
//!  conninfo ──▶ search ──▶ address ──▶ server ──▶ session ──▶ standing ──▶ Connection
//!               host after  names and   socket,    login,     is it the
//!               host        paths       TLS        guarded    kind of server
//!                                                             that was asked for?
//! ```
//!
//! All of it is one future. What it waits for, a socket or the clock, it publishes in [`Awaited`], where [`Opening`]
//! shows it to the reactor. Nothing blocks but the system's resolver.

mod address;
mod awaited;
mod conversation;
mod guard;
mod questions;
mod search;
mod server;
mod session;
mod standing;

pub use awaited::Awaited;
pub use questions::CancelKey;
pub use server::{Encryption, Server};
pub use session::Opened;

use super::connection::Connection;
use super::idle::Slot;
use super::{Checkout, Key};
use crate::conninfo::{self, Defaults, Endpoint, Environment, Escape, Isolated, ProcessEnvironment, Settings};
use crate::error::Problem;
use crate::pg::{build, session as own_session};
use crate::reactor::{Socket, Wakeup};
use crate::settings;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

/// A connection that is being opened.
pub struct Opening {
    future: Pin<Box<dyn Future<Output = Result<Box<Connection>, Problem>>>>,
    awaited: Rc<Awaited>,
    wakeup: Wakeup,
    place: Place,
    deadline: Option<Instant>,
}

/// Where a connection goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// A host as it was written, or a socket's directory; before it is known which of them it will be, all of them.
    pub host: String,
    /// `None` as long as it may be one or the other.
    pub port: Option<u16>,
    /// Name of the database.
    pub database: String,
}

impl Place {
    fn of(endpoint: &Endpoint) -> Place {
        let (hosts, mut ports): (Vec<_>, Vec<_>) =
            endpoint.hosts.iter().map(|host| host.address.name_and_port()).unzip();
        ports.dedup();
        let port = ports.first().copied().filter(|_| ports.len() == 1);
        Place { host: hosts.join(","), port, database: endpoint.dbname.clone() }
    }
}

impl Opening {
    /// Begins to connect. `timeout` is for the whole attempt, whatever hosts and addresses there are; without one, the
    /// connection string's own counts, and without that `otherwise`.
    pub fn new(key: Key, timeout: Option<Duration>, otherwise: Option<Duration>) -> Result<Opening, Problem> {
        let settings = given(&key)?;
        let process = ProcessEnvironment { os_user: None };
        let environment: &dyn Environment = if key.is_callers { &Isolated } else { &process };
        let defaults = Defaults {
            socket_dir: build::socket_dir(),
            sysconf_dir: build::sysconf_dir(),
            port: build::port(),
            application_name: application_name(),
        };
        let mut endpoint = conninfo::resolve(&settings, environment, &defaults)?;
        if key.requires_password() {
            endpoint.require_auth = endpoint.require_auth.and_password();
        }
        for warning in &endpoint.warnings {
            crate::report::warning(warning.as_str());
        }
        let place = Place::of(&endpoint);
        let deadline = timeout.or(endpoint.connect_timeout).or(otherwise).map(|timeout| Instant::now() + timeout);
        let awaited = Rc::new(Awaited::default());
        let wakeup = Wakeup::new();
        let future = Box::pin(search::search(key, endpoint, deadline, awaited.clone(), Slot::acquire()?));
        Ok(Opening { future, awaited, wakeup, place, deadline })
    }

    /// Goes on without waiting. Fails when no host would have us, or when the deadline has passed.
    pub fn poll(&mut self) -> Result<Poll<Checkout>, Problem> {
        self.awaited.forget_alarm();
        let polled = self.wakeup.settle(|context| self.future.as_mut().poll(context));
        if self.wakeup.is_unsettled() {
            self.awaited.alarm_at_once();
        }
        match polled {
            Poll::Ready(connection) => connection.map(|connection| Poll::Ready(Checkout::new(connection))),
            Poll::Pending if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) => {
                Err(Problem::ConnectTimeout(self.place.database.clone()))
            }
            Poll::Pending => Ok(Poll::Pending),
        }
    }

    /// Where it goes.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The socket that it waits for.
    pub fn socket(&self) -> Option<Socket> {
        self.awaited.socket()
    }

    /// When it must be polled at the latest: to fail, or to try something else.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline.into_iter().chain(self.awaited.alarm()).min()
    }
}

/// What `plproxy.application_name` comes to in this session; `None` if there is to be no such name.
fn application_name() -> Option<String> {
    let format = settings::application_name()?;
    Some(conninfo::expand(&format, |escape| match escape {
        Escape::ApplicationName => own_session::application_name(),
        Escape::ClusterName => own_session::cluster_name(),
        Escape::SessionId => Some(own_session::id()),
        Escape::Database => own_session::database(),
        Escape::ProcessId => Some(std::process::id().to_string()),
        Escape::User => own_session::user(),
    }))
}

/// Options that name what this server has to log in with, or have it read or write files: already that a file is there is
/// nobody's business.
const NOT_FOR_CALLERS: [&str; 9] =
    ["service", "passfile", "sslcert", "sslkey", "sslpassword", "sslkeylogfile", "sslrootcert", "sslcrl", "sslcrldir"];

/// The value of `sslrootcert` that is no file: the system's authorities, which are for everybody.
const SYSTEM: &str = "system";

/// Whether a caller's connection string is one that any caller may have used.
fn check_callers(settings: &Settings, key: &Key) -> Result<(), Problem> {
    let is_refused = |option: &&str| {
        settings.is_given(option) && !(*option == "sslrootcert" && settings.get(option) == Some(SYSTEM))
    };
    match NOT_FOR_CALLERS.into_iter().find(is_refused) {
        Some(option) => Err(Problem::OptionNotAllowed(option, key.whose())),
        None => Ok(()),
    }
}

/// What the connection string says, with user and password of the user mapping where it says nothing, and the role as
/// the last resort.
fn given(key: &Key) -> Result<Settings, Problem> {
    let mut settings = Settings::parse(&key.connstr)?;
    if key.is_callers {
        check_callers(&settings, key)?;
    }
    if let Some(login) = &key.login {
        if let Some(user) = &login.user {
            settings = settings.with_default("user", user)?;
        }
        if let Some(password) = &login.password {
            settings = settings.with_default("password", password.reveal())?;
        }
    }
    if key.requires_password() && !settings.is_given("password") {
        return Err(Problem::PasswordRequired(key.whose()));
    }
    Ok(settings.with_default("user", key.role.as_ref())?)
}
