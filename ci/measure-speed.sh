#!/usr/bin/env bash
# Executions a second of processor time of each libFuzzer target, one after the other, from its seeds, as a row of a table for each.
#
#   ci/measure-speed.sh [BUILD [TARGET...]]     default: fast, all targets, and `sequences` with inputs of about 20 ops
#
# BUILD is `fast`, `plain` (cargo +stable fuzz -s none) or `asan` (cargo +nightly fuzz: AddressSanitizer). BIN is the folder of the programs, if they
# are built already; EXECUTIONS says how many executions each target is given, 20000 otherwise, a twentieth for `graphs` and `pages`, and a hundredth for
# `wild`, which compiles modules; TIME in how many seconds at most, 60 otherwise. HEAPSMITH_RUNTIME names the collector, `fixed` otherwise.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-fast}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(sequences sequences-20 graphs pages heap_image wild description case_text)
target_dir=${CARGO_TARGET_DIR:-target}
host=$(rustc -vV | sed -n 's/^host: //p')
if [ -z "${BIN:-}" ]; then
    # cargo-fuzz builds of any kind leave their programs in one folder: this one is built now, and what was there is not measured.
    case $build in
    fast) RUSTC_WORKSPACE_WRAPPER=$PWD/ci/sancov-rustc.sh cargo build --release --locked -p heapsmith-fuzz >&2; BIN=$target_dir/release ;;
    plain) cargo +stable fuzz build -s none >&2; BIN=$target_dir/$host/release ;;
    asan) cargo +nightly fuzz build >&2; BIN=$target_dir/$host/release ;;
    *) echo "expected a build \`fast\`, \`plain\` or \`asan\`, found \`$build\`" >&2; exit 2 ;;
    esac
fi
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
printf '| target, %s build | executions | seconds | a second |\n|---|---|---|---|\n' "$build"
for named in "${targets[@]}"; do
    target=${named%-20} runs=${EXECUTIONS:-20000} most=4096 code=0
    case $named in
    graphs | pages) runs=$((runs / 20)) ;;
    wild) runs=$((runs / 100)) ;;
    # What 20 ops have in bytes.
    sequences-20) most=160 ;;
    esac
    rm -rf "$out/corpus" && mkdir "$out/corpus"
    if [ "$named" = "$target" ] && [ -d "corpus/seeds/$target" ]; then cp -r "corpus/seeds/$target/." "$out/corpus"; fi
    TIMEFORMAT=%U
    { time ASAN_OPTIONS=detect_odr_violation=0 "$BIN/$target" -runs="$runs" -max_total_time="${TIME:-60}" -seed=1 -len_control=0 -max_len="$most" \
        -timeout=3600 -rss_limit_mb=8192 -print_final_stats=1 -artifact_prefix="$out/" "$out/corpus" >"$out/log" 2>&1 || code=$?; } 2>"$out/seconds"
    ran=$(sed -n 's/^stat::number_of_executed_units: *//p' "$out/log")
    [ "$code" = 0 ] && [ -n "$ran" ] || { tail -n 60 "$out/log" >&2; echo "$named: expected no failure, found exit code $code" >&2; exit 1; }
    awk -v name="$named" -v ran="$ran" -v seconds="$(cat "$out/seconds")" \
        'BEGIN { printf "| `%s` | %d | %.1f | %.0f |\n", name, ran, seconds, ran / seconds }'
done
