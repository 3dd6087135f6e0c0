//! Compiled collectors for variants, shared by all programs and workers.

use super::merging::merges;
use super::variant::Variant;
use crate::engine::{Engine, EngineError};
use crate::runtime::description::{Description, Rules};
use crate::runtime::{Edit, EditError, RuntimeError, Spec, builtin, constraints, poison, rewith};
use crate::trial::{Prepared, Rig};
use heapsmith_generators::Machine;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use thiserror::Error;

/// The runtime under test: variants of it are made from the same parts.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name and the parameters that are pinned.
    pub spec: Spec,
    /// Other rules than its own, for counterfactuals.
    pub rules: Option<Rules>,
}

/// A variant that cannot run.
#[derive(Debug, Error)]
pub enum PoolError {
    /// Its machine, or the runtime's name.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// An edit, of a fault or of the poison.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// An engine refuses it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// What another worker found when it compiled the same one.
    #[error("{0}")]
    Before(String),
}

/// What tells compiled collectors apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    name: String,
    edit: Option<Edit>,
    machine: Machine,
    poison: bool,
    /// Digests of its module, and of those whose kinds its objects must be of.
    modules: Vec<u64>,
}

impl Key {
    fn of(description: &Description, poison: bool) -> Self {
        let modules = description.module.iter().chain(&description.among).map(|module| module.digest()).collect();
        let (name, edit) = (description.name.clone(), description.edit.clone());
        Self { name, edit, machine: description.machine(), poison, modules }
    }
}

impl Source {
    /// A runtime as it is, without edits.
    #[must_use]
    pub const fn new(spec: Spec) -> Self {
        Self { spec, rules: None }
    }

    /// The description of a variant's collector for a program's machine.
    ///
    /// # Errors
    /// Parameters that no module can have.
    pub fn describe(&self, variant: &Variant, machine: Machine) -> Result<Description, PoolError> {
        self.described(variant.on.as_ref().unwrap_or(&self.spec), variant, machine)
    }

    /// The description of the collector that a variant is held against. Where the variant runs on another one that has other kinds of objects, it
    /// makes such objects only as both have.
    ///
    /// # Errors
    /// Parameters that no module can have.
    pub fn describe_base(&self, variant: &Variant, machine: Machine) -> Result<Description, PoolError> {
        self.described(&self.spec, variant, machine)
    }

    fn described(&self, spec: &Spec, variant: &Variant, machine: Machine) -> Result<Description, PoolError> {
        let mut description = spec.resolve(machine)?;
        let other = variant.on.as_ref().and_then(|on| on.module.as_ref());
        let among = constraints(self.spec.module.iter().chain(other));
        if among != constraints(&spec.module) {
            description.among = among;
        }
        Ok(match self.rules {
            Some(rules) if spec.name == self.spec.name => rewith(&description, rules),
            Some(_) | None => description,
        })
    }

    /// Whether what a variant is held against makes other objects than the runtime does by itself.
    #[must_use]
    pub fn has_common_objects(&self, variant: &Variant) -> bool {
        let other = variant.on.as_ref().and_then(|on| on.module.as_ref());
        constraints(self.spec.module.iter().chain(other)) != constraints(&self.spec.module)
    }
}

type Cell = Arc<OnceLock<Result<Arc<Prepared>, String>>>;

/// Collectors of one source, compiled when they are first asked for.
pub struct Pool<'a> {
    source: Source,
    engines: &'a [Box<dyn Engine>],
    cells: Mutex<HashMap<Key, Cell>>,
    /// Whether the runtime under test joins free neighbours, once that was asked for.
    merges: OnceLock<bool>,
}

impl std::fmt::Debug for Pool<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("source", &self.source).finish_non_exhaustive()
    }
}

impl<'a> Pool<'a> {
    /// Nothing compiled yet.
    #[must_use]
    pub fn new(source: Source, engines: &'a [Box<dyn Engine>]) -> Self {
        Self { source, engines, cells: Mutex::new(HashMap::new()), merges: OnceLock::new() }
    }

    /// The runtime under test.
    #[must_use]
    pub const fn source(&self) -> &Source {
        &self.source
    }

    /// The engines that run variants.
    #[must_use]
    pub const fn engines(&self) -> &'a [Box<dyn Engine>] {
        self.engines
    }

    /// Whether the runtime under test joins free neighbours, as far as [`super::merging`] can tell.
    pub(super) fn merges(&self) -> Result<bool, PoolError> {
        if let Some(known) = self.merges.get() {
            return Ok(*known);
        }
        let found = merges(&mut self.rig_of_base(Machine::default())?)?;
        Ok(*self.merges.get_or_init(|| found))
    }

    /// The name of a variant's collector for a program's machine.
    pub(super) fn key(&self, variant: &Variant, machine: Machine) -> Result<Key, PoolError> {
        Ok(Key::of(&self.source.describe(variant, machine)?, variant.poison))
    }

    /// The name of the collector that a variant is held against.
    pub(super) fn key_of_base(&self, variant: &Variant, machine: Machine) -> Result<Key, PoolError> {
        Ok(Key::of(&self.source.describe_base(variant, machine)?, false))
    }

    /// A fresh rig of a variant's collector for a program's machine.
    pub(super) fn rig(&self, variant: &Variant, machine: Machine) -> Result<Rig, PoolError> {
        let prepared = self.prepared(self.source.describe(variant, machine)?, variant.poison)?;
        Ok(if variant.poison { Rig::of_contents(prepared)? } else { Rig::new(prepared)? })
    }

    /// A fresh rig of the collector that a variant is held against.
    pub(super) fn rig_beside(&self, variant: &Variant, machine: Machine) -> Result<Rig, PoolError> {
        Ok(Rig::new(self.prepared(self.source.describe_base(variant, machine)?, false)?)?)
    }

    fn prepared(&self, description: Description, poison: bool) -> Result<Arc<Prepared>, PoolError> {
        let key = Key::of(&description, poison);
        let cell = Arc::clone(self.cells.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default());
        let prepared = cell.get_or_init(|| self.compile(description, poison).map_err(|e| e.to_string())).clone();
        prepared.map_err(PoolError::Before)
    }

    /// A fresh rig of the base run of programs with this machine.
    ///
    /// # Errors
    /// A runtime that cannot be made.
    pub fn rig_of_base(&self, machine: Machine) -> Result<Rig, PoolError> {
        self.rig(&Variant::default(), machine)
    }

    /// The same, judged by contents only.
    ///
    /// # Errors
    /// A runtime that cannot be made.
    pub(crate) fn contents_rig_of_base(&self, machine: Machine) -> Result<Rig, PoolError> {
        Ok(Rig::of_contents(self.prepared(self.source.describe(&Variant::default(), machine)?, false)?)?)
    }

    fn compile(&self, description: Description, poison: bool) -> Result<Arc<Prepared>, PoolError> {
        // The poison goes first: what it finds stays in its text, where a fault may find it, too; a fault may take away what the poison finds.
        Ok(Arc::new(if poison {
            Prepared::edited(poison::builtin_twin(description)?, self.engines)?
        } else {
            Prepared::builtin(builtin(description), self.engines)?
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metamorphic::parse_variant;
    use crate::runtime::parse_spec;

    #[test]
    fn a_planted_fault_makes_another_collector() {
        let pool = Pool::new(Source::new(parse_spec("fixed").unwrap()), &[]);
        let key = |variant: &str| pool.key(&parse_variant(variant).unwrap(), Machine::default()).unwrap();
        assert!(key("") == key("on=fixed"));
        assert!(key("") != key("on=fixed?fault=scan-stride-8"));
        assert!(key("on=fixed?fault=round-to-4") != key("on=fixed?fault=scan-stride-8"));
    }
}
