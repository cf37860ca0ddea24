//! The settings (GUCs) `plproxy.*`.
//!
//! What it owns: their names, defaults and descriptions, and typed access to their values.

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

static SQLSTATE: GucSetting<SqlStates> = GucSetting::<SqlStates>::new(SqlStates::Compatible);

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
    crate::pg::options::reserve_settings_prefix(c"plproxy");
}

/// Whether `plproxy.sqlstate` is `precise`.
pub fn precise_sqlstates() -> bool {
    SQLSTATE.get() == SqlStates::Precise
}
