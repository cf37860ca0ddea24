//! Host after host, until one will do.
//!
//! The rules are libpq's (`PQconnectPoll`). A host that can't be reached has all its addresses tried; one that isn't
//! accepting connections now, or is of the wrong kind, is passed over. Any other refusal is final: a server that
//! doesn't like our password answers for all of them.
//!
//! With `sslmode` allow or prefer an address has two chances, one with TLS and one without it. The second is taken when the
//! server itself, or TLS, has turned the first down before the login was over.
//!
//! Where it differs: libpq grants `connect_timeout` to each address anew. Here one deadline is for the whole search, and
//! each address gets an equal share of what is left of it, so that a dead one doesn't use up the time of those after it.

use super::address;
use super::awaited::Awaited;
use super::server::{Encryption, Server};
use super::session::{self, Opened};
use crate::conninfo::{Endpoint, Host, LoadBalanceHosts, TargetSessionAttrs};
use crate::error::Problem;
use crate::pool::idle::Slot;
use crate::pool::ledger::Whereabouts;
use crate::pool::{Connection, Key};
use std::rc::Rc;
use std::time::Instant;

/// Why one address wouldn't do.
#[derive(Debug)]
pub struct Failure {
    pub reason: String,
    /// What the server said, if it said anything.
    pub sqlstate: Option<[u8; 5]>,
    pub next: Next,
}

/// Where to go after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// To the same address, with TLS instead of without it or the other way round; nowhere, if that has been tried or mustn't
    /// be.
    Encryption,
    /// To the host's next address.
    Address,
    /// To the next host: the other addresses lead to the same server.
    Host,
    /// Nowhere.
    End,
    /// Nowhere, whatever the servers are like: there is no descriptor for a connection.
    NoDescriptor,
}

/// Opens a session with the first server that will do.
pub async fn search(
    key: Key,
    endpoint: Endpoint,
    deadline: Option<Instant>,
    awaited: Rc<Awaited>,
    slot: Slot,
) -> Result<Box<Connection>, Problem> {
    let mut hosts: Vec<&Host> = endpoint.hosts.iter().collect();
    let shuffle = endpoint.load_balance_hosts == LoadBalanceHosts::Random;
    if shuffle {
        fastrand::shuffle(&mut hosts);
    }
    let rounds = rounds(endpoint.target_session_attrs);
    let mut failures = Failures::default();
    for (round, &wanted) in rounds.iter().enumerate() {
        for (number, host) in hosts.iter().enumerate() {
            // There may be as many as somebody likes, and each may fail without our having to wait.
            awaited.yield_now().await;
            let mut addresses = match address::addresses(&host.address) {
                Ok(addresses) => addresses,
                Err(reason) => {
                    failures.add(reason, None);
                    continue;
                }
            };
            if shuffle {
                fastrand::shuffle(&mut addresses);
            }
            let hosts_to_come = hosts.len() - number - 1 + hosts.len() * (rounds.len() - round - 1);
            let count = addresses.len();
            for (number, address) in addresses.into_iter().enumerate() {
                if number > 0 {
                    awaited.yield_now().await;
                }
                let share = share(deadline, count - number + hosts_to_come);
                let place = address::whereabouts(host, &address);
                let server = Rc::new(Server::new(&endpoint, host, address));
                let mut next = Next::Encryption;
                for &encryption in Encryption::attempts(endpoint.tls.mode, host.address.is_local()) {
                    let session = session::open(&endpoint, host, &server, encryption, wanted, &awaited);
                    let failure = match awaited.within(share, session).await {
                        Some(Ok(opened)) => {
                            return Ok(Box::new(Connection::new(
                                key,
                                whereabouts(&endpoint, host, &opened),
                                opened,
                                slot,
                            )));
                        }
                        Some(Err(failure)) => failure,
                        None => Failure { reason: "timeout expired".into(), sqlstate: None, next: Next::Address },
                    };
                    awaited.set_socket(None);
                    failures.add(format!("connection to {place} failed: {}", failure.reason), failure.sqlstate);
                    next = failure.next;
                    if next != Next::Encryption {
                        break;
                    }
                }
                match next {
                    Next::Address => {}
                    Next::Host => break,
                    Next::NoDescriptor => return Err(Problem::NoDescriptor(endpoint.dbname)),
                    Next::Encryption | Next::End => return Err(failures.into_problem(&endpoint)),
                }
            }
        }
    }
    Err(failures.into_problem(&endpoint))
}

fn whereabouts(endpoint: &Endpoint, host: &Host, opened: &Opened) -> Whereabouts {
    let (host, port) = host.address.name_and_port();
    let (database, user) = (endpoint.dbname.clone(), endpoint.user.clone());
    Whereabouts { host, port, database, user, tls: opened.stream.tls_version() }
}

/// What to ask of the hosts, and then, if none of them is that, of all of them again.
fn rounds(wanted: TargetSessionAttrs) -> Vec<TargetSessionAttrs> {
    match wanted {
        TargetSessionAttrs::PreferStandby => vec![TargetSessionAttrs::Standby, TargetSessionAttrs::Any],
        other => vec![other],
    }
}

/// When the first of `count` addresses must have answered. The last one has all the time that there is.
fn share(deadline: Option<Instant>, count: usize) -> Option<Instant> {
    let count = u32::try_from(count).ok().filter(|&count| count > 1)?;
    let now = Instant::now();
    Some(now + deadline?.saturating_duration_since(now) / count)
}

/// How many reasons are told.
const MOST_REASONS: usize = 100;

/// All that has gone wrong: the reasons together make up the error, with the last server's SQLSTATE.
#[derive(Default)]
struct Failures {
    reasons: Vec<String>,
    /// How many there are besides.
    more: usize,
    sqlstate: Option<[u8; 5]>,
}

impl Failures {
    fn add(&mut self, reason: String, sqlstate: Option<[u8; 5]>) {
        match self.reasons.len() {
            MOST_REASONS => self.more += 1,
            _ => self.reasons.push(reason),
        }
        self.sqlstate = sqlstate;
    }

    fn into_problem(self, endpoint: &Endpoint) -> Problem {
        let Failures { mut reasons, more, sqlstate } = self;
        if more > 0 {
            reasons.push(format!("and {more} more failures"));
        }
        Problem::Connect { database: endpoint.dbname.clone(), reason: reasons.join("\n"), sqlstate }
    }
}
