#!/usr/bin/env bash
# RUSTC_WORKSPACE_WRAPPER of the fast fuzzing build: libFuzzer's instrumentation in this workspace's crates only. Engines stay as they are
# in `cargo build --release`: the fuzzer learns from heapsmith's code and from inside the guest, not from wasmtime.
flags=(--cfg fuzzing --cfg fuzzing_workspace_only -Ccodegen-units=1 -Cpasses=sancov-module
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table)
# Compares are traced where texts and bytes are read. In model, emulator and judge they took more than half of an execution's time, and tell
# nothing that the guest's edges and state do not.
case " $* " in
*" --crate-name heapsmith_generators "*) flags+=(-Cllvm-args=-sanitizer-coverage-trace-compares) ;;
esac
exec "$@" "${flags[@]}"
