//! What a mutant does to one instruction.

use std::fmt;
use wasm_encoder::{Instruction, MemArg};

/// What becomes of an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Change {
    /// Another comparison, or a load of another width or sign: this one.
    Replace(&'static str),
    /// A constant, or the value that a global starts with, is one more.
    Increment,
    /// Or one less.
    Decrement,
    /// A store, a global's assignment, a call, a jump or a return is left out; what a call would have given is 0.
    Drop,
    /// A conditional branch is never taken.
    Never,
    /// A condition is negated.
    Negate,
    /// The operands of a subtraction or a shift change places.
    Swap,
    /// A trap is passed over.
    Skip,
    /// A division by zero right before the instruction. It is no mutant that is tried, but tells who gets here.
    TrapBefore,
}

/// Comparisons and loads: variant of [`Instruction`] and its name.
macro_rules! instructions {
    (plain { $($plain:ident $name:literal)* } loads { $($load:ident $load_name:literal $align:literal)* }) => {
        /// The name of a comparison or load.
        fn name(instruction: &Instruction<'_>) -> Option<&'static str> {
            match instruction {
                $(Instruction::$plain => Some($name),)*
                $(Instruction::$load(_) => Some($load_name),)*
                _ => None,
            }
        }
        /// The comparison or load of this name, at the place of `old`.
        fn of_name(name: &str, old: &Instruction<'_>) -> Option<Instruction<'static>> {
            match name {
                $($name => Some(Instruction::$plain),)*
                $($load_name => {
                    let at = memory_argument(old)?;
                    Some(Instruction::$load(MemArg { align: at.align.min($align), ..at }))
                })*
                _ => None,
            }
        }
        fn memory_argument(instruction: &Instruction<'_>) -> Option<MemArg> {
            match instruction {
                $(Instruction::$load(at) => Some(*at),)*
                _ => None,
            }
        }
        /// The name as it is kept in a [`Change`].
        fn known(name: &str) -> Option<&'static str> {
            [$($name,)* $($load_name,)*].into_iter().find(|known| *known == name)
        }
    };
}

instructions! {
    plain {
        I32Eq "i32.eq" I32Ne "i32.ne" I32LtS "i32.lt_s" I32LtU "i32.lt_u" I32GtS "i32.gt_s" I32GtU "i32.gt_u"
        I32LeS "i32.le_s" I32LeU "i32.le_u" I32GeS "i32.ge_s" I32GeU "i32.ge_u"
        I64Eq "i64.eq" I64Ne "i64.ne" I64LtS "i64.lt_s" I64LtU "i64.lt_u" I64GtS "i64.gt_s" I64GtU "i64.gt_u"
        I64LeS "i64.le_s" I64LeU "i64.le_u" I64GeS "i64.ge_s" I64GeU "i64.ge_u"
    }
    loads {
        I32Load "i32.load" 2 I32Load8S "i32.load8_s" 0 I32Load8U "i32.load8_u" 0
        I32Load16S "i32.load16_s" 1 I32Load16U "i32.load16_u" 1
        I64Load "i64.load" 3 I64Load8S "i64.load8_s" 0 I64Load8U "i64.load8_u" 0
        I64Load16S "i64.load16_s" 1 I64Load16U "i64.load16_u" 1 I64Load32S "i64.load32_s" 2 I64Load32U "i64.load32_u" 2
    }
}

/// Types of the operands and results of what a call calls.
pub(super) type Signature = (Vec<wasm_encoder::ValType>, Vec<wasm_encoder::ValType>);

impl Change {
    const NAMED: [(Self, &'static str); 8] = [
        (Self::Increment, "+1"),
        (Self::Decrement, "-1"),
        (Self::Drop, "drop"),
        (Self::Never, "never"),
        (Self::Negate, "negate"),
        (Self::Swap, "swap"),
        (Self::Skip, "skip"),
        (Self::TrapBefore, "trap-before"),
    ];

    /// Reads a change.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let named = Self::NAMED.into_iter().find(|(_, name)| *name == text).map(|(change, _)| change);
        named.or_else(|| known(text).map(Self::Replace))
    }

    /// What can be done to an instruction.
    pub(super) fn all_of(instruction: &Instruction<'_>) -> Vec<Self> {
        if let Some(name) = name(instruction) {
            return alternatives(name).into_iter().filter_map(|name| known(&name)).map(Self::Replace).collect();
        }
        #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is wasm-encoder's; nothing is done to the others")]
        match instruction {
            Instruction::I32Const(_) | Instruction::I64Const(_) => vec![Self::Increment, Self::Decrement],
            Instruction::I32Store(_)
            | Instruction::I32Store8(_)
            | Instruction::I32Store16(_)
            | Instruction::I64Store(_)
            | Instruction::I64Store8(_)
            | Instruction::I64Store16(_)
            | Instruction::I64Store32(_)
            | Instruction::MemoryFill(_)
            | Instruction::MemoryCopy { .. }
            | Instruction::GlobalSet(_)
            | Instruction::Call(_)
            | Instruction::Br(_)
            | Instruction::Return => vec![Self::Drop],
            Instruction::BrIf(_) | Instruction::If(_) => vec![Self::Never, Self::Negate],
            Instruction::I32Sub
            | Instruction::I32Shl
            | Instruction::I32ShrU
            | Instruction::I32ShrS
            | Instruction::I64Sub
            | Instruction::I64Shl
            | Instruction::I64ShrU
            | Instruction::I64ShrS => vec![Self::Swap],
            Instruction::Unreachable => vec![Self::Skip],
            _ => Vec::new(),
        }
    }

    /// What stands in the instruction's place; `scratch` are two locals of the type of its operands ([`Self::scratch`]).
    pub(super) fn make<'a>(
        self,
        old: &Instruction<'a>,
        scratch: u32,
        signature: &dyn Fn(u32) -> Option<Signature>,
    ) -> Option<Vec<Instruction<'a>>> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is wasm-encoder's; nothing is done to the others")]
        Some(match (self, old) {
            (Self::Replace(name), old) => vec![of_name(name, old)?],
            (Self::Increment, Instruction::I32Const(n)) => vec![Instruction::I32Const(n.wrapping_add(1))],
            (Self::Decrement, Instruction::I32Const(n)) => vec![Instruction::I32Const(n.wrapping_sub(1))],
            (Self::Increment, Instruction::I64Const(n)) => vec![Instruction::I64Const(n.wrapping_add(1))],
            (Self::Decrement, Instruction::I64Const(n)) => vec![Instruction::I64Const(n.wrapping_sub(1))],
            (Self::Drop, Instruction::GlobalSet(_)) => vec![Instruction::Drop],
            (Self::Drop, Instruction::MemoryFill(_) | Instruction::MemoryCopy { .. }) => vec![Instruction::Drop; 3],
            (Self::Drop, Instruction::Br(_) | Instruction::Return) => vec![Instruction::Nop],
            (Self::Drop, Instruction::Call(function)) => {
                let (operands, results) = signature(*function)?;
                let mut made = vec![Instruction::Drop; operands.len()];
                for result in results {
                    made.push(match result {
                        wasm_encoder::ValType::I32 => Instruction::I32Const(0),
                        wasm_encoder::ValType::I64 => Instruction::I64Const(0),
                        _ => return None,
                    });
                }
                if made.is_empty() { vec![Instruction::Nop] } else { made }
            }
            (Self::Drop, store) if Self::all_of(store) == [Self::Drop] => vec![Instruction::Drop; 2],
            (Self::Never, Instruction::BrIf(_)) => vec![Instruction::Drop],
            (Self::Never, Instruction::If(_)) => vec![Instruction::Drop, Instruction::I32Const(0), old.clone()],
            (Self::Negate, Instruction::BrIf(_) | Instruction::If(_)) => vec![Instruction::I32Eqz, old.clone()],
            (Self::Swap, old) if Self::all_of(old) == [Self::Swap] => vec![
                Instruction::LocalSet(scratch),
                Instruction::LocalSet(scratch + 1),
                Instruction::LocalGet(scratch),
                Instruction::LocalGet(scratch + 1),
                old.clone(),
            ],
            (Self::Skip, Instruction::Unreachable) => vec![Instruction::Nop],
            // A trap that no collector takes by itself: it is told from an `unreachable` that may follow.
            (Self::TrapBefore, old) => vec![
                Instruction::I32Const(1),
                Instruction::I32Const(0),
                Instruction::I32DivU,
                Instruction::Drop,
                old.clone(),
            ],
            _ => return None,
        })
    }

    /// The type of the two locals that the change needs.
    pub(super) fn scratch(self, old: &Instruction<'_>) -> Option<wasm_encoder::ValType> {
        match (self, old) {
            (Self::Swap, Instruction::I64Sub | Instruction::I64Shl | Instruction::I64ShrU | Instruction::I64ShrS) => {
                Some(wasm_encoder::ValType::I64)
            }
            (Self::Swap, _) => Some(wasm_encoder::ValType::I32),
            _ => None,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Self::NAMED.iter().find(|(change, _)| change == self).map(|(_, name)| *name);
        match self {
            Self::Replace(name) => f.write_str(name),
            Self::Increment
            | Self::Decrement
            | Self::Drop
            | Self::Never
            | Self::Negate
            | Self::Swap
            | Self::Skip
            | Self::TrapBefore => f.write_str(named.unwrap_or_default()),
        }
    }
}

/// Names of comparisons and loads that may stand in the place of this one.
///
/// A comparison: its neighbour at the boundary, its negation, the one with its operands swapped, and the one of the other sign. A load: the other sign, and
/// other widths.
fn alternatives(name: &str) -> Vec<String> {
    let Some((type_, operator)) = name.split_once('.') else { return Vec::new() };
    let full = |operator: &str| format!("{type_}.{operator}");
    let (relation, sign) = operator.split_once('_').unwrap_or((operator, ""));
    let other_sign = if sign == "u" { "s" } else { "u" };
    let signed = |relation: &str| full(&format!("{relation}_{sign}"));
    match relation {
        "eq" => vec![full("ne")],
        "ne" => vec![full("eq")],
        "lt" => vec![signed("le"), signed("ge"), signed("gt"), full(&format!("lt_{other_sign}"))],
        "le" => vec![signed("lt"), signed("gt"), signed("ge"), full(&format!("le_{other_sign}"))],
        "gt" => vec![signed("ge"), signed("le"), signed("lt"), full(&format!("gt_{other_sign}"))],
        "ge" => vec![signed("gt"), signed("lt"), signed("le"), full(&format!("ge_{other_sign}"))],
        "load" if type_ == "i32" => vec![full("load16_u"), full("load8_u")],
        "load" => vec![full("load32_u")],
        "load8" => vec![full(&format!("load8_{other_sign}")), full("load16_u")],
        "load16" => vec![full(&format!("load16_{other_sign}")), full("load8_u"), full("load")],
        "load32" => vec![full(&format!("load32_{other_sign}")), full("load16_u")],
        _ => Vec::new(),
    }
}
