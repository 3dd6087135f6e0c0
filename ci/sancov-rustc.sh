#!/usr/bin/env bash
# RUSTC_WORKSPACE_WRAPPER of the fast fuzzing build: libFuzzer's instrumentation in this workspace's crates only. Engines stay as they are
# in `cargo build --release`, and are shared with it: the fuzzer learns from heapsmith's code and from inside the guest, not from wasmtime.
exec "$@" --cfg fuzzing --cfg fuzzing_workspace_only -Ccodegen-units=1 -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares
