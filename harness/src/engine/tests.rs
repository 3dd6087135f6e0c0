//! What the engines promise, each of them.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::session::{Resident, compile_resident};
use super::{Backtrace, Engine, EngineError, Known, UnknownEngine, Wasmtime, by_name};
use crate::lower::tape::Tape;
use crate::lower::tests::{alloc, bump, plan, push};
use crate::outcome::{End, Trap};
use crate::plan::{Plan, Shape, Step};

const FUEL: u64 = 100_000_000;

fn engines() -> Vec<Box<dyn Engine>> {
    Known::ALL.into_iter().map(|known| known.open(Backtrace::Off).unwrap()).collect()
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
        for (trap, module) in &tests {
            assert_eq!(run_body(&*engine, module).unwrap(), End::Trapped(*trap), "{}", engine.name());
        }
        assert_eq!(run_body(&*engine, &run("(loop (br 0))")).unwrap(), End::OutOfFuel, "{}", engine.name());
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
    for engine in engines() {
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
    for engine in engines() {
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
    for engine in engines() {
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
    for engine in engines() {
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
    for engine in engines() {
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
        "no engine is called `wasmtme`; there are wasmtime, wasmi, pulley, wasmi1 and winch; did you mean `wasmtime`?"
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
