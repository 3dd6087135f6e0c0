//! What each function of the glue does, seen in the record of a module that does nothing else.

use heapsmith::engine::{Engine, Instance, Wasmi};
use heapsmith::outcome::{End, Trap};
use heapsmith::runtime::manifest::{Manifest, Request};

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

const UP: &str = "[[roots]]\nkind = \"shadow-stack\"\ntop = { global = \"up\" }\ngrows = \"up\"\nlimit = { global = \"up_limit\" }\n";
const DOWN: &str = "[[roots]]\nkind = \"shadow-stack\"\ntop = { global = \"down\" }\ngrows = \"down\"\nlimit = { global = \"down_limit\" }\n";
const SLOTS: &str = "[[roots]]\nkind = \"slots\"\nset = \"set_root\"\ncapacity = 2\n";
const TABLE: &str = "[[roots]]\nkind = \"table\"\naddress = 8192\ncapacity = 3\n";

fn pins(is_reentrant: bool) -> String {
    format!(
        "[[roots]]\nkind = \"pins\"\npin = \"__pin\"\nunpin = \"__unpin\"\nreentrant = {is_reentrant}\ncapacity = 8\n"
    )
}

/// A driver of the recorder with these roots.
fn roots(roots: &[&str]) -> Driver {
    driver(&format!("{KIND}{COLLECT}{}", roots.concat()))
}

const NOTHING: [u32; 0] = [];

#[test]
fn a_shadow_stack_that_grows_up_is_written_like_compiled_code_does() {
    let mut it = roots(&[UP]);
    for value in [10, 11, 12] {
        it.push(value).unwrap();
    }
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
fn a_shadow_stack_that_grows_down_has_its_top_on_the_last_slot() {
    let mut it = roots(&[DOWN]);
    for value in [10, 11, 12] {
        it.push(value).unwrap();
    }
    assert_eq!((it.global("gc_sp"), it.word(8188), it.word(8184), it.word(8180)), (8180, 10, 11, 12));
    assert_eq!(it.push(13), Err(End::Trapped(Trap::Unreachable)), "the stack has three slots");
    assert_eq!(it.word(8176), 0);
    it.set(0, 99);
    it.set(2, 98);
    assert_eq!((it.word(8188), it.word(8184), it.word(8180)), (99, 11, 98));
    it.restore(1);
    assert_eq!(it.global("gc_sp"), 8188);
    it.restore(0);
    assert_eq!(it.global("gc_sp"), 8192);
}

#[test]
fn two_stacks_take_slots_in_turn_and_are_restored_each_to_its_own() {
    let mut it = roots(&[UP, DOWN]);
    for value in 10..15 {
        it.push(value).unwrap();
    }
    assert_eq!((it.word(4096), it.word(4100), it.word(4104)), (10, 12, 14));
    assert_eq!((it.word(8188), it.word(8184)), (11, 13));
    it.set(3, 99);
    assert_eq!(it.word(8184), 99);
    for (slots, up, down) in [(4, 4104, 8184), (3, 4104, 8188), (2, 4100, 8188), (1, 4100, 8192), (0, 4096, 8192)] {
        it.restore(slots);
        assert_eq!((it.global("gc_sp"), it.global("down")), (up, down), "{slots} slots");
    }
}

#[test]
fn an_object_is_pinned_once_however_many_slots_hold_it() {
    let mut it = roots(&[&pins(false)]);
    for value in [100, 0, 100, 200] {
        it.push(value).unwrap();
    }
    assert_eq!(it.record(), [10, 100, 10, 200], "null is not pinned, and a second slot pins nothing");
    it.set(0, 200);
    assert_eq!(it.record(), NOTHING, "100 is in slot 2 still, 200 was in slot 3");
    it.set(2, 300);
    assert_eq!(it.record(), [10, 300, 11, 100], "the new one is pinned before the old one is let go");
    it.set(2, 300);
    assert_eq!(it.record(), NOTHING);
    it.restore(1);
    assert_eq!(it.record(), [11, 300], "200 is in slot 0 still");
    it.restore(0);
    assert_eq!(it.record(), [11, 200]);
    it.push(300).unwrap();
    assert_eq!(it.record(), [10, 300], "what was in slots that are gone is not looked at");
}

#[test]
fn reentrant_pins_are_counted_by_the_collector() {
    let mut it = roots(&[&pins(true)]);
    for value in [100, 0, 100] {
        it.push(value).unwrap();
    }
    assert_eq!(it.record(), [10, 100, 10, 100]);
    it.set(2, 200);
    assert_eq!(it.record(), [10, 200, 11, 100]);
    it.set(2, 200);
    assert_eq!(it.record(), [10, 200, 11, 200], "it stays pinned in between");
    it.set(1, 200);
    assert_eq!(it.record(), [10, 200]);
    it.restore(0);
    assert_eq!(it.record(), [11, 200, 11, 200, 11, 100]);
}

#[test]
fn a_stack_behind_calls_is_popped_and_pushed_again_where_it_cannot_be_written() {
    let calls = |pop: &str, set: &str| {
        roots(&[&format!("[[roots]]\nkind = \"calls\"\npush = \"push\"\npop = \"{pop}\"\n{set}capacity = 4\n")])
    };
    let mut it = calls("pop", "");
    for value in [7, 8, 9] {
        it.push(value).unwrap();
    }
    assert_eq!(it.record(), [20, 7, 20, 8, 20, 9]);
    it.set(1, 5);
    assert_eq!(it.record(), [21, 21, 20, 5, 20, 9]);
    it.set(2, 4);
    assert_eq!(it.record(), [21, 20, 4]);
    it.restore(1);
    assert_eq!(it.record(), [21, 21]);

    let mut it = calls("pop_many", "");
    for value in [7, 8, 9] {
        it.push(value).unwrap();
    }
    it.record();
    it.set(0, 5);
    assert_eq!(it.record(), [22, 3, 20, 5, 20, 8, 20, 9]);
    it.restore(1);
    assert_eq!(it.record(), [22, 1, 22, 1]);

    let mut it = calls("pop", "set = \"set_root\"\n");
    it.push(7).unwrap();
    it.push(8).unwrap();
    it.record();
    it.set(0, 5);
    assert_eq!(it.record(), [30, 0, 5]);
}

#[test]
fn slots_and_tables_are_nulled_when_a_frame_is_left() {
    let mut it = roots(&[SLOTS]);
    it.push(7).unwrap();
    it.push(8).unwrap();
    it.set(0, 9);
    it.restore(1);
    assert_eq!(it.record(), [30, 0, 7, 30, 1, 8, 30, 0, 9, 30, 1, 0]);
    it.push(1).unwrap();
    it.record();
    assert_eq!(it.push(1), Err(End::Trapped(Trap::Unreachable)));
    assert_eq!(it.record(), NOTHING, "the module sees nothing of a push without a slot");

    let mut it = roots(&[TABLE]);
    for value in [7, 8, 9] {
        it.push(value).unwrap();
    }
    it.set(1, 5);
    assert_eq!((it.word(8192), it.word(8196), it.word(8200)), (7, 5, 9));
    it.restore(1);
    assert_eq!((it.word(8192), it.word(8196), it.word(8200)), (7, 0, 0));
}

#[test]
fn kinds_of_roots_that_are_used_together_take_slots_in_turn() {
    let mut it = roots(&[UP, &pins(false), SLOTS]);
    for value in [10, 20, 30, 11, 20, 31] {
        it.push(value).unwrap();
    }
    assert_eq!((it.word(4096), it.word(4100), it.global("gc_sp")), (10, 11, 4104));
    assert_eq!(it.record(), [10, 20, 30, 0, 30, 30, 1, 31], "slots 1 and 4 are pins of one object");
    it.set(1, 21);
    it.set(5, 32);
    it.set(3, 12);
    assert_eq!(it.record(), [10, 21, 30, 1, 32]);
    assert_eq!(it.word(4100), 12);
    it.restore(2);
    assert_eq!(it.record(), [30, 1, 0, 11, 20, 30, 0, 0], "from the last slot down");
    assert_eq!((it.global("gc_sp"), it.global("glue.slots")), (4100, 2));
}

#[test]
fn the_push_that_finds_no_slot_is_the_one_that_is_foretold() {
    for kinds in [vec![UP, SLOTS], vec![SLOTS, UP], vec![TABLE, UP, SLOTS], vec![DOWN]] {
        let text = manifest(&format!("{KIND}{COLLECT}{}", kinds.concat()));
        let manifest = Manifest::parse(&text, RECORDER, "recorder.toml").unwrap();
        let mut it = Driver::of(&manifest);
        for slot in 0..manifest.root_slots() {
            it.push(5).unwrap_or_else(|end| panic!("slot {slot} of {kinds:?}: {end:?}"));
        }
        assert_eq!(it.push(5), Err(End::Trapped(Trap::Unreachable)), "{kinds:?}");
    }
}

/// Kinds that say which they are by their class, first the strictest.
const KINDS: &str = r#"
[[kind]]
name = "two of five"
pointers = [1, 3]
bytes = 20
alloc = { call = "make", args = ["size", 1] }
[[kind]]
name = "one"
pointers = [2]
alloc = { call = "make", args = ["size", 2] }
[[kind]]
name = "data"
pointers = "none"
alloc = { call = "make", args = ["size", 3] }
[[kind]]
name = "the last two"
pointers = { first = "last", most = 2 }
alloc = { call = "make", args = ["size", 4] }
[[kind]]
name = "odd"
pointers = { first = 1, stride = 2 }
alloc = { call = "make", args = ["size", 5] }
[[kind]]
name = "up to three"
pointers = { first = 0, stride = 2, most = 3 }
alloc = { call = "make", args = ["size", 6] }
[[kind]]
name = "all"
pointers = "all"
alloc = { call = "make", args = ["size", 7] }
"#;

#[test]
fn a_request_gets_the_first_kind_that_has_its_pointers_and_the_manifest_says_the_same() {
    let text = manifest(&format!("{KINDS}{COLLECT}{UP}"));
    let manifest = Manifest::parse(&text, RECORDER, "recorder.toml").unwrap();
    let mut it = Driver::of(&manifest);
    let mut seen = std::collections::BTreeMap::new();
    for size in 0..=25 {
        for first in 0..=6 {
            for stride in 0..=3 {
                for count in 0..=(size / 4).min(6) {
                    let request = Request { size, first, stride, count };
                    let said = manifest.kind_of(request).map(|kind| kind.name.as_str());
                    let class = manifest.kinds.iter().position(|kind| Some(kind.name.as_str()) == said);
                    let made = it.call("new", &[size, first, stride, count].map(u32::cast_signed));
                    let record = it.record();
                    match class {
                        None => {
                            assert_eq!((made, record), (Err(End::Trapped(Trap::Unreachable)), vec![]), "{request:?}")
                        }
                        Some(class) => assert_eq!(record, [2, class as u32 + 1], "{request:?}"),
                    }
                    *seen.entry(said.unwrap_or("none")).or_insert(0) += 1;
                }
            }
        }
    }
    let expected = [
        ("all", 4),
        ("data", 728),
        ("none", 1723),
        ("odd", 6),
        ("one", 88),
        ("the last two", 90),
        ("two of five", 1),
        ("up to three", 104),
    ];
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), expected, "requests of each kind");
}

#[test]
fn an_object_of_another_kind_stands_in_for_one_of_a_kind_of_no_bytes() {
    let empty = "[object]\nzero_size = \"shared\"\n[[kind]]\nname = \"empty\"\nbytes = 0\npointers = \"none\"\nalloc = { call = \"node_class\" }\n";
    let kind = |pointers: &str, bytes: u32| {
        let alloc = "alloc = { call = \"make\", args = [\"size\", \"count\"] }";
        format!("[[kind]]\nname = \"k{bytes}\"\npointers = {pointers}\nbytes = {bytes}\n{alloc}\n")
    };
    for (others, pointers) in
        [(kind("\"any\"", 8) + &kind("\"none\"", 4), 0), (kind("\"any\"", 8) + &kind("\"all\"", 4), 1)]
    {
        let mut it = driver(&format!("{empty}{others}{COLLECT}{UP}"));
        // Two of four bytes, none of which is the shared one.
        for address in [16_384, 16_388] {
            assert_eq!(it.call("new", &[0, 0, 0, 0]), Ok(vec![address]), "{others}");
            assert_eq!(it.record(), [2, pointers], "{others}");
        }
        assert_eq!(it.call("new", &[8, 0, 1, 2]), Ok(vec![16_392]));
        assert_eq!(it.record(), [2, 2]);
    }
}

#[test]
fn arguments_of_an_allocation_are_what_they_are_called() {
    for (argument, expected) in [
        ("\"size\"", 14),
        ("\"words\"", 4),
        ("\"first\"", 1),
        ("\"stride\"", 2),
        ("\"count\"", 3),
        ("-5", 0xFFFF_FFFB),
        ("0xdeadbeef", 0xDEAD_BEEF),
        ("{ global = \"up\" }", 4096),
        ("{ global = \"up_limit\" }", 4112),
        ("{ call = \"node_class\" }", 77),
    ] {
        let kind = format!(
            "[[kind]]\nname = \"k\"\npointers = \"any\"\nalloc = {{ call = \"make\", args = [8, {argument}] }}\n"
        );
        let mut it = driver(&format!("{kind}{COLLECT}{UP}"));
        it.call("new", &[14, 1, 2, 3]).unwrap();
        assert_eq!(it.record(), [2, expected], "{argument}");
    }
    let words = "[[kind]]\nname = \"k\"\npointers = \"any\"\nalloc = { call = \"make\", args = [8, \"words\"] }\n";
    let mut it = driver(&format!("{words}{COLLECT}{UP}"));
    it.call("new", &[-1, 0, 0, 0]).unwrap();
    assert_eq!(it.record(), [2, 0x4000_0000], "the sum that rounds up does not wrap");
}

#[test]
fn null_is_exhaustion_unless_the_manifest_says_that_exhaustion_traps() {
    for (traps, expected) in [
        ("", Err(End::Trapped(Trap::Unreachable))),
        ("[traps]\nmemory = \"null\"\n", Err(End::Trapped(Trap::Unreachable))),
        ("[traps]\nmemory = \"trap\"\n", Ok(vec![0])),
    ] {
        let mut it = driver(&format!("{KIND}{COLLECT}{UP}{traps}"));
        assert_eq!(it.call("new", &[4095, 0, 0, 0]), Ok(vec![16384]), "{traps}");
        assert_eq!(it.call("new", &[4096, 0, 0, 0]), expected, "{traps}");
    }
}

#[test]
fn fields_are_stored_and_loaded_raw_or_by_a_call() {
    let mut it = driver(&format!("{KIND}{COLLECT}{UP}"));
    it.call("link", &[20000, 8, 77]).unwrap();
    assert_eq!((it.word(20008), it.call("fetch", &[20000, 8])), (77, Ok(vec![77])));
    assert_eq!(it.record(), NOTHING);
    assert_eq!(it.call("fetch", &[-4, 8]), Ok(vec![0]), "the sum wraps, and is used with offset 0");

    let access = r#"[access]
store = { call = "set", args = ["object", "index", "value"] }
load = { call = "get", args = ["object", "offset"] }
"#;
    let mut it = driver(&format!("{KIND}{COLLECT}{UP}{access}"));
    it.call("link", &[20000, 8, 77]).unwrap();
    assert_eq!((it.word(20008), it.call("fetch", &[20000, 8])), (77, Ok(vec![77])));
    assert_eq!(it.record(), [3, 2, 4, 8]);
}

#[test]
fn a_collection_and_a_step_are_calls_whose_results_are_dropped() {
    let collect = "[collect]\nfull = { call = \"collect\", args = [7] }\nstep = { call = \"gc_step\", args = [{ global = \"up\" }] }\nautomatic = true\n";
    let heap = "[heap]\nlive_bytes = { call = \"live\" }\n";
    let mut it = driver(&format!("{KIND}{collect}{UP}{heap}"));
    it.call("gc_collect", &[]).unwrap();
    it.call("gc_step", &[]).unwrap();
    assert_eq!(it.record(), [40, 7, 41, 4096]);
    assert_eq!(it.call("live_bytes", &[]), Ok(vec![4711]));
    let heap = "[heap]\nlive_bytes = { global = \"down\" }\n";
    let mut it = driver(&format!("{KIND}{collect}{UP}{heap}"));
    assert_eq!(it.call("live_bytes", &[]), Ok(vec![8192]));
}

#[test]
fn where_no_function_collects_none_is_called_and_none_is_counted() {
    let text = manifest(&format!("{KIND}[collect]\nfull = \"none\"\nautomatic = true\n{UP}"));
    let manifest = Manifest::parse(&text, RECORDER, "recorder.toml").unwrap();
    let mut it = Driver::of(&manifest);
    it.call("gc_collect", &[]).unwrap();
    assert_eq!(it.record(), NOTHING);
    assert!(!manifest.globals().contains(&"gc_collections".to_owned()), "{:?}", manifest.globals());
    let oracles = manifest.oracles();
    let of = |about: &str| oracles.iter().find(|oracle| oracle.about == about).unwrap();
    assert!(!of("collections").is_judged && !of("plateau").is_judged, "{oracles:?}");
    // What is garbage at a round's end may be there until allocation collects.
    let why = manifest.no_plateau();
    assert!(why.is_some_and(|why| why.contains("no function collects")), "{why:?}");
}
