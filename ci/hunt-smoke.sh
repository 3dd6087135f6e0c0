#!/usr/bin/env bash
# The main job end to end: `fixed` is clean, and the seed's bugs are found where they lived. PROFILE=dev shares the build of the tests.
set -euo pipefail
cd "$(dirname "$0")/.."
profile=${PROFILE:-release}
cargo build --profile "$profile" --locked --workspace
heapsmith=${CARGO_TARGET_DIR:-target}/${profile/#dev/debug}/heapsmith
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

expect() { # expect CODE COMMAND...
    local want=$1 code=0
    shift
    "$@" >"$out/stdout" || code=$?
    cat "$out/stdout"
    if [ "$code" != "$want" ]; then
        echo "expected exit code $want, found $code: $*" >&2
        exit 1
    fi
}
found() { grep -qF "$1" "$out/stdout" || { echo "expected the summary to say: $1" >&2; exit 1; }; }
absent() { if grep -qF "$1" "$out/stdout"; then echo "expected the summary not to say: $1" >&2; exit 1; fi; }

expect 0 "$heapsmith" doctor
expect 0 "$heapsmith" hunt --runtime fixed --programs 10000 --out "$out/fixed"
expect 1 "$heapsmith" hunt --runtime vera@0.0.130 --seconds 20 --out "$out/130"
found "silent-free"
# An out-of-bounds store, explained by one-page growth.
grep -A2 "^  out-of-bounds\.alloc\.grow" "$out/stdout" | grep -qF "(growth)"
found "(worklist-push-when-full)"
found "(growth)"
expect 1 "$heapsmith" run "$out/130"
# What is known is reported apart, and is no violation.
expect 0 "$heapsmith" hunt --runtime vera@0.0.131 --programs 100 --out "$out/known"
found "known: 5 programs of 1 issue"
expect 1 "$heapsmith" hunt --runtime vera@0.0.131 --seconds 20 --no-known --out "$out/131"
found "corrupt-payload"
found "(candidate-test)"
absent "(worklist-push-when-full)"
absent "(growth)"
expect 0 "$heapsmith" pins 'vera@0.0.131?data_end=5'
# Every program of a small scope: the reference is clean, one-page growth shows at one op. Work grows as it is declared to.
expect 0 "$heapsmith" exhaust --runtime fixed --ops 3 --objects 2 --out "$out/scope"
found "checked 37 408 programs, all"
expect 1 "$heapsmith" exhaust --runtime vera@0.0.130 --ops 1 --objects 2 --out "$out/scope"
found "(growth)"
expect 0 "$heapsmith" cost --runtime fixed
# What silence is worth: every planted fault is seen, every bug of the history is found where it lived, and mutants of the reference are killed.
# Of a fault that breaks several promises the declared one is among the first eight.
expect 0 "$heapsmith" score --programs 1000 --enough 8
found "all as declared"
expect 0 "$heapsmith" mutants fixed --sample 60 --programs 300 --fail-under 75
# The measurement runs and prints its table; what it measures is nobody's promise here.
expect 0 "$heapsmith" bench --quick --engines wasmi
found "where the time of a program of about 20 ops goes"
found "the mixture, drawing included"
