#!/usr/bin/env bash
# How many executions libFuzzer needs to find a planted fault, from nothing: with what is reached inside the collector, with the host's coverage
# alone, and unguided, where it keeps nothing. One line for each seed, then the median and the range. A fault that is not found within CAP
# executions counts as more than CAP. Seconds are those of the processor.
#
#   ci/measure-fuzz.sh [SEEDS] [CAP] [FAULT...]     default: 10 seeds, 2000 executions, the dropped push and the mid-object mark
#
# CAPACITIES pins the collector's, `worklist=16384,roots=4096` otherwise; set and empty, they are those of the target's machines, mostly small.
# TARGET names the target, `graphs` otherwise; FUZZER is its program, if it is built already; FEEDBACK lists what is compared, `on off none` otherwise.
set -euo pipefail
cd "$(dirname "$0")/.."
seeds=${1:-10} cap=${2:-2000} target=${TARGET:-graphs} capacities=${CAPACITIES-worklist=16384,roots=4096}
faults=("${@:3}") feedback=${FEEDBACK:-on off none}
[ ${#faults[@]} -gt 0 ] || faults=(drop-field-push candidate-without-bitmap)
if [ -z "${FUZZER:-}" ]; then
    RUSTC_WORKSPACE_WRAPPER=$PWD/ci/sancov-rustc.sh cargo build --release --locked -p heapsmith-fuzz --bin "$target"
    FUZZER=${CARGO_TARGET_DIR:-target}/release/$target
fi
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

name() { # name FEEDBACK: in words
    case $1 in
    on) echo "with guest feedback" ;;
    off) echo "host only" ;;
    none) echo "unguided" ;;
    *) echo "FEEDBACK: expected \`on\`, \`off\` or \`none\`, found \`$1\`" >&2; return 2 ;;
    esac
}

for kind in $feedback; do name "$kind" >/dev/null; done

# first RUNTIME SEED FEEDBACK: executions up to and with the first violation, or - if there is none, and the seconds that they took.
first() {
    local code=0
    rm -rf "$out/corpus" && mkdir "$out/corpus"
    TIMEFORMAT=%U
    { time HEAPSMITH_RUNTIME="$1" HEAPSMITH_FEEDBACK="$3" "$FUZZER" -runs="$cap" -seed="$2" -len_control=0 -max_len=4096 -timeout=3600 -rss_limit_mb=4096 \
        -print_final_stats=1 -artifact_prefix="$out/" "$out/corpus" >"$out/log" 2>&1 || code=$?; } 2>"$out/seconds"
    case $code in
    0) echo "- $(cat "$out/seconds")" ;;
    # What libFuzzer ends with after an abort; it must have been for a violation.
    77) grep -q '^violation: ' "$out/log" || { tail -n 60 "$out/log" >&2; return 1; }
        echo "$(sed -n 's/^stat::number_of_executed_units: *//p' "$out/log") $(cat "$out/seconds")" ;;
    *) tail -n 60 "$out/log" >&2
        echo "expected exit code 0 or 77, found $code" >&2
        return 1 ;;
    esac
}

# Median and range of numbers, one a line; "-" stands for more than CAP.
summary() {
    sed "s/^-$/$((cap + 1))/" | sort -n | awk -v cap="$cap" '
        function show(x) { return x > cap ? "more than " cap : x }
        { n[NR] = $1; if ($1 > cap) censored++ }
        END {
            m = NR % 2 ? n[(NR + 1) / 2] : (n[NR / 2] + n[NR / 2 + 1]) / 2
            printf "median %s, range %s to %s, not found %d of %d\n", show(m), show(n[1]), show(n[NR]), censored, NR
        }'
}

for fault in "${faults[@]}"; do
    runtime="fixed?fault=$fault${capacities:+,$capacities}"
    echo "$target, $runtime: executions until the first violation"
    rm -f "$out"/all-*
    for seed in $(seq 1 "$seeds"); do
        line=
        for kind in $feedback; do
            found=$(first "$runtime" "$seed" "$kind")
            echo "${found% *}" >>"$out/all-$kind"
            line+=", $(name "$kind") ${found% *} (${found#* } s)"
        done
        echo "  seed $seed: ${line#, }"
    done
    for kind in $feedback; do
        printf '  %-20s %s\n' "$(name "$kind"):" "$(summary <"$out/all-$kind")"
    done
done
