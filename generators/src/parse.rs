//! Parsing: from text to a program. The grammar is in the crate's documentation.
//!
//! Linear in the text, never panics, and stops at the first error with a message a person can act on.

use std::str::FromStr;

use crate::lexer::{Cursor, Parsed, Range, Token};
use crate::parse_error::{ParseError, Place};
use crate::program::{
    Base, Count, Edge, Init, MAX_ARITY, MAX_COUNT, MAX_NODE_WORDS, Machine, Op, Part, Placement, Program, REGISTERS,
    Reg, Region, Shape, Size, Word,
};

/// The version of the text format that this crate reads and writes.
pub const VERSION: u32 = 1;
/// Ops that a text may hold.
pub const MAX_OPS: usize = 1_000_000;
/// Pages of a 32-bit memory.
pub const MAX_PAGES: u32 = 1 << 16;

const TAGS: [&str; 25] = [
    "alloc",
    "load",
    "store",
    "clear",
    "write",
    "move",
    "drop",
    "enter",
    "leave",
    "collect",
    "check",
    "check_zero",
    "chain",
    "cycle",
    "wide",
    "duplicates",
    "tree",
    "grid",
    "comb",
    "random",
    "roots",
    "garbage",
    "wrap",
    "minor",
    "machine",
];

/// Parses a program.
///
/// # Errors
/// A [`ParseError`] for the first thing that is not as the grammar says, or is out of range.
pub fn parse(text: &str) -> Result<Program, ParseError> {
    let mut program = Program::default();
    let mut versioned = false;
    let mut machine_seen = false;
    let mut last = Place { source_line: "", line: 1, start: 0, end: 0 };
    for (index, line) in text.lines().enumerate() {
        let mut cursor = Cursor::new(line, index + 1);
        last = cursor.place();
        if cursor.token == Token::End {
            continue;
        }
        if !versioned {
            version(&mut cursor)?;
            versioned = true;
        } else if cursor.token == Token::Name("machine") {
            if machine_seen {
                return Err(ParseError::new(cursor.place(), "one `machine` line", "a second one"));
            }
            if !program.ops.is_empty() {
                return Err(ParseError::new(cursor.place(), "`machine` before the first op", "it after an op"));
            }
            machine_seen = true;
            cursor.advance();
            program.machine = machine(&mut cursor)?;
        } else if program.ops.len() == MAX_OPS {
            return Err(ParseError::new(cursor.place(), format!("at most {MAX_OPS} ops"), "another one"));
        } else {
            program.ops.push(op(&mut cursor)?);
        }
        cursor.expect_end()?;
    }
    if versioned { Ok(program) } else { Err(ParseError::new(last, expected_version(), "the end of the text")) }
}

impl FromStr for Program {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        parse(text)
    }
}

fn expected_version() -> String {
    format!("the version line `heapsmith {VERSION}`")
}

fn version(c: &mut Cursor<'_>) -> Parsed<()> {
    if c.token != Token::Name("heapsmith") {
        return Err(c.unknown(expected_version(), &["heapsmith"]));
    }
    c.advance();
    let place = c.place();
    let number = c.number(Range { name: "a version", min: 0, max: UNBOUNDED })?;
    if number == VERSION {
        return Ok(());
    }
    let expected = format!("version {VERSION}, the only one that this release reads");
    Err(ParseError::new(place, expected, format!("version {number}")))
}

const UNBOUNDED: u32 = u32::MAX;

fn machine(c: &mut Cursor<'_>) -> Parsed<Machine> {
    let mut machine = Machine::default();
    c.keys(&["data_end", "worklist", "roots", "pages", "wraps"], 0, |c, key| {
        match key {
            0 => machine.data_end = Some(c.number(Range { name: "a number of bytes", min: 0, max: UNBOUNDED })?),
            1 => machine.worklist = Some(c.number(Range { name: "a number of entries", min: 0, max: UNBOUNDED })?),
            2 => machine.roots = Some(c.number(Range { name: "a number of slots", min: 0, max: UNBOUNDED })?),
            3 => (machine.initial_pages, machine.max_pages) = pages(c)?,
            _ => machine.wraps = Some(c.number(Range { name: "a number of entries", min: 0, max: UNBOUNDED })?),
        }
        Ok(())
    })?;
    Ok(machine)
}

/// `I..M`, `I..` or `..M`.
fn pages(c: &mut Cursor<'_>) -> Parsed<(Option<u32>, Option<u32>)> {
    let range = Range { name: "a number of pages", min: 0, max: MAX_PAGES };
    let is_number = |token: Token<'_>| matches!(token, Token::Number(_));
    let initial = if c.token == Token::Dots { None } else { Some(c.number(range)?) };
    if c.token != Token::Dots {
        return Err(c.unexpected("`..` between the pages at the start and the most pages"));
    }
    c.advance();
    let max = if is_number(c.token) {
        Some(c.number(Range {
            name: "a page limit no lower than the pages at the start,",
            min: initial.unwrap_or(0),
            ..range
        })?)
    } else {
        None
    };
    if initial.is_none() && max.is_none() {
        return Err(c.unexpected("a number of pages before or after `..`"));
    }
    Ok((initial, max))
}

fn op(c: &mut Cursor<'_>) -> Parsed<Op> {
    let Token::Name(tag) = c.token else {
        return Err(c.unexpected("an op"));
    };
    if !TAGS.contains(&tag) {
        return Err(c.unknown("an op", &TAGS));
    }
    c.advance();
    match tag {
        "alloc" => alloc(c),
        "load" => {
            let dst = reg(c)?;
            c.expect('=')?;
            let (src, field) = field(c)?;
            Ok(Op::Load { dst, src, field })
        }
        "store" => {
            let (obj, field) = field(c)?;
            c.expect('=')?;
            Ok(Op::Store { obj, field, value: reg(c)? })
        }
        "clear" => {
            let (obj, field) = field(c)?;
            Ok(Op::Clear { obj, field })
        }
        "write" => {
            let obj = reg(c)?;
            c.expect('[')?;
            let word_index = c.number(Range { name: "a data word", min: 0, max: UNBOUNDED })?;
            c.expect(']')?;
            c.expect('=')?;
            Ok(Op::Write { obj, word: word_index, value: word(c)? })
        }
        "move" => {
            let dst = reg(c)?;
            c.expect('=')?;
            Ok(Op::Move { dst, src: reg(c)? })
        }
        "drop" => Ok(Op::Drop { reg: reg(c)? }),
        "enter" => Ok(Op::Enter),
        "leave" => {
            let mut keep = None;
            c.keys(&["keep"], 0, |c, _| {
                keep = Some(reg(c)?);
                Ok(())
            })?;
            Ok(Op::Leave { keep })
        }
        "collect" => Ok(Op::Collect),
        "minor" => Ok(Op::Minor),
        "check" => Ok(Op::Check { reg: reg(c)? }),
        "check_zero" => Ok(Op::CheckZero { reg: reg(c)? }),
        "roots" => {
            let (mut number, mut words) = (Count::new(0), 0);
            c.keys(&["n", "words"], 1, |c, key| {
                match key {
                    0 => number = count(c)?,
                    _ => words = node_words(c)?,
                }
                Ok(())
            })?;
            Ok(Op::Roots { count: number, words })
        }
        "garbage" => {
            let (mut number, mut bytes) = (Count::new(0), Size::Bytes(0));
            c.keys(&["n", "size"], 2, |c, key| {
                match key {
                    0 => number = count(c)?,
                    _ => bytes = size(c)?,
                }
                Ok(())
            })?;
            Ok(Op::Garbage { count: number, size: bytes })
        }
        "wrap" => {
            let reg = reg(c)?;
            let (mut kind, mut number) = (0, Count::new(1));
            c.keys(&["kind", "n"], 1, |c, key| {
                match key {
                    0 => kind = byte(c, Range { name: "a kind", min: 0, max: u8::MAX.into() })?,
                    _ => number = count(c)?,
                }
                Ok(())
            })?;
            Ok(Op::Wrap { reg, kind, count: number })
        }
        shape => graph(c, shape),
    }
}

fn alloc(c: &mut Cursor<'_>) -> Parsed<Op> {
    let dst = reg(c)?;
    let (mut bytes, mut fields, mut place, mut init) = (Size::Bytes(0), 0, Placement::Front, Init::Null);
    c.keys(&["size", "fields", "place", "init"], 1, |c, key| {
        match key {
            0 => bytes = size(c)?,
            1 => fields = c.number(Range { name: "a number of pointer fields", min: 0, max: UNBOUNDED })?,
            2 => {
                let places = [Placement::Front, Placement::Back, Placement::Odd];
                place = places[c.name_of("a place", &["front", "back", "odd"])?];
            }
            _ => init = initial(c)?,
        }
        Ok(())
    })?;
    Ok(Op::Alloc { dst, size: bytes, fields, place, init })
}

fn initial(c: &mut Cursor<'_>) -> Parsed<Init> {
    match c.name_of("an init", &["bare", "null", "fill", "ends"])? {
        0 => Ok(Init::Bare),
        1 => Ok(Init::Null),
        2 => Ok(Init::Fill(parenthesised(c, "a pattern")?)),
        _ => Ok(Init::Ends(parenthesised(c, "a pattern")?)),
    }
}

fn parenthesised(c: &mut Cursor<'_>, name: &'static str) -> Parsed<u32> {
    c.expect('(')?;
    let value = c.number(Range { name, min: 0, max: UNBOUNDED })?;
    c.expect(')')?;
    Ok(value)
}

fn graph(c: &mut Cursor<'_>, tag: &str) -> Parsed<Op> {
    let dst = reg(c)?;
    let (mut a, mut b) = (Count::new(0), Count::new(0));
    let (mut arity, mut seed) = (1_u8, 0);
    // The keys of each shape, and how many of them it cannot do without.
    let (known, required): (&'static [&'static str], usize) = match tag {
        "tree" => (&["n", "arity", "words", "tag"], 2),
        "grid" => (&["width", "height", "words", "tag"], 2),
        "comb" => (&["spine", "teeth", "words", "tag"], 2),
        "random" => (&["nodes", "edges", "seed", "words", "tag"], 2),
        _ => (&["n", "words", "tag"], 1),
    };
    let (mut words, mut node_tag) = (0, 0);
    c.keys(known, required, |c, key| {
        match known[key] {
            "arity" => {
                arity = byte(c, Range { name: "an arity", min: 1, max: MAX_ARITY.into() })?;
            }
            "seed" => seed = c.number(Range { name: "a seed", min: 0, max: UNBOUNDED })?,
            "words" => words = node_words(c)?,
            "tag" => node_tag = c.number(Range { name: "a tag", min: 0, max: UNBOUNDED })?,
            "height" | "teeth" | "edges" => b = count(c)?,
            _ => a = count(c)?,
        }
        Ok(())
    })?;
    let shape = match tag {
        "chain" => Shape::Chain { n: a },
        "cycle" => Shape::Cycle { n: a },
        "wide" => Shape::Wide { n: a },
        "duplicates" => Shape::DuplicateRefs { n: a },
        "tree" => Shape::Tree { n: a, arity },
        "grid" => Shape::Grid { width: a, height: b },
        "comb" => Shape::Comb { spine: a, teeth: b },
        "random" => Shape::RandomGraph { nodes: a, edges: b, seed },
        _ => return Err(c.unexpected("a shape")),
    };
    Ok(Op::Graph { dst, shape, words, tag: node_tag })
}

fn byte(c: &mut Cursor<'_>, range: Range) -> Parsed<u8> {
    let value = c.number(range)?;
    Ok(u8::try_from(value).expect("the range is one of bytes"))
}

fn node_words(c: &mut Cursor<'_>) -> Parsed<u8> {
    byte(c, Range { name: "a number of data words", min: 0, max: MAX_NODE_WORDS.into() })
}

/// Whether a name is spelled as a register, in range or not.
fn is_register(name: &str) -> bool {
    name.strip_prefix('r').is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

fn reg(c: &mut Cursor<'_>) -> Parsed<Reg> {
    if let Token::Name(name) = c.token
        && is_register(name)
        && let Ok(number) = name[1..].parse::<u8>()
        && number < REGISTERS
    {
        c.advance();
        return Ok(Reg::new(number));
    }
    Err(c.unexpected(format!("a register (`r0` to `r{}`)", REGISTERS - 1)))
}

/// `rN.field`
fn field(c: &mut Cursor<'_>) -> Parsed<(Reg, u32)> {
    let reg = reg(c)?;
    c.expect('.')?;
    let field = c.number(Range { name: "a pointer field", min: 0, max: UNBOUNDED })?;
    Ok((reg, field))
}

fn count(c: &mut Cursor<'_>) -> Parsed<Count> {
    if matches!(c.token, Token::Number(_)) {
        return Ok(Count::new(c.number(Range { name: "a count", min: 0, max: MAX_COUNT })?));
    }
    let bases = [Base::Worklist, Base::Roots, Base::Wraps];
    let base = bases[c.name_of("a number or a capacity", &["worklist", "roots", "wraps"])?];
    Ok(Count { base, delta: c.offset()? })
}

fn size(c: &mut Cursor<'_>) -> Parsed<Size> {
    if matches!(c.token, Token::Number(_)) {
        return Ok(Size::Bytes(c.number(Range { name: "a number of bytes", min: 0, max: UNBOUNDED })?));
    }
    let edges = [Edge::Memory, Edge::Page, Edge::Limit];
    let edge = edges[c.name_of("a number of bytes or an edge", &["memory", "page", "limit"])?];
    c.expect('.')?;
    let part = [Part::Payload, Part::Block][c.name_of("what ends at the edge", &["payload", "block"])?];
    Ok(Size::Edge { edge, part, delta: c.offset()? })
}

fn word(c: &mut Cursor<'_>) -> Parsed<Word> {
    if matches!(c.token, Token::Number(_)) {
        return Ok(Word::Value(c.number(Range { name: "a word", min: 0, max: UNBOUNDED })?));
    }
    if matches!(c.token, Token::Name(name) if is_register(name)) {
        let of = reg(c)?;
        return Ok(Word::Address { of, offset: c.offset()? });
    }
    let known = ["roots", "worklist", "heap", "heap_end", "memory_end", "recent"];
    let regions = [Region::Roots, Region::Worklist, Region::Heap, Region::HeapEnd, Region::MemoryEnd];
    match regions.get(c.name_of("a number, a register, a region's edge or a recent allocation", &known)?) {
        Some(&region) => Ok(Word::Region { region, offset: c.offset()? }),
        None => {
            let back = parenthesised(c, "how many allocations ago")?;
            Ok(Word::Recent { back, offset: c.offset()? })
        }
    }
}
