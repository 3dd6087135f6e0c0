#!/usr/bin/env bash
# The fast fuzzing build, and so many executions of each target from its seeds: ci/fuzz.sh [EXECUTIONS [TARGET...]]
# HEAPSMITH_RUNTIME names the collector, `fixed` otherwise; JOBS says how many targets run at once, as many as there are processors otherwise.
# PROFILE=dev shares the dependencies of the tests. Seeds are copied: nothing is written into corpus/. What is found stays in the folder that is named.
set -euo pipefail
cd "$(dirname "$0")/.."
executions=${1:-10000}
shift || true
targets=("$@")
# The longest first, so that processors are busy to the end.
[ ${#targets[@]} -gt 0 ] || targets=(graphs wild pages heap_image sequences description case_text)
jobs=${JOBS:-$(nproc)}
for path in fuzz/fuzz_targets/*.rs; do
    case " ${targets[*]} " in
    *" $(basename "$path" .rs) "*) ;;
    *) [ $# -gt 0 ] || { echo "expected $path among the targets of $0, found it nowhere" >&2; exit 2; } ;;
    esac
done
profile=${PROFILE:-release}
RUSTC_WORKSPACE_WRAPPER=$PWD/ci/sancov-rustc.sh cargo build --profile "$profile" --locked -p heapsmith-fuzz
bin=${CARGO_TARGET_DIR:-target}/${profile/#dev/debug}
out=$(mktemp -d)

fuzz() { # fuzz TARGET: a line about it; 1 and the end of its log if it failed, or did not do what it was asked for.
    local target=$1 runs=$executions code=0 begun=$SECONDS ran
    # An execution compiles a module.
    if [ "$target" = wild ]; then runs=$((executions / 10)); fi
    mkdir -p "$out/$target/corpus" "$out/$target/artifacts"
    if [ -d "corpus/seeds/$target" ]; then cp -r "corpus/seeds/$target/." "$out/$target/corpus"; fi
    "$bin/$target" -runs="$runs" -seed=1 -len_control=0 -max_len=4096 -timeout=60 -rss_limit_mb=4096 -print_final_stats=1 \
        -artifact_prefix="$out/$target/artifacts/" "$out/$target/corpus" >"$out/$target/log" 2>&1 || code=$?
    ran=$(sed -n 's/^stat::number_of_executed_units: *//p' "$out/$target/log")
    if [ "$code" != 0 ] || [ "${ran:-0}" -lt "$runs" ]; then
        tail -n 60 "$out/$target/log"
        echo "$target: expected $runs executions and no failure, found ${ran:-no count of them} and exit code $code; all of it is in $out/$target" >&2
        return 1
    fi
    echo "$target: $ran executions in $((SECONDS - begun)) s, $(find "$out/$target/corpus" -type f | wc -l) inputs kept, $(
        grep -o 'cov: [0-9]* ft: [0-9]*' "$out/$target/log" | tail -n 1
    )"
}

export -f fuzz
export bin out executions
printf '%s\n' "${targets[@]}" | xargs -P "$jobs" -I{} bash -euo pipefail -c 'fuzz {}' || exit 1
rm -rf "$out"
