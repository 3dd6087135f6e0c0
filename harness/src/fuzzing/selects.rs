//! Modules whose `select`s do not show an engine where their conditions come from.
//!
//! wasmi 2.0.0 miscompiles a `select` whose condition is a comparison with zero, by making one instruction of the two. A condition that went
//! through a global is the same number, and no comparison any more. A module that behaves otherwise on wasmi, and no longer
//! does once its conditions go that way, shows this bug and no other.

use std::convert::Infallible;
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{CodeSection, ConstExpr, GlobalSection, GlobalType, Instruction, Module, ValType};
use wasmparser::{FunctionBody, GlobalSectionReader, Operator, Parser, Payload, TypeRef};

/// The module with a global more, through which the condition of each `select` goes. None for one that is invalid or has no globals.
pub(super) fn hide_conditions(module: &[u8]) -> Option<Vec<u8>> {
    let mut globals = 0;
    let mut defined = false;
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
            _ => {}
        }
    }
    let mut out = Module::new();
    let mut hider = Hider { global: globals };
    hider.parse_core_module(&mut out, Parser::new(0), module).ok()?;
    defined.then(|| out.finish())
}

/// Copies a module, and puts conditions through a global.
struct Hider {
    global: u32,
}

impl Reencode for Hider {
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
        let mut reader = func.get_operators_reader()?;
        while !reader.eof() {
            let operator = reader.read()?;
            if matches!(operator, Operator::Select | Operator::TypedSelect { .. }) {
                function.instruction(&Instruction::GlobalSet(self.global));
                function.instruction(&Instruction::GlobalGet(self.global));
            }
            function.instruction(&self.instruction(operator)?);
        }
        code.function(&function);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{self, Engine};

    const MODULE: &str =
        "(module (memory (export \"memory\") 1) (global (mut i32) (i32.const 0)) (func (export \"run\"))
        (func (export \"f\") (param i32) (result i32) i32.const 1 local.get 0 local.get 0 i32.eqz select))";

    fn result(engine: &dyn Engine, module: &[u8]) -> i32 {
        let mut instance = engine.compile(&[("main", module)], &[]).unwrap().instantiate().unwrap();
        instance.invoke("f", &[7], 1_000_000).unwrap().unwrap()[0]
    }

    #[test]
    fn wasmi_selects_as_the_others_do_once_it_cannot_see_the_comparison() {
        let module = wat::parse_str(MODULE).unwrap();
        let hidden = hide_conditions(&module).unwrap();
        let (wasmi, wasmtime) = (engine::by_name("wasmi").unwrap(), engine::by_name("wasmtime").unwrap());
        assert_eq!((result(&*wasmtime, &module), result(&*wasmi, &module)), (7, 1));
        assert_eq!((result(&*wasmtime, &hidden), result(&*wasmi, &hidden)), (7, 7));
        assert_eq!(hide_conditions(b"no module"), None);
    }
}
