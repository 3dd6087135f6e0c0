//! What the engines promise, each of them.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::session::{Resident, compile_resident};
use super::{Backtrace, Engine, EngineError, Known, Lowering, UnknownEngine, V8, Wasmtime, Whole, by_name};
use crate::lower::tape::Tape;
use crate::lower::tests::{alloc, bump, plan, push};
use crate::outcome::{End, Trap};
use crate::plan::{Plan, Shape, Step};

const FUEL: u64 = 100_000_000;

/// All that start here: those of this process must, and V8 wherever there is a node.
fn engines() -> Vec<Box<dyn Engine>> {
    let opened = |known: Known| match known.open(Backtrace::Off) {
        Err(EngineError::Start { engine: "v8", message }) => {
            println!("without v8: {message}");
            None
        }
        engine => Some(engine.unwrap()),
    };
    Known::ALL.into_iter().filter_map(opened).collect()
}

/// Those that keep a collector between programs.
fn residents() -> Vec<Box<dyn Engine>> {
    let mut engines = engines();
    engines.retain(|engine| engine.lowering() == Lowering::Resident);
    assert_eq!(engines.len(), 5);
    engines
}

fn tape(plan: &Plan) -> Tape {
    let mut tape = Tape::default();
    tape.encode(plan);
    tape
}

fn run_body(engine: &dyn Engine, rest: &str) -> Result<End, EngineError> {
    let module = wat::parse_str(format!(r#"(module (memory (export "memory") 1) {rest})"#)).unwrap();
    engine.compile(&[("main", &module)], &[])?.instantiate()?.call(FUEL)
}

#[test]
fn a_group_is_extended_by_modules_that_import_from_it() {
    let base = wat::parse_str(
        r#"(module (memory (export "memory") 1) (global (export "g") (mut i32) (i32.const 5))
            (func (export "f") (param i32) (i32.store (i32.const 0) (local.get 0))))"#,
    )
    .unwrap();
    let main = |word: u32| {
        let text = r#"(module (import "base" "memory" (memory 1)) (export "memory" (memory 0)) (import "base" "g" (global (mut i32)))
            (export "g" (global 0)) (import "base" "f" (func (param i32)))
            (func (export "run") (global.set 0 (i32.const WORD)) (call 0 (i32.const WORD))))"#;
        wat::parse_str(text.replace("WORD", &word.to_string())).unwrap()
    };
    for engine in engines() {
        let group = engine.compile(&[("base", &base)], &[]).unwrap();
        for word in [7, 8] {
            let mut instance = group.extend(&[("main", &main(word))], &["g"]).unwrap().instantiate().unwrap();
            assert_eq!(instance.call(FUEL).unwrap(), End::Finished);
            let mut globals = Vec::new();
            instance.globals(&mut globals);
            assert_eq!((u32::from(instance.heap()[0]), globals), (word, vec![word]), "{}", engine.name());
        }
        let missing = wat::parse_str(r#"(module (import "none" "f" (func)))"#).unwrap();
        assert!(matches!(group.extend(&[("main", &missing)], &[]), Err(EngineError::Import { .. })));
    }
}

#[test]
fn every_core_trap_is_told_apart() {
    let run = |body: &str| format!(r#"(func (export "run") {body})"#);
    let call = "(type $t (func (param i32))) (func $f) (table 2 funcref) (elem (i32.const 0) $f)";
    let tests = [
        (Trap::Unreachable, run("unreachable")),
        (Trap::MemoryOutOfBounds, run("(drop (i32.load (i32.const 65533)))")),
        (Trap::TableOutOfBounds, format!("{call} {}", run("(call_indirect (i32.const 2))"))),
        (Trap::IndirectCallToNull, format!("{call} {}", run("(call_indirect (i32.const 1))"))),
        (Trap::BadSignature, format!("{call} {}", run("(call_indirect (type $t) (i32.const 5) (i32.const 0))"))),
        (Trap::IntegerDivisionByZero, run("(drop (i32.div_u (i32.const 1) (i32.const 0)))")),
        (Trap::IntegerOverflow, run("(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))")),
        (Trap::BadConversionToInteger, run("(drop (i32.trunc_f32_s (f32.const nan)))")),
        (Trap::StackOverflow, r#"(func $f (export "run") (call $f) (call $f))"#.to_owned()),
    ];
    for engine in engines() {
        let name = engine.name();
        for (trap, module) in &tests {
            let end = run_body(&*engine, module);
            if name == "v8" && matches!(trap, Trap::IndirectCallToNull | Trap::BadSignature) {
                let message = end.unwrap_err().to_string();
                assert!(message.contains("RuntimeError: null function or function signature mismatch"), "{message}");
            } else {
                assert_eq!(end.unwrap(), End::Trapped(*trap), "{name}");
            }
        }
        if name != "v8" {
            assert_eq!(run_body(&*engine, &run("(loop (br 0))")).unwrap(), End::OutOfFuel, "{name}");
        }
    }
}

#[test]
fn ten_thousand_frames_are_no_overflow() {
    let module = r#"(func $down (param i32) (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1))))))
        (func (export "run") (call $down (i32.const 10000)))"#;
    for engine in engines() {
        assert_eq!(run_body(&*engine, module).unwrap(), End::Finished, "{}", engine.name());
    }
}

#[test]
fn nothing_leaks_from_one_program_to_the_next() {
    let mut state = 1_u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap()
    };
    let program = tape(&plan(vec![alloc(push(0), 100), Step::Collect]));
    for engine in residents() {
        let mut session = Resident::new(compile_resident(&*engine, &bump::runtime()).unwrap()).unwrap();
        let pristine = session.heap().to_vec();
        let mut globals = Vec::new();
        session.instance_mut().globals(&mut globals);
        assert_eq!(globals, [bump::HEAP, bump::ROOTS, 0, bump::HEAP, 0]);
        let end = session.run(&program, FUEL).unwrap();
        let (expected, memory) = (session.outcome(end), session.heap().to_vec());
        for _ in 0..50 {
            let instance = session.instance_mut();
            for _ in 0..random() % 200 {
                let at = random() % instance.heap().len();
                instance.heap_mut()[at] = random().to_le_bytes()[0];
            }
            instance.set_globals(&[7, 8, 9, 10, 11]);
            let mutator = instance.mutator_mut();
            let from = random() % mutator.len();
            mutator[from..].fill(0xAA);
            session.begin(&tape(&plan(vec![]))).unwrap();
            assert!(session.heap() == pristine, "{}: memory leaks", engine.name());
            let mut now = Vec::new();
            session.instance_mut().globals(&mut now);
            assert_eq!(now, globals, "{}", engine.name());
            let end = session.run(&program, FUEL).unwrap();
            assert_eq!(session.outcome(end), expected, "{}", engine.name());
            assert!(session.heap() == memory);
        }
    }
}

#[test]
fn an_instance_that_grew_is_replaced() {
    let grows = tape(&plan(vec![alloc(push(0), 500_000)]));
    let small = tape(&plan(vec![alloc(push(0), 8)]));
    for engine in residents() {
        let mut session = Resident::new(compile_resident(&*engine, &bump::runtime()).unwrap()).unwrap();
        for _ in 0..3 {
            let end = session.run(&grows, FUEL).unwrap();
            assert_eq!(session.outcome(end).pages, 8);
            let end = session.run(&small, FUEL).unwrap();
            assert_eq!((session.outcome(end).pages, session.heap().len()), (1, 65_536));
        }
    }
}

#[test]
fn fuel_bounds_a_program_and_the_session_goes_on() {
    let wide = Step::Graph { root: push(0), shape: Shape::Wide { n: 1_000 }, words: 1, tag: 0 };
    let wide = tape(&plan(vec![Step::Nop, wide]));
    for engine in residents() {
        let mut session = Resident::new(compile_resident(&*engine, &bump::runtime()).unwrap()).unwrap();
        let end = session.run(&wide, 1_000).unwrap();
        assert_eq!((end, session.step()), (End::OutOfFuel, 1), "{}", engine.name());
        assert!((900..=1_000).contains(&session.fuel_used()));
        assert_eq!(session.run(&wide, FUEL).unwrap(), End::Finished);
        let used = session.fuel_used();
        assert!(used > 1_000);
        assert_eq!((session.run(&wide, used).unwrap(), session.fuel_used()), (End::Finished, used));
    }
}

#[test]
fn hundreds_of_instances_live_at_once() {
    let program = tape(&plan(vec![alloc(push(0), 100_000)]));
    for engine in residents() {
        let compiled = compile_resident(&*engine, &bump::runtime()).unwrap();
        let mut sessions: Vec<_> = (0..400).map(|_| Resident::new(compiled.clone()).unwrap()).collect();
        for session in &mut sessions {
            assert_eq!(session.run(&program, FUEL).unwrap(), End::Finished);
        }
    }
}

#[test]
fn a_memory_of_256_mib_works() {
    let module = r#"(module (memory (export "memory") 1 4096) (func (export "run")
        (if (i32.ne (memory.grow (i32.const 4095)) (i32.const 1)) (then unreachable))
        (if (i32.ne (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))
        (i32.store (i32.const 0x0FFFFFFC) (i32.const 1))))"#;
    let module = wat::parse_str(module).unwrap();
    for engine in engines() {
        let mut instance = engine.compile(&[("main", &module)], &[]).unwrap().instantiate().unwrap();
        assert_eq!(instance.call(FUEL).unwrap(), End::Finished, "{}", engine.name());
        assert_eq!(instance.heap().len(), 1 << 28);
    }
}

#[test]
fn growth_beyond_256_mib_is_refused_alike() {
    let module = r#"(memory (export "memory") 1) (func (export "run")
        (if (i32.ne (memory.grow (i32.const 4096)) (i32.const -1)) (then unreachable)))"#;
    let module = wat::parse_str(format!("(module {module})")).unwrap();
    for engine in engines() {
        let mut instance = engine.compile(&[("main", &module)], &[]).unwrap().instantiate().unwrap();
        assert_eq!(instance.call(FUEL).unwrap(), End::Finished, "{}", engine.name());
    }
}

#[test]
fn a_tape_too_long_for_any_memory_is_refused() {
    let huge = tape(&Plan { log_words: u32::MAX, ..plan(vec![]) });
    for engine in residents() {
        let mut session = Resident::new(compile_resident(&*engine, &bump::runtime()).unwrap()).unwrap();
        assert!(matches!(session.begin(&huge), Err(EngineError::Memory { .. })), "{}", engine.name());
    }
}

#[test]
fn a_backtrace_names_functions_innermost_first() {
    let program = tape(&plan(vec![alloc(push(0), 0x8000_0000)]));
    let engine = Wasmtime::new(Backtrace::On).unwrap();
    let mut session = Resident::new(compile_resident(&engine, &bump::runtime()).unwrap()).unwrap();
    assert_eq!(session.run(&program, FUEL).unwrap(), End::Trapped(Trap::Unreachable));
    assert_eq!(session.backtrace()[..2], ["alloc", "mutator.alloc"]);
    assert_eq!(session.run(&tape(&plan(vec![])), FUEL).unwrap(), End::Finished);
    assert!(session.backtrace().is_empty());
}

#[test]
fn an_unknown_engine_gets_a_hint() {
    let Err(error) = by_name("wasmtme") else { panic!("there is no such engine") };
    assert!(matches!(error, UnknownEngine::Name { .. }));
    assert_eq!(
        error.to_string(),
        "no engine is called `wasmtme`; there are wasmtime, wasmi, pulley, wasmi1, winch and v8; did you mean `wasmtime`?"
    );
}

#[test]
fn an_import_that_nobody_provides_is_an_error() {
    for engine in engines() {
        let error = run_body(&*engine, "").unwrap_err();
        assert!(matches!(error, EngineError::Export { .. }), "{error}");
        let module = wat::parse_str(r#"(module (import "env" "f" (func)))"#).unwrap();
        let error = engine.compile(&[("main", &module)], &[]).err().unwrap();
        assert!(error.to_string().contains("imports `env.f`"), "{error}");
    }
}

#[test]
fn what_runs_too_long_on_v8_is_killed_and_the_next_call_has_a_new_process() {
    let Ok(engine) = V8::with_limit(std::time::Duration::from_secs(1)) else { return println!("without v8") };
    let run = |body: &str| run_body(&engine, &format!(r#"(func (export "run") {body})"#));
    for _ in 0..2 {
        assert!(matches!(run("(loop (br 0))"), Err(EngineError::Killed { engine: "v8", seconds: 1 })));
        assert_eq!(run("").unwrap(), End::Finished);
    }
    let module =
        wat::parse_str(r#"(module (memory (export "memory") 1) (func (export "run") (loop (br 0))))"#).unwrap();
    let mut instance = engine.compile(&[("main", &module)], &[]).unwrap().instantiate().unwrap();
    assert!(matches!(instance.call(FUEL), Err(EngineError::Killed { .. })));
    assert!(matches!(instance.call(FUEL), Err(EngineError::Abnormal { .. })));
}

#[test]
fn memory_and_globals_that_are_written_from_outside_are_seen_inside_and_back() {
    let module = wat::parse_str(
        r#"(module (memory (export "memory") 2) (memory (export "mutator") 1) (global $g (export "g") (mut i32) (i32.const -1))
             (func (export "run") (i32.store (i32.const 70000) (i32.add (global.get $g) (i32.load (i32.const 8))))
               (global.set $g (i32.load 1 (i32.const 66000)))))"#,
    )
    .unwrap();
    let program = wat::parse_str(
        r#"(module (import "mutator" "get" (func $get (result i32))) (memory (export "memory") 2)
             (global $g (export "g") (mut i32) (i32.const -1))
             (func (export "run") (i32.store (i32.const 70000) (i32.add (global.get $g) (i32.load (i32.const 8))))
               (global.set $g (call $get))))"#,
    )
    .unwrap();
    let mutator = wat::parse_str(
        r#"(module (memory (export "memory") 1) (func (export "get") (result i32) (i32.load (i32.const 66000))))"#,
    )
    .unwrap();
    for engine in engines() {
        let modules: &[(&str, &[u8])] = match engine.lowering() {
            Lowering::Resident => &[("main", &module)],
            Lowering::Standalone => &[("mutator", &mutator), ("main", &program)],
        };
        let mut instance = engine.compile(modules, &["absent", "g"]).unwrap().instantiate().unwrap();
        let (name, mut globals) = (engine.name(), Vec::new());
        instance.globals(&mut globals);
        assert_eq!(globals, [0xFFFF_FFFF], "{name}");
        instance.grow_mutator(65_537).unwrap();
        assert_eq!(instance.mutator().len(), 131_072);
        instance.mutator_mut()[66_000] = 77;
        instance.heap_mut()[8] = 5;
        instance.set_globals(&[0x8000_0000]);
        assert_eq!(instance.call(FUEL).unwrap(), End::Finished);
        instance.globals(&mut globals);
        assert_eq!(globals, [77], "{name}");
        assert_eq!(instance.heap()[70_000..70_004], [5, 0, 0, 0x80], "{name}");
        assert_eq!((instance.heap()[8], instance.mutator()[66_000]), (5, 77), "{name}");
    }
}

#[test]
fn exports_are_invoked_by_name_and_type() {
    let module = wat::parse_str(
        r#"(module (memory (export "memory") 1) (func (export "run"))
             (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
             (func (export "wide") (param i64)) (func (export "trap") unreachable))"#,
    )
    .unwrap();
    for engine in engines() {
        let mut instance = engine.compile(&[("main", &module)], &[]).unwrap().instantiate().unwrap();
        let mut invoke = |export, args: &[i32]| instance.invoke(export, args, FUEL);
        assert_eq!(invoke("add", &[i32::MAX, 1]).unwrap(), Ok(vec![i32::MIN]), "{}", engine.name());
        assert_eq!(invoke("run", &[]).unwrap(), Ok(vec![]));
        assert_eq!(invoke("trap", &[]).unwrap(), Err(End::Trapped(Trap::Unreachable)));
        for (export, args) in [("add", &[1][..]), ("wide", &[1]), ("memory", &[]), ("absent", &[])] {
            assert!(matches!(invoke(export, args), Err(EngineError::Export { .. })), "{}: {export}", engine.name());
        }
    }
}

/// A known bug of wasmi 2.0.0, which 1.0.9 does not have: with a comparison of a parameter with zero as its condition, `select` looks
/// at another value. Where this fails on wasmi, the bug is mended, and `first-fit-by-select` has no use any more.
#[test]
fn select_on_a_comparison_of_a_parameter_with_zero_is_wrong_on_wasmi_2_0_0_alone() {
    for (condition, of_zero) in [
        ("(i32.eqz (local.get 0))", [1, 0]),
        ("(i32.eq (local.get 0) (i32.const 0))", [1, 0]),
        ("(i32.ne (local.get 0) (i32.const 0))", [0, 1]),
    ] {
        let module = wat::parse_str(format!(
            r#"(module (memory (export "memory") 1) (func (export "run"))
                 (func (export "f") (param i32) (result i32) (select (i32.const 1) (i32.const 0) {condition})))"#
        ))
        .unwrap();
        for engine in engines() {
            let mut instance = engine.compile(&[("main", &module)], &[]).unwrap().instantiate().unwrap();
            let found = [0, 7].map(|x| instance.invoke("f", &[x], FUEL).unwrap().unwrap()[0]);
            let expected = if engine.name() == "wasmi" { [of_zero[0]; 2] } else { of_zero };
            assert_eq!(found, expected, "{condition} on {}", engine.name());
        }
    }
}

/// wasmi 2.0.0 keeps a frame of its own for each `memory.grow` that is refused: workers have a stack that holds more of them than any fuel buys.
#[test]
fn refused_grows_do_not_exhaust_a_worker_s_stack() {
    let module = wat::parse_str(
        r#"(module (memory (export "memory") 1 1) (func (export "run")) (func (export "f") (param i32) (result i32) (local i32)
             (loop $next
               (local.set 1 (memory.grow (i32.const 1)))
               (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
             (local.get 1)))"#,
    )
    .unwrap();
    let refused = crate::campaign::on_all(1, || {
        let each = engines().into_iter().map(|engine| {
            let mut instance = engine.compile(&[("main", &module)], &[]).unwrap().instantiate().unwrap();
            instance.invoke("f", &[300_000], FUEL).unwrap().unwrap()[0]
        });
        each.collect::<Vec<_>>()
    });
    assert!(refused[0].iter().all(|grown| *grown == -1), "{refused:?}");
}

#[test]
fn many_programs_on_one_pipe_are_answered_in_order_whatever_one_of_them_does() {
    let Ok(engine) = V8::with_limit(std::time::Duration::from_secs(2)) else { return println!("without v8") };
    // More than both pipes hold at once: 24 modules with 192 KiB of data, which come back as memory.
    let bytes = "a".repeat(192 << 10);
    let whole = |i: usize| {
        let body = match i {
            3 => "(loop (br 0))".to_owned(),
            5 => "unreachable".to_owned(),
            9 => "(call $import)".to_owned(),
            _ => format!("(i32.store (i32.const 0) (i32.const {i})) (global.set $g (i32.const {i}))"),
        };
        let import = if i == 9 { r#"(import "env" "f" (func $import))"# } else { "" };
        let parameter = if i == 7 { "(param i32)" } else { "" };
        let text = format!(
            r#"(module {import} (memory (export "memory") 3) (data (i32.const 0) "{bytes}")
                 (global $g (export "g") (mut i32) (i32.const -1)) (func (export "run") {parameter} {body}))"#
        );
        let mut module = wat::parse_str(text).unwrap();
        if i == 11 {
            module.truncate(100);
        }
        Whole { modules: vec![("main", module)], globals: ["g", "none"].map(str::to_owned).to_vec(), fuel: FUEL }
    };
    let groups: Vec<Whole> = (0..24).map(whole).collect();
    let mut next = 0;
    engine.run_whole(&groups.iter().collect::<Vec<_>>(), &mut |i, ran| {
        assert_eq!(i, next);
        next += 1;
        match i {
            3 => assert!(matches!(ran, Err(EngineError::Killed { engine: "v8", seconds: 2 })), "{ran:?}"),
            7 => assert!(matches!(ran, Err(EngineError::Export { .. }))),
            9 => assert!(matches!(ran, Err(EngineError::Instantiate { .. }))),
            11 => assert!(matches!(ran, Err(EngineError::Compile { .. }))),
            _ => {
                let ran = ran.unwrap();
                let end = if i == 5 { End::Trapped(Trap::Unreachable) } else { End::Finished };
                let (word, global) = if i == 5 { (*b"aaaa", u32::MAX) } else { ((i as u32).to_le_bytes(), i as u32) };
                assert_eq!((ran.end, &ran.heap[..4], &ran.globals), (end, &word[..], &vec![global]));
                assert_eq!((ran.heap.len(), &ran.heap[4..]), (192 << 10, &bytes.as_bytes()[4..]));
            }
        }
    });
    assert_eq!(next, groups.len());
}
