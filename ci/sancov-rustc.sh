#!/usr/bin/env bash
# RUSTC_WORKSPACE_WRAPPER of the fast fuzzing build: libFuzzer's instrumentation in this workspace's crates only. Engines stay as they are
# in `cargo build --release`: the fuzzer learns from heapsmith's code and from inside the guest, not from wasmtime.
flags=(--cfg fuzzing --cfg fuzzing_workspace_only -Ccodegen-units=1 -Cpasses=sancov-module
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table)
# Of the harness functions are counted, and its edges only where EDGES=1 asks for them: edges of model, emulator and judge tell little that the guest's
# edges and state do not, and libFuzzer takes as long to read them as both engines for a program of 20 ops. cargo does not see the variable: a build
# with it wants a CARGO_TARGET_DIR of its own. Where programs are read edges are counted and compares traced.
level=1
[ "${EDGES:-}" != 1 ] || level=4
case " $* " in
*" --crate-name heapsmith "*) flags+=(-Cllvm-args=-sanitizer-coverage-level=$level) ;;
*" --crate-name heapsmith_generators "*)
    flags+=(-Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-trace-compares)
    ;;
*) flags+=(-Cllvm-args=-sanitizer-coverage-level=4) ;;
esac
exec "$@" "${flags[@]}"
