//! What a server says before it lets us in: what we make of it doesn't depend on the pieces in which it comes, and nothing
//! is answered that `require_auth` forbids.
//!
//! The first byte of the input says what is required, the second which pieces.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pure::conninfo::{AuthMethod, RequireAuth};
use pure::opening::questions::{Questions, Startup, Unacceptable};
use pure::pieces;

const METHODS: [AuthMethod; 7] = [
    AuthMethod::Password,
    AuthMethod::Md5,
    AuthMethod::ScramSha256,
    AuthMethod::Gss,
    AuthMethod::Sspi,
    AuthMethod::Oauth,
    AuthMethod::None,
];

fuzz_target!(|input: &[u8]| {
    let [required, seed, said @ ..] = input else { return };
    let methods: Vec<_> = (0..7).filter(|bit| required >> bit & 1 == 1).map(|bit| METHODS[bit]).collect();
    let required = match (methods.is_empty(), required >> 7) {
        (true, _) => RequireAuth::Any,
        (false, 0) => RequireAuth::Only(methods),
        (false, _) => RequireAuth::AllBut(methods),
    };
    let expected = by_messages(said, &required);
    for outcome in
        [hear(pieces(said, *seed), &required), hear(said.chunks(1), &required), hear([said].into_iter(), &required)]
    {
        assert_eq!(outcome, expected);
    }
});

/// Where the session begins if it does, and the process ID that was told.
type Outcome = Result<(Option<usize>, Option<u32>), ()>;

fn hear<'a>(pieces: impl Iterator<Item = &'a [u8]>, required: &RequireAuth) -> Outcome {
    let (mut questions, mut heard) = (Questions::new(required.clone()), 0);
    for piece in pieces {
        match questions.hear(piece) {
            Ok(Startup::GoesOn) => heard += piece.len(),
            Ok(Startup::Over(last)) => return Ok((Some(heard + last), questions.process_id())),
            Err(unacceptable) => {
                assert_eq!(
                    matches!(&unacceptable, Unacceptable::Method(..)),
                    unacceptable.to_string().contains("method")
                );
                return Err(());
            }
        }
    }
    Ok((None, questions.process_id()))
}

/// As the protocol's documentation has it, message by message, in the simplest way.
fn by_messages(mut said: &[u8], required: &RequireAuth) -> Outcome {
    let (length, mut asked, mut process_id) = (said.len(), false, None);
    while let &[kind, a, b, c, d, ref rest @ ..] = said {
        let number = rest.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
        let has_number = matches!(kind, b'R' | b'K');
        if has_number && number.is_none() {
            break;
        }
        // Of the length that the message says, itself included.
        let body = (u32::from_be_bytes([a, b, c, d]) as usize).checked_sub(4).ok_or(())?;
        let unread = body.checked_sub(if has_number { 4 } else { 0 }).ok_or(())?;
        if unread > if kind == b'R' { 2000 } else { 30_000 } {
            return Err(());
        }
        match (kind, number) {
            (b'K', number) => process_id = number,
            (b'R', Some(kind)) => {
                let method = match kind {
                    3 => Some(AuthMethod::Password),
                    5 => Some(AuthMethod::Md5),
                    7 | 8 => Some(AuthMethod::Gss),
                    9 => Some(AuthMethod::Sspi),
                    10..=12 => Some(AuthMethod::ScramSha256),
                    _ => None,
                };
                let is_acceptable = match (kind, method) {
                    (0, _) => asked || required.allows(AuthMethod::None),
                    (_, Some(method)) => required.allows(method),
                    (_, None) => *required == RequireAuth::Any,
                };
                if !is_acceptable {
                    return Err(());
                }
                asked |= method.is_some();
            }
            _ => {}
        }
        let Some((_, after)) = rest.split_at_checked(body) else { break };
        said = after;
        if kind == b'Z' {
            return Ok((Some(length - said.len()), process_id));
        }
    }
    Ok((None, process_id))
}
