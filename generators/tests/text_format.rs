//! The text format: exact round trips, messages for people, and no panic on anything.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Write as _;

use arbitrary::{Arbitrary as _, Unstructured};
use heapsmith_generators::{
    Base, Campaign, Capacities, Count, Init, MAX_OPS, Machine, Op, Placement, Program, Reg, Shape, Size, Word, parse,
};
use rand::{Rng as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

const DEFAULTS: Capacities =
    Capacities { worklist: 16_384, roots: 4_096, max_pages: 256, table_bytes_per_page: 0, wraps: 0 };

fn assert_round_trip(program: &Program) {
    let text = program.to_string();
    match parse(&text) {
        Ok(parsed) => assert_eq!(&parsed, program, "{text}"),
        Err(error) => panic!("{error}\n{text}"),
    }
}

#[test]
fn generated_programs_come_back_equal() {
    let campaign = Campaign::new(3, DEFAULTS, Machine::default());
    for index in 0..10_000 {
        assert_round_trip(&campaign.program(index));
    }
}

#[test]
fn arbitrary_programs_come_back_equal_and_stay_small() {
    let mut random = Pcg64Mcg::seed_from_u64(4);
    let mut bytes = [0_u8; 1_024];
    for round in 0..10_000 {
        random.fill_bytes(&mut bytes);
        let length = round % bytes.len();
        let program = Program::arbitrary(&mut Unstructured::new(&bytes[..length])).unwrap();
        assert!(program.ops.len() <= 64);
        assert_round_trip(&program);
    }
}

#[test]
fn machines_with_any_keys_come_back_equal() {
    for bits in 0..64_u32 {
        let some = |bit: u32, value: u32| (bits & (1 << bit) != 0).then_some(value);
        let machine = Machine {
            data_end: some(0, u32::MAX),
            worklist: some(1, 0),
            roots: some(2, 7),
            initial_pages: some(3, 2),
            max_pages: some(4, 2),
            wraps: some(5, 3),
        };
        assert_round_trip(&Program { machine, ops: vec![Op::Collect] });
    }
}

#[test]
fn extreme_numbers_come_back_equal() {
    let ops = [i32::MIN, -1, 0, 1, i32::MAX]
        .into_iter()
        .flat_map(|offset| {
            [
                Op::Write { obj: Reg::new(15), word: u32::MAX, value: Word::Address { of: Reg::new(0), offset } },
                Op::Write { obj: Reg::new(1), word: 0, value: Word::Recent { back: u32::MAX, offset } },
                Op::Roots { count: Count { base: Base::Roots, delta: offset }, words: 8 },
                Op::Wrap { reg: Reg::new(2), kind: 255, count: Count { base: Base::Wraps, delta: offset } },
            ]
        })
        .collect();
    assert_round_trip(&Program { machine: Machine::default(), ops });
}

#[test]
fn what_is_out_of_range_is_printed_as_what_it_means() {
    let dst = Reg::new(0);
    let shape = Shape::Tree { n: Count { base: Base::Zero, delta: -5 }, arity: 0 };
    let ops = vec![
        Op::Graph { dst, shape, words: 200, tag: 0 },
        Op::Garbage { count: Count { base: Base::Zero, delta: i32::MAX }, size: Size::Bytes(0) },
        Op::Wrap { reg: dst, kind: 0, count: Count { base: Base::Zero, delta: -1 } },
    ];
    let machine = Machine { initial_pages: Some(u32::MAX), max_pages: Some(3), ..Machine::default() };
    let text = Program { machine, ops }.to_string();
    insta::assert_snapshot!(text, @r#"
heapsmith 1
machine pages=3..3
tree r0 n=0 arity=1 words=8
garbage n=1048576 size=0
wrap r0 kind=0 n=0
"#);
    assert_eq!(parse(&text).unwrap().to_string(), text);
}

#[test]
fn keys_left_out_take_their_defaults() {
    let program = parse("heapsmith 1\r\n\n # x\nalloc r1 size=0x10 # y\n roots words = 2  n = 3 \n").unwrap();
    let init = Init::Null;
    let place = Placement::Front;
    let alloc = Op::Alloc { dst: Reg::new(1), size: Size::Bytes(16), fields: 0, place, init };
    assert_eq!(program.ops, [alloc, Op::Roots { count: Count::new(3), words: 2 }]);
}

fn messages(texts: &[&str]) -> String {
    let mut all = String::new();
    for text in texts {
        let error = parse(text).expect_err(text);
        assert!(error.line() >= 1 && error.column() >= 1);
        writeln!(all, "{error}\n").unwrap();
    }
    all
}

#[test]
fn messages_about_the_version_say_which_is_read() {
    insta::assert_snapshot!(messages(&["", "alloc r0 size=1", "heapsmth 1", "heapsmith 2\ncollect", "heapsmith 1 x"]), @r#"
line 1, column 1: expected the version line `heapsmith 1`, found the end of the text
  |
1 |
  | ^

line 1, column 1: expected the version line `heapsmith 1`, found `alloc`
  |
1 | alloc r0 size=1
  | ^^^^^

line 1, column 1: expected the version line `heapsmith 1`, found `heapsmth`
  |
1 | heapsmth 1
  | ^^^^^^^^ did you mean `heapsmith`?

line 1, column 11: expected version 1, the only one that this release reads, found version 2
  |
1 | heapsmith 2
  |           ^

line 1, column 13: expected the end of the line, found `x`
  |
1 | heapsmith 1 x
  |             ^
"#);
}

#[test]
fn messages_about_names_suggest_the_nearest() {
    let ops = [
        "heapsmith 1\ncolect",
        "heapsmith 1\nalloc r0 sise=24",
        "heapsmith 1\nalloc r0 size=memry.payload",
        "heapsmith 1\nalloc r0 size=8 place=frnt",
        "heapsmith 1\nwrite r0[1] = heapend",
        "heapsmith 1\nchain r0 n=work_list+1",
        "heapsmith 1\nxyzzy",
    ];
    insta::assert_snapshot!(messages(&ops), @r#"
line 2, column 1: expected an op, found `colect`
  |
2 | colect
  | ^^^^^^ did you mean `collect`?

line 2, column 10: expected a key (`size`, `fields`, `place` or `init`), found `sise`
  |
2 | alloc r0 sise=24
  |          ^^^^ did you mean `size`?

line 2, column 15: expected a number of bytes or an edge (`memory`, `page` or `limit`), found `memry`
  |
2 | alloc r0 size=memry.payload
  |               ^^^^^ did you mean `memory`?

line 2, column 23: expected a place (`front`, `back` or `odd`), found `frnt`
  |
2 | alloc r0 size=8 place=frnt
  |                       ^^^^ did you mean `front`?

line 2, column 15: expected a number, a register, a region's edge or a recent allocation (`roots`, `worklist`, `heap`, `heap_end`, `memory_end` or `recent`), found `heapend`
  |
2 | write r0[1] = heapend
  |               ^^^^^^^ did you mean `heap_end`?

line 2, column 12: expected a number or a capacity (`worklist`, `roots` or `wraps`), found `work_list`
  |
2 | chain r0 n=work_list+1
  |            ^^^^^^^^^ did you mean `worklist`?

line 2, column 1: expected an op, found `xyzzy`
  |
2 | xyzzy
  | ^^^^^
"#);
}

#[test]
fn messages_about_numbers_give_the_range() {
    let ops = [
        "heapsmith 1\ndrop r16",
        "heapsmith 1\nchain r0 n=1048577",
        "heapsmith 1\nchain r0 n=1 words=9",
        "heapsmith 1\ntree r0 n=1 arity=0",
        "heapsmith 1\ntree r0 n=1 arity=17",
        "heapsmith 1\nalloc r0 size=4294967296",
        "heapsmith 1\nalloc r0 size=12x",
        "heapsmith 1\nload r0 = r1.99999999999999999999999",
        "heapsmith 1\nwrite r0[0] = r1+2147483648",
        "heapsmith 1\nmachine pages=4..1",
        "heapsmith 1\nmachine pages=..",
        "heapsmith 1\nmachine pages=..65537",
        "heapsmith 1\nwrap r0 kind=256",
        "heapsmith 1\nwrap r0 kind=1 n=warps",
        "heapsmith 1\nwrap r0 n=2",
    ];
    insta::assert_snapshot!(messages(&ops), @r#"
line 2, column 6: expected a register (`r0` to `r15`), found `r16`
  |
2 | drop r16
  |      ^^^

line 2, column 12: expected a count from 0 to 1048576, found `1048577`
  |
2 | chain r0 n=1048577
  |            ^^^^^^^

line 2, column 20: expected a number of data words from 0 to 8, found `9`
  |
2 | chain r0 n=1 words=9
  |                    ^

line 2, column 19: expected an arity from 1 to 16, found `0`
  |
2 | tree r0 n=1 arity=0
  |                   ^

line 2, column 19: expected an arity from 1 to 16, found `17`
  |
2 | tree r0 n=1 arity=17
  |                   ^^

line 2, column 15: expected a number of bytes from 0 to 4294967295, found `4294967296`
  |
2 | alloc r0 size=4294967296
  |               ^^^^^^^^^^

line 2, column 15: expected a number of bytes in decimal, or as 0x and hexadecimal digits, found `12x`
  |
2 | alloc r0 size=12x
  |               ^^^

line 2, column 14: expected a pointer field from 0 to 4294967295, found `99999999999999999999999`
  |
2 | load r0 = r1.99999999999999999999999
  |              ^^^^^^^^^^^^^^^^^^^^^^^

line 2, column 18: expected an offset from 0 to 2147483647, found `2147483648`
  |
2 | write r0[0] = r1+2147483648
  |                  ^^^^^^^^^^

line 2, column 18: expected a page limit no lower than the pages at the start, from 4 to 65536, found `1`
  |
2 | machine pages=4..1
  |                  ^

line 2, column 17: expected a number of pages before or after `..`, found the end of the line
  |
2 | machine pages=..
  |                 ^

line 2, column 17: expected a page limit no lower than the pages at the start, from 0 to 65536, found `65537`
  |
2 | machine pages=..65537
  |                 ^^^^^

line 2, column 14: expected a kind from 0 to 255, found `256`
  |
2 | wrap r0 kind=256
  |              ^^^

line 2, column 18: expected a number or a capacity (`worklist`, `roots` or `wraps`), found `warps`
  |
2 | wrap r0 kind=1 n=warps
  |                  ^^^^^ did you mean `wraps`?

line 2, column 12: expected `kind=`, found the end of the line
  |
2 | wrap r0 n=2
  |            ^
"#);
}

#[test]
fn messages_about_structure_say_what_is_missing_or_too_much() {
    let ops = [
        "heapsmith 1\nalloc r0 size=1 size=2",
        "heapsmith 1\nalloc r0",
        "heapsmith 1\ntree r0 n=4",
        "heapsmith 1\ncollect now",
        "heapsmith 1\nleave 3",
        "heapsmith 1\nstore r0.1 r2",
        "heapsmith 1\nmachine\nmachine",
        "heapsmith 1\nenter\nmachine roots=1",
        "heapsmith 1\nalloc r0 size=1 init=fill(",
        "heapsmith 1\n\tdrop  é\u{1b}[31m",
    ];
    insta::assert_snapshot!(messages(&ops), @r#"
line 2, column 17: expected `size` once, found a second `size`
  |
2 | alloc r0 size=1 size=2
  |                 ^^^^

line 2, column 9: expected `size=`, found the end of the line
  |
2 | alloc r0
  |         ^

line 2, column 12: expected `arity=`, found the end of the line
  |
2 | tree r0 n=4
  |            ^

line 2, column 9: expected the end of the line, found `now`
  |
2 | collect now
  |         ^^^

line 2, column 7: expected a key (`keep`), found `3`
  |
2 | leave 3
  |       ^

line 2, column 12: expected `=`, found `r2`
  |
2 | store r0.1 r2
  |            ^^

line 3, column 1: expected one `machine` line, found a second one
  |
3 | machine
  | ^^^^^^^

line 3, column 1: expected `machine` before the first op, found it after an op
  |
3 | machine roots=1
  | ^^^^^^^

line 2, column 27: expected a pattern from 0 to 4294967295, found the end of the line
  |
2 | alloc r0 size=1 init=fill(
  |                           ^

line 2, column 8: expected a register (`r0` to `r15`), found `é`
  |
2 |  drop  é�[31m
  |        ^
"#);
}

#[test]
fn a_long_line_is_cut_around_the_caret() {
    let text = format!("heapsmith 1\ncollect {} junk", " ".repeat(5_000));
    insta::assert_snapshot!(parse(&text).expect_err("junk"), @r#"
line 2, column 5010: expected the end of the line, found `junk`
  |
2 | …                                        junk
  |                                          ^^^^
"#);
}

#[test]
fn too_many_ops_are_refused() {
    let mut text = "heapsmith 1\n".to_owned() + &"enter\n".repeat(MAX_OPS);
    assert_eq!(parse(&text).unwrap().ops.len(), MAX_OPS);
    text.push_str("enter\n");
    let error = parse(&text).expect_err("one too many");
    assert_eq!(error.line(), MAX_OPS + 2);
    assert_eq!(error.expected(), "at most 1000000 ops");
}

#[test]
fn the_parser_never_panics_and_what_it_accepts_round_trips() {
    let campaign = Campaign::new(9, DEFAULTS, Machine::default());
    let mut random = Pcg64Mcg::seed_from_u64(5);
    let below = |random: &mut Pcg64Mcg, n: usize| (random.next_u64() % n as u64) as usize;
    let pieces = ["r16", "..", "0x", "=", "worklist+", "-2147483649", "é", "\u{0}", "fill(", "\r", "#", "tree", " "];
    let mut accepted = 0;
    for index in 0..20_000 {
        let mut bytes = campaign.program(index).to_string().into_bytes();
        for _ in 0..=below(&mut random, 3) {
            let at = below(&mut random, bytes.len());
            match below(&mut random, 4) {
                0 if bytes.len() > 1 => drop(bytes.remove(at)),
                1 => bytes[at] = random.next_u64() as u8,
                2 => {
                    let piece = pieces[below(&mut random, pieces.len())];
                    bytes.splice(at..at, piece.bytes());
                }
                _ => bytes.truncate(at + 1),
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        match parse(&text) {
            Ok(program) => {
                accepted += 1;
                assert_round_trip(&program);
            }
            Err(error) => assert!(error.to_string().contains("expected ")),
        }
    }
    assert!(accepted > 1_000, "{accepted}");
    let mut noise = [0_u8; 200];
    for _ in 0..20_000 {
        random.fill_bytes(&mut noise);
        let text = format!("heapsmith 1\n{}", String::from_utf8_lossy(&noise));
        if let Err(error) = parse(&text) {
            drop(error.to_string());
        }
        let _any = parse(&text[12..]);
    }
}
