//! Metamorphic runs: the same contents under other schedules, heap starts, worklists, lowerings, runtimes and poison; and faults that
//! nothing else sees.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{FIXED, V131, campaign, clean, engine, engines, spec};
use heapsmith::campaign::{Feedback, GATED_PROGRAMS, Limit, Progress, Settings, Statistics, hunt};
use heapsmith::engine::Engine;
use heapsmith::judge::{Kind, Verdict, Violation};
use heapsmith::metamorphic::{
    Bench, HEAP_STARTS, Pair, Pool, Replayer, Selection, Source, Tally, Variant, cause_of, counterpart, parse_variant,
};
use heapsmith::reduce::{Oracle, reduce};
use heapsmith::runtime::{Edit, Fault, Runtime, Spec, builtin};
use heapsmith::trial::{Prepared, Rig};
use heapsmith_generators::{Campaign, Machine, Program};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Work of a variant above which these tests leave it out.
const MOST_WORK: u64 = 100_000;

const ALL: Selection = Selection::All { against: None };

/// A variant that broke a promise.
#[derive(Debug)]
struct Found {
    index: u64,
    program: Program,
    variant: Variant,
    violation: Box<Violation>,
}

/// A runtime with a fault in it, if any, and its base rigs.
struct Subject {
    source: Source,
    engines: Arc<Vec<Box<dyn Engine>>>,
    campaign: Campaign,
    rigs: HashMap<Machine, Rig>,
}

impl Subject {
    fn new(name: &str, fault: Option<&Fault>, seed: u64, engines: Vec<Box<dyn Engine>>) -> Self {
        let spec = spec(name);
        let campaign = campaign(&spec, seed);
        let edit = fault.map(|fault| Edit::Fault(Arc::new(fault.clone())));
        let source = Source::new(Spec { edit, ..spec });
        Self { source, engines: Arc::new(engines), campaign, rigs: HashMap::new() }
    }

    fn runtime(source: &Source, machine: Machine) -> Runtime {
        builtin(source.spec.resolve(machine).unwrap())
    }

    /// Program `index`, and its rig after its base run.
    fn base(&mut self, index: u64) -> (Program, Verdict, &mut Rig) {
        let program = self.campaign.program(index);
        let rig = self.rigs.entry(program.machine).or_insert_with(|| {
            let runtime = Self::runtime(&self.source, program.machine);
            Rig::new(Arc::new(Prepared::builtin(runtime, &self.engines).unwrap())).unwrap()
        });
        let verdict = rig.trial(&program);
        (program, verdict, rig)
    }

    /// The first `count` programs, those that pass in their variants that are `wanted`, until `most` were found.
    fn run(
        &mut self,
        count: u64,
        most: usize,
        selection: &Selection,
        wanted: impl Fn(&Variant) -> bool,
    ) -> (Tally, Vec<Found>) {
        let engines = Arc::clone(&self.engines);
        let pool = Pool::new(self.source.clone(), &engines);
        let mut bench = Bench::new(&pool, MOST_WORK);
        let (mut tally, mut all) = (Tally::default(), Vec::new());
        for index in 0..count {
            let (program, verdict, rig) = self.base(index);
            if verdict != Verdict::Pass {
                continue;
            }
            let mut variants = selection.variants(60, index, rig.model()).unwrap();
            variants.retain(&wanted);
            match bench.compare(rig, &program, &variants, &mut tally).unwrap() {
                None | Some((_, Pair::Same | Pair::NotCompared(_))) => {}
                Some((variant, Pair::Broken(violation))) => all.push(Found { index, program, variant, violation }),
                Some((variant, Pair::Untrusted(d))) => panic!("program {index} in {variant}: {d:?}\n{program}"),
            }
            if all.len() >= most {
                break;
            }
        }
        (tally, all)
    }
}

#[test]
fn the_reference_shows_the_same_contents_in_every_variant_and_every_variant_really_happens() {
    let (tally, found) = Subject::new(FIXED, None, 60, engines()).run(1_000, 1, &ALL, |_| true);
    assert!(found.is_empty(), "{:?}", found.first());
    assert_eq!(tally.unreached(&spec(FIXED).resolve(Machine::default()).unwrap()), [""; 0]);
    assert!(tally.compared() > 2_000, "{tally:?}");
    assert!(tally.compared() > 2 * tally.not_compared.values().sum::<u64>(), "{tally:?}");
    assert!(tally.extra_collections > 4_000, "{tally:?}");
    assert!(tally.heap_starts.len() >= 96 && tally.heap_starts.len() >= HEAP_STARTS as usize, "{tally:?}");
    assert!(tally.worklists.len() >= 6 && tally.poisoned > 100 && tally.standalone > 0, "{tally:?}");
}

#[test]
fn another_runtime_that_promises_as_much_shows_the_same_contents() {
    for name in [counterpart(FIXED).unwrap(), "vera@0.2"] {
        let against = Selection::All { against: Some(spec(name)) };
        let other = |v: &Variant| v.on.as_ref().is_some_and(|on| on.name == name);
        let (tally, found) = Subject::new(FIXED, None, 61, engines()).run(500, 1, &against, other);
        assert!(found.is_empty(), "{:?}", found.first());
        assert!(tally.runtimes.keys().eq([name]) && tally.same > 50, "{tally:?}");
    }
}

/// An edit of a runtime.
fn planted(name: &str, cause: &str, find: &str, replace: &str) -> Fault {
    Fault::new(name, cause, find, replace)
}

const PHASES: &str = "    call $gc_clear\n    call $gc_seed\n    call $gc_mark\n    call $gc_sweep)\n";

/// The first 2 000 programs keep every promise with the fault, and a variant of one of them does not.
fn only_a_variant_sees(name: &str, fault: &Fault, seed: u64, wanted: impl Fn(&Variant) -> bool) -> Found {
    let mut subject = Subject::new(name, Some(fault), seed, vec![engine("wasmi")]);
    for index in 0..2_000 {
        let (program, verdict, _) = subject.base(index);
        assert!(clean(&verdict), "{}: program {index}: {verdict:?}\n{program}", fault.name);
    }
    let (tally, mut found) = subject.run(2_000, 1, &ALL, wanted);
    let Some(found) = found.pop() else { panic!("no variant showed {}: {tally:?}", fault.name) };
    println!("{}: program {} in {}: {}", fault.name, found.index, found.variant, found.violation.kind.full_name());
    assert_eq!(found.violation.variant.as_deref(), Some(found.variant.to_string().as_str()));
    // Without the fault, in the variant's collector too, the same variant of the same program is clean.
    let without = |spec: &Spec| Spec { edit: None, ..spec.clone() };
    let healthy = Source::new(without(&subject.source.spec));
    let variant = Variant { on: found.variant.on.as_ref().map(without), ..found.variant.clone() };
    let engines = [engine("wasmi")];
    let pool = Pool::new(healthy, &engines);
    let replay = Replayer::new(&pool, variant).try_replay(&found.program).unwrap();
    assert!(clean(&replay.verdict), "{}: {:?}", fault.name, replay.verdict);
    found
}

#[test]
fn a_fault_of_one_heap_start_in_256_is_seen_by_another_heap_start_only() {
    let subject = Subject::new(FIXED, None, 62, Vec::new());
    let start = |m: &Machine| subject.source.spec.resolve(*m).unwrap().regions.heap_start % 256;
    let known: BTreeSet<u32> = subject.campaign.machines().iter().map(start).collect();
    let residue = (0..96).find(|r| !known.contains(r)).unwrap();
    let fault = planted(
        "first-block-at-one-start",
        "the first block is no candidate where the heap starts at one residue of 256",
        "(if (i32.lt_u (local.get $v) (i32.add (global.get $gc_heap_start) (i32.const 4))) (then (return (i32.const 0))))\n",
        &format!(
            "(if (i32.lt_u (local.get $v) (i32.add (i32.add (global.get $gc_heap_start) (i32.const 4)) (i32.eq (i32.and (global.get \
             $gc_heap_start) (i32.const 255)) (i32.const {residue})))) (then (return (i32.const 0))))\n"
        ),
    );
    let found = only_a_variant_sees(FIXED, &fault, 62, |v| !v.poison);
    assert!(found.variant.on.is_some());
}

#[test]
fn an_age_that_overflows_is_seen_by_extra_collections_only() {
    // The age stands in the last entry of the worklist, where an address may overwrite it: that is no age.
    let age = "(i32.sub (global.get $gc_worklist_end) (i32.const 4))";
    let fault = planted(
        "age-of-five-bits",
        "at the 30th collection without an allocation the topmost root is forgotten",
        PHASES,
        &format!(
            "    (i32.store {age} (i32.add (i32.load {age}) (i32.const 1)))\n\
             \x20   call $gc_clear\n\
             \x20   (if (i32.and (i32.eq (i32.load {age}) (i32.const 30)) (i32.gt_u (global.get $gc_sp) (global.get $gc_stack_base)))\n\
             \x20     (then\n\
             \x20       (global.set $gc_sp (i32.sub (global.get $gc_sp) (i32.const 4)))\n\
             \x20       call $gc_seed\n\
             \x20       (global.set $gc_sp (i32.add (global.get $gc_sp) (i32.const 4))))\n\
             \x20     (else call $gc_seed))\n\
             \x20   call $gc_mark\n    call $gc_sweep)\n"
        ),
    );
    let reset = planted(
        "age-starts-anew",
        "an allocation starts the count anew",
        "    ;; Header and payload, rounded up to 8.\n",
        &format!("    (i32.store {age} (i32.const 0))\n"),
    );
    let both = fault_of_two(&fault, &reset);
    let found = only_a_variant_sees(FIXED, &both, 63, |v| !v.poison);
    assert_ne!(found.variant.gaps, heapsmith::metamorphic::Gaps::None);
}

/// Two edits as one, whose text is all of what lies between them.
fn fault_of_two(first: &Fault, second: &Fault) -> Fault {
    let runtime = Subject::runtime(&Source::new(spec(FIXED)), Machine::default());
    let (a, b) = (runtime.fields.find(&second.find).unwrap(), runtime.fields.find(&first.find).unwrap());
    let end = b + first.find.len();
    let find = runtime.fields[a..end].to_owned();
    let replace = find.replacen(&first.find, &first.replace, 1).replacen(&second.find, &second.replace, 1);
    Fault { find, replace, ..first.clone() }
}

#[test]
fn a_live_object_that_is_freed_and_taken_back_is_seen_by_poison_only() {
    let fault = planted(
        "freed-and-taken-back",
        "the topmost root's object is swept, and then its first word and its mark are put back before the real sweep",
        "  (func $gc_collect (export \"gc_collect\")\n",
        "  (func $gc_taken_back\n    (local $x i32) (local $w i32)\n\
         \x20   (if (i32.eq (global.get $gc_sp) (global.get $gc_stack_base)) (then (return)))\n\
         \x20   (local.set $x (i32.load (i32.sub (global.get $gc_sp) (i32.const 4))))\n\
         \x20   (if (i32.eqz (call $gc_candidate (local.get $x))) (then (return)))\n\
         \x20   (local.set $w (i32.load (local.get $x)))\n\
         \x20   (i32.store (i32.sub (local.get $x) (i32.const 4))\n\
         \x20     (i32.and (i32.load (i32.sub (local.get $x) (i32.const 4))) (i32.const -2)))\n\
         \x20   call $gc_sweep\n\
         \x20   (i32.store (local.get $x) (local.get $w))\n\
         \x20   (i32.store (i32.sub (local.get $x) (i32.const 4))\n\
         \x20     (i32.or (i32.load (i32.sub (local.get $x) (i32.const 4))) (i32.const 1))))\n\n\
         \x20 (func $gc_collect (export \"gc_collect\")\n",
    );
    let call = planted(
        "call",
        "",
        PHASES,
        &PHASES.replace("    call $gc_sweep)", "    call $gc_taken_back\n    call $gc_sweep)"),
    );
    // The function stands right before the phases.
    let both = fault_of_two(&call, &fault);
    let found =
        only_a_variant_sees(FIXED, &Fault { name: fault.name.clone(), cause: fault.cause.clone(), ..both }, 64, |_| {
            true
        });
    assert!(found.variant.poison);
    assert_eq!(found.violation.kind, Kind::ScheduleDependence);
}

#[test]
fn padding_that_is_taken_for_zero_is_seen_by_poison_only() {
    // A payload of 8, 16, .. bytes has 4 bytes of padding, which no mutator writes.
    let padding =
        "(i32.load (i32.add (local.get $p) (i32.add (i32.const 4) (i32.shr_u (local.get $h) (i32.const 1)))))";
    let fault = planted(
        "padding-is-zero",
        "a block whose padding is not zero is swept, marked or not",
        "          (br_if $kept (i32.and (local.get $h) (i32.const 1)))\n",
        &format!(
            "          (if (i32.and (i32.ge_u (local.get $h) (i32.const 2)) (i32.eqz (i32.and (local.get $h) (i32.const 14))))\n\
             \x20           (then (br_if $kept (i32.and (i32.and (local.get $h) (i32.const 1)) (i32.eqz {padding}))))\n\
             \x20           (else (br_if $kept (i32.and (local.get $h) (i32.const 1)))))\n"
        ),
    );
    let found = only_a_variant_sees("vera@0.2", &fault, 65, |_| true);
    assert!(found.variant.poison);
}

#[test]
fn the_mark_in_a_payload_of_0_0_131_is_a_schedule_dependence_with_its_cause() {
    let mut subject = Subject::new(V131, None, 60, vec![engine("wasmi")]);
    let (_, found) = subject.run(4_000, 3, &ALL, |_| true);
    assert_eq!(found.len(), 3);
    let engines = [engine("wasmi")];
    let mut causes = BTreeSet::new();
    for f in &found {
        println!("{} in {}: {}", f.index, f.variant, f.violation.kind.full_name());
        let pool = Pool::new(subject.source.clone(), &engines);
        let mut replayer = Replayer::new(&pool, f.variant.clone());
        let first = replayer.try_replay(&f.program).unwrap();
        let bucket = first.bucket.clone().unwrap();
        let reduced = reduce(&mut replayer, &f.program, first, &AtomicBool::new(false)).program;
        assert!(reduced.ops.len() < f.program.ops.len(), "{reduced}");
        let again = replayer.replay(&reduced);
        assert!(again.bucket.unwrap().same(&bucket));
        // Its text is enough to repeat it.
        let variant = parse_variant(&f.variant.to_string()).unwrap();
        assert_eq!(
            Replayer::new(&pool, variant.clone()).replay(&reduced).variant(),
            Some(f.variant.to_string().as_str())
        );
        let cause = cause_of(&subject.source, &engines, &reduced, &variant).unwrap();
        causes.extend(cause.filter(|_| f.violation.kind == Kind::ScheduleDependence).map(|c| c.rule));
    }
    assert!(causes.contains("candidate-test"), "{causes:?}");
}

#[test]
fn a_long_campaign_without_metamorphic_runs_is_not_trusted() {
    let description = spec(FIXED).resolve(Machine::default()).unwrap();
    let distrusted = |programs| {
        let mut statistics = Statistics::default();
        statistics.programs = programs;
        statistics.distrusted(&description)
    };
    let missing = |programs| distrusted(programs).into_iter().filter(|why| why.contains("metamorphic")).count();
    assert_eq!((missing(GATED_PROGRAMS - 1), missing(GATED_PROGRAMS)), (0, 4));
    assert!(distrusted(GATED_PROGRAMS).contains(&"never reached: poisoned twins".to_owned()));
    // The text of a collector that is not ours cannot be poisoned.
    let module = spec(&format!("{}/tests/collectors/marksweep.toml", env!("CARGO_MANIFEST_DIR")));
    let missing = Statistics::default().variants.unreached(&module.resolve(Machine::default()).unwrap());
    assert!(!missing.contains(&"poisoned twins") && missing.contains(&"rounds of the same work"), "{missing:?}");
}

#[test]
fn a_hunt_writes_what_a_variant_shows_and_run_repeats_it() {
    let out = tempfile::tempdir().unwrap();
    let heapsmith = || assert_cmd::Command::cargo_bin("heapsmith").unwrap();
    let hunt = heapsmith()
        .args([
            "hunt",
            "--runtime",
            V131,
            "--metamorphic",
            "--programs",
            "392",
            "--seed",
            "60",
            "--engines",
            "wasmi",
            "--no-known",
            "--json",
        ])
        .arg("--out")
        .arg(out.path())
        .assert()
        .code(1);
    let summary: serde_json::Value = serde_json::from_slice(&hunt.get_output().stdout).unwrap();
    let metamorphic = &summary["metamorphic"];
    assert!(metamorphic["compared"].as_u64() > metamorphic["programs"].as_u64(), "{metamorphic}");
    assert!(metamorphic["on_runtimes"]["fixed"].as_u64() > Some(10), "{metamorphic}");
    let findings = summary["findings"].as_array().unwrap();
    let found = findings.iter().find(|f| f["account"]["violation"]["kind"] == "schedule-dependence").unwrap();
    let variant = found["account"]["violation"]["variant"].as_str().unwrap();
    assert_eq!(found["account"]["cause"]["rule"], "candidate-test");
    let folder = std::path::PathBuf::from(found["folder"].as_str().unwrap());
    assert!(folder.join("variant.heapsmith").exists());
    let run = heapsmith().arg("run").arg(&folder).arg("--no-known").assert().code(1);
    let text = String::from_utf8(run.get_output().stdout.clone()).unwrap();
    assert!(text.contains("violation: schedule-dependence") && text.contains(variant), "{text}");
    assert!(text.contains("finding.wast fails on wasmtime and wasmi, as it should"), "{text}");
    // The program by itself is clean, and so is the variant on the reference.
    let case = folder.join("reduced.heapsmith");
    heapsmith().arg("run").arg(&case).args(["--runtime", V131, "--variant", ""]).assert().code(0);
    heapsmith().arg("run").arg(&case).args(["--runtime", FIXED, "--variant", "collections=all"]).assert().code(0);
    let wrong = heapsmith().arg("run").arg(&case).args(["--variant", "sideways"]).assert().code(2);
    assert!(String::from_utf8_lossy(&wrong.get_output().stderr).contains("collections=all"));
}

/// A mutant has all variants that a fault has, poisoned ones too.
#[test]
fn a_hunt_in_a_mutant_decides_every_variant() {
    let settings = Settings {
        spec: spec("fixed?mutant=gc_first_fit:37:drop,data_end=5,worklist=16,roots=24,pages=1..6"),
        engines: vec![engine("wasmi")],
        tracing_engines: vec![engine("wasmi")],
        seed: 1,
        limit: Limit::Programs(60),
        jobs: 1,
        max_findings: 1,
        metamorphic: ALL,
        feedback: Feedback::Off,
    };
    let summary = hunt(&settings, &Progress::default()).unwrap();
    let statistics = &summary.statistics;
    assert_eq!((statistics.violations, statistics.inconclusive.len()), (0, 0), "{statistics:?}");
    assert!(statistics.variants.poisoned > 20, "{:?}", statistics.variants);
}
