//! What each built-in collector does, on one engine: facts that were seen on the real releases.

use crate::runtime::description::*;
use crate::runtime::{Runtime, builtin, describe, rewith};
use heapsmith_generators::Machine;
use wasmtime::{Engine, Instance, Memory, Module, Store, Trap, Val};

struct Heap {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
}

impl Heap {
    fn new(runtime: &Runtime) -> Self {
        let engine = Engine::default();
        let wasm = wat::parse_str(format!("(module\n{})", runtime.fields)).unwrap();
        let module = Module::new(&engine, wasm).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let memory = instance.get_memory(&mut store, "memory").unwrap();
        Self { store, instance, memory }
    }

    fn named(name: &str) -> Self {
        Self::new(&builtin(describe(name, Machine::default()).unwrap()))
    }

    fn try_call(&mut self, name: &str, arguments: &[u32]) -> Result<u32, Trap> {
        let function = self.instance.get_func(&mut self.store, name).unwrap();
        let arguments: Vec<Val> = arguments.iter().map(|&a| Val::I32(a.cast_signed())).collect();
        let mut results = vec![Val::I32(0); function.ty(&self.store).results().len()];
        match function.call(&mut self.store, &arguments, &mut results) {
            Ok(()) => Ok(results.first().map_or(0, |value| value.unwrap_i32().cast_unsigned())),
            Err(error) => Err(*error.downcast_ref::<Trap>().unwrap()),
        }
    }

    fn call(&mut self, name: &str, arguments: &[u32]) -> u32 {
        self.try_call(name, arguments).unwrap()
    }

    fn write(&mut self, at: u32, word: u32) {
        self.memory.write(&mut self.store, at as usize, &word.to_le_bytes()).unwrap();
    }

    fn read(&self, at: u32) -> u32 {
        let mut bytes = [0; 4];
        self.memory.read(&self.store, at as usize, &mut bytes).unwrap();
        u32::from_le_bytes(bytes)
    }

    fn global(&mut self, name: &str) -> u32 {
        let global = self.instance.get_global(&mut self.store, name).unwrap();
        global.get(&mut self.store).unwrap_i32().cast_unsigned()
    }

    fn free_blocks(&mut self) -> u32 {
        let (mut count, mut cur) = (0, self.global("gc_free_head"));
        while cur != 0 {
            count += 1;
            cur = self.read(cur);
        }
        count
    }

    /// A rooted array of `n` pointers, all to one node or each to its own.
    fn rooted_array(&mut self, n: u32, distinct: bool) {
        let array = self.call("alloc", &[4 * n]);
        (0..n).for_each(|i| self.write(array + 4 * i, 0));
        self.call("root_push", &[array]);
        let mut node = 0;
        for i in 0..n {
            if distinct || node == 0 {
                node = self.call("alloc", &[4]);
                self.write(node, 0);
            }
            self.write(array + 4 * i, node);
        }
    }
}

#[test]
fn five_thousand_pointers_free_904_live_objects_before_the_fix_and_none_after() {
    let before = [("vera@0.0.65", 3_976), ("vera@0.0.112", 904), ("vera@0.0.114", 904), ("vera@0.0.130", 904)];
    let after = [("vera@0.0.131", 0), ("vera@0.1.9", 0), ("vera@0.2", 0), ("fixed", 0)];
    for (name, freed) in before.into_iter().chain(after) {
        // Enough memory from the start, so that no collection comes before the array is complete.
        let machine = Machine { initial_pages: Some(8), ..Machine::default() };
        let mut heap = Heap::new(&builtin(describe(name, machine).unwrap()));
        heap.rooted_array(5_000, true);
        heap.call("gc_collect", &[]);
        assert_eq!(heap.free_blocks(), freed, "{name}");
    }
}

#[test]
fn the_worklist_traps_at_its_capacity_and_only_there() {
    for (name, distinct, traps) in [
        ("vera@0.0.131", true, true),
        ("vera@0.0.131", false, true),
        ("vera@0.1.9", true, true),
        ("vera@0.2", true, false),
        ("vera@0.2", false, false),
        ("fixed", true, true),
        ("fixed", false, false),
    ] {
        for n in [16_384, 16_385] {
            let mut heap = Heap::named(name);
            heap.rooted_array(n, distinct);
            let expected = if traps && n == 16_385 { Err(Trap::UnreachableCodeReached) } else { Ok(0) };
            assert_eq!(heap.try_call("gc_collect", &[]), expected, "{name} {n} distinct: {distinct}");
        }
    }
}

#[test]
fn an_interior_pointer_writes_a_mark_into_a_payload_unless_starts_are_proved() {
    let vera = describe("vera@0.0.131", Machine::default()).unwrap();
    let walk = rewith(&vera, Rules { candidates: CandidateTest::Walk, ..vera.rules.unwrap() });
    let fixed = describe("fixed", Machine::default()).unwrap();
    for (description, marked) in [(vera, 1), (walk, 0), (fixed, 0)] {
        let mut heap = Heap::new(&builtin(description));
        let object = heap.call("alloc", &[24]);
        (0..6).for_each(|i| heap.write(object + 4 * i, 0));
        heap.write(object + 16, object + 8);
        heap.call("root_push", &[object]);
        heap.call("gc_collect", &[]);
        assert_eq!(heap.read(object + 4), marked);
        assert_eq!(heap.free_blocks(), 0);
    }
}

#[test]
fn one_page_of_growth_is_not_enough_for_a_large_block() {
    for (name, end) in [("vera@0.0.130", Err(Trap::MemoryOutOfBounds)), ("vera@0.0.131", Ok(())), ("fixed", Ok(()))] {
        let mut heap = Heap::named(name);
        let first = heap.call("alloc", &[400_000]);
        assert_eq!(first, heap.global("heap_ptr") - 400_008 + 4, "{name}");
        heap.call("root_push", &[first]);
        assert_eq!(heap.try_call("alloc", &[400_000]).map(|_| ()), end, "{name}");
    }
}

#[test]
fn a_freed_block_comes_back_dirty_in_vera_and_zero_in_fixed() {
    for (name, word) in [("vera@0.0.131", 7), ("fixed", 0)] {
        let mut heap = Heap::named(name);
        let first = heap.call("alloc", &[12]);
        heap.write(first + 4, 7);
        heap.call("gc_collect", &[]);
        assert_eq!(heap.call("alloc", &[5]), first);
        assert_eq!(heap.read(first + 4), word, "{name}");
        assert_eq!(heap.global("gc_collections"), if name == "fixed" { 1 } else { 2 });
    }
}

#[test]
fn sizes_and_roots_beyond_their_limits_trap() {
    for name in ["vera@0.0.131", "fixed"] {
        let mut heap = Heap::new(&builtin(describe(name, Machine { roots: Some(2), ..Machine::default() }).unwrap()));
        assert_eq!(heap.try_call("alloc", &[1 << 31]), Err(Trap::UnreachableCodeReached));
        assert_eq!(heap.try_call("alloc", &[256 << 16]), Err(Trap::UnreachableCodeReached));
        let frame = heap.call("frame_save", &[]);
        heap.call("root_push", &[0]);
        heap.call("root_push", &[0]);
        assert_eq!(heap.try_call("root_push", &[0]), Err(Trap::UnreachableCodeReached));
        heap.call("frame_restore", &[frame]);
        heap.call("root_push", &[9]);
        heap.call("root_set", &[0, 8]);
        assert_eq!(heap.read(frame), 8);
    }
}

#[test]
fn cycles_and_deep_lists_survive_and_garbage_comes_back() {
    for name in ["vera@0.0.130", "vera@0.0.131", "fixed"] {
        let mut heap = Heap::named(name);
        let nodes: Vec<u32> = (0..1_000).map(|_| heap.call("alloc", &[8])).collect();
        for (i, node) in nodes.iter().enumerate() {
            heap.write(*node, nodes[(i + 2) % nodes.len()]);
            heap.write(*node + 4, 0);
        }
        heap.call("root_push", &[nodes[0]]);
        heap.call("gc_collect", &[]);
        assert_eq!(heap.free_blocks(), 500, "{name}");
        heap.call("root_set", &[0, 0]);
        heap.call("gc_collect", &[]);
        assert_eq!(heap.free_blocks(), 1_000, "{name}");
    }
}
