//! Counters count what was taken, in any module, and nothing else changes.

use super::instrument::{COST, COUNTERS, InstrumentError, Instrumented, defined_functions, instrument};
use crate::engine::{Compiled, by_name};

/// `run` calls `f(global n)` and puts what it gives into global `out`.
fn module(functions: &str) -> Vec<u8> {
    let text = format!(
        "(module (memory (export \"memory\") 1)
           (global $n (export \"n\") (mut i32) (i32.const 0)) (global $out (export \"out\") (mut i32) (i32.const 0))
           {functions}
           (func $run (export \"run\") (global.set $out (call $f (global.get $n)))))"
    );
    wat::parse_str(text).unwrap()
}

/// Result, counts and fuel of a run with this argument; without counters the counts are empty.
fn run(compiled: &dyn Compiled, n: u32) -> (u32, Vec<u32>, u64) {
    let mut instance = compiled.instantiate().unwrap();
    instance.set_globals(&[n, 0]);
    instance.call(1 << 20).unwrap();
    let mut globals = Vec::new();
    instance.globals(&mut globals);
    let (counters, _) = instance.counters().as_chunks::<4>();
    let counts = counters.iter().map(|count| u32::from_le_bytes(*count)).collect();
    (globals[1], counts, instance.fuel_used())
}

/// Counts of the edges of `$f` for each argument, where result and fuel are those without counters.
fn counts<const N: usize>(functions: &str, arguments: [u32; N]) -> [Vec<u32>; N] {
    let plain = module(functions);
    let Instrumented { module, edges } = instrument(&plain, 0..1).unwrap();
    wasmparser::validate(&module).unwrap();
    assert!(edges.functions().map(|(name, _)| name).eq(["f"]));
    let engine = by_name("wasmtime").unwrap();
    let compile = |module: &[u8]| engine.compile(&[("main", module)], &["n", "out"]).unwrap();
    let (plain, counting) = (compile(&plain), compile(&module));
    arguments.map(|n| {
        let ((out, none, fuel), (counted, counts, more)) = (run(&*plain, n), run(&*counting, n));
        assert_eq!((out, none.len()), (counted, 0));
        assert_eq!(more - COST * counts.iter().map(|&count| u64::from(count)).sum::<u64>(), fuel);
        counts[..edges.len()].to_vec()
    })
}

#[test]
fn an_if_without_an_else_counts_both_ways() {
    let f = "(func $f (param i32) (result i32) (if (local.get 0) (then (local.set 0 (i32.const 7)))) (local.get 0))";
    assert_eq!(counts(f, [0, 1]), [[1, 0, 1], [1, 1, 0]]);
    let f =
        "(func $f (param i32) (result i32) (if (result i32) (local.get 0) (then (i32.const 7)) (else (i32.const 8))))";
    assert_eq!(counts(f, [0, 1]), [[1, 0, 1], [1, 1, 0]]);
}

#[test]
fn a_loop_counts_its_rounds_and_a_branch_out_of_a_block_where_it_lands() {
    // Entry, header, after a br_if that is not taken, after the block.
    let f = "(func $f (param i32) (result i32)
               (block $done (loop $more (br_if $done (i32.eqz (local.get 0)))
                 (local.set 0 (i32.sub (local.get 0) (i32.const 1))) (br $more))) (local.get 0))";
    assert_eq!(counts(f, [0, 300]), [[1, 1, 0, 1], [1, 301, 300, 1]]);
    // A block that no branch leaves has no edge.
    let f = "(func $f (param i32) (result i32) (block $b (local.set 0 (i32.const 1))) (local.get 0))";
    assert_eq!(counts(f, [0]), [[1]]);
}

#[test]
fn each_arm_of_a_table_is_an_edge() {
    let f = "(func $f (param i32) (result i32)
               (block $c (block $b (block $a (br_table $a $b $c (local.get 0))) (return (i32.const 1))) (return (i32.const 2))) (i32.const 3))";
    assert_eq!(counts(f, [0, 1, 2, 9]), [[1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1], [1, 0, 0, 1]]);
}

#[test]
fn sections_that_a_module_lacks_are_put_where_they_belong() {
    for text in [
        "(module (func))",
        "(module (import \"a\" \"b\" (memory 1)) (import \"a\" \"c\" (func)) (func $g (i32.store (i32.const 0) (i32.const 1))))",
        "(module (table 1 funcref) (global i32 (i32.const 0)) (func) (elem (i32.const 0) 0))",
        "(module (memory 1) (data \"x\") (func (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 1)) (memory.copy (i32.const 0) (i32.const 0) (i32.const 1))))",
    ] {
        let module = wat::parse_str(text).unwrap();
        let counting = instrument(&module, 0..1).unwrap();
        wasmparser::validate(&counting.module).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(counting.edges.len(), 1);
        assert!(counting.module.windows(COUNTERS.len()).any(|bytes| bytes == COUNTERS.as_bytes()), "{text}");
    }
}

#[test]
fn what_is_no_module_or_counts_already_is_refused() {
    assert!(matches!(instrument(b"\0asm", 0..1), Err(InstrumentError::Invalid(_))));
    let once = instrument(&module("(func $f (param i32) (result i32) (local.get 0))"), 0..1).unwrap();
    assert!(matches!(instrument(&once.module, 0..1), Err(InstrumentError::Twice)));
    assert_eq!(defined_functions(&once.module).unwrap(), 2);
}

#[test]
fn functions_out_of_range_stay_as_they_are() {
    let module = module("(func $f (param i32) (result i32) (local.get 0))");
    let none = instrument(&module, 0..0).unwrap();
    assert!(none.edges.is_empty());
    let both = instrument(&module, 0..2).unwrap();
    assert!(both.edges.functions().eq([("f", 1), ("run", 1)]));
}
