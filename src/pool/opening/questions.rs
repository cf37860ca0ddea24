//! What a server says before it lets us in (pure).
//!
//! `require_auth` says which ways of authentication are acceptable, and must be enforced before anything is answered: a
//! password in clear text can't be taken back. tokio-postgres answers whatever it is asked, so the server's messages
//! are looked at on their way to it, up to the one that says that the session has begun.

use crate::conninfo::{AuthMethod, RequireAuth};
use std::fmt;

/// Reads the server's side of the startup, byte by byte as it comes.
#[derive(Debug)]
pub struct Questions {
    required: RequireAuth,
    /// What the server has asked for so far.
    asked: Option<AuthMethod>,
    /// The server's process ID, once it has told us.
    process_id: Option<u32>,
    cancel_key: Option<CancelKey>,
    /// Whether it has let us in, so that what it asked for was answered to its satisfaction.
    has_let_in: bool,
    /// As much of the current message as has to be known: its type, its length, and sometimes the numbers after it.
    head: Vec<u8>,
    /// How many bytes of the current message are still to come.
    rest: usize,
    /// What has come of them, if they matter.
    body: Vec<u8>,
    /// How many bytes there have been.
    heard: usize,
}

/// What a server wants to see before it cancels what it does for us. It is a secret.
#[derive(Clone, Copy)]
pub struct CancelKey([u8; 8]);

impl CancelKey {
    /// CancelRequest (PostgreSQL, "Message Formats"): its length, its number, and the key.
    pub fn request(&self) -> [u8; 16] {
        let mut request = [0, 0, 0, 16, 0x04, 0xd2, 0x16, 0x2e, 0, 0, 0, 0, 0, 0, 0, 0];
        request[8..].copy_from_slice(&self.0);
        request
    }
}

impl fmt::Debug for CancelKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("CancelKey")
    }
}

/// Whether there is more to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Startup {
    /// The server may ask again.
    GoesOn,
    /// We are in: the session begins after this many of the bytes.
    Over(usize),
}

/// Why the server gets no answer, in libpq's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unacceptable {
    /// `require_auth` as written, and what the server did instead.
    #[error("authentication method requirement \"{0}\" failed: {1}")]
    Method(String, &'static str),
    /// A password is required, and the server didn't want one.
    #[error("password is required, and the server didn't ask for it")]
    NoPassword,
    /// Computing the answer would take too long.
    #[error("server demands {0} SCRAM iterations, of which no more than {MOST_ITERATIONS} are allowed")]
    Iterations(u64),
    /// What would be done there wouldn't be committed.
    #[error("server gave away a session that is in a transaction")]
    InTransaction,
    /// Not what a PostgreSQL server sends.
    #[error("received invalid authentication request")]
    Malformed,
}

// Types of messages.
const AUTHENTICATION: u8 = b'R';
const BACKEND_KEY_DATA: u8 = b'K';
const READY_FOR_QUERY: u8 = b'Z';

const TYPE_AND_LENGTH: usize = 5;
const WITH_NUMBER: usize = 9;
const WITH_KEY: usize = 13;

/// The longest message that libpq would take from a server that it doesn't trust yet: a question, and an error.
const LONGEST_QUESTION: usize = 2000;
const LONGEST_OTHER: usize = 30_000;

/// All of it together; a server has a few hundred bytes to say.
const LONGEST_STARTUP: usize = 1024 * 1024;

/// So many take a good second, in which nothing else happens. PostgreSQL's own number is 4096.
const MOST_ITERATIONS: u64 = 1_000_000;

/// AuthenticationSASLContinue.
const SASL_CONTINUE: u32 = 11;

impl Questions {
    pub fn new(required: RequireAuth) -> Questions {
        Questions {
            required,
            asked: None,
            process_id: None,
            cancel_key: None,
            has_let_in: false,
            head: Vec::with_capacity(WITH_KEY),
            rest: 0,
            body: Vec::new(),
            heard: 0,
        }
    }

    /// What the server has asked for last; `None` if it hasn't asked.
    pub fn asked(&self) -> Option<AuthMethod> {
        self.asked
    }

    /// Whether it has let us in.
    pub fn has_let_in(&self) -> bool {
        self.has_let_in
    }

    /// The server's process ID as it is told to clients, for cancel requests. A pooler has one of its own.
    pub fn process_id(&self) -> Option<u32> {
        self.process_id
    }

    /// What it wants to see in a cancel request.
    pub fn cancel_key(&self) -> Option<CancelKey> {
        self.cancel_key
    }

    /// Takes notice of the next bytes.
    pub fn hear(&mut self, bytes: &[u8]) -> Result<Startup, Unacceptable> {
        self.heard += bytes.len();
        if self.heard > LONGEST_STARTUP {
            return Err(Unacceptable::Malformed);
        }
        let mut heard = 0;
        while heard < bytes.len() {
            if self.rest > 0 {
                let end = heard + self.rest.min(bytes.len() - heard);
                if self.is_sasl_continue() || self.is_ready() {
                    self.body.extend_from_slice(&bytes[heard..end]);
                }
                self.rest -= end - heard;
                heard = end;
            } else {
                self.head.push(bytes[heard]);
                heard += 1;
                if !self.has_whole_head() {
                    continue;
                }
                self.read_head()?;
            }
            if self.rest == 0 {
                if self.is_sasl_continue() {
                    check_iterations(&std::mem::take(&mut self.body))?;
                }
                if self.is_ready() {
                    return match &self.body[..] {
                        b"I" => Ok(Startup::Over(heard)),
                        b"T" | b"E" => Err(Unacceptable::InTransaction),
                        _ => Err(Unacceptable::Malformed),
                    };
                }
                self.head.clear();
            }
        }
        Ok(Startup::GoesOn)
    }

    fn is_sasl_continue(&self) -> bool {
        self.head[0] == AUTHENTICATION && self.number(5) == SASL_CONTINUE
    }

    fn is_ready(&self) -> bool {
        self.head[0] == READY_FOR_QUERY
    }

    fn has_whole_head(&self) -> bool {
        let length = match self.head[0] {
            AUTHENTICATION => WITH_NUMBER,
            BACKEND_KEY_DATA => WITH_KEY,
            _ => TYPE_AND_LENGTH,
        };
        self.head.len() == length
    }

    fn read_head(&mut self) -> Result<(), Unacceptable> {
        // The length counts itself, but not the type.
        self.rest = (self.number(1) as usize + 1).checked_sub(self.head.len()).ok_or(Unacceptable::Malformed)?;
        let longest = if self.head[0] == AUTHENTICATION { LONGEST_QUESTION } else { LONGEST_OTHER };
        if self.rest > longest {
            return Err(Unacceptable::Malformed);
        }
        match self.head[0] {
            AUTHENTICATION => self.question(self.number(5)),
            BACKEND_KEY_DATA => {
                self.process_id = Some(self.number(5));
                self.cancel_key = self.head[5..].try_into().ok().map(CancelKey);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The four bytes at `at`.
    fn number(&self, at: usize) -> u32 {
        self.head[at..at + 4].iter().fold(0, |number, &byte| number << 8 | u32::from(byte))
    }

    /// An Authentication message of this kind (PostgreSQL, "Message Formats").
    fn question(&mut self, kind: u32) -> Result<(), Unacceptable> {
        let (method, description) = match kind {
            0 => return self.let_in(),
            3 => (AuthMethod::Password, "server requested a cleartext password"),
            5 => (AuthMethod::Md5, "server requested a hashed password"),
            7 | 8 => (AuthMethod::Gss, "server requested GSSAPI authentication"),
            9 => (AuthMethod::Sspi, "server requested SSPI authentication"),
            // SCRAM is the only mechanism that we answer.
            10..=12 => (AuthMethod::ScramSha256, "server requested SASL authentication"),
            _ => {
                return self.refuse_unless(
                    self.required == RequireAuth::Any,
                    "server requested an unknown authentication type",
                );
            }
        };
        self.asked = Some(method);
        self.refuse_unless(self.required.allows(method), description)
    }

    /// AuthenticationOk. Whether what was asked has been answered properly is for tokio-postgres to see to.
    fn let_in(&mut self) -> Result<(), Unacceptable> {
        let unasked = self.asked.is_none() && !self.required.allows(AuthMethod::None);
        if unasked && matches!(self.required, RequireAuth::Password(_)) {
            return Err(Unacceptable::NoPassword);
        }
        self.refuse_unless(!unasked, "server did not complete authentication")?;
        self.has_let_in = true;
        Ok(())
    }

    fn refuse_unless(&self, acceptable: bool, description: &'static str) -> Result<(), Unacceptable> {
        match acceptable {
            true => Ok(()),
            false => Err(Unacceptable::Method(self.required.to_string(), description)),
        }
    }
}

/// Looks at the server's part of a SCRAM exchange (RFC 5802): attributes, separated by commas, of which `i` is the number
/// of iterations. What is wrong with it otherwise is for others to find.
fn check_iterations(message: &[u8]) -> Result<(), Unacceptable> {
    let digits = message.split(|&byte| byte == b',').find_map(|attribute| attribute.strip_prefix(b"i="));
    let number = digits.and_then(|digits| str::from_utf8(digits).ok()?.parse().ok());
    match number {
        Some(number) if number > MOST_ITERATIONS => Err(Unacceptable::Iterations(number)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_OTHER, LONGEST_QUESTION, Questions, Startup, Unacceptable};
    use crate::conninfo::{AuthMethod, RequireAuth};

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap();
        [&[kind], &length.to_be_bytes()[..], body].concat()
    }

    fn question(kind: u32, body: &[u8]) -> Vec<u8> {
        message(b'R', &[&kind.to_be_bytes(), body].concat())
    }

    fn only(method: AuthMethod) -> RequireAuth {
        RequireAuth::Only(vec![method])
    }

    /// Hears all of it, in pieces of every size; the outcome is always the same. `Over` counts from the first byte.
    #[track_caller]
    fn hear(required: RequireAuth, messages: &[Vec<u8>]) -> Result<Startup, Unacceptable> {
        let bytes = messages.concat();
        let outcome = |size| {
            let mut questions = Questions::new(required.clone());
            for (number, piece) in bytes.chunks(size).enumerate() {
                match questions.hear(piece) {
                    Ok(Startup::GoesOn) => {}
                    Ok(Startup::Over(heard)) => return Ok(Startup::Over(number * size + heard)),
                    Err(unacceptable) => return Err(unacceptable),
                }
            }
            Ok(Startup::GoesOn)
        };
        let whole = outcome(bytes.len());
        for size in 1..bytes.len() {
            assert_eq!(outcome(size), whole, "in pieces of {size}");
        }
        whole
    }

    fn scram() -> [Vec<u8>; 3] {
        [question(10, b"SCRAM-SHA-256\0\0"), question(11, b"r=nonce,s=salt,i=4096"), question(12, b"v=proof")]
    }

    fn text(outcome: Result<Startup, Unacceptable>) -> String {
        outcome.expect_err("refused").to_string()
    }

    #[test]
    fn what_is_required_lets_us_in() {
        let lets_in = |required: RequireAuth, questions: &[Vec<u8>]| {
            let messages = [questions, &[question(0, b""), message(b'S', b"a\0b\0"), message(b'Z', b"I")]].concat();
            let length = messages.concat().len();
            let with_more = [messages, vec![message(b'S', b"c\0d\0")]].concat();
            assert_eq!(hear(required, &with_more), Ok(Startup::Over(length)));
        };
        lets_in(only(AuthMethod::ScramSha256), &scram());
        lets_in(RequireAuth::Any, &scram());
        lets_in(RequireAuth::AllBut(vec![AuthMethod::Password]), &scram());
        lets_in(only(AuthMethod::Md5), &[question(5, b"salt")]);
        lets_in(only(AuthMethod::Password), &[question(3, b"")]);
        lets_in(only(AuthMethod::None), &[]);
        assert_eq!(hear(RequireAuth::Any, &[question(99, b"")]), Ok(Startup::GoesOn));
    }

    #[test]
    fn the_key_to_cancel_is_noted() {
        for size in 1..14 {
            let mut questions = Questions::new(RequireAuth::Any);
            assert_eq!(questions.process_id(), None);
            assert!(questions.cancel_key().is_none());
            for piece in message(b'K', b"\0\x01\0\x02key!").chunks(size) {
                assert_eq!(questions.hear(piece), Ok(Startup::GoesOn));
            }
            assert_eq!(questions.process_id(), Some(65538));
            let key = questions.cancel_key().expect("a key");
            assert_eq!(key.request(), *b"\0\0\0\x10\x04\xd2\x16\x2e\0\x01\0\x02key!");
            assert!(!format!("{questions:?}").contains("CancelKey("));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for (required, messages, reason) in [
            (only(AuthMethod::ScramSha256), vec![question(3, b"")], "server requested a cleartext password"),
            (only(AuthMethod::ScramSha256), vec![question(5, b"salt")], "server requested a hashed password"),
            (only(AuthMethod::ScramSha256), vec![question(7, b"")], "server requested GSSAPI authentication"),
            (only(AuthMethod::ScramSha256), vec![question(9, b"")], "server requested SSPI authentication"),
            (only(AuthMethod::ScramSha256), vec![question(99, b"")], "server requested an unknown authentication type"),
            (only(AuthMethod::ScramSha256), vec![question(0, b"")], "server did not complete authentication"),
            (only(AuthMethod::Md5), scram().to_vec(), "server requested SASL authentication"),
        ] {
            let expected = format!("authentication method requirement \"{required}\" failed: {reason}");
            assert_eq!(text(hear(required, &messages)), expected);
        }
        let not_clear = RequireAuth::AllBut(vec![AuthMethod::Password, AuthMethod::None]);
        let clear =
            "authentication method requirement \"!password,!none\" failed: server requested a cleartext password";
        assert_eq!(text(hear(not_clear.clone(), &[question(3, b"")])), clear);
        // Nor after an acceptable question, nor behind something else.
        let changed_its_mind = [&scram()[..1], &[question(3, b"")]].concat();
        assert_eq!(text(hear(not_clear.clone(), &changed_its_mind)), clear);
        assert_eq!(text(hear(not_clear, &[message(b'N', b"SHi\0\0"), question(3, b"")])), clear);
    }

    #[test]
    fn a_password_is_asked_for() {
        let required = RequireAuth::Any.and_password();
        assert_eq!(hear(required.clone(), &[question(0, b"")]), Err(Unacceptable::NoPassword));
        assert_eq!(hear(required.clone(), &[question(5, b"salt"), question(0, b"")]), Ok(Startup::GoesOn));
        assert!(matches!(hear(required, &[question(7, b"")]), Err(Unacceptable::Method(..))));
        let scram_only = only(AuthMethod::ScramSha256).and_password();
        assert!(matches!(hear(scram_only, &[question(5, b"salt")]), Err(Unacceptable::Method(..))));
    }

    #[test]
    fn the_number_of_iterations_is_limited() {
        let asked = |iterations: &str| {
            let message = question(11, format!("r=nonce,s=salt,i={iterations}").as_bytes());
            hear(RequireAuth::Any, &[question(10, b"SCRAM-SHA-256\0\0"), message])
        };
        for few in ["4096", "1000000", "none", ""] {
            assert_eq!(asked(few), Ok(Startup::GoesOn));
        }
        assert_eq!(asked("1000001"), Err(Unacceptable::Iterations(1_000_001)));
        assert_eq!(asked("2147483647,m=more"), Err(Unacceptable::Iterations(2_147_483_647)));
    }

    #[test]
    fn it_comes_to_an_end() {
        let mut questions = Questions::new(RequireAuth::Any);
        let parameter = message(b'S', &[b'x'; 10_000]);
        let outcome = (0..200).map(|_| questions.hear(&parameter)).find(Result::is_err);
        assert_eq!(outcome, Some(Err(Unacceptable::Malformed)));
    }

    #[test]
    fn a_session_in_a_transaction_is_refused() {
        let ready = |status: &[u8]| hear(RequireAuth::Any, &[question(0, b""), message(b'Z', status)]);
        assert!(matches!(ready(b"I"), Ok(Startup::Over(_))));
        assert_eq!(ready(b"T"), Err(Unacceptable::InTransaction));
        assert_eq!(ready(b"E"), Err(Unacceptable::InTransaction));
        for status in [&b""[..], b"?", b"II"] {
            assert_eq!(ready(status), Err(Unacceptable::Malformed));
        }
    }

    #[test]
    fn an_error_is_passed_on() {
        assert_eq!(hear(only(AuthMethod::Md5), &[message(b'E', b"SFATAL\0Mno\0\0")]), Ok(Startup::GoesOn));
    }

    #[test]
    fn what_no_server_sends_is_refused() {
        let claiming = |kind, length: u32| [&[kind], &length.to_be_bytes()[..], &[0; 4]].concat();
        for bytes in [
            claiming(b'R', 0),
            claiming(b'R', 7),
            claiming(b'R', u32::MAX),
            claiming(b'R', LONGEST_QUESTION as u32 + 9),
            claiming(b'E', 3),
            claiming(b'E', LONGEST_OTHER as u32 + 5),
        ] {
            assert_eq!(hear(RequireAuth::Any, &[bytes]), Err(Unacceptable::Malformed));
        }
    }
}
