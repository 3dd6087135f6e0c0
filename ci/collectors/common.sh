# shellcheck shell=bash
# What the recipes of this folder share; sourced by them.
#
# Exit codes of every recipe: 0 the module is built, 1 building it failed, 2 wrong use, 3 something that the recipe needs is missing here.
# Nothing is installed but into the cache: HEAPSMITH_CACHE, `heapsmith/collectors` under XDG_CACHE_HOME or ~/.cache otherwise. What is there
# under a name is whole, and was made from what its name is a digest of; removing any of it is safe.
recipe=$(basename "$0" .sh)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${HEAPSMITH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/heapsmith/collectors}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
scratch=$(mktemp -d "$cache/tmp.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

failed() { echo "$recipe: $*" >&2; exit 1; }
misused() { echo "$recipe: $*" >&2; exit 2; }
missing() { echo "$recipe: $*" >&2; exit 3; }

# logged COMMAND...: what it says is kept, and shown only if it fails.
logged() {
    local code=0
    "$@" >"$scratch/log" 2>&1 || code=$?
    [ "$code" = 0 ] || { tail -n 40 "$scratch/log" >&2; failed "expected exit code 0, found $code: $*"; }
}

# installed COMMAND...: as logged; a package that cannot be had is missing, one that is not what was pinned is a failure.
installed() {
    "$@" >"$scratch/log" 2>&1 && return
    tail -n 40 "$scratch/log" >&2
    ! grep -qE 'DO NOT MATCH THE HASHES|EINTEGRITY' "$scratch/log" || failed "expected the packages that are pinned, found others: $*"
    missing "expected to install packages, could not: $*"
}

# digest WORD...: a name for what is made from these words and from the files that follow `--`.
digest() {
    local words=()
    while [ $# -gt 0 ] && [ "$1" != -- ]; do words+=("$1") && shift; done
    shift || true
    { printf '%s\n' "${words[@]}"; [ $# = 0 ] || cat "$@"; } | sha256sum | cut -c 1-16
}

# keep MADE NAME: MADE, made in the scratch folder, becomes NAME in the cache at once and whole. Whoever was first, another recipe at the same
# time say, is kept.
keep() { mv -T "$1" "$cache/$2" 2>/dev/null || [ -e "$cache/$2" ] || failed "expected to move $1 to $cache/$2, could not"; }

# deliver MODULE NAME OUT: the module goes to OUT, whole or not at all. It must be the one that is on record under NAME, if one is.
deliver() {
    local want found
    want=$(awk -v name="$2.wasm" '$2 == name { print $1 }' "$here/modules.sha256")
    found=$(sha256sum <"$1" | cut -d ' ' -f 1)
    [ -z "$want" ] || [ "$want" = "$found" ] ||
        failed "expected $2.wasm to have the SHA-256 $want on record in ci/collectors/modules.sha256, found $found in $1: other tools compiled it, or its recipe has changed and the record has not"
    cp "$1" "$3.part" && mv "$3.part" "$3"
}
