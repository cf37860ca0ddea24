//! From characters to tokens: one method for statements, one for SQL text. The lexer knows no grammar and no arguments.
//!
//! Every character outside ASCII is a letter, as it is for PostgreSQL. White space is blank, tab, line feed and
//! carriage return, no more. Of two readings the longer one is right.
//!
//! Invariant: what has been consumed ends with a token, so [`Lexer::line`] is the line on which the last token ends.

/// A token of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token<'a> {
    Cluster,
    Connect,
    Run,
    On,
    All,
    Any,
    Split,
    Target,
    /// As spelled; SQL text follows.
    Select(&'a str),
    /// A name, the white space after it, and the `(`; SQL text follows.
    Call(&'a str),
    /// A name, dotted perhaps, as spelled.
    Name(&'a str),
    /// `$` and digits.
    Position(&'a str),
    Number(&'a str),
    /// The value of a `'…'`.
    Literal(String),
    /// Any other character.
    Symbol(char),
    End,
}

/// A token of SQL text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SqlToken<'a> {
    /// Symbols, numbers, everything quoted.
    Text(&'a str),
    /// White space or a block comment.
    Space,
    /// A name, dotted perhaps, as spelled.
    Name(&'a str),
    /// `$` and digits.
    Position(&'a str),
    Semicolon,
    /// A character that cannot be in SQL, or the end of the body, perhaps inside quotes or a comment.
    Invalid,
}

pub struct Lexer<'a> {
    body: &'a str,
    rest: &'a str,
    standard_conforming_strings: bool,
}

impl<'a> Lexer<'a> {
    pub fn new(body: &'a str, standard_conforming_strings: bool) -> Self {
        Lexer { body, rest: body, standard_conforming_strings }
    }

    /// The line reached, from 1.
    pub fn line(&self) -> u32 {
        line_after(&self.body[..self.body.len() - self.rest.len()])
    }

    /// The next token of a statement; `End` again and again once there is none.
    pub fn token(&mut self) -> Token<'a> {
        self.skip_blanks();
        let Some(first) = self.rest.chars().next() else {
            return Token::End;
        };
        match first {
            '\'' => self.literal(),
            '0'..='9' => Token::Number(self.take(digits_length(self.rest))),
            '$' if digits_length(&self.rest[1..]) > 0 => Token::Position(self.take(1 + digits_length(&self.rest[1..]))),
            _ if is_letter(first) => self.word(),
            _ => {
                self.take(first.len_utf8());
                Token::Symbol(first)
            }
        }
    }

    /// The next token of SQL text.
    pub fn sql_token(&mut self) -> SqlToken<'a> {
        while self.rest.starts_with("--") {
            self.take(line_comment_length(self.rest));
        }
        let text = self.rest;
        let Some(first) = text.chars().next() else {
            return SqlToken::Invalid;
        };
        match first {
            _ if is_space(first) => {
                self.take(leading(text, is_space));
                SqlToken::Space
            }
            '/' if text.starts_with("/*") => match self.take_closed(block_comment_length(text)) {
                Some(_) => SqlToken::Space,
                None => SqlToken::Invalid,
            },
            '\'' => self.quoted(quoted_length(text, !self.standard_conforming_strings)),
            '"' => self.quoted(quoted_length(text, false)),
            'e' | 'E' if text[1..].starts_with('\'') => {
                self.quoted(quoted_length(&text[1..], true).map(|length| 1 + length))
            }
            _ if is_letter(first) => SqlToken::Name(self.take(name_length(text))),
            '0'..='9' => SqlToken::Text(self.take(leading(text, |c| c.is_ascii_digit() || c == '.'))),
            '$' => self.dollar(),
            ';' => {
                self.take(1);
                SqlToken::Semicolon
            }
            _ if is_sql_symbol(first) => SqlToken::Text(self.take(1)),
            _ => {
                self.take(first.len_utf8());
                SqlToken::Invalid
            }
        }
    }

    /// Skips white space and comments between the tokens of statements. A comment may be left open at the end of the
    /// body: the C PL/Proxy takes such bodies, so there may be such functions.
    fn skip_blanks(&mut self) {
        loop {
            let length = if self.rest.starts_with("--") {
                line_comment_length(self.rest)
            } else if self.rest.starts_with("/*") {
                block_comment_length(self.rest).unwrap_or(self.rest.len())
            } else {
                leading(self.rest, is_space)
            };
            if length == 0 {
                return;
            }
            self.take(length);
        }
    }

    /// A keyword, call or name: whichever is the longest. So a keyword before `(` is a call's name, except `select`,
    /// where the parenthesis belongs to the SQL text.
    fn word(&mut self) -> Token<'a> {
        let name = &self.rest[..name_length(self.rest)];
        let after = &self.rest[name.len()..];
        let spaces = leading(after, is_space);
        let is_call = after[spaces..].starts_with('(');
        let keyword = match name.to_ascii_lowercase().as_str() {
            "select" => Some(Token::Select(name)),
            _ if is_call => return Token::Call(self.take(name.len() + spaces + 1)),
            "cluster" => Some(Token::Cluster),
            "connect" => Some(Token::Connect),
            "run" => Some(Token::Run),
            "on" => Some(Token::On),
            "all" => Some(Token::All),
            "any" => Some(Token::Any),
            "split" => Some(Token::Split),
            "target" => Some(Token::Target),
            _ => None,
        };
        self.take(name.len());
        keyword.unwrap_or(Token::Name(name))
    }

    /// A `'…'`, which knows no escape but `''`. In one that is never closed the last quote is where the scanner of the
    /// C PL/Proxy gives up, so the error is on that line.
    fn literal(&mut self) -> Token<'a> {
        match quoted_length(self.rest, false) {
            Some(length) => {
                let quoted = self.take(length);
                Token::Literal(quoted[1..length - 1].replace("''", "'"))
            }
            None => {
                self.take(self.rest.rfind('\'').map_or(0, |at| at + 1));
                Token::Symbol('\'')
            }
        }
    }

    /// What begins with `$` in SQL text: a dollar quote or an argument reference.
    fn dollar(&mut self) -> SqlToken<'a> {
        let after = &self.rest[1..];
        let tag = word_length(after);
        if after[tag..].starts_with('$') {
            let delimiter = &self.rest[..tag + 2];
            let inside = &self.rest[delimiter.len()..];
            let closing = inside.find(delimiter);
            return self.quoted(closing.map(|at| at + 2 * delimiter.len()));
        }
        match digits_length(after) {
            0 => {
                self.take(1);
                SqlToken::Invalid
            }
            digits => SqlToken::Position(self.take(1 + digits)),
        }
    }

    fn quoted(&mut self, length: Option<usize>) -> SqlToken<'a> {
        self.take_closed(length).map_or(SqlToken::Invalid, SqlToken::Text)
    }

    /// Takes something that has a closing delimiter, or everything when that is missing.
    fn take_closed(&mut self, length: Option<usize>) -> Option<&'a str> {
        let taken = self.take(length.unwrap_or(self.rest.len()));
        length.map(|_| taken)
    }

    /// Consumes `length` bytes, which must end at a character's end.
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }
}

/// The line, from 1, that a reader has reached who has read `text`.
pub fn line_after(text: &str) -> u32 {
    u32::try_from(1 + text.matches('\n').count()).unwrap_or(u32::MAX)
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
}

fn is_sql_symbol(c: char) -> bool {
    "-!#%&()*+,/:<=>?@[]^{|}~.".contains(c)
}

/// The length of the longest beginning of `text` made of characters that are `wanted`.
fn leading(text: &str, wanted: impl Fn(char) -> bool) -> usize {
    text.find(|c| !wanted(c)).unwrap_or(text.len())
}

fn digits_length(text: &str) -> usize {
    leading(text, |c| c.is_ascii_digit())
}

fn word_length(text: &str) -> usize {
    if text.starts_with(is_letter) { leading(text, |c| is_letter(c) || c.is_ascii_digit()) } else { 0 }
}

/// Words joined by dots, white space around these allowed. `text` begins with a letter.
fn name_length(text: &str) -> usize {
    let mut length = word_length(text);
    loop {
        let before_dot = leading(&text[length..], is_space);
        let Some(after_dot) = text[length + before_dot..].strip_prefix('.') else {
            return length;
        };
        let spaces = leading(after_dot, is_space);
        let word = word_length(&after_dot[spaces..]);
        if word == 0 {
            return length;
        }
        length += before_dot + 1 + spaces + word;
    }
}

/// Without the line feed that ends it.
fn line_comment_length(text: &str) -> usize {
    leading(text, |c| c != '\n')
}

/// Comments don't nest. `text` begins with the opening delimiter.
fn block_comment_length(text: &str) -> Option<usize> {
    text[2..].find("*/").map(|at| 2 + at + 2)
}

/// With both quotes, of which `text` begins with the opening one; inside, a doubled one stands for itself. None if it is
/// not closed.
fn quoted_length(text: &str, backslash_escapes: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let quote = *bytes.first()?;
    let mut at = 1;
    loop {
        match *bytes.get(at)? {
            b'\\' if backslash_escapes => at += 2,
            byte if byte != quote => at += 1,
            _ if bytes.get(at + 1) == Some(&quote) => at += 2,
            _ => return Some(at + 1),
        }
    }
}
