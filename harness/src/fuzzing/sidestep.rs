//! Modules that do the same and keep clear of what wasmi 2.0.0 miscompiles.
//!
//! - A `select` whose condition is a comparison with zero: the engine makes one instruction of the two, and tests a stale value. A condition
//!   that went through a global is the same number, and no comparison any more.
//! - A `br_table` of several depths that carries more than one value past another one: the engine takes the wrong values along
//!   ([pull request 1972](https://github.com/wasmi-labs/wasmi/pull/1972), merged after 2.0.0). As a chain of `br_if`s it means the same.
//!
//! A module that behaves otherwise on wasmi, and no longer does once it is written that way, shows these bugs and no other. Every other `select` and
//! `br_table` stays as it is: what is wrong with one of those is no known bug.

use std::convert::Infallible;
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{CodeSection, ConstExpr, Function, GlobalSection, GlobalType, Instruction, Module, ValType};
use wasmparser::{BlockType, BrTable, FunctionBody, GlobalSectionReader, Operator, Parser, Payload, TypeRef};

/// The module with a global more, through which the condition of each such `select` and the index of each such `br_table` goes. None for one that is
/// invalid or defines no globals.
pub(super) fn sidestep(module: &[u8]) -> Option<Vec<u8>> {
    let mut globals = 0;
    let mut defined = false;
    let mut types = Vec::new();
    let mut functions = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is wasmparser's")]
        match payload.ok()? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    globals += u32::from(matches!(import.ok()?.ty, TypeRef::Global(_)));
                }
            }
            Payload::GlobalSection(section) => {
                globals += section.count();
                defined = true;
            }
            Payload::TypeSection(section) => {
                for ty in section.into_iter_err_on_gc_types() {
                    let ty = ty.ok()?;
                    types.push(Arity { params: ty.params().len(), results: ty.results().len() });
                }
            }
            Payload::FunctionSection(section) => {
                functions = section.into_iter().collect::<Result<_, _>>().ok()?;
            }
            _ => {}
        }
    }
    let mut out = Module::new();
    let mut writer = Writer { global: globals, types, functions: functions.into_iter() };
    writer.parse_core_module(&mut out, Parser::new(0), module).ok()?;
    defined.then(|| out.finish())
}

/// Copies a module in other words.
struct Writer {
    global: u32,
    types: Vec<Arity>,
    /// Types of the functions that are still to come.
    functions: std::vec::IntoIter<u32>,
}

/// How many values a type takes and gives.
#[derive(Debug, Clone, Copy, Default)]
struct Arity {
    params: usize,
    results: usize,
}

impl Writer {
    /// What a block of this type takes and gives.
    fn arity(&self, block: BlockType) -> Arity {
        match block {
            BlockType::Empty => Arity::default(),
            BlockType::Type(_) => Arity { params: 0, results: 1 },
            BlockType::FuncType(index) => self.types.get(index as usize).copied().unwrap_or_default(),
        }
    }

    /// A `br_table` as one `br_if` after the other. What it carries stays on the stack between them.
    fn branch(&self, function: &mut Function, table: &BrTable<'_>) -> Result<(), Error<Infallible>> {
        function.instruction(&Instruction::GlobalSet(self.global));
        for (at, depth) in (0..).zip(table.targets()) {
            function.instruction(&Instruction::GlobalGet(self.global));
            function.instruction(&Instruction::I32Const(at));
            function.instruction(&Instruction::I32Eq);
            function.instruction(&Instruction::BrIf(depth?));
        }
        function.instruction(&Instruction::Br(table.default()));
        Ok(())
    }
}

impl Reencode for Writer {
    type Error = Infallible;

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: GlobalSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        utils::parse_global_section(self, globals, section)?;
        globals.global(GlobalType { val_type: ValType::I32, mutable: true, shared: false }, &ConstExpr::i32_const(0));
        Ok(())
    }

    fn parse_function_body(&mut self, code: &mut CodeSection, func: FunctionBody<'_>) -> Result<(), Error<Infallible>> {
        let mut function = self.new_function_with_parsed_locals(&func)?;
        let own = self.functions.next().map(BlockType::FuncType).map_or_else(Arity::default, |ty| self.arity(ty));
        let mut labels = vec![own.results];
        let mut reader = func.get_operators_reader()?;
        let mut reach = Reach::default();
        let mut compares = false;
        while !reader.eof() {
            let operator = reader.read()?;
            // Where nothing comes by, a `br_table` may go to blocks of different types, which a chain may not.
            let reached = reach.pass(&operator);
            let compared = std::mem::replace(&mut compares, is_equality(&operator));
            #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is wasmparser's")]
            match &operator {
                Operator::Block { blockty } | Operator::If { blockty } => labels.push(self.arity(*blockty).results),
                Operator::Loop { blockty } => labels.push(self.arity(*blockty).params),
                Operator::End => {
                    labels.pop();
                }
                Operator::BrTable { targets } if reached && carries_many(&labels, targets) => {
                    self.branch(&mut function, targets)?;
                    continue;
                }
                Operator::Select | Operator::TypedSelect { .. } if compared => {
                    function.instruction(&Instruction::GlobalSet(self.global));
                    function.instruction(&Instruction::GlobalGet(self.global));
                }
                _ => {}
            }
            function.instruction(&self.instruction(operator)?);
        }
        code.function(&function);
        Ok(())
    }
}

/// Whether an instruction compares integers for equality: with zero, perhaps, wherever the zero comes from.
const fn is_equality(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::I32Eqz | Operator::I32Eq | Operator::I32Ne | Operator::I64Eqz | Operator::I64Eq | Operator::I64Ne
    )
}

/// Whether a `br_table` takes more than one value along, out of blocks whose labels want so many, the innermost last.
fn carries_many(labels: &[usize], table: &BrTable<'_>) -> bool {
    let depth = table.default() as usize + 1;
    labels.len().checked_sub(depth).and_then(|at| labels.get(at)).is_some_and(|&values| values > 1)
}

/// Which instructions of a function can be reached, as validation sees it.
#[derive(Default)]
struct Reach {
    /// Behind a branch without condition: how many blocks are open that began there.
    dead: Option<u32>,
}

impl Reach {
    /// Goes past an instruction: whether it can be reached.
    fn pass(&mut self, operator: &Operator<'_>) -> bool {
        let reached = self.dead.is_none();
        #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is wasmparser's")]
        match operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                self.dead = self.dead.map(|open| open + 1);
            }
            Operator::Else if self.dead == Some(0) => self.dead = None,
            Operator::End => self.dead = self.dead.and_then(|open| open.checked_sub(1)),
            Operator::Br { .. } | Operator::BrTable { .. } | Operator::Return | Operator::Unreachable => {
                self.dead.get_or_insert(0);
            }
            _ => {}
        }
        reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{self, Engine};

    fn module(body: &str) -> Vec<u8> {
        wat::parse_str(format!(
            r#"(module (memory (export "memory") 1) (global (mut i32) (i32.const 0)) (func (export "run"))
               (func (export "f") (param i32) (result i32) {body}))"#
        ))
        .unwrap()
    }

    fn result(engine: &dyn Engine, module: &[u8], x: i32) -> i32 {
        let mut instance = engine.compile(&[("main", module)], &[]).unwrap().instantiate().unwrap();
        instance.invoke("f", &[x], 1_000_000).unwrap().unwrap()[0]
    }

    /// Results on wasmtime and wasmi, as it is written and sidestepped.
    fn results(body: &str, x: i32) -> [i32; 4] {
        let module = module(body);
        let other = sidestep(&module).unwrap();
        let engines = ["wasmtime", "wasmi"].map(|name| engine::by_name(name).unwrap());
        let [a, b] = [&module, &other].map(|module| engines.each_ref().map(|engine| result(&**engine, module, x)));
        [a[0], a[1], b[0], b[1]]
    }

    #[test]
    fn wasmi_selects_as_the_others_do_once_it_cannot_see_the_comparison() {
        assert_eq!(results("i32.const 1 local.get 0 local.get 0 i32.eqz select", 7), [7, 1, 7, 7]);
        assert_eq!(sidestep(b"no module"), None);
    }

    #[test]
    fn wasmi_branches_with_the_values_of_the_others_once_there_is_no_table() {
        let carry = "(i32.sub (block $a (result i32 i32) (block $b (result i32 i32)
              (i32.clz (local.get 0)) (i32.add (local.get 0) (i32.const 1)) (i32.add (local.get 0) (i32.const 5))
              (br_table $b $a $b (local.get 0)))))";
        for x in 0..3 {
            assert_eq!(results(carry, x), [-4, x.leading_zeros() as i32 - x - 5, -4, -4], "{x}");
        }
    }

    #[test]
    fn each_index_goes_where_the_table_says() {
        // Each label takes two values, and their difference is where it went.
        let body = "(block $e (result i32 i32) (block $d (result i32 i32) (block $c (result i32 i32) (block $b (result i32 i32)
              (i32.const 10) (i32.const 0) (br_table $d $b $c $d $e (local.get 0)))
              (drop) (i32.const 1) (br $e)) (drop) (i32.const 2) (br $e)) (drop) (i32.const 3) (br $e)) (i32.sub)";
        assert_ne!(code(body), code_of(&sidestep(&module(body)).unwrap()));
        for (x, expected) in [(0, 7), (1, 9), (2, 8), (3, 7), (4, 10), (-1, 10)] {
            let [a, _, b, c] = results(body, x);
            assert_eq!([a, b, c], [expected; 3], "{x}");
        }
    }

    /// What is wrong with anything else is no known bug, so it must stay to be seen.
    #[test]
    fn all_other_instructions_stay_as_they_are() {
        for body in [
            "i32.const 1 local.get 0 local.get 0 select",
            "i32.const 1 local.get 0 local.get 0 i32.const 3 i32.lt_s select",
            "(block (block (block (br_table 2 0 1 2 (local.get 0))) (return (i32.const 10))) (return (i32.const 11))) (i32.const 13)",
            "(block (result i32) (block (result i32) (br_table 0 1 0 (i32.const 5) (local.get 0))) (return))",
        ] {
            assert_eq!(code(body), code_of(&sidestep(&module(body)).unwrap()), "{body}");
        }
        assert_ne!(
            code("i32.const 1 local.get 0 local.get 0 i32.eqz select"),
            code("i32.const 1 local.get 0 local.get 0 select")
        );
    }

    /// The code of function `f`, as it is written.
    fn code(body: &str) -> Vec<u8> {
        code_of(&module(body))
    }

    fn code_of(module: &[u8]) -> Vec<u8> {
        let bodies = Parser::new(0).parse_all(module).filter_map(|payload| {
            if let Payload::CodeSectionEntry(body) = payload.unwrap() { Some(body.as_bytes().to_vec()) } else { None }
        });
        bodies.last().unwrap()
    }

    #[test]
    fn tables_that_nothing_reaches_stay_as_they_are() {
        let dead = "(block $i (result i32) (block $l (result i64) (return (i32.const 3)) (br_table $l $i $l)
              (block (br 0) (br_table 0 0)) (if (then)) (i64.const 0)) (drop) (i32.const 4))";
        assert_eq!(results(dead, 0), [3; 4]);
        // After the end of a block, and in the other arm, there is something again.
        let other = "(if (result i32) (local.get 0) (then (return (i32.const 1))) (else (block (br_table 0 0 (local.get 0))) (i32.const 2)))";
        assert_eq!([results(other, 0), results(other, 1)], [[2; 4], [1; 4]]);
    }
}
