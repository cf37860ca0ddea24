//! Everything that can go wrong, in one place: the texts, which are interface, and the SQLSTATEs.
//!
//! What it owns: [`Error`] and its [`Problem`]s. What it must not know: PostgreSQL's API (this module is pure; `report`
//! turns an error into an `ereport`) and how a failure was noticed.
//!
//! An error is made where it is noticed, without knowing for which function it is; the function's name is added once,
//! on the way out ([`Error::in_function`]), to those texts that carry it. Errors raised by PostgreSQL itself (a bad
//! value, a cancelled query, a failing hash function) never become an `Error`: they pass through unchanged.

use std::fmt;

use crate::conninfo::ConninfoError;
use crate::parser::ParseError;

/// How callers of this crate's functions fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A problem and the function it is told for.
#[derive(Debug)]
pub struct Error {
    problem: Box<Problem>,
    /// `schema.name(nargs)`, quoted as SQL needs.
    function: Option<String>,
}

impl Error {
    /// Names the function, unless one that is nearer to the problem has been named already.
    pub fn in_function(mut self, function: &impl ToString) -> Error {
        self.function.get_or_insert_with(|| function.to_string());
        self
    }

    /// What is wrong.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }
}

impl<P: Into<Problem>> From<P> for Error {
    fn from(problem: P) -> Error {
        Error { problem: Box::new(problem.into()), function: None }
    }
}

/// The message as users see it.
impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.function, &*self.problem) {
            (Some(function), Problem::Remote(_)) => write!(out, "{function}: {}", self.problem),
            (Some(function), problem) if problem.names_function() => {
                write!(out, "PL/Proxy function {function}: {problem}")
            }
            _ => self.problem.fmt(out),
        }
    }
}

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    // How the function is declared.
    #[error("PL/Proxy functions must be volatile")]
    NotVolatile,
    #[error("PL/Proxy does not support variadic args")]
    Variadic,
    #[error("PL/Proxy procedures can't be used as triggers")]
    Trigger,
    #[error("Function used in wrong context")]
    WrongContext,
    #[error("\"{0}\" is not the call of a plproxy function")]
    NotACall(String),
    #[error("unrecognized format \"{0}\": expect text or json")]
    ExplainFormat(String),
    #[error("statistics need \"plproxy\" in \"shared_preload_libraries\"")]
    NotPreloaded,
    #[error("set-valued function called in context that cannot accept a set")]
    SetNotAccepted,
    #[error("unsupported pseudo type: {name} ({oid})")]
    PseudoType { name: String, oid: u32 },
    #[error("unsupported type")]
    UnsupportedType,
    #[error("RUN ON ALL requires set-returning function")]
    RunOnAllNeedsSet,
    #[error("SELECT statement not allowed for dynamic RECORD functions")]
    SelectInDynamicRecord,
    #[error(transparent)]
    Body(#[from] ParseError),
    #[error("cache lookup failed for function {0}")]
    NoSuchFunction(u32),
    #[error("cache lookup failed for type {0}")]
    NoSuchType(u32),

    // What the cluster is.
    #[error("{problem}")]
    Configuration { cluster: String, problem: Box<Problem> },
    #[error("Pl/Proxy: cluster not found: {0}")]
    ClusterNotFound(String),
    #[error("schema \"plproxy\" belongs to role \"{0}\", which isn't trusted")]
    SchemaOwner(String),
    #[error("get_version: got NULL?")]
    VersionNull,
    #[error("get_version: got {0} rows")]
    VersionRows(usize),
    #[error("get_partlist: invalid part count")]
    PartitionCount,
    #[error("partition column 1 must be text")]
    PartitionColumn,
    #[error("connstr must not be NULL")]
    ConnstrNull,
    #[error("Cluster config must have 2 columns")]
    ConfigColumns,
    #[error("Config column {0} must be text")]
    ConfigColumnType(usize),
    #[error("key must not be NULL")]
    KeyNull,
    #[error("val must not be NULL")]
    ValNull,
    #[error("Unknown config param: {0}")]
    UnknownOption(String),
    #[error("{key}: Expect {choices}, got '{value}'")]
    OptionChoice { key: String, choices: String, value: String },
    #[error("'{query}' returned {rows} rows, expected 1")]
    NameRows { query: String, rows: usize },
    #[error("expected text")]
    NameType,
    #[error("Cluster/connect name map func returned NULL")]
    NameNull,

    // Options of foreign-data wrappers, servers and user mappings.
    #[error("Pl/Proxy: partition numbers must start from 0 and be numbered consecutively")]
    PartitionNumbers { options: usize, number: u32 },
    #[error("Pl/Proxy: duplicate partition number: {0}")]
    DuplicatePartition(u32),
    #[error("Pl/Proxy: missing partition")]
    MissingPartition(usize),
    #[error("Pl/Proxy: invalid number of partitions")]
    ServerPartitionCount(usize),
    #[error("invalid partition count")]
    ServerPartitions,
    #[error("Pl/Proxy: invalid server option: {0}")]
    ServerOption(String),
    #[error("Pl/Proxy: only integer options are allowed: {key}={value}")]
    ServerOptionValue { key: String, value: String },
    #[error("Pl/Proxy: invalid option to user mapping")]
    MappingOption,
    #[error("{0} requires a Boolean value")]
    MappingBoolean(&'static str),
    #[error("only superusers can make a user mapping whose option \"password_required\" isn't true")]
    MappingUnasked,
    #[error("Pl/Proxy: option \"{0}\" requires a value")]
    OptionWithoutValue(String),
    #[error("Pl/Proxy: options must not be NULL")]
    OptionsNull,

    // Which partitions a call goes to.
    #[error("Hash function returned NULL")]
    HashNull,
    #[error("Hash result must be int2, int4 or int8")]
    HashType,
    #[error("Only set-returning function allows hashcount <> 1")]
    HashCount,
    #[error("part number out of range")]
    PartitionNumber,
    #[error("split arrays must be of identical lengths")]
    SplitLengths,
    #[error("split multi-dimensional arrays are not supported")]
    SplitDimensions,

    // Connections.
    #[error("{0}")]
    Conninfo(ConninfoError),
    #[error("[{database}] {reason}")]
    Connect { database: String, reason: String, sqlstate: Option<[u8; 5]> },
    #[error("[{database}] {reason}")]
    Broken { database: String, reason: String, is_outcome_unknown: bool },
    #[error("[{database}] lost synchronization with server")]
    OutOfSync { database: String, is_outcome_unknown: bool },
    #[error("[{database}] the server is still in a transaction after the call")]
    NotCommitted { database: String },
    #[error("[{0}] connect timeout")]
    ConnectTimeout(String),
    #[error("too many connections: \"plproxy.max_connections\" is {0}, and all of them are in use")]
    TooManyConnections(usize),
    #[error("[{0}] could not connect: too many open files")]
    NoDescriptor(String),
    #[error("could not wait for servers: too many open files")]
    NoDescriptorToWait,
    #[error("the call goes through more than {0} plproxy functions that run inside of each other")]
    TooDeep(usize),
    #[error("password is required")]
    PasswordRequired(Whose),
    #[error("connection option \"{0}\" is not allowed")]
    OptionNotAllowed(&'static str, Whose),
    #[error("query timeout")]
    QueryTimeout,

    // What is sent.
    #[error("the arguments are too long")]
    ArgumentsTooLong,

    // What came back.
    #[error("[{database}] the server sent a message of {length} bytes, more than \"plproxy.max_message_size\" allows")]
    MessageTooLong { database: String, length: usize },
    #[error("[{database}] out of memory for a message of {length} bytes")]
    MessageNoMemory { database: String, length: usize },
    #[error("{0}")]
    Remote(Box<RemoteError>),
    #[error("[{database}] the server sent an invalid row")]
    InvalidRow { database: String },
    #[error("[{database}] setting \"{setting}\" was changed on the server while the result was written")]
    SettingChanged { database: String, setting: &'static str },
    #[error("[{database}] \"client_encoding\" was changed on the server before the result was complete")]
    EncodingChanged { database: String },
    #[error("incorrect binary data for type {type_sql}: {reason}")]
    BinaryValue { type_sql: String, reason: String },
    #[error("{0} out of range")]
    OutOfRange(&'static str),
    #[error("number of array dimensions ({0}) exceeds the maximum allowed (6)")]
    ArrayDimensions(i32),
    #[error("array size exceeds the maximum allowed (134217727)")]
    ArraySize,
    #[error("array lower bound is too large: {0}")]
    ArrayLowerBound(i32),
    #[error("single field function but got record")]
    NotSingleField,
    #[error("Got too few fields from remote end")]
    TooFewFields,
    #[error("Got too many fields from remote end")]
    TooManyFields,
    #[error("Field {0} does not exists in result")]
    NoSuchField(String),
    #[error("Non-SETOF function requires 1 row from remote query, got {0}")]
    RowCount(u64),
}

/// Whose connection settings are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The connection string is an argument.
    Callers,
    /// The foreign server's owner isn't a superuser.
    ServerOwners,
    /// The user mapping says itself that a password is required.
    Mappings,
    /// The user mapping is being made by somebody who isn't a superuser.
    MappingMakers,
}

impl From<ConninfoError> for Problem {
    fn from(error: ConninfoError) -> Problem {
        Problem::Conninfo(error)
    }
}

impl Problem {
    /// Says of which cluster the configuration is to blame. Other problems stay as they are.
    pub fn of_cluster(self, cluster: &str) -> Problem {
        match self {
            Problem::ClusterNotFound(_) | Problem::Configuration { .. } => self,
            problem => Problem::Configuration { cluster: cluster.to_owned(), problem: Box::new(problem) },
        }
    }

    /// CONTEXT.
    pub fn context(&self) -> Option<String> {
        match self {
            Problem::Configuration { cluster, .. } => Some(configuration_context(cluster)),
            _ => None,
        }
    }

    /// Whether the text begins with `PL/Proxy function …: `.
    fn names_function(&self) -> bool {
        use Problem::*;
        if let Configuration { problem, .. } = self {
            return problem.names_function();
        }
        !matches!(
            self,
            NotVolatile
                | Variadic
                | Trigger
                | WrongContext
                | NotPreloaded
                | SetNotAccepted
                | NotACall(_)
                | ExplainFormat(_)
                | NoSuchFunction(_)
                | ClusterNotFound(_)
                | PartitionNumbers { .. }
                | DuplicatePartition(_)
                | MissingPartition(_)
                | ServerPartitionCount(_)
                | ServerOption(_)
                | ServerOptionValue { .. }
                | MappingOption
                | MappingBoolean(_)
                | MappingUnasked
                | OptionWithoutValue(_)
                | OptionsNull
                | OutOfRange(_)
                | ArrayDimensions(_)
                | ArraySize
                | ArrayLowerBound(_)
                | Remote(_)
        )
    }

    /// The SQLSTATE. An error that PL/Proxy 2 had too keeps the code that it had there, nearly always XX000, because
    /// handlers wait for it, unless `precise` codes were asked for.
    pub fn sqlstate(&self, precise: bool) -> [u8; 5] {
        use Problem::*;
        let code: &[u8; 5] = match self {
            Configuration { problem, .. } => return problem.sqlstate(precise),

            // Those of PL/Proxy 2 that weren't XX000.
            PartitionNumbers { .. } | DuplicatePartition(_) | MissingPartition(_) | ServerPartitionCount(_) => b"42601",
            MappingOption | MappingBoolean(_) | OptionWithoutValue(_) => b"42601",
            SetNotAccepted => b"0A000",
            RowCount(0) => b"P0002",
            RowCount(_) => b"P0003",
            Remote(error) => &error.sqlstate,
            // What the types' own functions say of such values.
            BinaryValue { .. } => b"22P03",
            OutOfRange(_) => b"22008",

            // New ones: nobody can have waited for XX000.
            NotACall(_) => b"42809",
            ExplainFormat(_) => b"22023",
            OptionsNull => b"22004",
            NotPreloaded => b"55000",
            TooManyConnections(_) => b"53300",
            NoDescriptor(_) | NoDescriptorToWait => b"53000",
            TooDeep(_) => b"54001",
            PasswordRequired(_) => b"2F003",
            OptionNotAllowed(..) | MappingUnasked | SchemaOwner(_) => b"42501",
            ArgumentsTooLong | MessageTooLong { .. } => b"54000",
            ArrayDimensions(_) | ArraySize | ArrayLowerBound(_) => b"54000",
            MessageNoMemory { .. } => b"53200",
            NotCommitted { .. } => b"25000",
            SettingChanged { .. } | EncodingChanged { .. } => b"55000",
            Connect { sqlstate: Some(code), .. } if code == b"2F003" => code,

            _ if !precise => b"XX000",
            Body(_) | ServerOption(_) | ServerOptionValue { .. } => b"42601",
            NotVolatile | RunOnAllNeedsSet | SelectInDynamicRecord => b"42P13",
            Variadic | Trigger | WrongContext | PseudoType { .. } | UnsupportedType => b"0A000",
            ClusterNotFound(_) => b"42704",
            Connect { sqlstate: Some(code), .. } => code,
            Connect { .. } | ConnectTimeout(_) | Conninfo(_) => b"08001",
            Broken { is_outcome_unknown: true, .. } => b"08007",
            Broken { .. } => b"08006",
            OutOfSync { .. } | InvalidRow { .. } => b"08P01",
            QueryTimeout => b"57014",
            NotSingleField | TooFewFields | TooManyFields | NoSuchField(_) | HashType => b"42804",
            HashNull => b"22004",
            PartitionNumber => b"22003",
            SplitLengths | SplitDimensions => b"2202E",
            _ => b"XX000",
        };
        *code
    }

    /// Whether a server couldn't be connected to: nothing has run there.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Problem::Connect { .. } | Problem::ConnectTimeout(_))
    }

    /// DETAIL.
    pub fn detail(&self) -> Option<String> {
        match self {
            Problem::Configuration { problem, .. } => problem.detail(),
            Problem::Broken { is_outcome_unknown: true, .. } | Problem::OutOfSync { is_outcome_unknown: true, .. } => {
                Some("The connection was lost after the query had been sent: whether it has run is unknown.".into())
            }
            Problem::NotCommitted { .. } => {
                Some("What the call has done there isn't committed. The connection has been closed.".into())
            }
            Problem::SettingChanged { .. } => Some("The text form of a column of the result depends on it.".into()),
            Problem::EncodingChanged { .. } => Some(
                "It isn't known in which encoding text was sent that isn't all ASCII. The connection has been closed."
                    .into(),
            ),
            Problem::PasswordRequired(whose) => Some(
                match whose {
                    Whose::Callers => {
                        "The connection string comes from a caller who isn't a superuser, so it must hold a password."
                    }
                    Whose::ServerOwners => {
                        "The owner of the foreign server isn't a superuser, so the user mapping must hold a password."
                    }
                    Whose::Mappings => {
                        "The user mapping's option \"password_required\" is true, so it must hold a password."
                    }
                    Whose::MappingMakers => "A user mapping that isn't made by a superuser must hold a password.",
                }
                .into(),
            ),
            Problem::OptionNotAllowed(_, whose) => Some(
                match whose {
                    Whose::Callers => "The connection string comes from a caller who isn't a superuser.",
                    _ => "The owner of the foreign server isn't a superuser.",
                }
                .into(),
            ),
            Problem::NoDescriptor(_) | Problem::NoDescriptorToWait => {
                Some("There are too many open files on the local server.".into())
            }
            Problem::SchemaOwner(_) => Some(
                "Its configuration functions would run with a superuser's privileges, and a role that is neither a \
                 superuser nor the database's owner could have created it."
                    .into(),
            ),
            Problem::MappingUnasked => {
                Some("The server must have asked for the password of a user mapping that others make.".into())
            }
            _ => None,
        }
    }

    /// HINT.
    pub fn hint(&self) -> Option<String> {
        match self {
            Problem::Configuration { problem, .. } => problem.hint(),
            Problem::PartitionNumbers { options, number } => {
                Some(format!("number of options is {options}, got {number}"))
            }
            Problem::DuplicatePartition(number) => Some(format!("got {number} twice")),
            Problem::MissingPartition(number) => Some(format!("missing number: {number}")),
            Problem::ServerPartitionCount(count) => {
                Some(format!("the number of partitions in a cluster must be power of 2 (attempted {count})"))
            }
            Problem::NoDescriptor(_) | Problem::NoDescriptorToWait => {
                Some("Raise the server's \"max_files_per_process\" and/or \"ulimit -n\" limits.".into())
            }
            Problem::SchemaOwner(_) => {
                Some("If its functions are as they should be, a superuser can take it over by ALTER SCHEMA … OWNER TO.".into())
            }
            Problem::TooManyConnections(_) => Some("A call needs a connection for each of its partitions.".into()),
            Problem::TooDeep(_) => Some(
                "Does a cluster lead back to its own database? If all is well, raise \"plproxy.max_depth\".".into(),
            ),
            Problem::PasswordRequired(Whose::Callers) | Problem::OptionNotAllowed(_, Whose::Callers) => {
                Some("A superuser can allow more by \"plproxy.dynamic_connect\".".into())
            }
            Problem::PasswordRequired(Whose::ServerOwners | Whose::Mappings) | Problem::OptionNotAllowed(..) => {
                Some("A superuser can allow more by setting the user mapping's \"password_required\" to false.".into())
            }
            Problem::PasswordRequired(Whose::MappingMakers) | Problem::MappingUnasked => {
                Some("Add the options password '…' and password_required 'true'.".into())
            }
            Problem::NotCommitted { .. } => {
                Some("A pooler may have given away a session in which a transaction had been begun.".into())
            }
            Problem::SettingChanged { .. } | Problem::EncodingChanged { .. } => Some(
                "If a function needs another value while it runs, its SET clause gives it that until its result is \
                 written."
                    .into(),
            ),
            Problem::MessageTooLong { .. } => Some("A larger \"plproxy.max_message_size\" lets it pass.".into()),
            Problem::NotPreloaded => Some(
                "Before PostgreSQL 17 shared memory is laid out when the server starts, so that has to be set, and the \
                 server to be restarted."
                    .into(),
            ),
            Problem::MappingOption => Some("valid options are \"user\", \"password\" and \"password_required\"".into()),
            Problem::Remote(error) => error.hint.as_ref().map(|hint| format!("Remote hint: {hint}")),
            _ => None,
        }
    }
}

/// CONTEXT of what goes wrong while a cluster's configuration is read.
pub fn configuration_context(cluster: &str) -> String {
    format!("PL/Proxy configuration of cluster \"{cluster}\"")
}

/// An error, a warning or a notice from a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteError {
    /// The database it comes from, as the connection string names it.
    pub database: String,
    /// ERROR, FATAL, NOTICE, …, in the language of the shard.
    pub severity: String,
    /// SQLSTATE.
    pub sqlstate: [u8; 5],
    /// Primary message.
    pub message: String,
    /// DETAIL.
    pub detail: Option<String>,
    /// HINT.
    pub hint: Option<String>,
    /// CONTEXT.
    pub context: Option<String>,
    /// Character, counted from 1, in the query that was sent.
    pub position: Option<u32>,
    /// Character in `internal_query`.
    pub internal_position: Option<u32>,
    /// QUERY.
    pub internal_query: Option<String>,
}

impl RemoteError {
    /// Says where it comes from.
    pub fn of_database(mut self, database: &str) -> RemoteError {
        database.clone_into(&mut self.database);
        self
    }
}

impl fmt::Display for RemoteError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "[{}] REMOTE {}: {}", self.database, self.severity, self.message)
    }
}

#[cfg(test)]
mod tests {
    /// The texts of the `#[error]` attributes, with `…` for what is filled in. Empty where there is nothing else.
    fn texts(source: &str) -> Vec<String> {
        let source = source.split("#[cfg(test)]").next().unwrap_or_default();
        let attributes = source.split("#[error(").skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"'));
        attributes
            .map(|rest| {
                let (mut text, mut inside) = (String::new(), false);
                let mut characters = rest.chars();
                while let Some(c) = characters.next().filter(|&c| c != '"') {
                    match c {
                        '{' => {
                            text.push('…');
                            inside = true;
                        }
                        '}' => inside = false,
                        '\\' => text.extend(characters.next()),
                        _ if inside => {}
                        _ => text.push(c),
                    }
                }
                text
            })
            .filter(|text| text.chars().any(char::is_alphabetic))
            .collect()
    }

    #[test]
    fn every_message_is_in_the_documentation() {
        let documentation = include_str!("../docs/operations.md");
        let sources = [
            include_str!("error.rs"),
            include_str!("conninfo/error.rs"),
            include_str!("parser/error.rs"),
            include_str!("pool/opening/questions.rs"),
            include_str!("pool/tls/certificate_name.rs"),
        ]
        .map(texts);
        assert!(sources.iter().all(|texts| !texts.is_empty()));
        let missing: Vec<_> = sources.iter().flatten().filter(|text| !documentation.contains(*text)).collect();
        assert!(missing.is_empty(), "docs/operations.md says nothing of {missing:#?}");
    }
}
