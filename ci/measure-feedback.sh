#!/usr/bin/env bash
# How many programs a hunt needs to find a planted fault at the collector's own capacities, with feedback and without: one line for each seed,
# then the median and the range. A fault that is not found within CAP programs is censored, and counts as more than CAP.
#
#   ci/measure-feedback.sh [SEEDS] [CAP] [FAULT...]     default: 10 seeds, 2000 programs, the dropped push and the mid-object mark
set -euo pipefail
cd "$(dirname "$0")/.."
seeds=${1:-10} cap=${2:-2000}
faults=("${@:3}")
[ ${#faults[@]} -gt 0 ] || faults=(drop-field-push candidate-without-bitmap)
if [ -z "${HEAPSMITH:-}" ]; then
    cargo build --release --locked -p heapsmith
    HEAPSMITH=${CARGO_TARGET_DIR:-target}/release/heapsmith
fi
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# first FAULT SEED FLAG...: programs up to and with the first violation, and the seconds that as many programs take; nothing if none is found.
first() {
    local runtime="fixed?fault=$1,worklist=16384,roots=4096" seed=$2 code index programs
    shift 2
    # A few programs first: what is found early costs nothing more.
    for programs in 128 $((cap < 512 ? cap : 512)) "$cap"; do
        code=0
        "$HEAPSMITH" hunt --runtime "$runtime" --seed "$seed" --programs "$programs" --jobs 1 --max-findings 0 --json --out "$out" "$@" \
            >"$out/json" 2>"$out/errors" || code=$?
        [ "$code" != 2 ] && [ "$code" != 3 ] || [ "$programs" -lt 10000 ] || { cat "$out/errors" >&2; exit 1; }
        index=$(sed -n 's/.*"first_violation": \([0-9]*\).*/\1/p' "$out/json")
        if [ -n "$index" ]; then
            echo $((index + 1))
            return
        fi
    done
}

# Median and range of numbers, one a line; "-" stands for more than CAP.
summary() {
    sort -n <(sed "s/^-$/$((cap + 1))/") | awk -v cap="$cap" '
        function show(x) { return x > cap ? "more than " cap : x }
        { n[NR] = $1; if ($1 > cap) censored++ }
        END {
            m = NR % 2 ? n[(NR + 1) / 2] : (n[NR / 2] + n[NR / 2 + 1]) / 2
            printf "median %s, range %s to %s, not found %d of %d\n", show(m), show(n[1]), show(n[NR]), censored, NR
        }'
}

for fault in "${faults[@]}"; do
    echo "$fault, worklist of 16384 and root stack of 4096 entries: programs until the first violation"
    : >"$out/with" && : >"$out/without"
    for seed in $(seq 1 "$seeds"); do
        with=$(first "$fault" "$seed")
        without=$(first "$fault" "$seed" --no-feedback)
        echo "${with:--}" >>"$out/with"
        echo "${without:--}" >>"$out/without"
        echo "  seed $seed: with feedback ${with:-more than $cap}, without ${without:-more than $cap}"
    done
    echo "  with feedback: $(summary <"$out/with")"
    echo "  without:       $(summary <"$out/without")"
done
