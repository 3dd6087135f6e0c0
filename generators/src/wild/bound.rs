//! Makes a module of wasm-smith end, mostly without a trap, and call more.
//!
//! wasm-smith's own way traps as soon as a number of turns and calls is used up, which is how most of its modules end. Here a function that has
//! taken [`TURNS`] turns of its loops *returns*, with zeros, and whoever called it goes on. Only calls of more than [`CALLS`] functions in all end in
//! `unreachable`, so recursion is bounded, too.
//!
//! Most of what wasm-smith makes is never reached, because a branch stands before it. So wherever control can go, at the start of functions,
//! blocks and loops and before branches, calls of imported functions without parameters are put in, drawn by the module's seed. Nothing else
//! about a module changes.

use std::convert::Infallible;
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, Function, GlobalSection, GlobalType, Instruction, Module, SectionId, ValType,
};
use wasmparser::{FunctionBody, GlobalSectionReader, Operator, Parser, Payload, TypeRef};

/// Turns of loops that one call of a function takes.
const TURNS: i32 = 12;
/// Calls of functions of the module in all.
const CALLS: i32 = 300;

/// Calls that are put in where a function starts.
const AT_ENTRY: u32 = 8;
/// Calls that are put in at another place, at most.
const AT_BRANCH: u32 = 2;

/// The module, bounded; none for one that is invalid.
pub(super) fn bound(module: &[u8], seed: u32) -> Option<Vec<u8>> {
    let mut bounder = Bounder {
        global: 0,
        defines_globals: false,
        functions: Vec::new(),
        next: 0,
        operations: Vec::new(),
        random: seed,
    };
    let mut types: Vec<wasmparser::FuncType> = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is wasmparser's")]
        match payload.ok()? {
            Payload::TypeSection(section) => {
                for ty in section.into_iter_err_on_gc_types() {
                    types.push(ty.ok()?);
                }
            }
            Payload::ImportSection(section) => {
                let mut functions = 0;
                for import in section.into_imports() {
                    #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is wasmparser's")]
                    match import.ok()?.ty {
                        TypeRef::Global(_) => bounder.global += 1,
                        TypeRef::Func(ty) => {
                            let ty = types.get(ty as usize)?;
                            if ty.params().is_empty() && ty.results().len() == 1 {
                                bounder.operations.push(functions);
                            }
                            functions += 1;
                        }
                        _ => {}
                    }
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    bounder.functions.push(types.get(ty.ok()? as usize)?.clone());
                }
            }
            Payload::GlobalSection(section) => {
                bounder.global += section.count();
                bounder.defines_globals = true;
            }
            _ => {}
        }
    }
    let mut out = Module::new();
    bounder.parse_core_module(&mut out, Parser::new(0), module).ok()?;
    Some(out.finish())
}

/// Copies a module, and counts turns and calls.
struct Bounder {
    /// Calls that are left: the global after all others.
    global: u32,
    defines_globals: bool,
    /// Types of the functions that the module defines.
    functions: Vec<wasmparser::FuncType>,
    /// The one to be copied next.
    next: usize,
    /// Imported functions without parameters.
    operations: Vec<u32>,
    /// State of the stream that they are drawn by.
    random: u32,
}

impl Bounder {
    fn draw(&mut self, below: u32) -> u32 {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.random >> 8) % below.max(1)
    }

    /// Puts in so many calls.
    fn call(&mut self, function: &mut Function, times: u32) {
        for _ in 0..times {
            let drawn = self.draw(self.operations.len() as u32);
            if let Some(&operation) = self.operations.get(drawn as usize) {
                function.instructions().call(operation).drop();
            }
        }
    }

    fn count_calls(&self, globals: &mut GlobalSection) {
        let ty = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
        globals.global(ty, &ConstExpr::i32_const(CALLS));
    }
}

impl Reencode for Bounder {
    type Error = Infallible;

    fn intersperse_section_hook(
        &mut self,
        module: &mut Module,
        _: Option<SectionId>,
        before: Option<SectionId>,
    ) -> Result<(), Error<Infallible>> {
        // The first section that comes after globals, where the module has none.
        let after = matches!(
            before,
            None | Some(
                SectionId::Export
                    | SectionId::Start
                    | SectionId::Element
                    | SectionId::DataCount
                    | SectionId::Code
                    | SectionId::Data
            )
        );
        if after && !std::mem::replace(&mut self.defines_globals, true) {
            let mut globals = GlobalSection::new();
            self.count_calls(&mut globals);
            module.section(&globals);
        }
        Ok(())
    }

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: GlobalSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        utils::parse_global_section(self, globals, section)?;
        self.count_calls(globals);
        Ok(())
    }

    fn parse_function_body(&mut self, code: &mut CodeSection, func: FunctionBody<'_>) -> Result<(), Error<Infallible>> {
        let Some(ty) = self.functions.get(self.next).cloned() else { return Ok(()) };
        self.next += 1;
        let mut locals = Vec::new();
        let mut turns = ty.params().len() as u32;
        for pair in func.get_locals_reader()? {
            let (count, ty) = pair?;
            turns += count;
            locals.push((count, self.val_type(ty)?));
        }
        locals.push((1, ValType::I32));
        let mut function = Function::new(locals);
        let mut calls = function.instructions();
        calls.global_get(self.global).i32_eqz().if_(BlockType::Empty).unreachable().end();
        calls.global_get(self.global).i32_const(1).i32_sub().global_set(self.global);
        self.call(&mut function, AT_ENTRY);
        let mut reader = func.get_operators_reader()?;
        while !reader.eof() {
            let operator = reader.read()?;
            let is_loop = matches!(operator, Operator::Loop { .. });
            let starts = is_loop || matches!(operator, Operator::Block { .. } | Operator::If { .. } | Operator::Else);
            if matches!(operator, Operator::Br { .. } | Operator::BrIf { .. } | Operator::BrTable { .. }) {
                let times = self.draw(AT_BRANCH + 1);
                self.call(&mut function, times);
            }
            function.instruction(&self.instruction(operator)?);
            if starts {
                let times = self.draw(AT_BRANCH + 1);
                self.call(&mut function, times);
            }
            if is_loop {
                let mut header = function.instructions();
                header.local_get(turns).i32_const(1).i32_add().local_tee(turns).i32_const(TURNS).i32_gt_u();
                header.if_(BlockType::Empty);
                for result in ty.results() {
                    function.instruction(&zero(*result));
                }
                function.instructions().return_().end();
            }
        }
        code.function(&function);
        Ok(())
    }
}

/// A zero of a type.
fn zero(ty: wasmparser::ValType) -> Instruction<'static> {
    match ty {
        wasmparser::ValType::I64 => Instruction::I64Const(0),
        wasmparser::ValType::F32 => Instruction::F32Const(0.0.into()),
        wasmparser::ValType::F64 => Instruction::F64Const(0.0.into()),
        // Vectors and references are off.
        wasmparser::ValType::I32 | wasmparser::ValType::V128 | wasmparser::ValType::Ref(_) => Instruction::I32Const(0),
    }
}
