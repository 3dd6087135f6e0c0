//! What a module exports: JavaScript does not tell the types.

use std::collections::BTreeMap;
use wasmparser::{ExternalKind, Parser, Payload, ValType, Validator};

/// An export, as far as the contract asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Export {
    /// A function of i32 values.
    Function { params: usize, results: usize },
    /// A memory.
    Memory,
    /// A mutable i32 global.
    Global,
    /// Anything else.
    Other,
}

/// The exports of a module; an error says why it is none.
pub(super) fn exports(bytes: &[u8]) -> Result<BTreeMap<String, Export>, String> {
    let types = Validator::new().validate_all(bytes).map_err(|e| e.to_string())?;
    let types = types.as_ref();
    let mut all = BTreeMap::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let Payload::ExportSection(section) = payload.map_err(|e| e.to_string())? else { continue };
        for export in section {
            let export = export.map_err(|e| e.to_string())?;
            #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is wasmparser's")]
            let what = match export.kind {
                ExternalKind::Func => {
                    let function = types[types.core_function_at(export.index)].unwrap_func();
                    if function.params().iter().chain(function.results()).all(|ty| *ty == ValType::I32) {
                        Export::Function { params: function.params().len(), results: function.results().len() }
                    } else {
                        Export::Other
                    }
                }
                ExternalKind::Memory => Export::Memory,
                ExternalKind::Global => {
                    let global = types.global_at(export.index);
                    if global.mutable && global.content_type == ValType::I32 { Export::Global } else { Export::Other }
                }
                _ => Export::Other,
            };
            all.insert(export.name.to_owned(), what);
        }
    }
    Ok(all)
}
