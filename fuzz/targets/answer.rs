//! What a server sends after the login: the same messages are taken out of it in whatever pieces it arrives, they are
//! those that its lengths say, and no memory is reserved for what hasn't arrived.
//!
//! The first byte of the input says which pieces, the second how often the rest comes, so that a few bytes make a long
//! answer.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pure::pieces;
use pure::wire::{Fields, Inbox, Malformed, Message, Parameter, Report, Transaction, Unreadable};

/// What is reserved even if it doesn't arrive.
const LITTLE: usize = 256 * 1024;

const LONGEST: usize = 0x4000_0000;

fuzz_target!(|input: &[u8]| {
    let [seed, repeated, rest @ ..] = input else { return };
    let answer = rest.repeat(1 << (repeated % 8));
    let expected = by_lengths(&answer);
    assert_eq!(by_inbox(pieces(&answer, *seed), &expected.ends, Rows::OneByOne), expected);
    assert_eq!(by_inbox(pieces(&answer, *seed), &expected.ends, Rows::Together), expected);
    assert_eq!(by_inbox(answer.chunks(1 + 64 * usize::from(*seed)), &expected.ends, Rows::Together), expected);
});

/// What a message says; a row or a description that is malformed is an error of its own.
#[derive(Debug, PartialEq)]
enum Seen {
    Row(Result<Vec<Option<Vec<u8>>>, Malformed>),
    Columns(Vec<Result<(Vec<u8>, u32), Malformed>>),
    Report(char, Vec<Option<Vec<u8>>>),
    Other(String),
}

/// All messages that can be taken, where they end, and whether something that isn't one came after them.
#[derive(Debug, PartialEq)]
struct Conversation {
    seen: Vec<Seen>,
    ends: Vec<usize>,
    outcome: Result<(), Malformed>,
}

/// As the protocol's documentation has it, in the simplest way.
fn by_lengths(answer: &[u8]) -> Conversation {
    let (mut bytes, mut seen, mut ends) = (answer, Vec::new(), Vec::new());
    let mut outcome = Ok(());
    while let &[kind, a, b, c, d, ref rest @ ..] = bytes {
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if !(4..LONGEST).contains(&length) {
            outcome = Err(Malformed);
            break;
        }
        let Some((body, after)) = rest.split_at_checked(length - 4) else { break };
        seen.push(match kind {
            b'D' => Seen::Row(fields(body)),
            b'T' if body.len() < 2 => {
                outcome = Err(Malformed);
                break;
            }
            b'T' => Seen::Columns(columns(&body[2..])),
            b'E' | b'N' => Seen::Report(kind.into(), FIELDS.map(|letter| report_field(body, letter)).to_vec()),
            b'1' => other(Message::ParseComplete),
            b'2' => other(Message::BindComplete),
            b'3' => other(Message::CloseComplete),
            b't' => other(Message::ParameterDescription),
            b'n' => other(Message::NoData),
            b'C' => other(Message::CommandComplete),
            b'I' => other(Message::EmptyQuery),
            b'Z' => match body {
                b"I" => other(Message::Ready(Transaction::None)),
                b"T" | b"E" => other(Message::Ready(Transaction::Open)),
                _ => {
                    outcome = Err(Malformed);
                    break;
                }
            },
            b'S' => match body.split(|&byte| byte == 0).collect::<Vec<_>>()[..] {
                [name, value, _, ..] => other(Message::Parameter(Parameter { name, value })),
                _ => {
                    outcome = Err(Malformed);
                    break;
                }
            },
            b'A' => other(Message::Aside),
            _ => other(Message::Other),
        });
        bytes = after;
        ends.push(answer.len() - bytes.len());
    }
    Conversation { seen, ends, outcome }
}

fn other(message: Message<'_>) -> Seen {
    Seen::Other(format!("{message:?}"))
}

fn fields(body: &[u8]) -> Result<Vec<Option<Vec<u8>>>, Malformed> {
    let &[a, b, ref rest @ ..] = body else { return Err(Malformed) };
    let (mut fields, mut rest) = (Vec::new(), rest);
    for _ in 0..u16::from_be_bytes([a, b]) {
        let (length, after) = rest.split_first_chunk().ok_or(Malformed)?;
        let length = i32::from_be_bytes(*length);
        let (field, after) = after.split_at_checked(if length == -1 { 0 } else { length as usize }).ok_or(Malformed)?;
        fields.push((length != -1).then(|| field.to_vec()));
        rest = after;
    }
    if rest.is_empty() { Ok(fields) } else { Err(Malformed) }
}

fn columns(mut bytes: &[u8]) -> Vec<Result<(Vec<u8>, u32), Malformed>> {
    let mut columns = Vec::new();
    while !bytes.is_empty() {
        let end = bytes.iter().position(|&byte| byte == 0).filter(|end| bytes.len() - end > 18);
        let Some(end) = end else {
            columns.push(Err(Malformed));
            break;
        };
        let type_oid = bytes[end + 7..end + 11].try_into().map(u32::from_be_bytes).expect("four bytes");
        columns.push(Ok((bytes[..end].to_vec(), type_oid)));
        bytes = &bytes[end + 19..];
    }
    columns
}

/// The letters of the fields that are looked for, and one that no field has.
const FIELDS: [u8; 9] = *b"SCMDHWPpq";

fn report_field(body: &[u8], letter: u8) -> Option<Vec<u8>> {
    let mut rest = body;
    while let Some((&kind, after)) = rest.split_first() {
        let end = after.iter().position(|&byte| byte == 0)?;
        if kind == letter {
            return Some(after[..end].to_vec());
        }
        rest = &after[end + 1..];
    }
    None
}

/// How rows are taken out of the inbox.
#[derive(Clone, Copy, PartialEq)]
enum Rows {
    OneByOne,
    Together,
}

/// `ends` is where the messages end.
fn by_inbox<'a>(pieces: impl Iterator<Item = &'a [u8]>, ends: &[usize], rows: Rows) -> Conversation {
    let (mut inbox, mut seen, mut outcome) = (Inbox::default(), Vec::new(), Ok(()));
    let (mut received, mut read, mut most) = (0, 0, 0);
    for mut piece in pieces {
        while !piece.is_empty() {
            let space = inbox.space().expect("there is memory for what has arrived");
            assert!(!space.is_empty() && received - read + space.len() <= LITTLE.max(2 * most));
            let count = space.len().min(piece.len());
            space[..count].copy_from_slice(&piece[..count]);
            inbox.received(count);
            received += count;
            most = most.max(received - read);
            piece = &piece[count..];
        }
        outcome = take_all(&mut inbox, rows, &mut seen);
        if outcome.is_err() {
            break;
        }
        read = seen.len().checked_sub(1).map_or(0, |last| ends[last]);
        assert_eq!(inbox.is_empty(), read == received);
        if inbox.is_empty() {
            inbox.tidy();
            most = 0;
        }
    }
    Conversation { ends: ends[..seen.len()].to_vec(), seen, outcome }
}

fn take_all(inbox: &mut Inbox, rows: Rows, seen: &mut Vec<Seen>) -> Result<(), Malformed> {
    let malformed = |unreadable| match unreadable {
        Unreadable::Malformed => Malformed,
        other => panic!("{other:?}"),
    };
    loop {
        if rows == Rows::Together {
            seen.extend(inbox.take_rows().map(|row| Seen::Row(located(row))));
        }
        let is_whole = inbox.has_message().map_err(malformed)?;
        let Some(message) = inbox.take().map_err(malformed)? else {
            assert!(!is_whole);
            return Ok(());
        };
        assert!(is_whole);
        seen.push(match message {
            Message::Row(row) => Seen::Row(located(row)),
            Message::RowDescription(columns) => {
                Seen::Columns(columns.map(|column| Ok((column?.name.to_vec(), column?.type_oid))).collect())
            }
            Message::Error(report) => Seen::Report('E', report_fields(&report)),
            Message::Notice(report) => Seen::Report('N', report_fields(&report)),
            message => other(message),
        });
    }
}

/// Both ways of reading a row, which agree.
fn located(row: Fields<'_>) -> Result<Vec<Option<Vec<u8>>>, Malformed> {
    let mut places = vec![Some(0..usize::MAX)];
    let located = row.locate(&mut places).map(|()| places.iter().map(|place| row.field(place)).collect::<Vec<_>>());
    let read = || {
        let (count, mut fields) = row.iter()?;
        let read = (0..count).map(|_| fields.next()).collect::<Result<Vec<_>, _>>()?;
        fields.end()?;
        Ok(read)
    };
    assert_eq!(read(), located);
    Ok(located?.into_iter().map(|field| field.map(<[u8]>::to_vec)).collect())
}

fn report_fields(report: &Report<'_>) -> Vec<Option<Vec<u8>>> {
    FIELDS.map(|letter| report.field(letter).map(<[u8]>::to_vec)).to_vec()
}
