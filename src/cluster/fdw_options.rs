//! Options of the foreign-data wrapper, its servers and user mappings: which there are, and what they may be. Pure.

use super::mapping::Mapping;
use super::options::{ClusterOptions, IS_SPACE, NoNumber};
use crate::error::{Problem, Whose};

/// What kind of object the options are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The wrapper: defaults for all its servers.
    Wrapper,
    /// A server, which is a cluster.
    Server,
    /// A user mapping.
    UserMapping,
}

/// Checks the options that CREATE and ALTER give to an object: pairs `name=value`, of which a hand-written call may
/// leave out the value, or the whole pair. `by_superuser` says who gives them. Numbers that are too large are worth a warning.
pub fn validate(owner: Owner, options: &[Option<String>], by_superuser: bool) -> Result<Vec<NoNumber>, Problem> {
    let options = options
        .iter()
        .map(|option| {
            let option = option.as_deref().ok_or(Problem::OptionsNull)?;
            option.split_once('=').ok_or_else(|| Problem::OptionWithoutValue(option.to_owned()))
        })
        .collect::<Result<Vec<_>, _>>()?;
    match owner {
        Owner::Wrapper => {
            let no_numbers = options.iter().map(|(name, value)| cluster_option(name, value));
            Ok(no_numbers.collect::<Result<Vec<_>, _>>()?.concat())
        }
        Owner::Server => server(&options),
        Owner::UserMapping => user_mapping(&options, by_superuser).map(|()| Vec::new()),
    }
}

/// The option of user mappings by which the server must have asked for the password, or need not have.
const PASSWORD_REQUIRED: &str = "password_required";

/// Only now is it known who makes a mapping: the catalog keeps nothing but the options. So a mapping that isn't a superuser's
/// has to say by its own options that it may log in with its password alone.
fn user_mapping(options: &[(&str, &str)], by_superuser: bool) -> Result<(), Problem> {
    let (mut has_password, mut required) = (false, None);
    for (name, value) in options {
        match name.to_ascii_lowercase().as_str() {
            "user" => {}
            "password" => has_password = !value.is_empty(),
            PASSWORD_REQUIRED => required = Some(boolean(value).ok_or(Problem::MappingBoolean(PASSWORD_REQUIRED))?),
            _ => return Err(Problem::MappingOption),
        }
    }
    match (by_superuser, has_password, required) {
        (true, ..) | (false, true, Some(true)) => Ok(()),
        (false, true, _) | (false, false, Some(false)) => Err(Problem::MappingUnasked),
        (false, false, _) => Err(Problem::PasswordRequired(Whose::MappingMakers)),
    }
}

/// What a user mapping says of [`PASSWORD_REQUIRED`]; `None` if it says nothing. What isn't a boolean, which only a
/// hand-written catalog has, lifts no rule.
pub fn password_required(options: &[(String, String)]) -> Option<bool> {
    let given = options.iter().rev().find(|(name, _)| name.eq_ignore_ascii_case(PASSWORD_REQUIRED));
    given.map(|(_, value)| boolean(value).unwrap_or(true))
}

/// A boolean in one of PostgreSQL's words for it.
fn boolean(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "on" | "yes" | "1" => Some(true),
        "false" | "off" | "no" | "0" => Some(false),
        _ => None,
    }
}

fn server(options: &[(&str, &str)]) -> Result<Vec<NoNumber>, Problem> {
    let mut found = vec![false; options.len()];
    for (name, value) in options {
        match partition_number(name) {
            Some(number) => {
                let seen = found
                    .get_mut(number as usize)
                    .ok_or(Problem::PartitionNumbers { options: options.len(), number })?;
                if std::mem::replace(seen, true) {
                    return Err(Problem::DuplicatePartition(number));
                }
            }
            None => _ = cluster_option(name, value)?,
        }
    }
    let count = found.iter().filter(|&&found| found).count();
    if let Some(missing) = found[..count].iter().position(|&found| !found) {
        return Err(Problem::MissingPartition(missing));
    }
    let pairs = options.iter().filter(|(name, _)| partition_number(name).is_none());
    let cluster_options = ClusterOptions::checked(pairs.map(|&(name, value)| (name.into(), value.into())).collect())?;
    Mapping::new(cluster_options.mapping(), count).ok_or(Problem::ServerPartitionCount(count))?;
    Ok(cluster_options.no_numbers().to_vec())
}

/// The number in `p0`, `partition_0`, with leading zeros or without. White space and `+` before it are as good as nothing, and
/// no number at all is 0: PL/Proxy 2 created such servers.
pub fn partition_number(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("partition_").or_else(|| name.strip_prefix('p'))?;
    let digits = digits.trim_start_matches(IS_SPACE);
    let digits = digits.strip_prefix('+').filter(|digits| !digits.is_empty()).unwrap_or(digits);
    let is_number = digits.bytes().all(|digit| digit.is_ascii_digit());
    // A number beyond the machine's is as far out of range as one can be.
    is_number.then(|| if digits.is_empty() { 0 } else { digits.parse().unwrap_or(u32::MAX) })
}

/// One of the options that a cluster has, whichever way it is configured.
fn cluster_option(name: &str, value: &str) -> Result<Vec<NoNumber>, Problem> {
    match ClusterOptions::checked(vec![(name.to_owned(), value.to_owned())]) {
        Ok(options) => Ok(options.no_numbers().to_vec()),
        Err(Problem::UnknownOption(_)) => Err(Problem::ServerOption(name.to_owned())),
        // As it was written.
        Err(Problem::ServerOptionValue { value, .. }) => {
            Err(Problem::ServerOptionValue { key: name.to_owned(), value })
        }
        Err(other) => Err(other),
    }
}

#[cfg(test)]
mod tests {
    use super::{Owner, password_required, validate};

    fn check_by(by_superuser: bool, owner: Owner, options: &[&str]) -> Result<(), String> {
        let options: Vec<_> = options.iter().map(|option| Some(option.to_string())).collect();
        validate(owner, &options, by_superuser).map(|_| ()).map_err(|problem| problem.to_string())
    }

    fn check(owner: Owner, options: &[&str]) -> Result<(), String> {
        check_by(true, owner, options)
    }

    #[test]
    fn user_mappings_of_others() {
        let password = "password is required";
        let unasked = "only superusers can make a user mapping whose option \"password_required\" isn't true";
        for (options, superusers, others) in [
            (vec![], Ok(()), Err(password)),
            (vec!["user=me"], Ok(()), Err(password)),
            (vec!["user=me", "password="], Ok(()), Err(password)),
            (vec!["user=me", "password_required=true"], Ok(()), Err(password)),
            (vec!["user=me", "password=x"], Ok(()), Err(unasked)),
            (vec!["password=x", "password_required=false"], Ok(()), Err(unasked)),
            (vec!["password_required=off"], Ok(()), Err(unasked)),
            (vec!["Password=x", "PASSWORD_REQUIRED=Yes"], Ok(()), Ok(())),
            (vec!["password=x", "password_required=1", "user=me"], Ok(()), Ok(())),
        ] {
            let expected = |outcome: Result<(), &str>| outcome.map_err(str::to_owned);
            assert_eq!(check_by(true, Owner::UserMapping, &options), expected(superusers), "{options:?}");
            assert_eq!(check_by(false, Owner::UserMapping, &options), expected(others), "{options:?}");
        }
    }

    #[test]
    fn what_a_user_mapping_says() {
        let said = |value: &str| password_required(&[("Password_Required".into(), value.into())]);
        assert_eq!(password_required(&[("user".into(), "false".into())]), None);
        assert_eq!(["true", "ON", "1", "", "perhaps"].map(said), [Some(true); 5]);
        assert_eq!(["false", "Off", "no", "0"].map(said), [Some(false); 4]);
    }

    #[test]
    fn good_options() {
        for (owner, options) in [
            (Owner::Server, vec!["p0=dbname=a", "p1=dbname=b"]),
            (Owner::Server, vec!["partition_01=b", "partition_00=a", "query_timeout=5"]),
            (Owner::Server, vec!["p0=a", "p1=b", "p2=c", "modular_mapping=1"]),
            (Owner::Server, vec!["p0=a", "default_user=session_user", "connect_timeout="]),
            (Owner::Server, vec!["p0=a", "p1=b", "p2=c", "partition_mapping=jump"]),
            (Owner::Server, vec!["p=a", "p+1=b"]),
            (Owner::Server, vec!["partition_=a", "p 1=b"]),
            (Owner::Wrapper, vec!["connection_lifetime=60"]),
            (Owner::Wrapper, vec![]),
            (Owner::UserMapping, vec!["user=me", "password=x=y"]),
        ] {
            assert_eq!(check(owner, &options), Ok(()), "{options:?}");
        }
    }

    #[test]
    fn bad_options() {
        let consecutive = "Pl/Proxy: partition numbers must start from 0 and be numbered consecutively";
        let count = "Pl/Proxy: invalid number of partitions";
        for (owner, options, message) in [
            (Owner::Server, vec!["p1=a"], consecutive),
            (Owner::Server, vec!["p99999999999=a"], consecutive),
            (Owner::Server, vec!["p0=a", "partition_0=b"], "Pl/Proxy: duplicate partition number: 0"),
            (Owner::Server, vec!["p0=a", "p2=b", "query_timeout=1"], "Pl/Proxy: missing partition"),
            (Owner::Server, vec!["p0=a", "p1=b", "p2=c"], count),
            (Owner::Server, vec![], count),
            (Owner::Server, vec!["p0=a", "nonesuch=1"], "Pl/Proxy: invalid server option: nonesuch"),
            (Owner::Server, vec!["p0=a", "p=1"], "Pl/Proxy: duplicate partition number: 0"),
            (Owner::Server, vec!["p0=a", "p1 =b"], "Pl/Proxy: invalid server option: p1 "),
            (Owner::Server, vec!["p0=a", "p-1=b"], "Pl/Proxy: invalid server option: p-1"),
            (Owner::Wrapper, vec!["p0=a"], "Pl/Proxy: invalid server option: p0"),
            (Owner::Wrapper, vec!["query_timeout=1h"], "Pl/Proxy: only integer options are allowed: query_timeout=1h"),
            (Owner::UserMapping, vec!["host=x"], "Pl/Proxy: invalid option to user mapping"),
            (Owner::UserMapping, vec!["password_required=2"], "password_required requires a Boolean value"),
            (Owner::Server, vec!["p0"], "Pl/Proxy: option \"p0\" requires a value"),
        ] {
            assert_eq!(check(owner, &options), Err(message.to_owned()), "{options:?}");
        }
        assert!(validate(Owner::Server, &[None], true).is_err());
    }
}
