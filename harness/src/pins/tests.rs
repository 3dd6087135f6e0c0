use super::*;
use crate::runtime::{Runtime, builtin, parse_spec};
use heapsmith_generators::Machine;

const SEEDING: usize = 0;
const SCAN: usize = 1;
const HEAP_START: usize = 2;
const HEAP_PTR: usize = 3;

fn runtime(spec: &str) -> (Runtime, Expect) {
    let runtime = builtin(parse_spec(spec).unwrap().resolve(Machine::default()).unwrap());
    let expect = Expect::of(&runtime.description);
    (runtime, expect)
}

fn module(fields: &str) -> Vec<u8> {
    wat::parse_str(format!("(module\n{fields})")).unwrap()
}

/// Which pins fail once the `n`-th occurrence of `find` in v0.0.131 is replaced.
fn failing(find: &str, n: usize, replace: &str) -> Vec<usize> {
    let (runtime, expect) = runtime("vera@0.0.131");
    let (at, _) = runtime.fields.match_indices(find).nth(n).unwrap();
    let edited = format!("{}{replace}{}", &runtime.fields[..at], &runtime.fields[at + find.len()..]);
    failures(&check(&module(&edited), &expect).unwrap())
}

fn failures(report: &Report) -> Vec<usize> {
    report.pins.iter().enumerate().filter(|(_, pin)| pin.status == Status::Fail).map(|(i, _)| i).collect()
}

const GUARD: &str = "global.get $gc_worklist_ptr
@global.get $gc_worklist_end
@i32.ge_u
@if
@  unreachable";

/// The guard's text at its site: root seeding is indented by ten, the mark scan by twelve.
fn guard(site: usize) -> String {
    GUARD.replace('@', &" ".repeat(10 + 2 * site))
}

#[test]
fn the_fixed_release_passes_wherever_its_heap_starts() {
    for (spec, start) in [("vera@0.0.131", 81_920), ("vera@0.0.131?data_end=5", 81_925)] {
        let (runtime, expect) = runtime(spec);
        assert_eq!(expect.heap_start, start);
        let report = check(&module(&runtime.fields), &expect).unwrap();
        assert!(report.passed(), "{report}");
        assert_eq!(report.pins.len(), 4);
        let as_text = format!("(module\n{})", runtime.fields);
        assert_eq!(check(as_text.as_bytes(), &expect).unwrap(), report);
    }
    for spec in ["vera@0.0.131?worklist=1,roots=1,data_end=8", "fixed", "fixed?data_end=5"] {
        let (runtime, expect) = runtime(spec);
        let report = check(&module(&runtime.fields), &expect).unwrap();
        assert!(report.passed(), "{spec}\n{report}");
    }
}

#[test]
fn the_release_before_fails_both_guards_because_it_drops() {
    for (data_end, start) in [(0, 32_768), (5, 32_773)] {
        let (runtime, expect) = runtime(&format!("vera@0.0.130?data_end={data_end}"));
        assert_eq!(expect.heap_start, start);
        let report = check(&module(&runtime.fields), &expect).unwrap();
        assert_eq!(failures(&report), [SEEDING, SCAN], "{report}");
        assert!(report.pins[SCAN].found.contains("does not trap"), "{report}");
    }
}

#[test]
fn every_release_before_it_fails_both_guards_and_every_later_one_passes() {
    for spec in ["vera@0.0.65", "vera@0.0.112", "vera@0.0.114"] {
        let (runtime, expect) = runtime(spec);
        let report = check(&module(&runtime.fields), &expect).unwrap();
        assert_eq!(failures(&report), [SEEDING, SCAN], "{spec}\n{report}");
    }
    for spec in ["vera@0.1.9", "vera@0.1.9?data_end=5", "vera@0.2", "vera@0.2?data_end=5,worklist=1"] {
        let (runtime, expect) = runtime(spec);
        let report = check(&module(&runtime.fields), &expect).unwrap();
        assert!(report.passed(), "{spec}\n{report}");
    }
}

#[test]
fn a_push_that_is_put_off_must_be_remembered_and_skipped() {
    let (runtime, expect) = runtime("vera@0.2");
    let guards = runtime.fields.matches("i32.ge_u\n").count();
    assert_eq!(guards, 2);
    for (site, value) in [(SEEDING, "v"), (SCAN, "w")] {
        let put_off = format!("(call $gc_defer (local.get ${value}))");
        let branch = runtime.fields[runtime.fields.find(&put_off).unwrap()..].find("br $next").unwrap();
        let at = runtime.fields.find(&put_off).unwrap();
        for (what, edited) in [
            ("dropped", runtime.fields.replacen(&put_off, "", 1)),
            ("something else is put off", runtime.fields.replacen(&put_off, "(call $gc_defer (i32.const 8))", 1)),
            ("goes on", format!("{}{}", &runtime.fields[..at + branch], &runtime.fields[at + branch + 8..])),
            ("trap", runtime.fields.replacen(&put_off, "unreachable", 1)),
        ] {
            let report = check(&module(&edited), &expect).unwrap();
            assert_eq!(failures(&report), [site], "{what}\n{report}");
        }
    }
    // The release that traps is another one.
    let trapping = super::tests::runtime("vera@0.1.9").0;
    let wrong = Expect { heap_start: 81_920, ..expect };
    assert_eq!(failures(&check(&module(&trapping.fields), &wrong).unwrap()), [SEEDING, SCAN]);
}

#[test]
fn a_report_shows_the_guard_as_it_was_decoded() {
    let (runtime, expect) = runtime("vera@0.0.131?data_end=5");
    let report = check(&module(&runtime.fields), &expect).unwrap();
    let [seeding, scan] = [&report.pins[SEEDING], &report.pins[SCAN]];
    let names = [seeding, scan].map(|pin| pin.place.as_ref().unwrap().name.as_deref());
    assert_eq!(names, [Some("gc_seed"), Some("gc_mark")]);
    assert_eq!(
        seeding.instructions,
        [
            "global.get $gc_worklist_ptr",
            "global.get $gc_worklist_end",
            "i32.ge_u",
            "if",
            "unreachable",
            "end",
            "global.get $gc_worklist_ptr",
            "local.get 1",
            "i32.store"
        ]
    );
    assert_eq!(report.pins[HEAP_PTR].found, "(global $heap_ptr (mut i32) (i32.const 81925))");
}

#[test]
fn each_broken_guard_fails_its_own_pin_only() {
    for site in [SEEDING, SCAN] {
        let whole = guard(site);
        for (what, broken) in [
            ("another comparison", whole.replace("ge_u", "lt_u")),
            ("a signed comparison", whole.replace("ge_u", "ge_s")),
            ("one too late", whole.replace("ge_u", "gt_u")),
            ("equality", whole.replace("ge_u", "eq")),
            ("swapped operands", whole.replace("_ptr", "_x").replace("_end", "_ptr").replace("_x", "_end")),
            ("another end", whole.replace("worklist_end", "stack_limit")),
            ("an end one entry late", whole.replace("global.get $gc_worklist_end", "i32.const 81924")),
            ("another pointer", whole.replace("worklist_ptr", "sp")),
            ("an end that can change", whole.replace("worklist_end", "free_head")),
            ("no trap", whole.replace("unreachable", "nop")),
            ("a return", whole.replace("unreachable", "return")),
            ("more than a trap", whole.replace("unreachable", "nop unreachable")),
            ("a doubled condition", whole.replace("i32.ge_u", "i32.ge_u i32.eqz i32.eqz")),
        ] {
            assert_eq!(failing(&whole, 0, &broken), [site], "{what}");
        }
    }
}

#[test]
fn a_guard_removed_at_one_site_is_reported_as_unguarded() {
    let (runtime, expect) = runtime("vera@0.0.131");
    for (site, comment) in [(SEEDING, "a root does not fit"), (SCAN, "a field's pointer does not fit")] {
        let mut lines: Vec<&str> = runtime.fields.lines().collect();
        let trap = lines.iter().position(|line| line.contains(comment)).unwrap();
        lines.drain(trap - 4..=trap + 1);
        let edited = lines.join("\n");
        let report = check(&module(&edited), &expect).unwrap();
        assert_eq!(failures(&report), [site], "{report}");
        assert!(report.pins[site].found.contains("unguarded"), "{report}");
        assert!(report.pins[site].place.is_some());
    }
}

#[test]
fn a_guard_of_something_else_does_not_count() {
    let store = "(i32.store (global.get $gc_worklist_ptr) (local.get $w))";
    let moved = "(global.set $gc_worklist_ptr (i32.add (global.get $gc_worklist_ptr) (i32.const 4)))";
    assert_eq!(failing(store, 0, &format!("{moved} {store}")), [SCAN]);
    assert_eq!(failing(store, 0, &format!("block end {store}")), [SCAN]);
    assert_eq!(failing(store, 0, &format!("(if (local.get $w) (then {store} {moved}))")), [SCAN]);
    assert_eq!(failing(store, 0, &format!("call $gc_clear {store}")), [SCAN]);
}

#[test]
fn the_end_may_be_spelled_as_a_constant() {
    let whole = guard(SCAN);
    for end in ["i32.const 81920", "(i32.add (global.get $gc_worklist_base) (i32.const 65536))"] {
        assert_eq!(failing(&whole, 0, &whole.replace("global.get $gc_worklist_end", end)), [0usize; 0]);
    }
    // In v0.0.131 the heap starts where the worklist ends; that counts only while it is so.
    assert_eq!(failing(&whole, 0, &whole.replace("worklist_end", "heap_start")), [0usize; 0]);
}

#[test]
fn heap_start_and_heap_ptr_are_pinned_apart() {
    assert_eq!(
        failing("$gc_heap_start i32 (i32.const 81920)", 0, "$gc_heap_start i32 (i32.const 81921)"),
        [HEAP_START]
    );
    assert_eq!(
        failing("\"heap_ptr\") (mut i32) (i32.const 81920)", 0, "\"heap_ptr\") i32 (i32.const 81920)"),
        [HEAP_PTR]
    );
    assert_eq!(
        failing("\"heap_ptr\") (mut i32) (i32.const 81920)", 0, "\"heap_ptr\") (mut i32) (i32.const 81919)"),
        [HEAP_PTR]
    );
    let (runtime, expect) = runtime("vera@0.0.131");
    let other = Expect { heap_start: 81_925, ..expect };
    assert_eq!(failures(&check(&module(&runtime.fields), &other).unwrap()), [HEAP_START, HEAP_PTR]);
}

/// The shape that a compiler gives it: one function, the pointer in a local, root pushes inlined elsewhere.
fn one_function(name: &str, prologue: &str, end: &str) -> String {
    format!(
        r#"(module (memory 1)
  (global (export "{name}heap_ptr") (mut i32) (i32.const 81920))
  (global (export "{name}gc_sp") (mut i32) (i32.const 0))
  (global (export "{name}gc_heap_start") i32 (i32.const 81920))
  (func (param i32)
    global.get 1 local.get 0 i32.store
    global.get 1 i32.const 4 i32.add global.set 1
    global.get 1 i32.const 4 i32.sub global.set 1)
  (func (local $wl i32) (local $v i32) (local $end i32)
    {prologue}
    i32.const 16384 local.set $wl
    local.get $wl {end} i32.ge_u if unreachable end
    local.get $wl local.get $v i32.store
    local.get $wl i32.const 4 i32.add local.set $wl
    local.get $wl i32.const 4 i32.sub local.set $wl
    local.get $wl {end} i32.ge_u if unreachable end
    local.get $wl local.get $v i32.load i32.store
    local.get $wl i32.const 4 i32.add local.set $wl))"#
    )
}

#[test]
fn a_collector_in_one_function_with_a_local_pointer_passes() {
    let (_, expect) = runtime("vera@0.0.131");
    for prefix in ["", "$", "vera."] {
        let report = check(one_function(prefix, "", "global.get 2").as_bytes(), &expect).unwrap();
        assert!(report.passed(), "{report}");
    }
    let report = check(one_function("other.", "", "global.get 2").as_bytes(), &expect).unwrap();
    assert_eq!(failures(&report), [HEAP_START, HEAP_PTR], "{report}");
    assert!(report.pins[HEAP_START].found.starts_with("no global named `gc_heap_start`"), "{report}");
}

#[test]
fn a_module_without_a_collector_fails_every_pin_and_says_what_is_missing() {
    let (_, expect) = runtime("vera@0.0.131");
    let report = check(b"(module (func))", &expect).unwrap();
    assert_eq!(failures(&report), [0, 1, 2, 3]);
    assert!(report.pins[SEEDING].found.contains("no push"));
}

#[test]
fn what_is_no_module_is_an_error() {
    let (_, expect) = runtime("vera@0.0.131");
    assert!(matches!(check(b"(modul", &expect), Err(PinError::Text(_))));
    assert!(matches!(check(b"\0asm\x01\0\0\0\xff", &expect), Err(PinError::Binary(_))));
    assert!(matches!(check(b"(component)", &expect), Err(PinError::Component)));
}

#[test]
fn no_bytes_make_it_panic() {
    let (runtime, expect) = runtime("vera@0.0.131?data_end=5");
    let wasm = module(&runtime.fields);
    for length in 0..wasm.len() {
        let _ = check(&wasm[..length], &expect);
    }
    let mut state = 1u32;
    let mut random = move || {
        state = crate::plan::next_random(state);
        state >> 8
    };
    for _ in 0..20_000 {
        let mut bytes = wasm.clone();
        for _ in 0..1 + random() % 4 {
            let at = random() as usize % bytes.len();
            bytes[at] = random() as u8;
        }
        if let Ok(report) = check(&bytes, &expect) {
            let _ = report.to_string();
        }
    }
    for _ in 0..2_000 {
        let mut bytes: Vec<u8> = (0..random() % 64).map(|_| random() as u8).collect();
        let _ = check(&bytes, &expect);
        bytes.splice(0..0, *b"\0asm\x01\0\0\0");
        let _ = check(&bytes, &expect);
    }
}

#[test]
fn the_end_may_be_copied_into_a_local_that_is_set_once_at_the_top() {
    let (_, expect) = runtime("vera@0.0.131");
    for (prologue, holds) in [
        ("global.get 2 local.set $end", true),
        ("", false),
        ("i32.const 81924 local.set $end", false),
        ("global.get 0 local.set $end", false),
        ("global.get 2 local.set $end global.get 2 local.set $end", false),
        ("local.get $v if global.get 2 local.set $end end", false),
        ("block local.get $v br_if 0 global.get 2 local.set $end end", false),
    ] {
        let report = check(one_function("", prologue, "local.get $end").as_bytes(), &expect).unwrap();
        assert_eq!(report.passed(), holds, "{prologue}\n{report}");
    }
}
