#!/usr/bin/env bash
# The fast fuzzing build, and so many executions of each target from its seeds: ci/fuzz.sh [EXECUTIONS [TARGET...]]
# HEAPSMITH_RUNTIME names the collector, `fixed` otherwise. Seeds are copied: nothing is written into corpus/.
set -euo pipefail
cd "$(dirname "$0")/.."
executions=${1:-10000}
shift || true
targets=("$@")
if [ ${#targets[@]} = 0 ]; then
    for path in fuzz/fuzz_targets/*.rs; do targets+=("$(basename "$path" .rs)"); done
fi
RUSTC_WORKSPACE_WRAPPER=$PWD/ci/sancov-rustc.sh cargo build --release --locked -p heapsmith-fuzz
bin=${CARGO_TARGET_DIR:-target}/release
out=$(mktemp -d)

for target in "${targets[@]}"; do
    runs=$executions
    # An execution compiles a module.
    if [ "$target" = wild ]; then runs=$((executions / 10)); fi
    mkdir -p "$out/$target/corpus" "$out/$target/artifacts"
    if [ -d "corpus/seeds/$target" ]; then cp -r "corpus/seeds/$target/." "$out/$target/corpus"; fi
    code=0
    "$bin/$target" -runs="$runs" -seed=1 -len_control=0 -max_len=4096 -timeout=60 -rss_limit_mb=4096 -print_final_stats=1 \
        -artifact_prefix="$out/$target/artifacts/" "$out/$target/corpus" >"$out/$target/log" 2>&1 || code=$?
    done=$(sed -n 's/^stat::number_of_executed_units: *//p' "$out/$target/log")
    if [ "$code" != 0 ] || [ "${done:-0}" -lt "$runs" ]; then
        tail -n 60 "$out/$target/log"
        echo "$target: expected $runs executions and no failure, found ${done:-0} and exit code $code; all of it is in $out/$target" >&2
        exit 1
    fi
    speed=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$out/$target/log")
    echo "$target: $done executions, $speed a second, $(find "$out/$target/corpus" -type f | wc -l) inputs kept, $(grep -o 'cov: [0-9]* ft: [0-9]*' "$out/$target/log" | tail -n 1)"
done
rm -rf "$out"
