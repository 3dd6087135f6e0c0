//! Counters that change what a collector does are seen, and what a guided campaign says then is not trusted; numbers of a campaign are those of its
//! programs, whichever worker ran them.

use super::*;
use crate::engine::session::compile_counting;
use crate::engine::{Backtrace, DEFAULT, open};
use crate::runtime::fault::{apply, by_name};
use crate::runtime::manifest::{Manifest, Reclaim};
use crate::runtime::{Spec, parse_spec};

/// A collector that, while its edges are counted, does something else: it forgets the first block of the heap.
fn deranged(runtime: Runtime, engines: &[Box<dyn Engine>]) -> Result<Prepared, EngineError> {
    let other = apply(&runtime, &by_name("first-block-excluded").unwrap()).unwrap();
    let counting = compile_counting(engines[0].as_ref(), &other)?;
    Prepared::counting(runtime, engines, counting)
}

fn guided(counting: With) -> Summary {
    let engines = |backtrace| DEFAULT.into_iter().map(|name| open(name, backtrace).unwrap()).collect();
    let settings = Settings {
        spec: parse_spec("fixed?data_end=5,worklist=16,roots=24,pages=1..6").unwrap(),
        engines: engines(Backtrace::Off),
        tracing_engines: engines(Backtrace::On),
        seed: 3,
        limit: Limit::Programs(150),
        jobs: 1,
        max_findings: 1,
        metamorphic: Selection::Share,
        feedback: Feedback::On,
    };
    hunt_with(&settings, &[], &Progress::default(), counting).unwrap()
}

#[test]
fn counters_that_change_what_a_collector_does_are_seen_and_never_counted_as_its_fault() {
    let sane = guided(Prepared::with_feedback).statistics;
    assert_eq!((sane.violations, sane.untrusted.len()), (0, 0));
    let deranged = guided(deranged).statistics;
    assert_eq!(deranged.violations, 0);
    let said: Vec<&String> = deranged.untrusted.values().collect();
    assert!(said.iter().any(|text| text.contains("counting its edges changed")), "{said:?}");
}

#[test]
fn the_most_collections_of_one_program_are_those_of_the_program_that_has_most() {
    let spec = parse_spec("fixed?data_end=5,worklist=16,roots=24,pages=1..6").unwrap();
    let description = spec.resolve(Machine::default()).unwrap();
    let programs = Programs::new(3, capacities(&description), spec.pinned);
    let engines = [open(DEFAULT[0], Backtrace::Off).unwrap()];
    let mut rig = Rig::new(Arc::new(Prepared::builtin(builtin(description.clone()), &engines).unwrap())).unwrap();
    let (mut all, mut parts) = (Vec::new(), [Statistics::default(), Statistics::default()]);
    for index in 0..120 {
        let program = programs.program(index);
        let verdict = rig.trial(&program);
        all.push(parts[(index % 2) as usize].count(index, &program, &verdict, &rig).collections);
    }
    let most = all.iter().copied().max().unwrap();
    assert!(most > 2 && all.iter().filter(|n| **n == most).count() < 60, "{all:?}");
    let [even, odd] = parts;
    assert_ne!(even.most_collections, odd.most_collections, "{all:?}");
    for [mut one, other] in [[even.clone(), odd.clone()], [odd, even]] {
        one.merge(&other);
        assert_eq!((one.most_collections, one.observed.collections), (most, all.iter().sum()));
    }
}

/// Where memory is pinned to what there is from the start, nothing can grow, and nobody is told that it did not.
#[test]
fn a_pinned_memory_need_not_grow_and_any_other_must() {
    let missing = |pages: &str, is_pinned: bool| {
        let description = parse_spec(&format!("fixed?pages={pages}")).unwrap().resolve(Machine::default()).unwrap();
        let mut statistics = Statistics::default();
        (statistics.observed.collections, statistics.observed.marked, statistics.observed.freed) = (1, 1, 1);
        statistics.traps.insert(crate::model::TrapRule::WorklistFull, 1);
        statistics.basics_unreached(&description, is_pinned)
    };
    assert_eq!(missing("4..4", true), [""; 0]);
    assert_eq!(missing("4..4", false), ["growth of memory"]);
    assert_eq!(missing("4..5", true), ["growth of memory"]);
    // A module may declare a memory that cannot grow.
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/collectors/marksweep");
    let text = std::fs::read_to_string(format!("{folder}.toml")).unwrap().replace("max_pages = 4", "");
    let source = std::fs::read_to_string(format!("{folder}.wat")).unwrap();
    for (pages, grows) in [("1)", true), ("1 1)", false), ("1 2)", true)] {
        let source = source.replace("(memory (export \"memory\") 1)", &format!("(memory (export \"memory\") {pages}"));
        let module = Some(Manifest::parse(&text, source.as_bytes(), "m.toml").unwrap());
        let pinned = Machine::default();
        let spec = Spec { name: "m.toml".to_owned(), module, pinned, edit: None, address_limit: None };
        let description = spec.resolve(pinned).unwrap();
        let all = [
            Statistics::default().basics_unreached(&description, false),
            Statistics::default().unreached(&description),
        ];
        let is_asked = all.map(|all| all.iter().any(|what| what == GROWTH || what == "pages grown"));
        assert_eq!(is_asked, [grows; 2], "{pages}");
    }
    let none = Statistics::default()
        .basics_unreached(&parse_spec("fixed").unwrap().resolve(Machine::default()).unwrap(), true);
    assert_eq!(none.len(), 5, "{none:?}");
}

/// A collector that frees nothing, and says so, is not doubted for it.
#[test]
fn what_a_collector_does_not_have_it_need_not_reach() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/collectors/marksweep.toml");
    let mut description = parse_spec(path).unwrap().resolve(Machine::default()).unwrap();
    let missing = |d: &Description| {
        let none = Statistics::default();
        let all = [none.unreached(d), none.basics_unreached(d, false)].concat();
        ["bytes freed", "bytes that a collection freed"].map(|name| all.iter().any(|missing| missing == name))
    };
    assert_eq!(missing(&description), [true; 2]);
    // A limit of memory that nobody predicts must show all the same.
    let untried = |may_traps| {
        let mut statistics = Statistics::default();
        statistics.may_traps = may_traps;
        statistics.unreached(&description)
    };
    assert_eq!([0, 1].map(|n| untried(n).iter().any(|what| what == "trap rule memory-limit")), [true, false]);
    let mut module = (**description.module.as_ref().unwrap()).clone();
    module.promises.reclaim = Some(Reclaim::Nothing);
    description.module = Some(module.into());
    assert_eq!(missing(&description), [false; 2]);
}

/// What a built-in gets is what it always got; a module gets programs that are about what nobody knows of it.
#[test]
fn a_module_gets_programs_that_a_built_in_does_not() {
    let module = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/collectors/marksweep.toml");
    let others = |name: &str| {
        let spec = parse_spec(name).unwrap();
        let description = spec.resolve(Machine::default()).unwrap();
        let plain = Programs::new(1, capacities(&description), spec.pinned);
        let all = programs(plain.clone(), &description);
        (0..600).filter(|index| all.program(*index) != plain.program(*index)).count()
    };
    assert_eq!(others("fixed"), 0);
    let description = parse_spec(module).unwrap().resolve(Machine::default()).unwrap();
    let unformed = Programs::new(1, capacities(&description), Machine::default()).of_unknown(Vec::new());
    let all = programs(Programs::new(1, capacities(&description), Machine::default()), &description);
    let formed = (0..600).filter(|index| all.program(*index) != unformed.program(*index)).count();
    assert!(formed > 10, "{formed} programs of 600 about the forms of its objects");
    assert!((120..210).contains(&others(module)), "{} of 600", others(module));
}
