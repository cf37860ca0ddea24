//! What a server says.

use super::Malformed;
use std::ops::Range;

/// A message after the login. It borrows from the buffer that it was received in.
#[derive(Clone, Copy, Debug)]
pub enum Message<'a> {
    ParseComplete,
    BindComplete,
    CloseComplete,
    /// The types of a statement's parameters, which we don't ask for, but which come with a description.
    ParameterDescription,
    /// A description of something that returns no rows.
    NoData,
    RowDescription(Columns<'a>),
    Row(Fields<'a>),
    CommandComplete,
    EmptyQuery,
    /// The answer is complete, and the server waits for the next request.
    Ready(Transaction),
    Error(Report<'a>),
    Notice(Report<'a>),
    /// A setting of the session has another value, which can come at any time.
    Parameter(Parameter<'a>),
    /// A NOTIFY, which can come at any time.
    Aside,
    /// One that has no place in the conversations that are held here.
    Other,
}

impl<'a> Message<'a> {
    /// From its type and what follows the length.
    pub(super) fn parse(kind: u8, body: &'a [u8]) -> Result<Message<'a>, Malformed> {
        Ok(match kind {
            b'1' => Message::ParseComplete,
            b'2' => Message::BindComplete,
            b'3' => Message::CloseComplete,
            b't' => Message::ParameterDescription,
            b'n' => Message::NoData,
            b'T' => Message::RowDescription(Columns { rest: Bytes(body).counted()?.1 }),
            b'D' => Message::Row(Fields { body }),
            b'C' => Message::CommandComplete,
            b'I' => Message::EmptyQuery,
            b'Z' => Message::Ready(Transaction::parse(body)?),
            b'E' => Message::Error(Report { body }),
            b'N' => Message::Notice(Report { body }),
            b'S' => Message::Parameter(Parameter::parse(Bytes(body))?),
            b'A' => Message::Aside,
            _ => Message::Other,
        })
    }

    #[cfg(test)]
    pub(super) fn walk(self) {
        match self {
            Message::RowDescription(columns) => assert!(columns.count() < usize::MAX),
            Message::Row(fields) => {
                let mut places = Vec::new();
                if fields.locate(&mut places) == Ok(()) {
                    places.iter().for_each(|place| assert!(fields.field(place).is_some() == place.is_some()));
                }
            }
            Message::Error(report) | Message::Notice(report) => assert!(report.field(0) != Some(b"\0")),
            _ => {}
        }
    }
}

/// What a server says of its session's transaction when it is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transaction {
    /// There is none: what was done is committed, or undone.
    None,
    /// One is open, be it still good or failed. We never leave one open.
    Open,
}

impl Transaction {
    fn parse(body: &[u8]) -> Result<Transaction, Malformed> {
        match body {
            b"I" => Ok(Transaction::None),
            b"T" | b"E" => Ok(Transaction::Open),
            _ => Err(Malformed),
        }
    }
}

/// A setting of a session that its server reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Its value from now on.
    pub value: &'a [u8],
}

impl<'a> Parameter<'a> {
    fn parse(mut body: Bytes<'a>) -> Result<Parameter<'a>, Malformed> {
        Ok(Parameter { name: body.text()?, value: body.text()? })
    }
}

/// A row's fields.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    body: &'a [u8],
}

/// Where a field is in its row; `None` if it is NULL.
pub type Place = Option<Range<usize>>;

impl<'a> Fields<'a> {
    /// Of a message's body.
    pub(super) fn from_bytes(body: &'a [u8]) -> Fields<'a> {
        Fields { body }
    }

    /// The message's body.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.body
    }

    /// How many fields there are, and they, to be read in their order.
    pub fn iter(&self) -> Result<(u16, FieldIter<'a>), Malformed> {
        let (count, rest) = Bytes(self.body).counted()?;
        Ok((count, FieldIter { rest }))
    }

    /// Finds the fields and puts their places into `places`, which is there to be used again for the next row.
    pub fn locate(&self, places: &mut Vec<Place>) -> Result<(), Malformed> {
        places.clear();
        let (count, mut fields) = self.iter()?;
        for _ in 0..count {
            let field = fields.next()?;
            let end = self.body.len() - fields.rest.0.len();
            places.push(field.map(|field| end - field.len()..end));
        }
        fields.end()
    }

    /// The bytes of a field of this row.
    pub fn field(&self, place: &Place) -> Option<&'a [u8]> {
        place.clone().map(|place| &self.body[place])
    }
}

/// The fields of a row, one by one.
#[derive(Clone, Copy, Debug)]
pub struct FieldIter<'a> {
    rest: Bytes<'a>,
}

impl<'a> FieldIter<'a> {
    /// The next one; `None` if it is NULL.
    pub fn next(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        match self.rest.i32()? {
            -1 => Ok(None),
            length => {
                let length = usize::try_from(length).map_err(|_| Malformed)?;
                let (field, rest) = self.rest.0.split_at_checked(length).ok_or(Malformed)?;
                self.rest = Bytes(rest);
                Ok(Some(field))
            }
        }
    }

    /// Whether there is nothing after the last one.
    pub fn end(&self) -> Result<(), Malformed> {
        if self.rest.0.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

/// The columns of a description, one by one.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'a> {
    rest: Bytes<'a>,
}

/// A column of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column<'a> {
    /// Its name, in the encoding of the connection.
    pub name: &'a [u8],
    /// OID of its type, on the server.
    pub type_oid: u32,
}

impl<'a> Iterator for Columns<'a> {
    type Item = Result<Column<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        (!self.rest.0.is_empty()).then(|| {
            let column = self.rest.column();
            if column.is_err() {
                self.rest = Bytes(&[]);
            }
            column
        })
    }
}

/// An error or a notice: fields with a letter each.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    body: &'a [u8],
}

impl<'a> Report<'a> {
    /// The field of this letter, in the encoding of the connection.
    pub fn field(&self, letter: u8) -> Option<&'a [u8]> {
        let mut rest = Bytes(self.body);
        loop {
            let (&kind, after) = rest.0.split_first()?;
            rest = Bytes(after);
            let value = rest.text().ok()?;
            if kind == letter {
                return Some(value);
            }
        }
    }
}

/// What is left of a message.
#[derive(Clone, Copy, Debug)]
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (&array, rest) = self.0.split_first_chunk().ok_or(Malformed)?;
        self.0 = rest;
        Ok(array)
    }

    fn skip(&mut self, count: usize) -> Result<(), Malformed> {
        self.0 = self.0.get(count..).ok_or(Malformed)?;
        Ok(())
    }

    fn i32(&mut self) -> Result<i32, Malformed> {
        self.array().map(i32::from_be_bytes)
    }

    /// How many things follow, and they.
    fn counted(mut self) -> Result<(u16, Bytes<'a>), Malformed> {
        Ok((self.array().map(u16::from_be_bytes)?, self))
    }

    /// Up to a NUL.
    fn text(&mut self) -> Result<&'a [u8], Malformed> {
        let end = self.0.iter().position(|&byte| byte == 0).ok_or(Malformed)?;
        let text = &self.0[..end];
        self.skip(end + 1)?;
        Ok(text)
    }

    fn column(&mut self) -> Result<Column<'a>, Malformed> {
        let name = self.text()?;
        self.skip(4 + 2)?; // table and number, if it is a table's column
        let type_oid = self.array().map(u32::from_be_bytes)?;
        self.skip(2 + 4 + 2)?; // length, modifier, format
        Ok(Column { name, type_oid })
    }
}

#[cfg(test)]
mod tests {
    use super::{Column, Malformed, Message, Parameter, Transaction};

    fn row(body: &[u8]) -> Result<Vec<Option<&[u8]>>, Malformed> {
        let Message::Row(fields) = Message::parse(b'D', body)? else { panic!("a row") };
        let mut places = vec![Some(3..9)];
        fields.locate(&mut places)?;
        Ok(places.iter().map(|place| fields.field(place)).collect())
    }

    #[test]
    fn rows() {
        let body = b"\0\x03\0\0\0\x02ab\xff\xff\xff\xff\0\0\0\0";
        assert_eq!(row(body), Ok(vec![Some(&b"ab"[..]), None, Some(&b""[..])]));
        assert_eq!(row(b"\0\0"), Ok(vec![]));
    }

    #[test]
    fn rows_that_lie() {
        for body in [
            &b""[..],
            b"\0",
            b"\0\x01",
            b"\0\x01\0\0\0\x03ab",
            b"\0\x01\xff\xff\xff\xfeab",
            b"\0\x02\0\0\0\0",
            b"\0\x01\0\0\0\0x",
            b"\xff\xff",
        ] {
            assert_eq!(row(body), Err(Malformed), "{body:?}");
        }
    }

    #[test]
    fn columns() {
        let column =
            |name: &[u8], oid: u8| [name, b"\0\0\0\0\0\0\0\0\0\0", &[oid], b"\0\x04\xff\xff\xff\xff\0\0"].concat();
        let body = [b"\0\x02", &column(b"id", 23)[..], &column(b"name", 25)].concat();
        let Ok(Message::RowDescription(columns)) = Message::parse(b'T', &body) else { panic!("a description") };
        let expected = [Column { name: b"id", type_oid: 23 }, Column { name: b"name", type_oid: 25 }];
        assert_eq!(columns.collect::<Result<Vec<_>, _>>(), Ok(expected.to_vec()));
        let Ok(Message::RowDescription(columns)) = Message::parse(b'T', &body[..body.len() - 1]) else { panic!("cut") };
        assert_eq!(columns.collect::<Result<Vec<_>, _>>(), Err(Malformed));
    }

    #[test]
    fn ready() {
        let transaction = |body: &[u8]| match Message::parse(b'Z', body) {
            Ok(Message::Ready(transaction)) => Ok(transaction),
            Ok(other) => panic!("{other:?}"),
            Err(malformed) => Err(malformed),
        };
        assert_eq!(transaction(b"I"), Ok(Transaction::None));
        assert_eq!(transaction(b"T"), Ok(Transaction::Open));
        assert_eq!(transaction(b"E"), Ok(Transaction::Open));
        for body in [&b""[..], b"?", b"i", b"\0", b"II", b"I\0"] {
            assert_eq!(transaction(body), Err(Malformed), "{body:?}");
        }
    }

    #[test]
    fn parameters() {
        let Ok(Message::Parameter(parameter)) = Message::parse(b'S', b"client_encoding\0LATIN1\0") else {
            panic!("a parameter")
        };
        assert_eq!(parameter, Parameter { name: b"client_encoding", value: b"LATIN1" });
        for body in [&b""[..], b"\0", b"client_encoding\0", b"client_encoding\0LATIN1"] {
            assert!(Message::parse(b'S', body).is_err(), "{body:?}");
        }
    }

    #[test]
    fn reports() {
        let Ok(Message::Error(report)) = Message::parse(b'E', b"SERROR\0C22012\0Mdivision by zero\0\0") else {
            panic!("an error")
        };
        assert_eq!(report.field(b'C'), Some(&b"22012"[..]));
        assert_eq!(report.field(b'M'), Some(&b"division by zero"[..]));
        assert_eq!(report.field(b'D'), None);
    }
}
