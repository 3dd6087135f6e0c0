#!/usr/bin/env bash
# RUSTC_WRAPPER for a cargo-fuzz build that runs for seconds: crates of others are compiled without libFuzzer's instrumentation, optimisation and
# debug information. cargo does not see what a wrapper does: RUSTFLAGS must tell such a build from others.
set -euo pipefail
case " $* " in
*" --crate-name heapsmith"* | *" fuzz_targets/"*) exec "$@" ;;
esac
kept=()
for argument in "$@"; do
    case $argument in
    -Cpasses=sancov-module | -Cllvm-args=*) ;;
    opt-level=*) kept+=(opt-level=0) ;;
    debuginfo=*) kept+=(debuginfo=0) ;;
    *) kept+=("$argument") ;;
    esac
done
exec "${kept[@]}"
