//! A cluster's options: from key/value pairs to a typed struct. Pure.

use super::mapping::MappingKind;
use crate::error::Problem;
use serde::Deserialize;
use serde::de::value::MapDeserializer;
use serde::de::{self, Deserializer, IntoDeserializer, Visitor};
use std::cell::RefCell;
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
    #[serde(deserialize_with = "choice_or_default")]
    pub default_user: DefaultUser,
    /// Accepted for compatibility, without effect.
    statement_timeout: u32,
    keepalive_idle: u32,
    keepalive_interval: u32,
    keepalive_count: u32,
    /// What was given, each option once.
    #[serde(skip)]
    given: Vec<(String, String)>,
    /// Those of them that had to be read as numbers, and aren't.
    #[serde(skip)]
    no_numbers: Vec<NoNumber>,
}

/// A value that should be a number. It is read as PL/Proxy 2 reads one: as far as it is one, and in 32 bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoNumber {
    /// The option.
    pub key: String,
    /// What was written.
    pub text: String,
    /// What it is taken as.
    pub taken_as: u32,
}

/// What a value may be that should be a number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Numbers {
    /// Anything.
    AsTheyCome,
    /// Digits, even if they are too many: so says the validator of PL/Proxy 2, whose servers are restored from dumps.
    Checked,
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
    /// From pairs as users wrote them. Keys are the same in any case; the last of several equal ones counts. What PL/Proxy 2
    /// takes for a number is taken here; [`ClusterOptions::no_numbers`] says where that is worth a warning.
    pub fn from_pairs(pairs: Vec<(String, String)>) -> Result<ClusterOptions, Problem> {
        ClusterOptions::read(pairs, Numbers::AsTheyCome)
    }

    /// The same for what is just being written, of which more can be asked.
    pub fn checked(pairs: Vec<(String, String)>) -> Result<ClusterOptions, Problem> {
        ClusterOptions::read(pairs, Numbers::Checked)
    }

    fn read(pairs: Vec<(String, String)>, numbers: Numbers) -> Result<ClusterOptions, Problem> {
        let no_numbers = RefCell::default();
        let mut last: Vec<(String, Value<'_>)> = Vec::with_capacity(pairs.len());
        for (key, text) in pairs {
            let key = key.to_ascii_lowercase();
            last.retain(|(other, _)| *other != key);
            last.push((key.clone(), Value { key, text, numbers, no_numbers: &no_numbers }));
        }
        let given = last.iter().map(|(key, value)| (key.clone(), value.text.clone())).collect();
        let options = ClusterOptions::deserialize(MapDeserializer::new(last.into_iter()));
        let options = options.map_err(|OptionError(problem)| problem)?;
        Ok(ClusterOptions { given, no_numbers: no_numbers.into_inner(), ..options })
    }

    /// The values that should be numbers, and aren't.
    pub fn no_numbers(&self) -> &[NoNumber] {
        &self.no_numbers
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

/// Empty is as if it weren't given.
fn choice_or_default<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// The number that a text begins with, after white space; 0 if there is none. One that is too large loses its high bits, as
/// C's `atoi` does it on the platforms that PL/Proxy 2 runs on.
fn leading_number(text: &str) -> i32 {
    let text = text.trim_start_matches(IS_SPACE);
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = digits.bytes().take_while(u8::is_ascii_digit).map(|digit| i64::from(digit - b'0'));
    digits.fold(0_i64, |number, digit| number.saturating_mul(10).saturating_add(sign * digit)) as i32
}

/// What C calls white space.
pub const IS_SPACE: [char; 6] = [' ', '\t', '\n', '\x0b', '\x0c', '\r'];

/// A value as written, with its key for messages.
struct Value<'a> {
    key: String,
    text: String,
    numbers: Numbers,
    /// To be added to.
    no_numbers: &'a RefCell<Vec<NoNumber>>,
}

impl Value<'_> {
    /// The number that it stands for. Empty is 0. `meaning` is what the option makes of it.
    fn number(&self, meaning: impl FnOnce(i32) -> u32) -> Result<u32, OptionError> {
        let text = self.text.trim_matches(IS_SPACE);
        let taken_as = meaning(leading_number(text));
        let digits = text.strip_prefix('+').unwrap_or(text);
        let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
        if text.is_empty() || is_number && text.parse::<i32>().is_ok() {
            return Ok(taken_as);
        }
        if !is_number && self.numbers == Numbers::Checked {
            let (key, value) = (self.key.clone(), self.text.clone());
            return Err(OptionError(Problem::ServerOptionValue { key, value }));
        }
        let no_number = NoNumber { key: self.key.clone(), text: self.text.clone(), taken_as };
        self.no_numbers.borrow_mut().push(no_number);
        Ok(taken_as)
    }
}

impl<'a> IntoDeserializer<'_, OptionError> for Value<'a> {
    type Deserializer = Value<'a>;

    fn into_deserializer(self) -> Value<'a> {
        self
    }
}

impl<'de> Deserializer<'de> for Value<'_> {
    type Error = OptionError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, OptionError> {
        visitor.visit_string(self.text)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, OptionError> {
        visitor.visit_u32(self.number(|number| u32::try_from(number).unwrap_or(0))?)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, OptionError> {
        visitor.visit_bool(self.number(|number| u32::from(number != 0))? != 0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, OptionError> {
        // What is just being written may leave an option out instead.
        let is_refused = self.key == "default_user" && self.numbers == Numbers::Checked;
        if self.text.is_empty() && !is_refused { visitor.visit_none() } else { visitor.visit_some(self) }
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
        OptionError(Problem::ServerOptionValue { key: "option".into(), value: message.to_string() })
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
    use super::{ClusterOptions, DefaultUser, MappingKind, NoNumber, PreparedStatements, leading_number};
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
            ("prepared_statements", "yes", "prepared_statements: Expect 'auto', 'on' or 'off', got 'yes'"),
            ("default_user", "me", "default_user: Expect 'current_user' or 'session_user', got 'me'"),
            ("partition_mapping", "Range", "partition_mapping: Expect 'mask', 'modulo' or 'jump', got 'Range'"),
        ] {
            assert_eq!(parse(&[(key, value)]).unwrap_err(), message);
        }
    }
    /// What PL/Proxy 2.10 was seen to take them for.
    #[test]
    fn numbers_are_read_as_by_c() {
        for (text, number) in [
            ("", 0),
            ("5", 5),
            (" 5 ", 5),
            ("\t\x0b+5", 5),
            ("010", 10),
            ("0x10", 0),
            ("-1", -1),
            ("--1", 0),
            ("1.5", 1),
            ("1h", 1),
            ("1e3", 1),
            ("on", 0),
            ("\u{663}", 0),
            ("\u{a0}5", 0),
            ("2147483648", i32::MIN),
            ("4294967296", 0),
            ("4294967297", 1),
            ("99999999999", 1_215_752_191),
            ("18446744073709551617", -1),
            ("-99999999999999999999", 0),
        ] {
            assert_eq!(leading_number(text), number, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_number_is_told_of() {
        for (key, text, taken_as) in [
            ("query_timeout", "1h", Some(1)),
            ("query_timeout", "-1", Some(0)),
            ("query_timeout", "2147483648", Some(0)),
            ("connection_lifetime", "1.5", Some(1)),
            ("keepalive_idle", "99999999999", Some(1_215_752_191)),
            ("modular_mapping", "-1", Some(1)),
            ("modular_mapping", "on", Some(0)),
            ("disable_binary", "4294967296", Some(0)),
            ("query_timeout", " 5 ", None),
            ("query_timeout", "+5", None),
            ("query_timeout", "2147483647", None),
            ("query_timeout", "", None),
            ("default_user", "", None),
        ] {
            let options = parse(&[(key, text)]).unwrap();
            let no_number = |taken_as| NoNumber { key: key.into(), text: text.into(), taken_as };
            assert_eq!(options.no_numbers(), taken_as.map(no_number).as_slice(), "{key} {text:?}");
        }
    }

    #[test]
    fn what_is_being_written_must_be_a_number() {
        let check = |key: &str, text: &str| {
            let options = ClusterOptions::checked(vec![(key.into(), text.into())]);
            options.map(|options| options.no_numbers().len()).map_err(|problem| problem.to_string())
        };
        assert_eq!(check("query_timeout", "5"), Ok(0));
        assert_eq!(check("query_timeout", "99999999999"), Ok(1));
        for text in ["1h", "-1", "1.5", "on", "+", "+-1"] {
            let message = format!("Pl/Proxy: only integer options are allowed: query_timeout={text}");
            assert_eq!(check("query_timeout", text), Err(message));
        }
        assert!(check("default_user", "").is_err());
    }
}
