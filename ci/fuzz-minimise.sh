#!/usr/bin/env bash
# cargo-fuzz on a planted crash: `cmin` keeps what a corpus reaches in fewer files and sets the crash aside, `tmin` shrinks the crash to a
# case that `heapsmith run` shows. Everything is written to a folder for temporary files.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v cargo-fuzz >/dev/null || cargo install cargo-fuzz --version 0.13.2 --locked
# One fault only: a reducer of libFuzzer's drifts to any other crash that there is.
export HEAPSMITH_RUNTIME='fixed?fault=drop-field-push'
target=graphs
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
fail() { echo "fuzz-minimise: $*" >&2; exit 1; }
# cargo-fuzz has flags of its own for every crate, engines included, so that all of them are compiled for it. What takes seconds to run is compiled
# without optimisation, and crates of others without instrumentation too; what runs while it is compiled is what the tests have.
fuzz() { # fuzz SUBCOMMAND ARGUMENT...
    RUSTC_WRAPPER=$PWD/ci/light-rustc.sh RUSTFLAGS='--cfg light_dependencies' CARGO_INCREMENTAL=0 \
        cargo +stable fuzz "$1" -s none --dev --no-trace-compares "${@:2}"
}
logged() { # logged NAME COMMAND...: what it says is in a file, and shown if it fails.
    local log="$out/$1.log" code=0
    "${@:2}" >"$log" 2>&1 || code=$?
    [ "$code" = 0 ] || { tail -n 60 "$log" >&2; fail "expected $1 to come to an end, found exit code $code"; }
}
fuzz build "$target"

# Ten files that reach the same as one of them, one that reaches more, and the crash.
mkdir "$out/corpus" "$out/cmin" "$out/tmin"
for n in 0 1 2 3 4 5 6 7 8 9; do
    printf 'heapsmith 1\nmachine worklist=4 roots=8 pages=2..4\nalloc r%d size=24 fields=2\ncollect\n' "$n" >"$out/corpus/same-$n"
done
printf 'heapsmith 1\nmachine worklist=4 roots=8 pages=2..4\nalloc r0 size=24 fields=2\ncollect\nchain r1 n=3\ndrop r0\ncollect\nalloc r0 size=16\n' \
    >"$out/corpus/more"
# Eight pointers and a worklist of two, among much that does not matter.
{
    printf 'heapsmith 1\nmachine worklist=2 roots=16 pages=2..4\n'
    for n in 1 2 3 4 5 6; do printf 'alloc r%d size=%d fields=1 init=fill(7)\nstore r%d.0 = r1\ndrop r%d\n' "$n" $((8 * n)) "$n" "$n"; done
    printf 'wide r4 n=8\ncollect\ncheck r1\n'
} >"$out/crash.heapsmith"
cp "$out/crash.heapsmith" "$out/corpus/crash"

before=$(find "$out/corpus" -type f | wc -l)
logged cmin fuzz cmin "$target" "$out/corpus" -- -artifact_prefix="$out/cmin/"
after=$(find "$out/corpus" -type f | wc -l)
[ "$after" -ge 2 ] && [ "$after" -lt $((before - 1)) ] || fail "expected cmin to keep some of $before files, found $after"
grep -lq 'chain r1' "$out"/corpus/* || fail "expected cmin to keep the file that reaches more, found it gone"
[ "$(find "$out/cmin" -type f | wc -l)" = 1 ] && cmp -s "$out/crash.heapsmith" "$out"/cmin/* ||
    fail "expected cmin to set the planted crash aside and nothing else, found: $(ls "$out/cmin")"

logged tmin fuzz tmin -r 2000 "$target" "$out/crash.heapsmith" -- -artifact_prefix="$out/tmin/"
small=$(find "$out/tmin" -type f -printf '%s %p\n' | sort -n | sed -n '1s/^[0-9]* //p')
[ -n "$small" ] && [ "$(wc -c <"$small")" -lt "$(wc -c <"$out/crash.heapsmith")" ] ||
    { tail -n 60 "$out/tmin.log" >&2; fail "expected tmin to leave a smaller file, found: $(ls -l "$out/tmin")"; }
cp "$small" "$out/small.heapsmith"
cat "$out/small.heapsmith"
if [ -z "${HEAPSMITH:-}" ]; then
    profile=${PROFILE:-release}
    cargo build --profile "$profile" --locked --workspace
    HEAPSMITH=${CARGO_TARGET_DIR:-target}/${profile/#dev/debug}/heapsmith
fi
code=0
"$HEAPSMITH" run "$out/small.heapsmith" --runtime "$HEAPSMITH_RUNTIME" >"$out/verdict" || code=$?
[ "$code" = 1 ] && grep -q '^violation: ' "$out/verdict" || { cat "$out/verdict"; fail "expected a violation, found exit code $code"; }
echo "cmin: $before files to $after; tmin: $(wc -c <"$out/crash.heapsmith") bytes to $(wc -c <"$out/small.heapsmith"), $(grep -m 1 '^violation: ' "$out/verdict")"
