//! Modules that are not ours: hunted by what their manifests say.
//!
//! A built-in's own module stands in for one of somebody else: with a manifest that says all of it, the harness must say what it says of the built-in;
//! with one that promises nothing, a correct collector must pass and a broken one must not.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use heapsmith::campaign::capacities;
use heapsmith::engine::{DEFAULT, Engine, by_name};
use heapsmith::judge::{Allowance, Inconclusive, Kind, Verdict};
use heapsmith::runtime::description::Role;
use heapsmith::runtime::manifest::Manifest;
use heapsmith::runtime::{RuntimeError, Spec, builtin, parse_spec};
use heapsmith::trial::{Prepared, Rig};
use heapsmith_generators::{Campaign, Machine};
use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

/// What every manifest of these says.
const PLAIN: &str = r#"
heapsmith = 1
name = "under-test"
module = "under-test.wasm"

[[kind]]
name = "any"
pointers = "any"
alloc = { call = "alloc", args = ["size"] }

[[roots]]
kind = "shadow-stack"
top = { global = "gc_sp" }
grows = "up"
limit = { global = "gc_stack_limit" }

[collect]
full = { call = "gc_collect" }
automatic = true
"#;

/// What they say where all is known.
const KNOWN: &str = r#"
[heap]
start = { global = "gc_heap_start" }
end = { global = "heap_ptr" }
free_list = { global = "gc_free_head" }
worklist = { global = "gc_worklist_ptr" }

[traps]
worklist = 64
"#;

/// A built-in as if it were somebody else's.
fn module(spec: &str, manifest: &str) -> Spec {
    let runtime = builtin(parse_spec(spec).unwrap().resolve(Machine::default()).unwrap());
    let binary = wat::parse_str(format!("(module\n{})", runtime.fields)).unwrap();
    let manifest = Manifest::parse(manifest, &binary, "under-test.toml").unwrap_or_else(|e| panic!("{spec}: {e}"));
    Spec {
        name: "under-test.toml".to_owned(),
        module: Some(manifest),
        pinned: Machine::default(),
        address_limit: None,
        edit: None,
    }
}

fn engines() -> Vec<Box<dyn Engine>> {
    DEFAULT.iter().map(|name| by_name(name).unwrap()).collect()
}

/// The verdicts of programs of a campaign on a collector.
struct Runs {
    spec: Spec,
    engines: Vec<Box<dyn Engine>>,
    rigs: BTreeMap<Machine, Rig>,
    programs: Campaign,
}

impl Runs {
    fn new(spec: Spec, seed: u64, pinned: Machine) -> Self {
        let description = spec.resolve(Machine::default()).unwrap();
        let programs = Campaign::new(seed, capacities(&description), pinned);
        Self { spec, engines: engines(), rigs: BTreeMap::new(), programs }
    }

    fn verdict(&mut self, index: u64) -> Verdict {
        let program = self.programs.program(index);
        let rig = self.rigs.entry(program.machine).or_insert_with(|| {
            let runtime = builtin(self.spec.resolve(program.machine).unwrap());
            Rig::new(Arc::new(Prepared::builtin(runtime, &self.engines).unwrap())).unwrap()
        });
        rig.trial(&program)
    }
}

const MACHINE: &str = "data_end=0,worklist=64,roots=32";

#[test]
fn what_no_built_in_is_like_is_refused_beside_like() {
    let runtime = builtin(parse_spec(&format!("vera@0.1.9?{MACHINE}")).unwrap().resolve(Machine::default()).unwrap());
    let binary = wat::parse_str(format!("(module\n{})", runtime.fields)).unwrap();
    let full = "full = { call = \"gc_collect\" }";
    let like = format!("like = \"vera@0.1.9\"\n{PLAIN}{KNOWN}");
    assert!(Manifest::parse(&like, &binary, "m.toml").is_ok());
    for said in [
        like.clone() + "[object]\ntag = 1\n",
        like.clone() + "[object]\nnull = 7\n",
        like.replace(full, "full = \"none\""),
    ] {
        let error = Manifest::parse(&said, &binary, "m.toml").unwrap_err().to_string();
        assert!(error.contains("beside `like`: no built-in is so"), "{error}");
    }
}

#[test]
fn a_manifest_that_says_all_of_a_built_in_gives_its_verdicts() {
    // Where the bitmap of `fixed` ends depends on the page limit, which is drawn for each program: a module has one bitmap.
    for name in ["vera@0.1.9", "vera@0.0.130"] {
        let known = format!("like = \"{name}\"\nemulated = true\n{PLAIN}{KNOWN}");
        let own = parse_spec(&format!("{name}?{MACHINE}")).unwrap();
        let mut built_in = Runs::new(own.clone(), 5, own.pinned);
        let mut foreign = Runs::new(module(&format!("{name}?{MACHINE}"), &known), 5, own.pinned);
        let mut violations = 0;
        for index in 0..60 {
            let (own, other) = (built_in.verdict(index), foreign.verdict(index));
            assert_eq!(own, other, "{name}: program {index}");
            violations += u32::from(matches!(own, Verdict::Violation(_)));
        }
        assert!(violations > 0, "{name}");
    }
}

/// The first of so many programs that breaks a promise of a collector of which nothing is known but how to use it, and how many before it are
/// allowed to trap.
fn broken(spec: &str, manifest: &str, programs: u64) -> (Option<String>, u32) {
    let own = parse_spec(&format!("fixed?{MACHINE}")).unwrap();
    let mut runs = Runs::new(module(spec, manifest), 7, own.pinned);
    let mut trapped = 0;
    for index in 0..programs {
        match runs.verdict(index) {
            Verdict::Pass => {}
            Verdict::AllowedTrap(_) => trapped += 1,
            Verdict::Violation(v) => {
                return (Some(format!("program {index}: {}: {}, {}", v.kind.name(), v.expected, v.found)), trapped);
            }
            Verdict::Inconclusive(reason) => panic!("{spec}: program {index}: {}", reason.name()),
            Verdict::Untrusted(d) => panic!("{spec}: program {index}: {}", d.what),
        }
    }
    (None, trapped)
}

#[test]
fn a_correct_collector_of_which_nothing_is_promised_breaks_nothing() {
    for name in ["fixed", "fixed-split"] {
        let (broken, trapped) =
            broken(&format!("{name}?{MACHINE}"), &format!("{PLAIN}\n[traps]\nworklist = 64\n"), 100);
        assert_eq!(broken, None, "{name}");
        assert!(trapped > 0, "no limit was reached");
    }
}

#[test]
fn a_broken_one_is_seen_by_what_any_collector_must_do() {
    let plain = format!("{PLAIN}\n[traps]\nworklist = 64\n");
    for spec in [
        "vera@0.0.130?data_end=0,worklist=64,roots=32",
        "fixed?data_end=0,worklist=64,roots=32,fault=topmost-root-missed",
        "fixed?data_end=0,worklist=64,roots=32,fault=last-field-not-scanned",
        "fixed?data_end=0,worklist=64,roots=32,fault=sweep-links-twice",
    ] {
        let Ok(_) = parse_spec(spec) else { panic!("{spec}: {:?}", parse_spec(spec)) };
        let (broken, _) = broken(spec, &plain, 200);
        assert!(broken.is_some(), "{spec}");
    }
}

/// A collector that is no built-in, by its own manifest: precise, with numbered slots and a header of two words.
#[test]
fn a_collector_that_is_no_built_in_breaks_nothing() {
    let spec = parse_spec(&format!("{}/tests/collectors/marksweep.toml", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let mut runs = Runs::new(spec, 3, Machine::default());
    let (mut passed, mut trapped) = (0, 0);
    for index in 0..300 {
        match runs.verdict(index) {
            Verdict::Pass => passed += 1,
            Verdict::AllowedTrap(_) => trapped += 1,
            other @ (Verdict::Violation(_) | Verdict::Inconclusive(_) | Verdict::Untrusted(_)) => {
                panic!("program {index}: {other:?}")
            }
        }
    }
    assert!(passed > 100 && trapped > 10, "{passed} passed, {trapped} trapped");
    // A block's room can be its header and nothing else, and growth can be by all of a block.
    for text in [
        "heapsmith 1\nwide r3 n=1\ncollect\nalloc r1 size=0 fields=0 init=null\n",
        "heapsmith 1\nmachine pages=4..7\nalloc r1 size=memory.block fields=0 init=null\n",
    ] {
        let program = heapsmith_generators::parse(text).unwrap();
        let runtime = builtin(runs.spec.resolve(program.machine).unwrap());
        let mut rig = Rig::new(Arc::new(Prepared::builtin(runtime, &runs.engines).unwrap())).unwrap();
        let verdict = rig.trial(&program);
        assert!(matches!(verdict, Verdict::Pass | Verdict::AllowedTrap(_)), "{text}{verdict:?}");
    }
    // It goes round the heap once for each node of a list: that is slow, and it ends.
    let program = heapsmith_generators::parse("heapsmith 1\nmachine pages=..8\nchain r0 n=9000\ncollect\n").unwrap();
    let runtime = builtin(runs.spec.resolve(program.machine).unwrap());
    let mut rig = Rig::new(Arc::new(Prepared::builtin(runtime, &runs.engines).unwrap())).unwrap();
    let verdict = rig.trial(&program);
    assert!(matches!(verdict, Verdict::Inconclusive(Inconclusive::TooMuchWork)), "{verdict:?}");
}

/// The verdict on one program, and the collections that the first engine counted.
fn tried(spec: &Spec, text: &str) -> (Verdict, u32, bool) {
    let (program, engines) = (heapsmith_generators::parse(text).unwrap(), engines());
    let runtime = builtin(spec.resolve(program.machine).unwrap());
    let description = runtime.description.clone();
    let mut rig = Rig::new(Arc::new(Prepared::builtin(runtime, &engines).unwrap())).unwrap();
    let verdict = rig.trial(&program);
    let alike = (0..).zip(&engines).all(|(i, engine)| rig.standalone_agrees(i, engine.as_ref()).unwrap());
    (verdict, description.global(rig.outcome(0), Role::Collections).unwrap(), alike)
}

#[test]
fn a_step_is_made_after_each_assignment_of_an_odd_slot_in_both_lowerings() {
    let (plain, whole) = (module(&format!("vera@0.1.9?{MACHINE}"), PLAIN), "automatic = true\n");
    let stepping = PLAIN.replace(whole, &format!("step = {{ call = \"gc_collect\" }}\n{whole}"));
    let stepping = module(&format!("vera@0.1.9?{MACHINE}"), &stepping);
    // Slots 0, 1, 2 and 1 again, after the collection of the first allocation, for which there is no room; then a graph of three nodes into slot 3, one
    // assignment for each and one before.
    let text = "heapsmith 1\nalloc r0 size=8\nalloc r1 size=8\nalloc r2 size=8\ndrop r1\nchain r3 n=3\n";
    let (verdict, before, alike) = tried(&plain, text);
    assert!(verdict == Verdict::Pass && alike, "{verdict:?}");
    let (verdict, after, alike) = tried(&stepping, text);
    assert!(verdict == Verdict::Pass && alike, "{verdict:?}");
    assert_eq!(after - before, 2 + 4);
}

/// The collector of `marksweep.wat`, which does this too before each allocation.
fn before_each_allocation(what: &str) -> Arc<Prepared> {
    let folder = format!("{}/tests/collectors", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(format!("{folder}/marksweep.toml")).unwrap();
    let source = fs::read_to_string(format!("{folder}/marksweep.wat")).unwrap();
    let (made, collect) = ("    (block $made\n", "  (func $collect\n");
    assert!(source.contains(made) && source.contains(collect));
    let source = source.replacen(made, &format!("    (call $before)\n{made}"), 1);
    let source = source.replacen(collect, &format!("  (func $before (local $n i32) {what})\n{collect}"), 1);
    let manifest = Manifest::parse(&text, source.as_bytes(), "m.toml").unwrap();
    let pinned = Machine::default();
    let spec = Spec { name: "m.toml".to_owned(), module: Some(manifest), pinned, edit: None, address_limit: None };
    let runtime = builtin(spec.resolve(Machine::default()).unwrap());
    Arc::new(Prepared::builtin(runtime, &engines()).unwrap())
}

#[test]
fn much_work_at_each_allocation_is_no_hang_and_one_without_an_end_is() {
    let program = heapsmith_generators::parse("heapsmith 1\nroots n=3\ngarbage n=400 size=8\n").unwrap();
    let both = |what: &str| {
        let mut rig = Rig::new(before_each_allocation(what)).unwrap();
        [rig.trial(&program), rig.replay(&program).verdict]
    };
    let slow = "(local.set $n (i32.const 500)) (loop $again (call $collect)
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))";
    let too_much = Verdict::Inconclusive(Inconclusive::TooMuchWork);
    assert_eq!(both(slow), [too_much.clone(), too_much]);
    let endless = "(loop $again (br_if $again (i32.gt_u (global.get $live) (i32.const 1600))))";
    for verdict in both(endless) {
        assert!(matches!(&verdict, Verdict::Violation(v) if v.kind == Kind::Hang), "{verdict:?}");
    }
}

#[test]
fn no_program_has_more_memory_than_a_module_declares() {
    let folder = format!("{}/tests/collectors", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(format!("{folder}/marksweep.toml")).unwrap();
    let source = fs::read_to_string(format!("{folder}/marksweep.wat")).unwrap();
    let of = |source: &str, max_pages: [Option<u32>; 2]| {
        let manifest = Manifest::parse(&text, source.as_bytes(), "m.toml").unwrap();
        let [pinned, asked] = max_pages.map(|max_pages| Machine { max_pages, ..Machine::default() });
        let spec = Spec { name: "m.toml".to_owned(), module: Some(manifest), pinned, edit: None, address_limit: None };
        spec.resolve(asked).map(|description| description.parameters.max_pages)
    };
    let declared = source.replacen("(memory (export \"memory\") 1)", "(memory (export \"memory\") 1 16)", 1);
    assert_ne!(source, declared);
    assert_eq!(of(&source, [None, Some(30)]), Ok(30));
    assert_eq!(of(&declared, [None, Some(30)]), Ok(16));
    assert_eq!(of(&declared, [Some(7), Some(30)]), Ok(7));
    assert_eq!(of(&declared, [Some(17), None]), Err(RuntimeError::TooManyPages { found: 17, limit: 16 }));
    let odd = text.replace("alignment = 8", "alignment = 24");
    let error = Manifest::parse(&odd, source.as_bytes(), "m.toml").unwrap_err().to_string();
    assert!(error.contains("`alignment`: expected a power of two, found"), "{error}");
}

#[test]
fn memory_beyond_what_is_declared_is_a_leak() {
    let bound = "\n[promises]\nreclaim = { factor = 2, slack = 65536 }\n";
    let folder = format!("{}/tests/collectors", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(format!("{folder}/marksweep.toml")).unwrap().replace("\n[promises]\n", bound);
    let collecting = Manifest::parse(&text, &fs::read(format!("{folder}/marksweep.wat")).unwrap(), "m.toml").unwrap();
    // The same collector that never collects by itself: an allocation for which there is no room grows memory.
    let source = fs::read_to_string(format!("{folder}/marksweep.wat")).unwrap();
    let leaking = source.replacen("      (call $collect)\n", "", 1);
    assert_ne!(source, leaking);
    let leaking_bytes = leaking.into_bytes();
    let leaking = Manifest::parse(&text, &leaking_bytes, "m.toml").unwrap();
    let program = "heapsmith 1\nmachine pages=..64\ngarbage n=1500 size=1000\n";
    let of = |manifest: Arc<Manifest>| Spec {
        name: "m.toml".to_owned(),
        module: Some(manifest),
        pinned: Machine::default(),
        edit: None,
        address_limit: None,
    };
    assert_eq!(tried(&of(Arc::clone(&collecting)), program).0, Verdict::Pass);
    let Verdict::Violation(v) = tried(&of(Arc::clone(&leaking)), program).0 else {
        panic!("24 pages of garbage are no leak")
    };
    assert_eq!(v.kind, Kind::Leak, "{}: {}", v.expected, v.found);
    // At a page limit it traps, where a heap as large as is declared would have done.
    let tight = |manifest: &Arc<Manifest>| tried(&of(Arc::clone(manifest)), &program.replace("..64", "..8")).0;
    assert_eq!(tight(&collecting), Verdict::Pass);
    let Verdict::Violation(v) = tight(&leaking) else { panic!("a trap for want of a collection is allowed") };
    assert_eq!(v.kind.name(), "unexpected-trap", "{}: {}", v.expected, v.found);
    let unbounded = Manifest::parse(&text.replace(bound, "\n[promises]\n"), &leaking_bytes, "m.toml").unwrap();
    assert_eq!(tight(&unbounded), Verdict::AllowedTrap(Allowance::May), "nothing is declared");
}
