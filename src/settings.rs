//! The settings (GUCs) `plproxy.*`.
//!
//! What it owns: their names, defaults and descriptions, and typed access to their values.

use crate::cluster::PreparedStatements;
use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting, PostgresGucEnum};

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

static SQLSTATE: GucSetting<SqlStates> = GucSetting::<SqlStates>::new(SqlStates::Compatible);
static PREPARE: GucSetting<Prepare> = GucSetting::<Prepare>::new(Prepare::Auto);

/// Defines the settings; called once, when the library is loaded.
pub fn define() {
    GucRegistry::define_enum_guc(
        c"plproxy.sqlstate",
        c"SQLSTATE of errors that are noticed on this side of a connection.",
        c"\"compatible\" reports failed connections and time-outs as XX000, as PL/Proxy always did, so that existing \
          exception handlers go on working; \"precise\" reports 08001, 08006, 57014 and the like.",
        &SQLSTATE,
        GucContext::Userset,
        GucFlags::default(),
    );
    GucRegistry::define_enum_guc(
        c"plproxy.prepared_statements",
        c"Whether the queries of functions are prepared on the shards, so that they are parsed and planned only once.",
        c"\"auto\" prepares where the server that answers is the one that was connected to; behind a pooler it isn't. \
          \"on\" prepares everywhere: for poolers that keep track of prepared statements, or have sessions. The cluster \
          option of the same name comes before this setting.",
        &PREPARE,
        GucContext::Userset,
        GucFlags::default(),
    );
    crate::pg::options::reserve_settings_prefix(c"plproxy");
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
