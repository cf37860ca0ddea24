//! A cluster's options: from key/value pairs to a typed struct. Pure.

use super::mapping::MappingKind;
use crate::error::Problem;
use serde::Deserialize;
use serde::de::value::MapDeserializer;
use serde::de::{self, Deserializer, IntoDeserializer, Visitor};
use std::fmt;
use std::time::Duration;

/// The options. Durations are in seconds where users write them; `None` is without limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterOptions {
    /// How hash values select partitions.
    partition_mapping: Option<MappingKind>,
    /// The old name for modulo.
    modular_mapping: bool,
    /// How long a connection may live.
    #[serde(deserialize_with = "seconds")]
    pub connection_lifetime: Option<Duration>,
    /// How long a query may take, to the end of its result.
    #[serde(deserialize_with = "seconds")]
    pub query_timeout: Option<Duration>,
    /// How long connecting may take.
    #[serde(deserialize_with = "seconds")]
    pub connect_timeout: Option<Duration>,
    /// Whether values travel as text only.
    pub disable_binary: bool,
    /// Whether queries are prepared on the shards; if it isn't given, the setting of that name counts.
    pub prepared_statements: Option<PreparedStatements>,
    /// Whose connections are used.
    pub default_user: DefaultUser,
    /// Accepted for compatibility, without effect.
    statement_timeout: u32,
    keepalive_idle: u32,
    keepalive_interval: u32,
    keepalive_count: u32,
    /// What was given, each option once.
    #[serde(skip)]
    given: Vec<(String, String)>,
}

/// Which role a connection is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DefaultUser {
    /// The one whose privileges are in force.
    #[default]
    CurrentUser,
    /// The one that the session is for.
    SessionUser,
}

/// Whether queries are prepared on the shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PreparedStatements {
    /// Where the server that answers is certainly the one that was connected to, so that the next call meets it again.
    Auto,
    /// Everywhere.
    On,
    /// Nowhere.
    Off,
}

impl ClusterOptions {
    /// From pairs as users wrote them. Keys are the same in any case; the last of several equal ones counts.
    pub fn from_pairs(pairs: Vec<(String, String)>) -> Result<ClusterOptions, Problem> {
        let mut last: Vec<(String, Value)> = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            let key = key.to_ascii_lowercase();
            last.retain(|(other, _)| *other != key);
            last.push((key.clone(), Value { key, text: value }));
        }
        let given = last.iter().map(|(key, value)| (key.clone(), value.text.clone())).collect();
        let options = ClusterOptions::deserialize(MapDeserializer::new(last.into_iter()));
        options.map(|options| ClusterOptions { given, ..options }).map_err(|OptionError(problem)| problem)
    }

    /// The options that were given, with their values as they were written, each once.
    pub fn given(&self) -> &[(String, String)] {
        &self.given
    }

    /// How hash values select partitions: `partition_mapping` if it is given, else what `modular_mapping` says.
    pub fn mapping(&self) -> MappingKind {
        let by_flag = if self.modular_mapping { MappingKind::Modulo } else { MappingKind::Mask };
        self.partition_mapping.unwrap_or(by_flag)
    }

    /// Whether a keepalive is set here, where it has no effect: it belongs into the connection string.
    pub fn sets_keepalive(&self) -> bool {
        self.keepalive_idle > 0 || self.keepalive_interval > 0 || self.keepalive_count > 0
    }
}

/// Zero is no limit.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let seconds = u32::deserialize(deserializer)?;
    Ok((seconds > 0).then(|| Duration::from_secs(seconds.into())))
}

/// A value as written, with its key for messages.
struct Value {
    key: String,
    text: String,
}

impl Value {
    /// The number that it stands for. Empty is 0.
    fn number(&self) -> Result<u32, OptionError> {
        match self.text.trim() {
            "" => Ok(0),
            number => number
                .parse()
                .map_err(|_| OptionError(Problem::OptionValue { key: self.key.clone(), value: self.text.clone() })),
        }
    }
}

impl<'de> IntoDeserializer<'de, OptionError> for Value {
    type Deserializer = Value;

    fn into_deserializer(self) -> Value {
        self
    }
}

impl<'de> Deserializer<'de> for Value {
    type Error = OptionError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, OptionError> {
        visitor.visit_string(self.text)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, OptionError> {
        visitor.visit_u32(self.number()?)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, OptionError> {
        visitor.visit_bool(self.number()? != 0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, OptionError> {
        if self.text.is_empty() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, OptionError> {
        let choice = self.text.to_ascii_lowercase();
        visitor.visit_enum(choice.into_deserializer()).map_err(|OptionError(problem)| match problem {
            Problem::OptionChoice { choices, .. } => {
                OptionError(Problem::OptionChoice { key: self.key, choices, value: self.text })
            }
            other => OptionError(other),
        })
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// serde's errors as ours.
#[derive(Debug)]
struct OptionError(Problem);

impl fmt::Display for OptionError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl std::error::Error for OptionError {}

impl de::Error for OptionError {
    fn custom<T: fmt::Display>(message: T) -> OptionError {
        OptionError(Problem::OptionValue { key: "cluster option".into(), value: message.to_string() })
    }

    fn unknown_field(field: &str, _: &'static [&'static str]) -> OptionError {
        OptionError(Problem::UnknownOption(field.to_owned()))
    }

    fn unknown_variant(value: &str, expected: &'static [&'static str]) -> OptionError {
        let quoted: Vec<_> = expected.iter().map(|choice| format!("'{choice}'")).collect();
        let choices = match quoted.split_last() {
            Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
            _ => quoted.concat(),
        };
        // The key is added by the value, which knows it.
        OptionError(Problem::OptionChoice { key: String::new(), choices, value: value.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::{ClusterOptions, DefaultUser, MappingKind, PreparedStatements};
    use std::time::Duration;

    fn parse(pairs: &[(&str, &str)]) -> Result<ClusterOptions, String> {
        let pairs = pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        ClusterOptions::from_pairs(pairs).map_err(|problem| problem.to_string())
    }

    #[test]
    fn all_keys() {
        let options = parse(&[
            ("modular_mapping", "1"),
            ("Connection_Lifetime", "60"),
            ("query_timeout", "5"),
            ("connect_timeout", ""),
            ("disable_binary", "1"),
            ("prepared_statements", "On"),
            ("default_user", "session_user"),
            ("statement_timeout", "10"),
            ("keepalive_idle", "0"),
            ("keepalive_interval", "1"),
            ("keepalive_count", "0"),
        ])
        .unwrap();
        assert_eq!(options.mapping(), MappingKind::Modulo);
        assert!(options.disable_binary && options.sets_keepalive());
        assert_eq!(options.connection_lifetime, Some(Duration::from_secs(60)));
        assert_eq!(options.query_timeout, Some(Duration::from_secs(5)));
        assert_eq!(options.connect_timeout, None);
        assert_eq!(options.prepared_statements, Some(PreparedStatements::On));
        assert_eq!(options.default_user, DefaultUser::SessionUser);
    }

    #[test]
    fn mappings() {
        for (pairs, mapping) in [
            (vec![], MappingKind::Mask),
            (vec![("modular_mapping", "0")], MappingKind::Mask),
            (vec![("modular_mapping", "1")], MappingKind::Modulo),
            (vec![("partition_mapping", "JUMP")], MappingKind::Jump),
            (vec![("partition_mapping", "modulo")], MappingKind::Modulo),
            (vec![("partition_mapping", ""), ("modular_mapping", "1")], MappingKind::Modulo),
            (vec![("partition_mapping", "mask"), ("modular_mapping", "1")], MappingKind::Mask),
        ] {
            assert_eq!(parse(&pairs).unwrap().mapping(), mapping, "{pairs:?}");
        }
    }

    #[test]
    fn the_last_of_equal_keys_counts() {
        let options = parse(&[("query_timeout", "1"), ("QUERY_TIMEOUT", "2")]).unwrap();
        assert_eq!(options.query_timeout, Some(Duration::from_secs(2)));
    }

    #[test]
    fn errors() {
        for (key, value, message) in [
            ("nonesuch", "1", "Unknown config param: nonesuch"),
            ("query_timeout", "1h", "query_timeout: expected a number, got '1h'"),
            ("modular_mapping", "-1", "modular_mapping: expected a number, got '-1'"),
            ("prepared_statements", "yes", "prepared_statements: Expect 'auto', 'on' or 'off', got 'yes'"),
            ("default_user", "me", "default_user: Expect 'current_user' or 'session_user', got 'me'"),
            ("partition_mapping", "Range", "partition_mapping: Expect 'mask', 'modulo' or 'jump', got 'Range'"),
        ] {
            assert_eq!(parse(&[(key, value)]).unwrap_err(), message);
        }
    }
}
