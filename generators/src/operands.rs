//! What an op names: registers, a size, counts.

use crate::program::{Count, Op, Reg, Shape, Size, Word};

impl Op {
    /// Calls `f` with each register that it names.
    pub(crate) fn for_each_register(&mut self, mut f: impl FnMut(&mut Reg)) {
        match self {
            Self::Alloc { dst, .. } | Self::Graph { dst, .. } => f(dst),
            Self::Load { dst, src, .. } | Self::Move { dst, src } => {
                f(dst);
                f(src);
            }
            Self::Store { obj, value, .. } => {
                f(obj);
                f(value);
            }
            Self::Clear { obj, .. } => f(obj),
            Self::Write { obj, value, .. } => {
                f(obj);
                match value {
                    Word::Address { of, .. } => f(of),
                    Word::Value(_) | Word::Recent { .. } | Word::Region { .. } => {}
                }
            }
            Self::Drop { reg } | Self::Check { reg } | Self::CheckZero { reg } | Self::Wrap { reg, .. } => f(reg),
            Self::Leave { keep } => {
                if let Some(reg) = keep {
                    f(reg);
                }
            }
            Self::Enter | Self::Collect | Self::Minor | Self::Roots { .. } | Self::Garbage { .. } => {}
        }
    }

    /// The size that it names, if it does.
    pub const fn size_mut(&mut self) -> Option<&mut Size> {
        match self {
            Self::Alloc { size, .. } | Self::Garbage { size, .. } => Some(size),
            Self::Load { .. }
            | Self::Store { .. }
            | Self::Clear { .. }
            | Self::Write { .. }
            | Self::Move { .. }
            | Self::Drop { .. }
            | Self::Enter
            | Self::Leave { .. }
            | Self::Collect
            | Self::Minor
            | Self::Check { .. }
            | Self::CheckZero { .. }
            | Self::Graph { .. }
            | Self::Roots { .. }
            | Self::Wrap { .. } => None,
        }
    }

    /// Calls `f` with each count that it names, and says how many there are.
    pub fn for_each_count(&mut self, mut f: impl FnMut(&mut Count)) -> u32 {
        match self {
            Self::Graph { shape, .. } => match shape {
                Shape::Chain { n }
                | Shape::Cycle { n }
                | Shape::Wide { n }
                | Shape::DuplicateRefs { n }
                | Shape::Tree { n, .. } => {
                    f(n);
                    1
                }
                Shape::Grid { width: one, height: other }
                | Shape::Comb { spine: one, teeth: other }
                | Shape::RandomGraph { nodes: one, edges: other, .. } => {
                    f(one);
                    f(other);
                    2
                }
            },
            Self::Roots { count, .. } | Self::Garbage { count, .. } | Self::Wrap { count, .. } => {
                f(count);
                1
            }
            Self::Alloc { .. }
            | Self::Load { .. }
            | Self::Store { .. }
            | Self::Clear { .. }
            | Self::Write { .. }
            | Self::Move { .. }
            | Self::Drop { .. }
            | Self::Enter
            | Self::Leave { .. }
            | Self::Collect
            | Self::Minor
            | Self::Check { .. }
            | Self::CheckZero { .. } => 0,
        }
    }
}
