//! Simpler forms of one op, the simplest first. Each is strictly simpler by a measure that falls, so that trying ends.

use heapsmith_generators::{Base, Count, Init, Op, Placement, Shape, Size, Word};

/// Simpler forms of an op.
pub(super) fn simpler(op: &Op) -> Vec<Op> {
    match *op {
        Op::Alloc { dst, size, fields, place, init } => {
            let make = |size, fields, place, init| Op::Alloc { dst, size, fields, place, init };
            let mut all: Vec<Op> = sizes(size).into_iter().map(|s| make(s, fields, place, init)).collect();
            all.extend(numbers(fields).into_iter().map(|f| make(size, f, place, init)));
            if place != Placement::Front {
                all.push(make(size, fields, Placement::Front, init));
            }
            let inits: &[Init] = match init {
                Init::Null => &[],
                Init::Bare => &[Init::Null],
                Init::Ends(0) | Init::Fill(0) => &[Init::Null, Init::Bare],
                Init::Ends(_) => &[Init::Null, Init::Bare, Init::Ends(0)],
                Init::Fill(_) => &[Init::Null, Init::Bare, Init::Fill(0)],
            };
            all.extend(inits.iter().map(|&i| make(size, fields, place, i)));
            all
        }
        Op::Load { dst, src, field } => numbers(field).into_iter().map(|field| Op::Load { dst, src, field }).collect(),
        Op::Store { obj, field, value } => {
            numbers(field).into_iter().map(|field| Op::Store { obj, field, value }).collect()
        }
        Op::Clear { obj, field } => numbers(field).into_iter().map(|field| Op::Clear { obj, field }).collect(),
        Op::Write { obj, word, value } => {
            let values = words(value).into_iter().map(|value| Op::Write { obj, word, value });
            values.chain(numbers(word).into_iter().map(|word| Op::Write { obj, word, value })).collect()
        }
        Op::Leave { keep: Some(_) } => vec![Op::Leave { keep: None }],
        Op::Graph { dst, shape, words, tag } => {
            let make = |shape, words, tag| Op::Graph { dst, shape, words, tag };
            let mut all: Vec<Op> = shapes(shape).into_iter().map(|s| make(s, words, tag)).collect();
            if words > 0 {
                all.push(make(shape, 0, tag));
                all.push(make(shape, words / 2, tag));
            }
            if tag > 0 {
                all.push(make(shape, words, 0));
            }
            all
        }
        Op::Roots { count, words } => {
            let mut all: Vec<Op> = counts(count).into_iter().map(|count| Op::Roots { count, words }).collect();
            if words > 0 {
                all.push(Op::Roots { count, words: 0 });
            }
            all
        }
        Op::Garbage { count, size } => {
            let fewer = counts(count).into_iter().map(|count| Op::Garbage { count, size });
            fewer.chain(sizes(size).into_iter().map(|size| Op::Garbage { count, size })).collect()
        }
        Op::Wrap { reg, kind, count } => {
            let fewer = counts(count).into_iter().map(|count| Op::Wrap { reg, kind, count });
            let kinds = numbers(kind.into()).into_iter().filter_map(|kind| u8::try_from(kind).ok());
            fewer.chain(kinds.map(|kind| Op::Wrap { reg, kind, count })).collect()
        }
        Op::Minor => vec![Op::Collect],
        Op::Move { .. }
        | Op::Drop { .. }
        | Op::Enter
        | Op::Leave { keep: None }
        | Op::Collect
        | Op::Check { .. }
        | Op::CheckZero { .. } => Vec::new(),
    }
}

/// Smaller numbers: small ones first, then a bisection from below.
pub(super) fn numbers(n: u32) -> Vec<u32> {
    let mut all: Vec<u32> = [0, 1, 2, 8].into_iter().filter(|&s| s < n).collect();
    let mut step = n / 2;
    while step > 0 {
        let candidate = n - step;
        if candidate > 8 {
            all.push(candidate);
        }
        step /= 2;
    }
    all.dedup();
    all
}

fn sizes(size: Size) -> Vec<Size> {
    match size {
        Size::Bytes(n) => numbers(n).into_iter().map(Size::Bytes).collect(),
        Size::Edge { edge, part, delta } => {
            let mut all: Vec<Size> = [0, 8, 24].into_iter().map(Size::Bytes).collect();
            let nearer = numbers(delta.unsigned_abs()).into_iter().map(|d| d.cast_signed() * delta.signum());
            all.extend(nearer.map(|delta| Size::Edge { edge, part, delta }));
            all
        }
    }
}

fn counts(count: Count) -> Vec<Count> {
    match count.base {
        Base::Zero => numbers(count.delta.max(0).cast_unsigned()).into_iter().map(Count::new).collect(),
        base @ (Base::Worklist | Base::Roots | Base::Wraps) => {
            let mut all: Vec<Count> = [0, 1, 2, 8].into_iter().map(Count::new).collect();
            let nearer =
                numbers(count.delta.unsigned_abs()).into_iter().map(|d| d.cast_signed() * count.delta.signum());
            all.extend(nearer.map(|delta| Count { base, delta }));
            all
        }
    }
}

fn words(word: Word) -> Vec<Word> {
    match word {
        Word::Value(v) => numbers(v).into_iter().map(Word::Value).collect(),
        Word::Address { .. } | Word::Recent { .. } | Word::Region { .. } => vec![Word::Value(0)],
    }
}

fn shapes(shape: Shape) -> Vec<Shape> {
    let each = |count: Count, make: &dyn Fn(Count) -> Shape| counts(count).into_iter().map(make).collect::<Vec<_>>();
    match shape {
        Shape::Chain { n } => each(n, &|n| Shape::Chain { n }),
        Shape::Cycle { n } => [vec![Shape::Chain { n }], each(n, &|n| Shape::Cycle { n })].concat(),
        Shape::Wide { n } => each(n, &|n| Shape::Wide { n }),
        Shape::DuplicateRefs { n } => each(n, &|n| Shape::DuplicateRefs { n }),
        Shape::Tree { n, arity } => {
            let mut all = each(n, &|n| Shape::Tree { n, arity });
            if arity > 1 {
                all.push(Shape::Tree { n, arity: arity - 1 });
            }
            all
        }
        Shape::Grid { width, height } => {
            [each(width, &|width| Shape::Grid { width, height }), each(height, &|height| Shape::Grid { width, height })]
                .concat()
        }
        Shape::Comb { spine, teeth } => {
            [each(spine, &|spine| Shape::Comb { spine, teeth }), each(teeth, &|teeth| Shape::Comb { spine, teeth })]
                .concat()
        }
        Shape::RandomGraph { nodes, edges, seed } => [
            each(edges, &|edges| Shape::RandomGraph { nodes, edges, seed }),
            each(nodes, &|nodes| Shape::RandomGraph { nodes, edges, seed }),
        ]
        .concat(),
    }
}
