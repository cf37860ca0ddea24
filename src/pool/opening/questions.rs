//! What a server asks for before it lets us in (pure).
//!
//! `require_auth` says which ways of authentication are acceptable, and must be enforced before anything is answered: a
//! password in clear text can't be taken back. tokio-postgres answers whatever it is asked, so the server's messages
//! are looked at on their way to it.

use crate::conninfo::{AuthMethod, RequireAuth};

/// Reads the server's side of the startup, byte by byte as it comes.
#[derive(Debug)]
pub struct Questions {
    required: RequireAuth,
    /// What the server has asked for so far.
    asked: Option<AuthMethod>,
    /// As much of the current message as has to be known: its type, its length and, of a question, the kind.
    head: Vec<u8>,
    /// How many bytes of the current message are still to come and don't matter.
    rest: usize,
}

/// Whether there is more to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Startup {
    /// The server may ask again.
    GoesOn,
    /// We are in.
    Over,
}

/// Why the server gets no answer, in libpq's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unacceptable {
    /// `require_auth` as written, and what the server did instead.
    #[error("authentication method requirement \"{0}\" failed: {1}")]
    Method(String, &'static str),
    /// Not what a PostgreSQL server sends.
    #[error("received invalid authentication request")]
    Malformed,
}

const TYPE_AND_LENGTH: usize = 5;
const WITH_KIND: usize = 9;

/// The longest message that libpq would take from a server that it doesn't trust yet: a question, and an error.
const LONGEST_QUESTION: usize = 2000;
const LONGEST_OTHER: usize = 30_000;

impl Questions {
    pub fn new(required: RequireAuth) -> Questions {
        Questions { required, asked: None, head: Vec::with_capacity(WITH_KIND), rest: 0 }
    }

    /// Takes notice of the next bytes.
    pub fn hear(&mut self, mut bytes: &[u8]) -> Result<Startup, Unacceptable> {
        while let Some((&first, after)) = bytes.split_first() {
            if self.rest > 0 {
                let skipped = self.rest.min(bytes.len());
                self.rest -= skipped;
                bytes = &bytes[skipped..];
                continue;
            }
            self.head.push(first);
            bytes = after;
            let is_question = self.head[0] == b'R';
            if self.head.len() < if is_question { WITH_KIND } else { TYPE_AND_LENGTH } {
                continue;
            }
            // The length counts itself, but not the type.
            self.rest = (self.number(1) as usize + 1).checked_sub(self.head.len()).ok_or(Unacceptable::Malformed)?;
            if self.rest > if is_question { LONGEST_QUESTION } else { LONGEST_OTHER } {
                return Err(Unacceptable::Malformed);
            }
            if is_question && self.question(self.number(5))? == Startup::Over {
                return Ok(Startup::Over);
            }
            self.head.clear();
        }
        Ok(Startup::GoesOn)
    }

    /// The four bytes at `at`.
    fn number(&self, at: usize) -> u32 {
        self.head[at..at + 4].iter().fold(0, |number, &byte| number << 8 | u32::from(byte))
    }

    /// An Authentication message of this kind (PostgreSQL, "Message Formats").
    fn question(&mut self, kind: u32) -> Result<Startup, Unacceptable> {
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
    fn let_in(&self) -> Result<Startup, Unacceptable> {
        let unasked = self.asked.is_none() && !self.required.allows(AuthMethod::None);
        self.refuse_unless(!unasked, "server did not complete authentication")?;
        Ok(Startup::Over)
    }

    fn refuse_unless(&self, acceptable: bool, description: &'static str) -> Result<Startup, Unacceptable> {
        match acceptable {
            true => Ok(Startup::GoesOn),
            false => Err(Unacceptable::Method(self.required.to_string(), description)),
        }
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

    /// Hears all of it, in pieces of every size; the outcome is always the same.
    #[track_caller]
    fn hear(required: RequireAuth, messages: &[Vec<u8>]) -> Result<Startup, Unacceptable> {
        let bytes = messages.concat();
        let outcome = |size| {
            let mut questions = Questions::new(required.clone());
            let mut outcome = Ok(Startup::GoesOn);
            for piece in bytes.chunks(size) {
                outcome = questions.hear(piece);
                if outcome != Ok(Startup::GoesOn) {
                    break;
                }
            }
            outcome
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
        let greeting = question(0, b"");
        let to_scram = [&scram()[..], std::slice::from_ref(&greeting)].concat();
        assert_eq!(hear(only(AuthMethod::ScramSha256), &to_scram), Ok(Startup::Over));
        assert_eq!(hear(RequireAuth::Any, &to_scram), Ok(Startup::Over));
        assert_eq!(hear(RequireAuth::AllBut(vec![AuthMethod::Password]), &to_scram), Ok(Startup::Over));
        assert_eq!(hear(only(AuthMethod::Md5), &[question(5, b"salt"), greeting.clone()]), Ok(Startup::Over));
        assert_eq!(hear(only(AuthMethod::Password), &[question(3, b""), greeting.clone()]), Ok(Startup::Over));
        assert_eq!(hear(only(AuthMethod::None), &[greeting]), Ok(Startup::Over));
        assert_eq!(hear(RequireAuth::Any, &[question(99, b"")]), Ok(Startup::GoesOn));
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
