//! Messages as bytes: what the proxy tells apart and the fake server says.

/// Pseudo-types of the messages without a type byte, with which a connection begins.
pub mod pseudo {
    /// A startup message.
    pub const STARTUP: u8 = 0;
    /// A cancel request.
    pub const CANCEL: u8 = 1;
    /// A request for TLS.
    pub const SSL_REQUEST: u8 = 2;
    /// Its answer, one byte.
    pub const SSL_ANSWER: u8 = 3;
}

/// Codes in place of the protocol version.
pub const CANCEL_CODE: u32 = 80_877_102;
/// See [`CANCEL_CODE`].
pub const SSL_CODE: u32 = 80_877_103;
/// See [`CANCEL_CODE`].
pub const GSS_CODE: u32 = 80_877_104;

/// A message: type, length, body.
pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).expect("a message of less than 4 GB");
    [&[kind][..], &length.to_be_bytes(), body].concat()
}

/// Text and a NUL.
pub fn text(text: &str) -> Vec<u8> {
    [text.as_bytes(), b"\0"].concat()
}

/// AuthenticationOk; or, with another code and what belongs to it, a question.
pub fn authentication(code: u32, rest: &[u8]) -> Vec<u8> {
    message(b'R', &[&code.to_be_bytes(), rest].concat())
}

/// ParameterStatus.
pub fn parameter_status(name: &str, value: &str) -> Vec<u8> {
    message(b'S', &[text(name), text(value)].concat())
}

/// BackendKeyData.
pub fn backend_key_data(process_id: u32, key: u32) -> Vec<u8> {
    message(b'K', &[process_id.to_be_bytes(), key.to_be_bytes()].concat())
}

/// ReadyForQuery, outside a transaction.
pub fn ready_for_query() -> Vec<u8> {
    ready(b"I")
}

/// ReadyForQuery with this status.
pub fn ready(status: &[u8]) -> Vec<u8> {
    message(b'Z', status)
}

/// RowDescription of columns (name, type OID), in text form.
pub fn row_description(columns: &[(&str, u32)]) -> Vec<u8> {
    let mut body = count(columns.len());
    for (name, type_oid) in columns {
        body.extend(text(name));
        body.extend([0; 6]); // of no table
        body.extend(type_oid.to_be_bytes());
        body.extend((-1_i16).to_be_bytes()); // length
        body.extend((-1_i32).to_be_bytes()); // modifier
        body.extend([0; 2]); // text
    }
    message(b'T', &body)
}

/// DataRow; `None` is NULL.
pub fn data_row(fields: &[Option<&[u8]>]) -> Vec<u8> {
    let mut body = count(fields.len());
    for field in fields {
        match field {
            Some(bytes) => {
                body.extend(i32::try_from(bytes.len()).expect("a field of less than 2 GB").to_be_bytes());
                body.extend(*bytes);
            }
            None => body.extend((-1_i32).to_be_bytes()),
        }
    }
    message(b'D', &body)
}

/// CommandComplete.
pub fn command_complete(tag: &str) -> Vec<u8> {
    message(b'C', &text(tag))
}

/// ErrorResponse (`E`) or NoticeResponse (`N`).
pub fn report(kind: u8, severity: &str, sqlstate: &str, what: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for (letter, value) in [(b'S', severity), (b'V', severity), (b'C', sqlstate), (b'M', what)] {
        body.push(letter);
        body.extend(text(value));
    }
    body.push(0);
    message(kind, &body)
}

/// ErrorResponse.
pub fn error(sqlstate: &str, what: &str) -> Vec<u8> {
    report(b'E', "ERROR", sqlstate, what)
}

fn count(count: usize) -> Vec<u8> {
    i16::try_from(count).expect("a number of columns").to_be_bytes().to_vec()
}

/// Whether `needle` is in `haystack`.
pub fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    needle.is_empty() || haystack.windows(needle.len()).any(|window| window == needle)
}
