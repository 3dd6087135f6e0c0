//! The mutator language of heapsmith, and what generates programs in it.
//!
//! A [`Program`] allocates, links, drops and collects. It never names an address: it is a register machine over roots,
//! and every sequence of [`Op`]s is a valid program on any collector. This crate holds the language
//! ([`program`]), its text format ([`parse()`] and `Display`), and the generators: [`Campaign`] (the n-th program of a
//! seed, for ever the same), `Arbitrary` for [`Program`] (programs from a fuzzer's bytes), and [`HeapImage`] (a whole heap from bytes) and [`WildModule`] (a module that calls the operations, from bytes). There is no engine in
//! sight, and nothing here knows what a collector does with a program.
//!
//! # The text format
//!
//! ```
//! let text = "\
//! heapsmith 1
//! ## comments run to the end of the line
//! machine data_end=5 worklist=16 roots=8 pages=1..4
//! alloc r0 size=24 fields=2 place=front init=fill(7)
//! alloc r1 size=memory.payload-3 fields=0 init=null
//! store r0.1 = r1
//! write r0[3] = r0+8
//! write r0[2] = heap_end-4
//! enter
//! wide r2 n=worklist+1 words=1 tag=3
//! leave keep=r2
//! drop r1
//! garbage n=10 size=24
//! collect
//! load r3 = r0.1
//! check r3
//! ";
//! let program = heapsmith_generators::parse(text)?;
//! assert_eq!(program.ops.len(), 13);
//! let printed = program.to_string();
//! assert_eq!(heapsmith_generators::parse(&printed)?, program);
//! # Ok::<(), heapsmith_generators::ParseError>(())
//! ```
//!
//! One op a line; blank lines and comments (`#`) are skipped; spaces between tokens mean nothing; `key=value` pairs
//! come in any order. A file starts with its version, then at most one `machine` line, then the ops.
//!
//! ```text
//! program  = "heapsmith 1" [machine] {op}
//! machine  = "machine" {"data_end=" N | "worklist=" N | "roots=" N | "wraps=" N | "pages=" (N ".." N | N ".." | ".." N)}
//! op       = "alloc" reg "size=" size ["fields=" N] ["place=" place] ["init=" init]
//!          | "load" reg "=" reg "." N             load a pointer field
//!          | "store" reg "." N "=" reg            store a pointer field
//!          | "clear" reg "." N                    store null
//!          | "write" reg "[" N "]" "=" word       write a data word
//!          | "move" reg "=" reg  | "drop" reg
//!          | "enter"  | "leave" ["keep=" reg]     open and close a frame of roots
//!          | "collect"  | "minor"                 a full collection, a minor one
//!          | "check" reg  | "check_zero" reg
//!          | graph ["words=" N] ["tag=" N]        words: 0..=8
//!          | "roots" "n=" count ["words=" N]
//!          | "garbage" "n=" count "size=" size
//!          | "wrap" reg "kind=" N ["n=" count]    register handles of a host; kind: 0..=255; without n: 1
//! graph    = ("chain" | "cycle" | "wide" | "duplicates") reg "n=" count
//!          | "tree" reg "n=" count "arity=" N     arity: 1..=16
//!          | "grid" reg "width=" count "height=" count
//!          | "comb" reg "spine=" count "teeth=" count
//!          | "random" reg "nodes=" count "edges=" count ["seed=" N]
//! place    = "front" | "back" | "odd"             without it: front
//! init     = "bare" | "null" | "fill(" N ")" | "ends(" N ")"      without it: null
//! size     = N | ("memory" | "page" | "limit") "." ("payload" | "block") [offset]
//! count    = N | ("worklist" | "roots" | "wraps") [offset]  N: 0..=1048576
//! word     = N | (reg | "recent(" N ")" | region) [offset]
//! region   = "roots" | "worklist" | "heap" | "heap_end" | "memory_end"
//! offset   = "+" N | "-" N
//! reg      = "r0" .. "r15"
//! N        = decimal, or "0x" and hexadecimal digits; 32 bits
//! ```

mod arbitrary;
mod builder;
mod campaign;
mod far;
mod fields;
mod forms;
pub mod heap_image;
mod kind;
mod lexer;
mod machines;
mod minors;
mod misread;
mod motifs;
mod mutate;
mod operands;
mod parse;
mod parse_error;
mod profile;
pub mod program;
mod rare;
mod rng;
mod sampling;
mod sizes;
mod text;
mod uniform;
mod unknown;
pub mod wild;
mod words;
mod wraps;

pub use builder::BIG_GRAPH;
pub use campaign::{Campaign, Capacities};
pub use forms::Form;
pub use heap_image::HeapImage;
pub use kind::OpKind;
pub use mutate::{MUTANT_OPS, MUTANT_WORK, Mutation, Mutator, mutate, work};
pub use parse::{MAX_OPS, MAX_PAGES, VERSION, parse};
pub use parse_error::ParseError;
pub use profile::{Family, Profile};
pub use program::{
    Base, Count, Edge, Init, MAX_ARITY, MAX_COUNT, MAX_FRAMES, MAX_NODE_WORDS, Machine, Op, Part, Placement, Program,
    REGISTERS, Reg, Region, Shape, Size, Word,
};
pub use rng::raw_bytes;
pub use sampling::Sampling;
pub use wild::WildModule;
