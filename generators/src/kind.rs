//! The kinds of ops, for weights and statistics.

use crate::program::{Op, Shape};

/// The kind of an [`Op`], without its operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the op of the same name")]
pub enum OpKind {
    Alloc,
    Load,
    Store,
    Clear,
    Write,
    Move,
    Drop,
    Enter,
    Leave,
    Collect,
    Check,
    CheckZero,
    Graph,
    Roots,
    Garbage,
    Wrap,
    Minor,
}

impl OpKind {
    /// Every kind, in the order of the enum.
    pub const ALL: [Self; 17] = [
        Self::Alloc,
        Self::Load,
        Self::Store,
        Self::Clear,
        Self::Write,
        Self::Move,
        Self::Drop,
        Self::Enter,
        Self::Leave,
        Self::Collect,
        Self::Check,
        Self::CheckZero,
        Self::Graph,
        Self::Roots,
        Self::Garbage,
        Self::Wrap,
        Self::Minor,
    ];
}

/// Shapes of graphs that there are.
pub(crate) const SHAPES: usize = 8;

impl Op {
    /// Every tag that [`Op::tag`] can give.
    pub const TAGS: [&str; 24] = [
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
    ];

    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> OpKind {
        match self {
            Self::Alloc { .. } => OpKind::Alloc,
            Self::Load { .. } => OpKind::Load,
            Self::Store { .. } => OpKind::Store,
            Self::Clear { .. } => OpKind::Clear,
            Self::Write { .. } => OpKind::Write,
            Self::Move { .. } => OpKind::Move,
            Self::Drop { .. } => OpKind::Drop,
            Self::Enter => OpKind::Enter,
            Self::Leave { .. } => OpKind::Leave,
            Self::Collect => OpKind::Collect,
            Self::Minor => OpKind::Minor,
            Self::Check { .. } => OpKind::Check,
            Self::CheckZero { .. } => OpKind::CheckZero,
            Self::Graph { .. } => OpKind::Graph,
            Self::Roots { .. } => OpKind::Roots,
            Self::Garbage { .. } => OpKind::Garbage,
            Self::Wrap { .. } => OpKind::Wrap,
        }
    }

    /// Its tag in the text format.
    #[must_use]
    pub const fn tag(&self) -> &'static str {
        match self {
            Self::Alloc { .. } => "alloc",
            Self::Load { .. } => "load",
            Self::Store { .. } => "store",
            Self::Clear { .. } => "clear",
            Self::Write { .. } => "write",
            Self::Move { .. } => "move",
            Self::Drop { .. } => "drop",
            Self::Enter => "enter",
            Self::Leave { .. } => "leave",
            Self::Collect => "collect",
            Self::Minor => "minor",
            Self::Check { .. } => "check",
            Self::CheckZero { .. } => "check_zero",
            Self::Graph { shape, .. } => shape.tag(),
            Self::Roots { .. } => "roots",
            Self::Garbage { .. } => "garbage",
            Self::Wrap { .. } => "wrap",
        }
    }
}

impl Shape {
    /// Its tag in the text format.
    #[must_use]
    pub const fn tag(&self) -> &'static str {
        match self {
            Self::Chain { .. } => "chain",
            Self::Cycle { .. } => "cycle",
            Self::Wide { .. } => "wide",
            Self::DuplicateRefs { .. } => "duplicates",
            Self::Tree { .. } => "tree",
            Self::Grid { .. } => "grid",
            Self::Comb { .. } => "comb",
            Self::RandomGraph { .. } => "random",
        }
    }
}
