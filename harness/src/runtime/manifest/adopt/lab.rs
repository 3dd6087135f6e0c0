//! A module on an interpreter, where any of its functions can be called, and its memory and globals be seen and changed.

use super::super::module::Decoded;
use super::super::parts::{Behaviour, Pointer};
use super::super::rewrite::{self, Rewritten};
use crate::engine::{Compiled, Engine, Instance, Wasmi};
use crate::outcome::End;
use crate::runtime::description::PAGE;
use std::cell::Cell;
use std::fmt::Write as _;
use wasmparser::ValType;

/// Fuel of one call: a tenth of a second or so.
const FUEL: u64 = 1 << 25;
/// Fuel of all calls of an instance.
const ALL_FUEL: u64 = 1 << 27;
/// Fuel of everything that is done with a module: five seconds or so.
const BUDGET: u64 = 1 << 31;
/// What an instance costs, and each of its pages.
const INSTANCE: (u64, u64) = (1 << 14, 1 << 8);

/// What a call costs beside its own fuel.
const CALL: u64 = 1 << 6;

/// Fuel that is left for a module: hostile ones end, and all end after the same work on every machine.
#[derive(Debug)]
pub(in super::super) struct Budget(Cell<u64>);

impl Budget {
    pub(in super::super) const fn new() -> Self {
        Self(Cell::new(BUDGET))
    }

    /// Whether nothing is left: what was asked later was not seen.
    pub(in super::super) const fn is_spent(&self) -> bool {
        self.0.get() == 0
    }

    fn spend(&self, fuel: u64) {
        self.0.set(self.0.get().saturating_sub(fuel));
    }
}

/// A module that can be had fresh any number of times.
pub(super) struct Lab<'m> {
    pub(super) module: &'m Decoded<'m>,
    compiled: Box<dyn Compiled>,
    /// Mutable globals of type i32.
    mutable: Vec<u32>,
    /// Functions to call before anything else.
    start: Vec<u32>,
    /// What constant globals are.
    constants: Vec<Option<u32>>,
    /// What stands for an object in calls, in roots and in fields. Experiments know addresses.
    pointer: Pointer,
    budget: &'m Budget,
}

/// A fresh instance.
pub(super) struct Bench<'l> {
    lab: &'l Lab<'l>,
    instance: Box<dyn Instance>,
    /// Whether a call did not return: nothing is known of it any more.
    is_dead: bool,
    /// Fuel that calls have used.
    used: u64,
}

impl<'m> Lab<'m> {
    /// Makes one with these pages; `start` is called on each instance.
    ///
    /// # Errors
    /// What the module cannot be made to, in words.
    pub(super) fn new(
        module: &'m Decoded<'m>,
        behaviour: &dyn Fn(&str) -> Option<Behaviour>,
        limits: (u32, u32),
        start: &[u32],
        budget: &'m Budget,
    ) -> Result<Self, String> {
        let rewritten = rewrite::rewrite(module, behaviour, &[])?;
        let Rewritten { text, functions, globals, initial, .. } = rewritten;
        let mut source = format!("(module\n{}{} {}{}", text.0, limits.0, limits.1, text.1);
        for (index, (function, name)) in module.functions.iter().zip(&functions).enumerate() {
            if function.params.iter().chain(&function.results).all(|type_| *type_ == ValType::I32) {
                // Writing to a String cannot fail.
                let _ = writeln!(source, "  (export \"f.{index}\" (func ${name}))");
            }
        }
        source.push_str("  (func (export \"run\")))");
        let binary = wat::parse_str(&source).map_err(|e| format!("the module written again is no valid text: {e}"))?;
        let is_word = |index: &u32| {
            let global = &module.globals[*index as usize];
            global.mutable && global.type_ == ValType::I32
        };
        let mutable: Vec<u32> = (0..module.globals.len() as u32).filter(is_word).collect();
        let names: Vec<&str> = mutable.iter().map(|index| globals[*index as usize].as_str()).collect();
        let compiled = Wasmi::new().compile(&[("module", &binary)], &names).map_err(|e| e.to_string())?;
        let start = module.start.into_iter().chain(start.iter().copied()).collect();
        Ok(Self { module, compiled, mutable, start, constants: initial, pointer: Pointer::default(), budget })
    }

    /// The same with another form of pointers.
    pub(super) fn pointing(self, pointer: Pointer) -> Self {
        Self { pointer, ..self }
    }

    /// A fresh instance, its start functions called.
    ///
    /// # Errors
    /// A start function does not return.
    pub(super) fn bench(&self) -> Result<Bench<'_>, String> {
        if self.budget.is_spent() {
            return Err("its functions have run for as long as they may".to_owned());
        }
        let instance = self.compiled.instantiate().map_err(|e| e.to_string())?;
        self.budget.spend(INSTANCE.0 + INSTANCE.1 * (instance.heap().len() / PAGE as usize) as u64);
        let mut bench = Bench { lab: self, instance, is_dead: false, used: 0 };
        for &function in &self.start {
            let known = &self.module.functions[function as usize];
            if !known.params.iter().chain(&known.results).all(|type_| *type_ == ValType::I32) {
                return Err(format!("expected start functions of type i32, found {}", known.signature()));
            }
            bench.call(function, &[]).ok_or_else(|| {
                let name = super::names::function_name(self.module, function);
                format!("`{name}`, which is called first, does not return: it traps, or runs on and on")
            })?;
        }
        Ok(bench)
    }

    /// Mutable globals of type i32.
    pub(super) fn mutable(&self) -> &[u32] {
        &self.mutable
    }
}

impl Bench<'_> {
    /// Calls a function; none where it does not return, then and from then on.
    pub(super) fn call(&mut self, function: u32, arguments: &[u32]) -> Option<Vec<u32>> {
        if self.is_dead {
            return None;
        }
        let arguments: Vec<i32> = arguments.iter().map(|n| n.cast_signed()).collect();
        let fuel = FUEL.min(ALL_FUEL.saturating_sub(self.used)).min(self.lab.budget.0.get());
        let called = self.instance.invoke(&format!("f.{function}"), &arguments, fuel);
        let used = self.instance.fuel_used();
        self.used += used;
        self.lab.budget.spend(used + CALL);
        match called {
            Ok(Ok(results)) => Some(results.into_iter().map(i32::cast_unsigned).collect()),
            Ok(Err(end)) => {
                self.is_dead = true;
                if end == End::OutOfFuel {
                    self.used = ALL_FUEL;
                }
                None
            }
            Err(_) => {
                self.is_dead = true;
                None
            }
        }
    }

    /// Whether a call did not return because it ran on and on, rather than trap.
    pub(super) const fn is_exhausted(&self) -> bool {
        self.used >= ALL_FUEL
    }

    /// Whether a call did not return.
    pub(super) const fn is_dead(&self) -> bool {
        self.is_dead
    }

    /// Fuel that calls have used.
    pub(super) const fn used(&self) -> u64 {
        self.used
    }

    /// What a global is; none if that is not known.
    pub(super) fn global(&self, index: u32) -> Option<u32> {
        let Some(at) = self.lab.mutable.iter().position(|&known| known == index) else {
            return self.lab.constants.get(index as usize).copied().flatten();
        };
        let mut values = Vec::new();
        self.instance.globals(&mut values);
        values.get(at).copied()
    }

    /// All mutable globals of type i32, in the order of [`Lab::mutable`].
    pub(super) fn globals(&self) -> Vec<u32> {
        let mut values = Vec::new();
        self.instance.globals(&mut values);
        values
    }

    /// Sets a mutable global.
    pub(super) fn set_global(&mut self, index: u32, value: u32) {
        if let Some(at) = self.lab.mutable.iter().position(|&known| known == index) {
            let mut values = self.globals();
            values[at] = value;
            self.instance.set_globals(&values);
        }
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> &[u8] {
        self.instance.heap()
    }

    /// The word at an address; none out of bounds.
    pub(super) fn word(&self, address: u32) -> Option<u32> {
        let at = address as usize;
        self.memory().get(at..at.checked_add(4)?)?.first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes))
    }

    /// Writes bytes; false out of bounds.
    pub(super) fn write(&mut self, address: u32, bytes: &[u8]) -> bool {
        let at = address as usize;
        let Some(place) = at.checked_add(bytes.len()).and_then(|end| self.instance.heap_mut().get_mut(at..end)) else {
            return false;
        };
        place.copy_from_slice(bytes);
        true
    }

    /// Writes a word; false out of bounds.
    pub(super) fn write_word(&mut self, address: u32, word: u32) -> bool {
        self.write(address, &word.to_le_bytes())
    }

    /// The word for the object at an address, or for none.
    pub(super) const fn word_of(&self, object: u32) -> u32 {
        self.lab.pointer.word(object)
    }

    /// The address of the object that a word stands for, or 0.
    pub(super) const fn object_of(&self, word: u32) -> u32 {
        self.lab.pointer.address(word)
    }

    /// Writes the pointer to an object; false out of bounds.
    pub(super) fn write_pointer(&mut self, address: u32, object: u32) -> bool {
        self.write_word(address, self.word_of(object))
    }

    /// Calls a function with pointers to these objects; whether it returns.
    pub(super) fn tell(&mut self, function: u32, objects: &[u32]) -> bool {
        let words: Vec<u32> = objects.iter().map(|object| self.word_of(*object)).collect();
        self.call(function, &words).is_some()
    }

    /// Makes all words of a payload null, and what is left zero; false out of bounds.
    pub(super) fn clear(&mut self, object: u32, size: u32) -> bool {
        let mut payload = self.word_of(0).to_le_bytes().repeat((size / 4) as usize);
        payload.resize(size as usize, 0);
        self.write(object, &payload)
    }
}
