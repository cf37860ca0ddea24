//! The table of connection options: every keyword libpq 18 knows, the environment variable that
//! gives its default, and the default when there is none (libpq, `PQconninfoOptions`).
//!
//! Owns names and defaults, not the meaning of values.

/// One known keyword.
#[derive(Debug)]
pub(super) struct ConnectionOption {
    pub keyword: &'static str,
    pub variable: Option<&'static str>,
    pub default: Option<&'static str>,
    /// The value must never be shown.
    pub secret: bool,
}

impl ConnectionOption {
    const fn variable(mut self, name: &'static str) -> Self {
        self.variable = Some(name);
        self
    }

    const fn default(mut self, value: &'static str) -> Self {
        self.default = Some(value);
        self
    }

    const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
}

const fn option(keyword: &'static str) -> ConnectionOption {
    ConnectionOption { keyword, variable: None, default: None, secret: false }
}

/// The entry of `keyword`, `None` when libpq does not know it either.
pub(super) fn find(keyword: &str) -> Option<&'static ConnectionOption> {
    OPTIONS.iter().find(|option| option.keyword == keyword)
}

/// Whether the value of `keyword` must never be shown.
pub(super) fn is_secret(keyword: &str) -> bool {
    find(keyword).is_some_and(|option| option.secret)
}

/// The defaults of `host` and `port` belong to the installation and come from the caller, in
/// `Defaults`. `gssencmode` is `disable`, as in a libpq built without GSSAPI.
pub(super) static OPTIONS: &[ConnectionOption] = &[
    // who and what
    option("service").variable("PGSERVICE"),
    option("user").variable("PGUSER"),
    option("password").variable("PGPASSWORD").secret(),
    option("passfile").variable("PGPASSFILE"),
    option("dbname").variable("PGDATABASE"),
    option("options").variable("PGOPTIONS"),
    option("application_name").variable("PGAPPNAME"),
    option("fallback_application_name"),
    // where
    option("host").variable("PGHOST"),
    option("hostaddr").variable("PGHOSTADDR"),
    option("port").variable("PGPORT"),
    option("target_session_attrs").variable("PGTARGETSESSIONATTRS").default("any"),
    option("load_balance_hosts").variable("PGLOADBALANCEHOSTS").default("disable"),
    // how long
    option("connect_timeout").variable("PGCONNECT_TIMEOUT"),
    option("keepalives"),
    option("keepalives_idle"),
    option("keepalives_interval"),
    option("keepalives_count"),
    option("tcp_user_timeout"),
    // TLS
    option("sslmode").variable("PGSSLMODE").default("prefer"),
    option("sslnegotiation").variable("PGSSLNEGOTIATION").default("postgres"),
    option("sslcert").variable("PGSSLCERT"),
    option("sslkey").variable("PGSSLKEY"),
    option("sslpassword").secret(),
    option("sslcertmode").variable("PGSSLCERTMODE").default("allow"),
    option("sslrootcert").variable("PGSSLROOTCERT"),
    option("sslcrl").variable("PGSSLCRL"),
    option("sslcrldir").variable("PGSSLCRLDIR"),
    option("sslsni").variable("PGSSLSNI").default("1"),
    option("ssl_min_protocol_version").variable("PGSSLMINPROTOCOLVERSION").default("TLSv1.2"),
    option("ssl_max_protocol_version").variable("PGSSLMAXPROTOCOLVERSION"),
    option("sslkeylogfile"),
    // who the server must be, and how it may ask who we are
    option("requirepeer").variable("PGREQUIREPEER"),
    option("require_auth").variable("PGREQUIREAUTH"),
    option("channel_binding").variable("PGCHANNELBINDING").default("prefer"),
    // checked, and refused where they ask for more than protocol 3.0 without GSSAPI encryption
    option("min_protocol_version").variable("PGMINPROTOCOLVERSION"),
    option("max_protocol_version").variable("PGMAXPROTOCOLVERSION"),
    option("gssencmode").variable("PGGSSENCMODE").default("disable"),
    // accepted without effect: text travels as UTF8 always, TLS is never compressed, and the
    // authentication methods that the others serve are not offered
    option("client_encoding").variable("PGCLIENTENCODING"),
    option("sslcompression").variable("PGSSLCOMPRESSION"),
    option("krbsrvname").variable("PGKRBSRVNAME"),
    option("gsslib").variable("PGGSSLIB"),
    option("gssdelegation").variable("PGGSSDELEGATION"),
    option("oauth_issuer"),
    option("oauth_client_id"),
    option("oauth_client_secret").secret(),
    option("oauth_scope"),
    // refused: the session or the authentication would not be the one asked for
    option("replication"),
    option("scram_client_key").secret(),
    option("scram_server_key").secret(),
];

/// Variables that set a server parameter for the session instead of a connection option (libpq,
/// `EnvironmentOptions`).
pub(super) static SESSION_VARIABLES: &[(&str, &str)] =
    &[("PGDATESTYLE", "datestyle"), ("PGTZ", "timezone"), ("PGGEQO", "geqo")];
