#!/usr/bin/env bash
# cargo-fuzz on a planted crash: `cmin` keeps what a corpus reaches in fewer files and sets the crash aside, `tmin` shrinks the crash to a
# case that `heapsmith run` shows. Everything is written to a directory for temporary files.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v cargo-fuzz >/dev/null || cargo install cargo-fuzz --version 0.13.2 --locked
export HEAPSMITH_RUNTIME='vera@0.0.130'
target=graphs
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
fail() { echo "fuzz-minimise: $*" >&2; exit 1; }
cargo +stable fuzz build -s none "$target"

# A corpus of ten files that reach the same as one, and one that does more.
mkdir "$out/corpus" "$out/artifacts"
for n in 0 1 2 3 4 5 6 7 8 9; do
    printf 'heapsmith 1\nmachine worklist=4 roots=8 pages=2..4\nalloc r%d size=24 fields=2\ncollect\n' "$n" >"$out/corpus/same-$n"
done
printf 'heapsmith 1\nmachine worklist=4 roots=8 pages=2..4\nalloc r0 size=24 fields=2\ncollect\nchain r1 n=3\ndrop r0\ncollect\nalloc r0 size=16\n' \
    >"$out/corpus/more"
# The planted crash: eight roots and a worklist of two, among much that does not matter.
{
    printf 'heapsmith 1\nmachine worklist=2 roots=16 pages=2..4\n'
    for n in 1 2 3 4 5 6; do printf 'alloc r%d size=%d fields=1 init=fill(7)\nstore r%d.0 = r1\ndrop r%d\n' "$n" $((8 * n)) "$n" "$n"; done
    printf 'roots n=8\ncollect\ncheck r1\n'
} >"$out/crash.heapsmith"
cp "$out/crash.heapsmith" "$out/corpus/crash"

before=$(find "$out/corpus" -type f | wc -l)
cargo +stable fuzz cmin -s none "$target" "$out/corpus" -- -artifact_prefix="$out/artifacts/" >"$out/cmin.log" 2>&1 ||
    { cat "$out/cmin.log"; fail "expected cmin to come to an end"; }
after=$(find "$out/corpus" -type f | wc -l)
[ "$after" -ge 1 ] && [ "$after" -lt "$before" ] || fail "expected cmin to keep some of $before files, found $after"
grep -lq 'chain r1' "$out"/corpus/* || fail "expected cmin to keep the file that reaches more"
cmp -s "$out/crash.heapsmith" "$(find "$out/artifacts" -type f | head -n 1)" || fail "expected cmin to set the planted crash aside"

cargo +stable fuzz tmin -s none -r 2000 "$target" "$out/crash.heapsmith" -- -artifact_prefix="$out/artifacts/" >"$out/tmin.log" 2>&1 ||
    { cat "$out/tmin.log"; fail "expected tmin to come to an end"; }
small=$(find "$out/artifacts" fuzz/artifacts/"$target" -name 'minimized-from-*' -newer "$out/crash.heapsmith" -size -"$(wc -c <"$out/crash.heapsmith")"c | head -n 1)
[ -n "$small" ] || { tail -n 40 "$out/tmin.log"; fail "expected tmin to leave a smaller file"; }
cp "$small" "$out/small.heapsmith"
cat "$out/small.heapsmith"
code=0
cargo run --quiet --release --locked -p heapsmith -- run "$out/small.heapsmith" --runtime "$HEAPSMITH_RUNTIME" >"$out/verdict" || code=$?
[ "$code" = 1 ] && grep -q '^violation: ' "$out/verdict" || { cat "$out/verdict"; fail "expected a violation, found exit code $code"; }
echo "cmin: $before files to $after; tmin: $(wc -c <"$out/crash.heapsmith") bytes to $(wc -c <"$out/small.heapsmith"), $(head -n 2 "$out/verdict" | tail -n 1)"
