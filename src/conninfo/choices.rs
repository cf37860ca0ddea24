//! Options whose value is one word of a list.

use super::error::ConninfoError;
use super::settings::Settings;

/// An option whose values are the words of [`Choice::WORDS`].
pub(super) trait Choice: Copy + PartialEq + 'static {
    const OPTION: &'static str;
    const WORDS: &'static [(&'static str, Self)];

    /// The value in `settings`, where the table of options has put its default.
    fn of(settings: &Settings) -> Result<Self, ConninfoError> {
        let value = settings.get(Self::OPTION).unwrap_or_default();
        Self::WORDS
            .iter()
            .find(|(word, _)| *word == value)
            .map(|&(_, choice)| choice)
            .ok_or_else(|| ConninfoError::InvalidValue { option: Self::OPTION, value: value.to_owned() })
    }

    fn word(self) -> &'static str {
        let entry = Self::WORDS.iter().find(|(_, choice)| *choice == self);
        entry.map_or("", |(word, _)| word)
    }
}

/// Whether TLS is used, and how far the server is trusted; in rising order of security.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SslMode {
    /// Never TLS.
    Disable,
    /// TLS only when the server refuses the connection without it.
    Allow,
    /// TLS first, without it when the server has none.
    Prefer,
    /// Always TLS; the certificate is verified only when a root certificate file exists.
    Require,
    /// Always TLS; a trusted authority must have signed the certificate.
    VerifyCa,
    /// As `VerifyCa`, and the certificate must be for the host.
    VerifyFull,
}

impl Choice for SslMode {
    const OPTION: &'static str = "sslmode";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("disable", Self::Disable),
        ("allow", Self::Allow),
        ("prefer", Self::Prefer),
        ("require", Self::Require),
        ("verify-ca", Self::VerifyCa),
        ("verify-full", Self::VerifyFull),
    ];
}

/// How TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslNegotiation {
    /// With PostgreSQL's SSLRequest message.
    Postgres,
    /// At once, with ALPN `postgresql`; servers from version 17.
    Direct,
}

impl Choice for SslNegotiation {
    const OPTION: &'static str = "sslnegotiation";
    const WORDS: &'static [(&'static str, Self)] = &[("postgres", Self::Postgres), ("direct", Self::Direct)];
}

/// Whether a client certificate is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslCertMode {
    /// Not even when there is one.
    Disable,
    /// When the server asks and there is one.
    Allow,
    /// The server must ask for it.
    Require,
}

impl Choice for SslCertMode {
    const OPTION: &'static str = "sslcertmode";
    const WORDS: &'static [(&'static str, Self)] =
        &[("disable", Self::Disable), ("allow", Self::Allow), ("require", Self::Require)];
}

/// Whether SCRAM is bound to the TLS channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelBinding {
    Disable,
    /// When the server can.
    Prefer,
    /// Else the connection fails.
    Require,
}

impl Choice for ChannelBinding {
    const OPTION: &'static str = "channel_binding";
    const WORDS: &'static [(&'static str, Self)] =
        &[("disable", Self::Disable), ("prefer", Self::Prefer), ("require", Self::Require)];
}

/// Which of the hosts' sessions is acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetSessionAttrs {
    Any,
    /// The session accepts writes: not in recovery, and `default_transaction_read_only` is off.
    ReadWrite,
    /// The opposite of `ReadWrite`.
    ReadOnly,
    /// Not in recovery.
    Primary,
    /// In recovery.
    Standby,
    /// A standby of the list if there is one, else any host of it.
    PreferStandby,
}

impl Choice for TargetSessionAttrs {
    const OPTION: &'static str = "target_session_attrs";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("any", Self::Any),
        ("read-write", Self::ReadWrite),
        ("read-only", Self::ReadOnly),
        ("primary", Self::Primary),
        ("standby", Self::Standby),
        ("prefer-standby", Self::PreferStandby),
    ];
}

/// In which order the hosts, and the addresses of each, are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadBalanceHosts {
    /// As written.
    Disable,
    /// Shuffled for each connection.
    Random,
}

impl Choice for LoadBalanceHosts {
    const OPTION: &'static str = "load_balance_hosts";
    const WORDS: &'static [(&'static str, Self)] = &[("disable", Self::Disable), ("random", Self::Random)];
}

/// A TLS protocol version, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    V1_0,
    V1_1,
    V1_2,
    V1_3,
}

impl TlsVersion {
    /// Case does not matter, and empty is no bound (libpq, `sslVerifyProtocolVersion`).
    pub(super) fn of(settings: &Settings, option: &'static str) -> Result<Option<Self>, ConninfoError> {
        let Some(value) = settings.get_nonempty(option) else {
            return Ok(None);
        };
        match value.to_ascii_lowercase().as_str() {
            "tlsv1" => Ok(Some(Self::V1_0)),
            "tlsv1.1" => Ok(Some(Self::V1_1)),
            "tlsv1.2" => Ok(Some(Self::V1_2)),
            "tlsv1.3" => Ok(Some(Self::V1_3)),
            _ => Err(ConninfoError::InvalidTlsVersion { option, value: value.to_owned() }),
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::V1_0 => "TLSv1",
            Self::V1_1 => "TLSv1.1",
            Self::V1_2 => "TLSv1.2",
            Self::V1_3 => "TLSv1.3",
        }
    }
}
