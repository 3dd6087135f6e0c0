//! What the functions do that a manifest says collect: one that allocates is none, and what is held outlives all of them.

use super::super::super::parts::{Argument, Call};
use super::super::world::{Collection, Fate, Root, SAMPLES, SIZE, World};
use super::Trial;

/// Calls that what is held must outlive.
const CALLS: u32 = 200;
/// Calls that are looked at to see whether a function allocates.
const MADE: usize = 4;
/// Allocations within which what is dropped comes again, where each of them collects.
const AT_ONCE: u32 = 8;

impl Trial<'_, '_> {
    /// A declared call as experiments have it.
    fn collection_of(&self, call: &Call) -> Collection {
        let told = |function: u32| self.world.lab.bench().ok()?.call(function, &[])?.first().copied();
        let arguments = call.arguments.iter().map(|argument| match argument {
            Argument::Number(number) => *number,
            Argument::Global(global) => global.initial,
            Argument::Call(function) => told(function.index).unwrap_or(0),
            Argument::Size
            | Argument::Words
            | Argument::First
            | Argument::Stride
            | Argument::Count
            | Argument::Object
            | Argument::Offset
            | Argument::Index
            | Argument::Value => 0,
        });
        let arguments = arguments.collect();
        Collection { function: call.function.index, name: call.function.name.clone(), arguments, is_named: true }
    }

    /// What collects, if a call does, and what it is called. An allocation may stand for a collection where each one collects.
    pub(super) fn full(&mut self) -> (Option<Collection>, String) {
        const ALLOCATION: &str = "allocation";
        let Some(full) = &self.manifest.collect.full else { return (None, ALLOCATION.to_owned()) };
        let collection = self.collection_of(full);
        match self.made_by(&collection) {
            None => (Some(collection.clone()), collection.name),
            Some(_) if self.is_eager() => (None, collection.name),
            Some(object) => {
                self.misfit("collect", "full", &allocates("full", &collection.name, object));
                (None, ALLOCATION.to_owned())
            }
        }
    }

    /// Whether what nothing holds comes again with the next allocations.
    fn is_eager(&self) -> bool {
        let world = World { collection: None, sample: SAMPLES[0], ..self.world.clone() };
        matches!(world.unrooted(), Fate::Recycled(after) if after < AT_ONCE)
    }

    /// An object that a call makes, if it makes one each time: of a function that makes a kind, or one that gives addresses which no later object gets.
    fn made_by(&self, call: &Collection) -> Option<u32> {
        let (lab, recipe) = (self.world.lab, &self.world.recipe);
        let mut bench = lab.bench().ok()?;
        let first = recipe.make(&mut bench, SIZE, 0)?;
        let mut made = Vec::new();
        for _ in 0..MADE {
            let word = *bench.call(call.function, &call.arguments)?.first()?;
            made.push(bench.object_of(word));
        }
        if made.contains(&0) {
            return None;
        }
        if self.manifest.kinds.iter().any(|kind| kind.alloc.function.index == call.function) {
            return Some(made[0]);
        }
        let lowest = self.manifest.heap.start.unwrap_or(first);
        let memory = bench.memory().len();
        let is_address = |object: &u32| object.is_multiple_of(4) && *object >= lowest && (*object as usize) < memory;
        let is_apart = made.iter().enumerate().all(|(at, object)| made[..at].iter().all(|o| o.abs_diff(*object) >= 4));
        let next = recipe.make(&mut bench, SIZE, 0)?;
        let mut other = lab.bench().ok()?;
        let without = recipe.make(&mut other, SIZE, 0).and_then(|_| recipe.make(&mut other, SIZE, 0))?;
        (made.iter().all(is_address) && is_apart && next != without && !made.contains(&next)).then_some(made[0])
    }

    /// What the parts of collections do.
    pub(super) fn calls(&mut self, held: Option<&Root>) {
        let collect = &self.manifest.collect;
        for (key, call) in [("step", &collect.step), ("minor", &collect.minor)] {
            if let Some(call) = call {
                let call = self.collection_of(call);
                self.part(key, &call, held);
            }
        }
    }

    fn part(&mut self, key: &'static str, call: &Collection, held: Option<&Root>) {
        let name = &call.name;
        if let Some(object) = self.made_by(call)
            && !self.is_eager()
        {
            self.misfit("collect", key, &allocates(key, name, object));
            return;
        }
        let Some(root) = held else {
            self.seen(
                key,
                format!(
                    "not seen: nothing was seen to hold an object, so nothing shows whether `{name}` keeps what is held"
                ),
            );
            return;
        };
        let own = World { collection: Some(call.clone()), ..self.world.clone() };
        let fate = |world: &World<'_, '_>| {
            world.fate(|bench| {
                let object = world.recipe.make_clean(bench, world.sample.size, 0)?;
                root.hold(bench, 0, object).then_some(())?;
                (0..CALLS).all(|_| bench.call(call.function, &call.arguments).is_some()).then_some(object)
            })
        };
        let fates = [fate(&self.world), fate(&own)];
        let does = if fates.contains(&Fate::Died) {
            "it traps, or runs on and on"
        } else if fates.iter().any(|fate| fate.is_recycled()) {
            "an object that they hold is recycled after it"
        } else if fates.contains(&Fate::Kept) {
            let frees = match (key, self.frees_sooner(call)) {
                ("minor", true) => "; it frees what nothing holds",
                ("minor", false) => "; it was not seen to free anything",
                (_, _) => "",
            };
            self.seen(key, format!("what `{}` holds outlives {CALLS} calls of `{name}`{frees}", root.name()));
            return;
        } else {
            self.seen(
                key,
                format!(
                    "not seen: nothing was recycled after `{name}`, so nothing shows whether it keeps what is held"
                ),
            );
            return;
        };
        let problem = format!(
            "`{key}`: declared is a collection that keeps all that is reachable; seen of `{name}`, while `{}` holds an object: {does}; name another function, \
             or other `args`, or leave this if it is the collector that is wrong: then a hunt finds it",
            root.name()
        );
        self.misfit("collect", key, &problem);
    }

    /// Whether what nothing holds comes again after fewer allocations with this call than without.
    pub(super) fn frees_sooner(&self, call: &Collection) -> bool {
        let fresh = World::new(self.world.lab, self.world.recipe.clone());
        let fresh = World { sample: self.world.sample, discard: self.world.discard.clone(), ..fresh };
        let bare = fresh.unrooted();
        match (World { collection: Some(call.clone()), ..fresh }.unrooted(), bare) {
            (Fate::Recycled(after), Fate::Recycled(bare)) => after < bare,
            (Fate::Recycled(_), Fate::Kept | Fate::Unclear | Fate::Died) => true,
            (Fate::Kept | Fate::Unclear | Fate::Died, _) => false,
        }
    }
}

fn allocates(key: &str, name: &str, object: u32) -> String {
    format!(
        "`{key}`: declared is a collection; seen: each call of `{name}` gives an object, such as one at {object}, and what nothing holds does not come again for \
         it; name a function that collects, or leave `{key}` out"
    )
}
