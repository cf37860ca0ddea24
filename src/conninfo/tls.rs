//! The TLS options of a connection, checked against one another.
//!
//! Says which files hold keys and certificates; reading them is for whoever speaks TLS.

use std::path::{Path, PathBuf};

use super::choices::{Choice, SslCertMode, SslMode, SslNegotiation, TlsVersion};
use super::error::ConninfoError;
use super::secret::Secret;
use super::settings::Settings;

/// How to speak TLS to a server over TCP. File names are not checked for existence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    pub mode: SslMode,
    pub negotiation: SslNegotiation,
    pub root_certificates: RootCertificates,
    /// The client certificate: `sslcert`, else `~/.postgresql/postgresql.crt`. None is sent when
    /// the file does not exist.
    pub certificate: Option<PathBuf>,
    /// The key of the client certificate: `sslkey`, else `~/.postgresql/postgresql.key`. With a
    /// certificate it must exist.
    pub key: Option<PathBuf>,
    /// What the key file is encrypted with.
    pub key_password: Option<Secret>,
    pub certificate_mode: SslCertMode,
    /// Revoked certificates: `sslcrl`, else `~/.postgresql/root.crl` when neither it nor
    /// `sslcrldir` is given. Nothing is revoked when the file does not exist.
    pub revocation_list: Option<PathBuf>,
    /// A directory of such lists, under the hashed names that OpenSSL looks for.
    pub revocation_dir: Option<PathBuf>,
    /// Whether the server's name is sent in the clear, for proxies that route by it.
    pub send_server_name: bool,
    pub min_version: Option<TlsVersion>,
    pub max_version: Option<TlsVersion>,
    /// Where to append the session's keys, to decrypt a recorded session with.
    pub key_log_file: Option<PathBuf>,
}

/// The authorities whose signature on a server certificate is trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootCertificates {
    /// The operating system's.
    System,
    /// Those in this file: `sslrootcert`, else `~/.postgresql/root.crt`. When it does not exist,
    /// `verify-ca` and `verify-full` fail and weaker modes do not verify.
    File(PathBuf),
    /// None is named and there is no home directory to look in. As a file that does not exist.
    Nowhere,
}

impl TlsSettings {
    pub(super) fn new(settings: &Settings, home: Option<&Path>) -> Result<Self, ConninfoError> {
        let mode = SslMode::of(settings)?;
        let negotiation = SslNegotiation::of(settings)?;
        if negotiation == SslNegotiation::Direct && mode < SslMode::Require {
            return Err(ConninfoError::WeakModeForDirectTls(mode.word()));
        }

        let given = |option| settings.get_nonempty(option).map(PathBuf::from);
        let in_home = |file| home.map(|home| home.join(".postgresql").join(file));
        let root_certificates = match settings.get_nonempty("sslrootcert") {
            Some("system") => RootCertificates::System,
            Some(file) => RootCertificates::File(file.into()),
            None => in_home("root.crt").map_or(RootCertificates::Nowhere, RootCertificates::File),
        };
        if root_certificates == RootCertificates::System && mode != SslMode::VerifyFull {
            return Err(ConninfoError::WeakModeForSystemRoots(mode.word()));
        }

        let min_version = TlsVersion::of(settings, "ssl_min_protocol_version")?;
        let max_version = TlsVersion::of(settings, "ssl_max_protocol_version")?;
        if let (Some(min), Some(max)) = (min_version, max_version)
            && min > max
        {
            return Err(ConninfoError::InvalidTlsVersionRange);
        }

        let revocation_dir = given("sslcrldir");
        let revocation_list = match (given("sslcrl"), &revocation_dir) {
            (None, None) => in_home("root.crl"),
            (file, _) => file,
        };
        Ok(Self {
            mode,
            negotiation,
            root_certificates,
            certificate: given("sslcert").or_else(|| in_home("postgresql.crt")),
            key: given("sslkey").or_else(|| in_home("postgresql.key")),
            key_password: settings.get_nonempty("sslpassword").map(Secret::new),
            certificate_mode: SslCertMode::of(settings)?,
            revocation_list,
            revocation_dir,
            send_server_name: settings.get("sslsni").is_some_and(|on| on.starts_with('1')),
            min_version,
            max_version,
            key_log_file: given("sslkeylogfile"),
        })
    }
}
