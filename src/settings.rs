//! The settings (GUCs) `plproxy.*`.
//!
//! What it owns: their names, defaults and descriptions, and typed access to their values. Each long description says when
//! to change the setting.

use crate::cluster::PreparedStatements;
use crate::pg::placeholders::{self, Names};
use crate::pg::{encoding, roles};
use crate::wire::LONGEST;
use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting, PostgresGucEnum};
use std::cell::RefCell;
use std::collections::HashSet;
use std::ffi::CString;
use std::mem::ManuallyDrop;
use std::time::Duration;

/// Values of `plproxy.sqlstate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PostgresGucEnum)]
enum SqlStates {
    /// XX000 wherever the C PL/Proxy says so.
    #[name = c"compatible"]
    Compatible,
    /// The code that fits.
    #[name = c"precise"]
    Precise,
}

/// Values of `plproxy.prepared_statements`; see [`PreparedStatements`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PostgresGucEnum)]
enum Prepare {
    #[name = c"auto"]
    Auto,
    #[name = c"on"]
    On,
    #[name = c"off"]
    Off,
}

/// Values of `plproxy.dynamic_connect`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PostgresGucEnum)]
enum DynamicConnect {
    /// Who isn't a superuser needs a password of his own.
    #[name = c"password"]
    Password,
    /// No rules.
    #[name = c"any"]
    Any,
}

const KILOBYTES_OF_LONGEST: i32 = (LONGEST / 1024) as i32;

/// So many wrong letters make a name a misspelt one.
const NEAR: i32 = 2;

/// The highest `plproxy.max_depth`.
pub const DEEPEST: usize = 8;

static DYNAMIC_CONNECT: GucSetting<DynamicConnect> = GucSetting::<DynamicConnect>::new(DynamicConnect::Password);
static MAX_CONNECTIONS: GucSetting<i32> = GucSetting::<i32>::new(0);
static IDLE_TIMEOUT: GucSetting<i32> = GucSetting::<i32>::new(0);
static MAX_DEPTH: GucSetting<i32> = GucSetting::<i32>::new(4);
static MAX_MESSAGE_SIZE: GucSetting<i32> = GucSetting::<i32>::new(KILOBYTES_OF_LONGEST);
static APPLICATION_NAME: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c"plproxy:%d:%p"));
static TRACK_STAT: GucSetting<bool> = GucSetting::<bool>::new(true);
static SQLSTATE: GucSetting<SqlStates> = GucSetting::<SqlStates>::new(SqlStates::Compatible);
static PREPARE: GucSetting<Prepare> = GucSetting::<Prepare>::new(Prepare::Auto);

/// Defines the settings; called once, when the library is loaded.
pub fn define() {
    GucRegistry::define_enum_guc(
        c"plproxy.sqlstate",
        c"SQLSTATE of errors that are noticed on this side of a connection.",
        c"\"compatible\" keeps the codes that PL/Proxy always had, nearly always XX000, so that existing exception handlers go \
          on working; \"precise\" reports 08001, 08006, 57014 and the like. Change it for applications that tell one kind of \
          failure from another, and have no handlers that wait for XX000.",
        &SQLSTATE,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_enum_guc(
        c"plproxy.prepared_statements",
        c"Whether the queries of functions are prepared on the shards, so that they are parsed and planned only once.",
        c"\"auto\" prepares where the server that answers is the one that was connected to; behind a pooler it isn't. \
          \"on\" prepares everywhere: for poolers that keep track of prepared statements, or have sessions. The cluster \
          option of the same name comes before this setting. Change it to \"on\" behind such a pooler, and to \"off\" where \
          plans that are kept turn out worse than new ones.",
        &PREPARE,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_enum_guc(
        c"plproxy.dynamic_connect",
        c"What a CONNECT needs whose connection string is an argument of the function.",
        c"\"password\" wants callers who aren't superusers to put a password into the string, which the server must ask \
          for; nothing of this server's is used to log in: no password file, service file, client key or PG* variable. \
          \"any\" has no such rules. Change it to that for callers who are trusted with all that this server can reach and \
          read.",
        &DYNAMIC_CONNECT,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"plproxy.max_connections",
        c"How many connections to shards a session may have.",
        c"When there are as many, those are closed that have been idle longest; a call that needs more at once fails. \
          0 is no limit. Change it where sessions use many clusters or roles, and the shards run out of connections; no \
          less than the partitions of the largest call.",
        &MAX_CONNECTIONS,
        0,
        i32::MAX,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"plproxy.idle_timeout",
        c"How long a connection to a shard may be idle before it is closed.",
        c"Also in a session that is itself idle, but not in the middle of a transaction. 0 is no limit. Change it where \
          sessions live long and call rarely, or where a firewall forgets connections that are silent for some time.",
        &IDLE_TIMEOUT,
        0,
        i32::MAX,
        GucContext::Userset,
        GucFlags::UNIT_MS,
    );
    GucRegistry::define_int_guc(
        c"plproxy.max_depth",
        c"How many plproxy functions may run inside of each other, each on another's shard.",
        c"Ends calls that lead back to where they came from. Change it if such functions are nested deeper on purpose.",
        &MAX_DEPTH,
        1,
        DEEPEST as i32,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_int_guc(
        c"plproxy.max_message_size",
        c"How long a message from a shard may be, which is a row, or an error.",
        c"A session needs a few times as much memory for one. No server sends more than 1GB. Change it so that a single \
          huge value can't use up this server's memory; a row that is longer is an error.",
        &MAX_MESSAGE_SIZE,
        64,
        KILOBYTES_OF_LONGEST,
        GucContext::Suset,
        GucFlags::UNIT_KB,
    );
    GucRegistry::define_string_guc(
        c"plproxy.application_name",
        c"The name under which a connection to a shard appears there, in pg_stat_activity and the log.",
        c"Used where the connection string sets neither application_name nor fallback_application_name. %a is this \
          session's application_name, %C the cluster_name, %c the session's ID, %d the database, %p the process ID, %u the \
          user; %% is a percent sign. An open connection keeps its name. Change it to tell applications apart on the \
          shards; and to a name without %p, %c and %a behind a pooler that shares its connections between clients, which \
          must otherwise set the name anew for each of them. If it is empty, PGAPPNAME of this server's environment counts.",
        &APPLICATION_NAME,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_bool_guc(
        c"plproxy.track_stat",
        c"Whether calls are counted, for plproxy_stat and plproxy_latency.",
        c"Before PostgreSQL 17 they are counted only if plproxy is in \"shared_preload_libraries\". Change it if nobody looks \
          at the numbers.",
        &TRACK_STAT,
        GucContext::Suset,
        GucFlags::default(),
    );
    // The prefix isn't reserved: sites keep settings of their own under it, for their configuration functions.
}

/// Settings that are set, aren't ours, and are spelt nearly like one of ours: that one comes second. Each is named once in a
/// session.
pub fn misspelt() -> Vec<(String, String)> {
    const PREFIX: &str = "plproxy.";
    thread_local! {
        // Never dropped, like everything that lives as long as the backend.
        static NAMED: ManuallyDrop<RefCell<HashSet<String>>> = ManuallyDrop::default();
    }
    let Names { defined, placeholders } = placeholders::with_prefix(PREFIX);
    let meant = |name: &str| {
        let name = name.to_ascii_lowercase();
        defined.iter().find(|ours| placeholders::are_near(&name, ours, NEAR)).cloned()
    };
    let found: Vec<_> = placeholders.into_iter().filter_map(|name| meant(&name).map(|meant| (name, meant))).collect();
    NAMED.with(|named| found.into_iter().filter(|(name, _)| named.borrow_mut().insert(name.clone())).collect())
}

/// Whether the current user may have the server connect to wherever he likes: as a superuser, or because
/// `plproxy.dynamic_connect` is `any`.
pub fn may_connect_anywhere() -> bool {
    DYNAMIC_CONNECT.get() == DynamicConnect::Any || roles::is_superuser()
}

/// `plproxy.max_connections`.
pub fn max_connections() -> Option<usize> {
    usize::try_from(MAX_CONNECTIONS.get()).ok().filter(|&limit| limit > 0)
}

/// `plproxy.idle_timeout`.
pub fn idle_timeout() -> Option<Duration> {
    u64::try_from(IDLE_TIMEOUT.get()).ok().filter(|&timeout| timeout > 0).map(Duration::from_millis)
}

/// `plproxy.max_depth`: no more than [`DEEPEST`].
pub fn max_depth() -> usize {
    MAX_DEPTH.get() as usize
}

/// `plproxy.max_message_size`, in bytes.
pub fn longest_message() -> usize {
    MAX_MESSAGE_SIZE.get() as usize * 1024
}

/// `plproxy.application_name`, with its escapes; `None` if it is empty.
pub fn application_name() -> Option<String> {
    let format = APPLICATION_NAME.get().filter(|format| !format.is_empty())?;
    Some(encoding::from_server(format.to_bytes()))
}

/// `plproxy.track_stat`.
pub fn track_stat() -> bool {
    TRACK_STAT.get()
}

/// Whether `plproxy.sqlstate` is `precise`.
pub fn precise_sqlstates() -> bool {
    SQLSTATE.get() == SqlStates::Precise
}

/// `plproxy.prepared_statements`.
pub fn prepared_statements() -> PreparedStatements {
    match PREPARE.get() {
        Prepare::Auto => PreparedStatements::Auto,
        Prepare::On => PreparedStatements::On,
        Prepare::Off => PreparedStatements::Off,
    }
}
