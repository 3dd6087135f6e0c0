#!/usr/bin/env bash
# Every real collector that there is a recipe for, into a folder: ci/collectors/all.sh FOLDER [NAME...]
#
# One line on stdout for each module: its SHA-256, its size and its name. NAME... builds some only, as the folder would name them: vera-0.1.9,
# assemblyscript-incremental+stress. Nothing is built twice: see common.sh for the cache. What is skipped, and why, is said on stderr.
# Exit codes: 0 all are there, 1 a recipe failed, 2 wrong use, 3 none failed, but some were skipped: what they need is missing here.
set -euo pipefail
[ $# -gt 0 ] || { echo "all: expected FOLDER [NAME...], found nothing" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
out=$1
shift
mkdir -p "$out"
names=("$@")
# Those whose digest is on record.
[ ${#names[@]} -gt 0 ] || mapfile -t names < <(sed -n 's/^[0-9a-f]*  \(.*\)\.wasm$/\1/p' "$here/modules.sha256")
failed=() skipped=()
for name in "${names[@]}"; do
    code=0
    case $name in
    vera-?*) why=$("$here/vera.sh" "${name#vera-}" "$out/$name.wasm" 2>&1) || code=$? ;;
    assemblyscript-?*) why=$("$here/assemblyscript.sh" "${name#assemblyscript-}" "$out/$name.wasm" 2>&1) || code=$? ;;
    *) code=2 why="all: expected a name that begins with vera- or assemblyscript-, found $name" ;;
    esac
    case $code in
    0) printf '%s %6d %s\n' "$(sha256sum <"$out/$name.wasm" | cut -d ' ' -f 1)" "$(wc -c <"$out/$name.wasm")" "$name" ;;
    2) printf '%s\n' "$why" >&2; exit 2 ;;
    3) skipped+=("$name"); printf 'SKIPPED %s: %s\n' "$name" "$why" >&2 ;;
    *) failed+=("$name"); printf 'FAILED %s: %s\n' "$name" "$why" >&2 ;;
    esac
done
[ ${#skipped[@]} = 0 ] || echo "all: ${#skipped[@]} of ${#names[@]} collectors were skipped: ${skipped[*]}" >&2
[ ${#failed[@]} = 0 ] || { echo "all: ${#failed[@]} of ${#names[@]} collectors could not be built: ${failed[*]}" >&2; exit 1; }
[ ${#skipped[@]} = 0 ] || exit 3
