//! Every way a connection string can be wrong, worded as libpq words it.
//!
//! Whoever constructs a variant has already removed secrets from its text (see `secret`).

use std::path::PathBuf;

/// Why a connection string cannot be used. The texts are libpq's wherever libpq has one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConninfoError {
    // size
    #[error("connection info string is too long: {0} bytes (maximum {max})", max = super::settings::LONGEST)]
    TooLong(usize),
    #[error("too many hosts: {0} (maximum {max})", max = super::hosts::MOST)]
    TooManyHosts(usize),

    // key=value syntax
    #[error("missing \"=\" after \"{0}\" in connection info string")]
    MissingEquals(String),
    #[error("missing value after \"{0}=\" in connection info string")]
    MissingValue(String),
    #[error("unterminated quoted string in connection info string")]
    UnterminatedQuote,
    #[error("invalid connection option \"{0}\"")]
    UnknownOption(String),

    // URI syntax
    #[error("end of string reached when looking for matching \"]\" in IPv6 host address in URI: \"{0}\"")]
    UnclosedBracket(String),
    #[error("IPv6 host address may not be empty in URI: \"{0}\"")]
    EmptyBrackets(String),
    #[error("unexpected character \"{found}\" at position {position} in URI (expected \":\" or \"/\"): \"{uri}\"")]
    UnexpectedCharacter { found: char, position: usize, uri: String },
    #[error("unexpected \"@\" in URI: in a user name or password, \"@\" is written %40 and \"/\" %2F")]
    AmbiguousCredentials,
    #[error("extra key/value separator \"=\" in URI query parameter: \"{0}\"")]
    ExtraSeparator(String),
    #[error("missing key/value separator \"=\" in URI query parameter: \"{0}\"")]
    MissingSeparator(String),
    #[error("invalid URI query parameter: \"{0}\"")]
    UnknownParameter(String),
    #[error("invalid percent-encoded token: \"{0}\"")]
    InvalidPercentEncoding(String),
    #[error("forbidden value %00 in percent-encoded value: \"{0}\"")]
    EncodedNul(String),
    #[error("percent-encoded value is not valid UTF-8: \"{0}\"")]
    NotUtf8(String),
    #[error("unexpected spaces found in \"{0}\", use percent-encoded spaces (%20) instead")]
    UnexpectedSpaces(String),

    // service file
    #[error("definition of service \"{0}\" not found")]
    ServiceNotFound(String),
    #[error("service file \"{}\" not found", .0.display())]
    ServiceFileNotFound(PathBuf),
    #[error("syntax error in service file \"{}\", line {line}", .file.display())]
    ServiceSyntax { file: PathBuf, line: usize },
    #[error(
        "nested service specifications not supported in service file \"{}\", line {line}",
        .file.display()
    )]
    NestedService { file: PathBuf, line: usize },

    // values
    #[error("invalid {option} value: \"{value}\"")]
    InvalidValue { option: &'static str, value: String },
    #[error("invalid \"{option}\" value: \"{value}\"")]
    InvalidTlsVersion { option: &'static str, value: String },
    #[error("invalid integer value \"{value}\" for connection option \"{option}\"")]
    InvalidInteger { option: &'static str, value: String },
    #[error("invalid port number: \"{0}\"")]
    InvalidPort(String),
    #[error("invalid SSL protocol version range")]
    InvalidTlsVersionRange,

    // values that do not go together
    #[error("could not match {hosts} host names to {addresses} hostaddr values")]
    HostCount { hosts: usize, addresses: usize },
    #[error("could not match {ports} port numbers to {hosts} hosts")]
    PortCount { ports: usize, hosts: usize },
    #[error("weak sslmode \"{0}\" may not be used with sslrootcert=system (use \"verify-full\")")]
    WeakModeForSystemRoots(&'static str),
    #[error(
        "weak sslmode \"{0}\" may not be used with sslnegotiation=direct (use \"require\", \"verify-ca\", or \"verify-full\")"
    )]
    WeakModeForDirectTls(&'static str),
    #[error("negative require_auth method \"{0}\" cannot be mixed with non-negative methods")]
    NegativeAuthMethod(String),
    #[error("require_auth method \"{0}\" cannot be mixed with negative methods")]
    PositiveAuthMethod(String),
    #[error("require_auth method \"{0}\" is specified more than once")]
    RepeatedAuthMethod(String),

    // what libpq can do and this client cannot
    #[error("gssencmode value \"require\" invalid when GSSAPI support is not compiled in")]
    GssEncryptionRequired,
    #[error("{option} value \"{value}\" is not supported")]
    UnsupportedValue { option: &'static str, value: String },
    #[error("connection option \"{0}\" is not supported")]
    UnsupportedOption(&'static str),
    #[error("dbname must not be a connection URI")]
    UriAsDatabase,

    #[error("no user name given, and the operating system's user is unknown")]
    NoUser,
}
