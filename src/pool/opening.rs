//! Opening a connection: from a connection string to a session.

use super::connection::{Connection, error_chain, remote_error};
use super::{Checkout, Key, refusals};
use crate::conninfo::{self, Address, Defaults, Endpoint, Host, ProcessEnvironment, Settings};
use crate::error::Problem;
use crate::pg::build;
use crate::reactor::{Socket, Wakeup};
use socket2::{SockAddr, TcpKeepalive};
use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::net::ToSocketAddrs;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio_postgres::NoTls;

/// A connection that is being opened.
pub struct Opening {
    future: Pin<Box<dyn Future<Output = Result<Box<Connection>, Problem>>>>,
    /// The socket of the address that is being tried, published by the future.
    current: Rc<Current>,
    wakeup: Arc<Wakeup>,
    database: String,
    deadline: Option<Instant>,
}

#[derive(Default)]
struct Current {
    socket: RefCell<Option<Socket>>,
    changed: std::cell::Cell<bool>,
}

impl Current {
    fn set(&self, socket: Socket) {
        self.socket.replace(Some(socket));
        self.changed.set(true);
    }
}

impl Opening {
    /// Begins to connect. `timeout` is for the whole attempt, whatever hosts and addresses there are; without one, the
    /// connection string's own counts.
    pub fn new(key: Key, timeout: Option<Duration>) -> Result<Opening, Problem> {
        let settings = settings(&key)?;
        let environment = ProcessEnvironment { os_user: None };
        let defaults =
            Defaults { socket_dir: build::socket_dir(), sysconf_dir: build::sysconf_dir(), port: build::port() };
        let endpoint = conninfo::resolve(&settings, &environment, &defaults)?;
        for warning in &endpoint.warnings {
            crate::report::warning(warning.as_str());
        }
        let connect = |reason: &str| Problem::Connect {
            database: endpoint.dbname.clone(),
            reason: reason.to_owned(),
            sqlstate: None,
        };
        refusals::check(&endpoint).map_err(connect)?;

        let current = Rc::new(Current::default());
        let wakeup = Arc::new(Wakeup::new());
        let database = endpoint.dbname.clone();
        let timeout = timeout.or(endpoint.connect_timeout);
        let future = Box::pin(open(key, endpoint, current.clone(), wakeup.clone()));
        Ok(Opening { future, current, wakeup, database, deadline: timeout.map(|timeout| Instant::now() + timeout) })
    }

    /// Goes on without waiting. Fails when no host would have us, or when the deadline has passed.
    pub fn poll(&mut self) -> Result<Poll<Checkout>, Problem> {
        let wakeup = self.wakeup.clone();
        match wakeup.settle(|context| self.future.as_mut().poll(context)) {
            Poll::Ready(connection) => connection.map(|connection| Poll::Ready(Checkout::new(connection))),
            Poll::Pending if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) => {
                Err(Problem::ConnectTimeout(self.database.clone()))
            }
            Poll::Pending => Ok(Poll::Pending),
        }
    }

    /// The socket that it waits for.
    pub fn socket(&self) -> Option<Socket> {
        self.current.socket.borrow().clone()
    }

    /// Whether the socket is another one than when this was last asked.
    pub fn socket_changed(&self) -> bool {
        self.current.changed.replace(false)
    }

    /// When it fails.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

/// What the connection string says, with user and password of the user mapping where it says nothing, and the role as
/// the last resort.
fn settings(key: &Key) -> Result<Settings, Problem> {
    let mut settings = Settings::parse(&key.connstr)?;
    if let Some(login) = &key.login {
        if let Some(user) = &login.user {
            settings = settings.with_default("user", user)?;
        }
        if let Some(password) = &login.password {
            settings = settings.with_default("password", password.reveal())?;
        }
    }
    Ok(settings.with_default("user", key.role.as_ref())?)
}

/// Tries the hosts in their order, and each host's addresses in theirs. The reasons of all failures make up the error.
async fn open(
    key: Key,
    endpoint: Endpoint,
    current: Rc<Current>,
    wakeup: Arc<Wakeup>,
) -> Result<Box<Connection>, Problem> {
    let mut reasons = Vec::new();
    let mut sqlstate = None;
    for host in &endpoint.hosts {
        let addresses = match addresses(&host.address) {
            Ok(addresses) => addresses,
            Err(error) => {
                let name = host.address.lookup_name().unwrap_or_default();
                reasons
                    .push(format!("could not translate host name \"{name}\" to address: {}", system_message(&error)));
                continue;
            }
        };
        for address in addresses {
            match session(&endpoint, host, &address, &current).await {
                Ok((socket, client, driver)) => {
                    let database = endpoint.dbname.clone();
                    return Ok(Box::new(Connection::new(key, database, address, socket, client, driver, wakeup)));
                }
                Err(failure) => {
                    reasons.push(format!("connection to {} failed: {}", whereabouts(host, &address), failure.reason));
                    sqlstate = failure.sqlstate;
                }
            }
        }
    }
    Err(Problem::Connect { database: endpoint.dbname.clone(), reason: reasons.join("\n"), sqlstate })
}

struct Failure {
    reason: String,
    /// What the server said, if it said anything.
    sqlstate: Option<[u8; 5]>,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure { reason: system_message(&error), sqlstate: None }
    }
}

type Session = (Socket, tokio_postgres::Client, tokio_postgres::Connection<Socket, tokio_postgres::tls::NoTlsStream>);

/// Connects to one address and logs in.
async fn session(endpoint: &Endpoint, host: &Host, address: &SockAddr, current: &Current) -> Result<Session, Failure> {
    let socket = Socket::connect(address)?;
    current.set(socket.clone());
    if !host.address.is_local() {
        set_tcp_options(&socket, endpoint)?;
    }
    socket.connected().await?;
    let config = startup(endpoint, host);
    match config.connect_raw(socket.clone(), NoTls).await {
        Ok((client, driver)) => Ok((socket, client, driver)),
        Err(error) => Err(refusal(&endpoint.dbname, &error)),
    }
}

/// What the startup message and the authentication need.
fn startup(endpoint: &Endpoint, host: &Host) -> tokio_postgres::Config {
    let mut config = tokio_postgres::Config::new();
    config.user(&endpoint.user).dbname(&endpoint.dbname).ssl_mode(tokio_postgres::config::SslMode::Disable);
    if let Some(password) = endpoint.password_for(host) {
        config.password(password.reveal());
    }
    if let Some(options) = endpoint.startup_options() {
        config.options(options);
    }
    if let Some(name) = &endpoint.application_name {
        config.application_name(name);
    }
    config
}

/// Why a server wouldn't have us, in libpq's words.
fn refusal(database: &str, error: &tokio_postgres::Error) -> Failure {
    if let Some(answer) = error.as_db_error() {
        let RemoteAnswer { text, sqlstate } = RemoteAnswer::new(database, answer);
        return Failure { reason: text, sqlstate: Some(sqlstate) };
    }
    let reason = match error_chain(error) {
        text if text.contains("password missing") => "fe_sendauth: no password supplied".to_owned(),
        _ if error.is_closed() => "server closed the connection unexpectedly".to_owned(),
        text => text,
    };
    Failure { reason, sqlstate: None }
}

struct RemoteAnswer {
    text: String,
    sqlstate: [u8; 5],
}

impl RemoteAnswer {
    fn new(database: &str, answer: &tokio_postgres::error::DbError) -> RemoteAnswer {
        let remote = remote_error(database, answer);
        let mut text = format!("{}:  {}", remote.severity, remote.message);
        for (label, field) in [("DETAIL", &remote.detail), ("HINT", &remote.hint)] {
            if let Some(field) = field {
                text.push_str(&format!("\n{label}:  {field}"));
            }
        }
        RemoteAnswer { text, sqlstate: remote.sqlstate }
    }
}

/// The addresses of a host. Looking a name up may block, as it does in libpq: the system's resolver has no other way.
fn addresses(address: &Address) -> io::Result<Vec<SockAddr>> {
    match address {
        Address::Unix(path) => Ok(vec![SockAddr::unix(path)?]),
        Address::Abstract(name) => Ok(vec![SockAddr::unix(format!("\0{name}"))?]),
        Address::Tcp { host, hostaddr, port } => {
            let name = hostaddr.as_deref().unwrap_or(host);
            Ok((name, *port).to_socket_addrs()?.map(SockAddr::from).collect())
        }
    }
}

/// Where a connection went, in libpq's words.
fn whereabouts(host: &Host, address: &SockAddr) -> String {
    match (&host.address, address.as_socket()) {
        (Address::Tcp { host: name, port, .. }, Some(address)) => match address.ip().to_string() {
            ip if name.is_empty() || *name == ip => format!("server at \"{ip}\", port {port}"),
            ip => format!("server at \"{name}\" ({ip}), port {port}"),
        },
        (local, _) => local.to_string(),
    }
}

fn set_tcp_options(socket: &Socket, endpoint: &Endpoint) -> io::Result<()> {
    if let Some(keepalives) = &endpoint.keepalives {
        let mut keepalive = TcpKeepalive::new();
        if let Some(idle) = keepalives.idle {
            keepalive = keepalive.with_time(idle);
        }
        if let Some(interval) = keepalives.interval {
            keepalive = keepalive.with_interval(interval);
        }
        if let Some(count) = keepalives.count {
            keepalive = keepalive.with_retries(count);
        }
        socket.options().set_keepalive(true)?;
        socket.options().set_tcp_keepalive(&keepalive)?;
    }
    socket.options().set_tcp_user_timeout(endpoint.tcp_user_timeout)
}

/// The system's message, without what Rust puts around it.
fn system_message(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
    text.split(" (os error ").next().unwrap_or(text).to_owned()
}
