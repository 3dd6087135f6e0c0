//! The tokens of one line, and the small readers that the parser is made of.

use crate::parse_error::{ParseError, Place, quote};

pub(crate) type Parsed<T> = Result<T, ParseError>;

/// A token. Spaces between tokens mean nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// A letter or `_`, then letters, digits and `_`.
    Name(&'a str),
    /// A digit, then letters, digits and `_`: well-formed or not.
    Number(&'a str),
    /// `..`
    Dots,
    /// Any other character.
    Symbol(char),
    /// The end of the line, or the start of a comment.
    End,
}

/// A number's name and range, for reading and for the message when it does not fit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Range {
    pub(crate) name: &'static str,
    pub(crate) min: u32,
    pub(crate) max: u32,
}

/// One line, read token by token.
pub(crate) struct Cursor<'a> {
    source_line: &'a str,
    line: usize,
    start: usize,
    end: usize,
    pub(crate) token: Token<'a>,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(source_line: &'a str, line: usize) -> Self {
        let mut cursor = Self { source_line, line, start: 0, end: 0, token: Token::End };
        cursor.advance();
        cursor
    }

    /// Moves to the next token; at the end it stays there.
    pub(crate) fn advance(&mut self) {
        let rest = &self.source_line[self.end..];
        let trimmed = rest.trim_start();
        self.start = self.end + (rest.len() - trimmed.len());
        let run = || trimmed.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(trimmed.len());
        let (token, length) = match trimmed.chars().next() {
            None | Some('#') => (Token::End, 0),
            Some('.') if trimmed.starts_with("..") => (Token::Dots, 2),
            Some(c) if c.is_ascii_digit() => (Token::Number(&trimmed[..run()]), run()),
            Some(c) if c.is_ascii_alphabetic() || c == '_' => (Token::Name(&trimmed[..run()]), run()),
            Some(c) => (Token::Symbol(c), c.len_utf8()),
        };
        self.token = token;
        self.end = self.start + length;
    }

    pub(crate) fn place(&self) -> Place<'a> {
        Place { source_line: self.source_line, line: self.line, start: self.start, end: self.end }
    }

    fn found(&self) -> String {
        if self.token == Token::End { "the end of the line".to_owned() } else { quote(self.text()) }
    }

    fn text(&self) -> &'a str {
        &self.source_line[self.start..self.end]
    }

    /// The error that the current token is not what was expected.
    pub(crate) fn unexpected(&self, expected: impl Into<Box<str>>) -> ParseError {
        ParseError::new(self.place(), expected, self.found())
    }

    /// The error that the current token is none of these names.
    pub(crate) fn unknown(&self, expected: impl Into<Box<str>>, known: &[&'static str]) -> ParseError {
        self.unexpected(expected).suggest(self.text(), known)
    }

    /// Passes over a symbol if it is next.
    pub(crate) fn accept(&mut self, symbol: char) -> bool {
        let is_next = self.token == Token::Symbol(symbol);
        if is_next {
            self.advance();
        }
        is_next
    }

    pub(crate) fn expect(&mut self, symbol: char) -> Parsed<()> {
        if self.accept(symbol) { Ok(()) } else { Err(self.unexpected(format!("`{symbol}`"))) }
    }

    pub(crate) fn expect_end(&self) -> Parsed<()> {
        if self.token == Token::End { Ok(()) } else { Err(self.unexpected("the end of the line")) }
    }

    /// A name among `known`, as its index.
    pub(crate) fn name_of(&mut self, what: &str, known: &[&'static str]) -> Parsed<usize> {
        if let Token::Name(name) = self.token
            && let Some(index) = known.iter().position(|&candidate| candidate == name)
        {
            self.advance();
            return Ok(index);
        }
        Err(self.unknown(format!("{what} ({})", list(known)), known))
    }

    /// A decimal or `0x` number in a range.
    pub(crate) fn number(&mut self, range: Range) -> Parsed<u32> {
        let Range { name, min, max } = range;
        let Token::Number(text) = self.token else {
            return Err(self.unexpected(format!("{name} from {min} to {max}")));
        };
        let (digits, radix) = match text.strip_prefix("0x") {
            Some(hex) => (hex, 16),
            None => (text, 10),
        };
        if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
            return Err(self.unexpected(format!("{name} in decimal, or as 0x and hexadecimal digits")));
        }
        // Digits only, so what does not parse is too large.
        match u32::from_str_radix(digits, radix) {
            Ok(value) if (min..=max).contains(&value) => {
                self.advance();
                Ok(value)
            }
            Ok(_) | Err(_) => Err(self.unexpected(format!("{name} from {min} to {max}"))),
        }
    }

    /// `+N`, `-N` or nothing.
    pub(crate) fn offset(&mut self) -> Parsed<i32> {
        let limit = i32::MAX.unsigned_abs();
        if self.accept('+') {
            let value = self.number(Range { name: "an offset", min: 0, max: limit })?;
            Ok(value.cast_signed())
        } else if self.accept('-') {
            let value = self.number(Range { name: "a negative offset", min: 0, max: limit + 1 })?;
            Ok(0_i32.wrapping_sub_unsigned(value))
        } else {
            Ok(0)
        }
    }

    /// `key=value` pairs up to the end of the line, in any order, each at most once; the first `required` of `known`
    /// must be there. `read` is given the index of the key and reads its value.
    pub(crate) fn keys(
        &mut self,
        known: &'static [&'static str],
        required: usize,
        mut read: impl FnMut(&mut Self, usize) -> Parsed<()>,
    ) -> Parsed<()> {
        let mut seen = 0_u32;
        while self.token != Token::End {
            let key = self.place();
            let Token::Name(name) = self.token else {
                return Err(self.unexpected(expected_key(known)));
            };
            let Some(index) = known.iter().position(|&candidate| candidate == name) else {
                return Err(self.unknown(expected_key(known), known));
            };
            if seen & (1 << index) != 0 {
                return Err(ParseError::new(key, format!("`{name}` once"), format!("a second `{name}`")));
            }
            seen |= 1 << index;
            self.advance();
            self.expect('=')?;
            read(self, index)?;
        }
        match known.iter().take(required).enumerate().find(|&(index, _)| seen & (1 << index) == 0) {
            None => Ok(()),
            Some((_, missing)) => Err(self.unexpected(format!("`{missing}=`"))),
        }
    }
}

fn expected_key(known: &[&'static str]) -> String {
    if known.is_empty() { "the end of the line".to_owned() } else { format!("a key ({})", list(known)) }
}

fn list(names: &[&'static str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}
