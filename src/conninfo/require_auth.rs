//! `require_auth`: how the server may ask who we are.

use std::fmt;

use super::error::ConninfoError;

/// A way in which a server authenticates a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMethod {
    /// The password in clear text.
    Password,
    Md5,
    ScramSha256,
    Gss,
    Sspi,
    Oauth,
    /// No question is asked: `trust`, `peer`, `cert`.
    None,
}

impl AuthMethod {
    const WORDS: [(&'static str, Self); 7] = [
        ("password", Self::Password),
        ("md5", Self::Md5),
        ("scram-sha-256", Self::ScramSha256),
        ("gss", Self::Gss),
        ("sspi", Self::Sspi),
        ("oauth", Self::Oauth),
        ("none", Self::None),
    ];

    fn parse(word: &str) -> Option<Self> {
        let entry = Self::WORDS.iter().find(|(known, _)| *known == word);
        entry.map(|&(_, method)| method)
    }

    fn word(self) -> &'static str {
        let entry = Self::WORDS.iter().find(|(_, method)| *method == self);
        entry.map_or("", |&(word, _)| word)
    }
}

/// The authentication methods that a connection accepts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RequireAuth {
    #[default]
    Any,
    Only(Vec<AuthMethod>),
    AllBut(Vec<AuthMethod>),
    /// A password in one way or another, as far as that agrees with what is inside.
    Password(Box<RequireAuth>),
}

impl RequireAuth {
    pub fn allows(&self, method: AuthMethod) -> bool {
        match self {
            Self::Any => true,
            Self::Only(methods) => methods.contains(&method),
            Self::AllBut(methods) => !methods.contains(&method),
            Self::Password(inside) => {
                let is_password = matches!(method, AuthMethod::Password | AuthMethod::Md5 | AuthMethod::ScramSha256);
                is_password && inside.allows(method)
            }
        }
    }

    /// The same, and the server must want a password.
    pub fn and_password(self) -> Self {
        Self::Password(Box::new(self))
    }

    /// A comma-separated list, either of accepted methods or of refused ones with `!` before each
    /// (libpq, `pqConnectOptions2`). A repeated method is taken for a typing error.
    pub(super) fn parse(list: Option<&str>) -> Result<Self, ConninfoError> {
        let Some(list) = list.filter(|list| !list.is_empty()) else {
            return Ok(Self::Any);
        };
        let refusing = list.starts_with('!');
        let mut methods = Vec::new();
        for word in list.split(',') {
            let name = match (refusing, word.strip_prefix('!')) {
                (true, Some(name)) => name,
                (false, None) => word,
                (true, None) => return Err(ConninfoError::PositiveAuthMethod(word.to_owned())),
                (false, Some(_)) => return Err(ConninfoError::NegativeAuthMethod(word.to_owned())),
            };
            let method = AuthMethod::parse(name)
                .ok_or_else(|| ConninfoError::InvalidValue { option: "require_auth", value: name.to_owned() })?;
            if methods.contains(&method) {
                return Err(ConninfoError::RepeatedAuthMethod(word.to_owned()));
            }
            methods.push(method);
        }
        Ok(match refusing {
            true => Self::AllBut(methods),
            false => Self::Only(methods),
        })
    }
}

/// The list as it was written.
impl fmt::Display for RequireAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, methods) = match self {
            Self::Any => return Ok(()),
            Self::Only(methods) => ("", methods),
            Self::AllBut(methods) => ("!", methods),
            Self::Password(inside) => return inside.fmt(f),
        };
        for (index, method) in methods.iter().enumerate() {
            let separator = if index == 0 { "" } else { "," };
            write!(f, "{separator}{sign}{}", method.word())?;
        }
        Ok(())
    }
}
