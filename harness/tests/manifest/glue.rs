//! What each function of the glue does, seen in the record of a module that does nothing else.

use heapsmith::engine::{Engine, Instance, Wasmi};
use heapsmith::outcome::{End, Trap};
use heapsmith::runtime::manifest::Manifest;

pub(crate) const RECORDER: &[u8] = include_bytes!("../collectors/recorder.wat");

/// A manifest for the recorder, with these roots.
pub(crate) fn manifest(rest: &str) -> String {
    format!(
        r#"heapsmith = 1
name = "recorder"
module = "recorder.wat"
{rest}
"#
    )
}

const KIND: &str = r#"[[kind]]
name = "any"
pointers = "any"
alloc = { call = "alloc", args = ["size"] }
"#;

const COLLECT: &str = r#"[collect]
full = { call = "collect", args = [7] }
automatic = false
"#;

/// A module of the glue with a mirror in a memory of its own, and its functions exported.
pub(crate) struct Driver {
    pub(crate) instance: Box<dyn Instance>,
    globals: Vec<String>,
    seen: usize,
}

impl Driver {
    pub(crate) fn of(manifest: &Manifest) -> Self {
        let mut text =
            format!("(module\n{}\n", manifest.fields(manifest.memory.initial_pages, manifest.memory.max_pages));
        text.push_str(
            r#"(memory $mutator (export "mutator") 1)
               (func $mutator.mirror (param i32) (result i32) (i32.load $mutator (i32.shl (local.get 0) (i32.const 2))))
               (func (export "run"))"#,
        );
        let mut functions =
            vec!["new", "link", "fetch", "gc_collect", "root_push", "root_set", "frame_save", "frame_restore"];
        if manifest.has_steps() {
            functions.push("gc_step");
        }
        for function in functions {
            text.push_str(&format!("(export \"{function}\" (func ${function}))"));
        }
        text.push(')');
        let binary = wat::parse_str(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        wasmparser::validate(&binary).unwrap();
        let globals: Vec<String> = manifest.globals().to_vec();
        let names: Vec<&str> = globals.iter().map(String::as_str).collect();
        let instance = Wasmi::new().compile(&[("resident", &binary)], &names).unwrap().instantiate().unwrap();
        Self { instance, globals, seen: 0 }
    }

    pub(crate) fn call(&mut self, function: &str, args: &[i32]) -> Result<Vec<i32>, End> {
        self.instance.invoke(function, args, 1 << 20).unwrap()
    }

    pub(crate) fn global(&self, name: &str) -> u32 {
        let mut values = Vec::new();
        self.instance.globals(&mut values);
        assert_eq!(values.len(), self.globals.len(), "every global of the list is exported: {:?}", self.globals);
        values[self.globals.iter().position(|known| known == name).unwrap()]
    }

    pub(crate) fn word(&self, at: u32) -> u32 {
        let at = at as usize;
        u32::from_le_bytes(self.instance.heap()[at..at + 4].try_into().unwrap())
    }

    /// A push or a write of a root as the mutator's library does it.
    pub(crate) fn push(&mut self, value: u32) -> Result<(), End> {
        let slot = self.call("frame_save", &[]).unwrap()[0].cast_unsigned();
        self.call("root_push", &[value.cast_signed()])?;
        self.mirror(slot, value);
        Ok(())
    }

    pub(crate) fn set(&mut self, slot: u32, value: u32) {
        self.call("root_set", &[slot.cast_signed(), value.cast_signed()]).unwrap();
        self.mirror(slot, value);
    }

    pub(crate) fn restore(&mut self, slots: u32) {
        self.call("frame_restore", &[slots.cast_signed()]).unwrap();
        assert_eq!(self.call("frame_save", &[]).unwrap(), [slots.cast_signed()]);
    }

    fn mirror(&mut self, slot: u32, value: u32) {
        self.instance.mutator_mut()[4 * slot as usize..][..4].copy_from_slice(&value.to_le_bytes());
    }

    /// What was recorded since the last look.
    pub(crate) fn record(&mut self) -> Vec<u32> {
        let end = (self.global("record") as usize - 256) / 4;
        let new = (self.seen..end).map(|i| self.word(256 + 4 * i as u32)).collect();
        self.seen = end;
        new
    }
}

fn driver(rest: &str) -> Driver {
    let text = manifest(rest);
    Driver::of(&Manifest::parse(&text, RECORDER, "recorder.toml").unwrap_or_else(|e| panic!("{e}")))
}

#[test]
fn a_shadow_stack_that_grows_up_is_written_like_compiled_code_does() {
    let mut it = driver(&format!(
        "{KIND}{COLLECT}[[roots]]\nkind = \"shadow-stack\"\ntop = {{ global = \"up\" }}\ngrows = \"up\"\nlimit = {{ global = \"up_limit\" }}\n"
    ));
    it.push(10).unwrap();
    it.push(11).unwrap();
    it.push(12).unwrap();
    assert_eq!((it.global("gc_sp"), it.word(4096), it.word(4100), it.word(4104)), (4108, 10, 11, 12));
    it.set(1, 99);
    assert_eq!((it.global("gc_sp"), it.word(4096), it.word(4100), it.word(4104)), (4108, 10, 99, 12));
    it.restore(1);
    assert_eq!(it.global("gc_sp"), 4100);
    for value in 0..3 {
        it.push(value).unwrap();
    }
    assert_eq!(it.push(4), Err(End::Trapped(Trap::Unreachable)), "the stack has four slots");
    assert_eq!((it.global("gc_sp"), it.word(4112)), (4112, 0));
}

#[test]
fn an_object_is_pinned_once_however_many_slots_hold_it() {
    let mut it = driver(&format!(
        "{KIND}{COLLECT}[[roots]]\nkind = \"pins\"\npin = \"__pin\"\nunpin = \"__unpin\"\nreentrant = false\ncapacity = 8\n"
    ));
    for value in [100, 0, 100, 200] {
        it.push(value).unwrap();
    }
    assert_eq!(it.record(), [10, 100, 10, 200], "null is not pinned, and a second slot pins nothing");
    it.set(0, 200);
    assert_eq!(it.record(), [] as [u32; 0], "100 is in slot 2 still, 200 was in slot 3");
    it.set(2, 300);
    assert_eq!(it.record(), [10, 300, 11, 100], "the new one is pinned before the old one is let go");
    it.set(2, 300);
    assert_eq!(it.record(), [] as [u32; 0]);
    it.restore(1);
    assert_eq!(it.record(), [11, 300], "200 is in slot 0 still");
    it.restore(0);
    assert_eq!(it.record(), [11, 200]);
}
