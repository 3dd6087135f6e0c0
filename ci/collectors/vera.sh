#!/usr/bin/env bash
# The collector that a release of Vera emits, as a module that its compiler wrote and nobody edited: ci/collectors/vera.sh VERSION[+eager][+check] OUT.wasm
#
#   VERSION   a release of PyPI's `veralang` that vera/versions.txt pins
#   +eager    compiled with VERA_EAGER_GC=1: every allocation collects first
#   +check    compiled with VERA_GC_CHECK_MARKS=1: the collector asserts what it marks; since 0.2.0
#
# Needs Python 3.11 or newer with venv; PYTHON names one. Every package is pinned and checked against its hash. Exit codes: see common.sh.
set -euo pipefail
# shellcheck source=ci/collectors/common.sh
. "$(dirname "$0")/common.sh"
[ $# = 2 ] || misused "expected VERSION[+eager][+check] OUT.wasm, found $# arguments"
variant=$1 out=$2 version=${1%%+*} flags=()
pin=$(grep -m 1 "^veralang==$version " "$here/vera/versions.txt") ||
    misused "expected one of $(sed -n 's/^veralang==\([^ ]*\) .*/\1/p' "$here/vera/versions.txt" | paste -sd ' '), found $version"
rest=${variant#"$version"}
while [ -n "$rest" ]; do
    case $rest in
    +eager*) flags+=(VERA_EAGER_GC=1) rest=${rest#+eager} ;;
    +check*)
        case $version in 0.1.*) misused "expected +check with 0.2.0 or newer only: $version asserts nothing" ;; esac
        flags+=(VERA_GC_CHECK_MARKS=1) rest=${rest#+check} ;;
    *) misused "expected +eager or +check after the version, found $rest" ;;
    esac
done

unfit() { # unfit PYTHON: what is wrong with it, nothing if nothing is.
    command -v "$1" >/dev/null || { echo 'none'; return; }
    "$1" -c 'import sys, venv, ensurepip; print("" if sys.version_info >= (3, 11) else sys.version.split()[0])' 2>&1 | tail -n 1 || true
}

needs=$here/vera/requirements.txt
built=vera-$version-$(digest "$pin" "${flags[@]}" -- "$needs" "$here"/vera/{alloc.vera,check.py}).wasm
if [ ! -e "$cache/$built" ]; then
    pythons=(python3 python3.14 python3.13 python3.12 python3.11) why=''
    [ -z "${PYTHON:-}" ] || pythons=("$PYTHON")
    for python in "${pythons[@]}"; do
        wrong=$(unfit "$python")
        [ -n "$wrong" ] || break
        why+="${why:+, }$python: $wrong"
    done
    [ -z "$wrong" ] || missing "expected Python 3.11 or newer with venv and ensurepip (Debian: python3 and python3-venv; PYTHON names one), found $why"
    # What every release runs on, once.
    venv=python-$(digest "$("$python" -c 'import sys; print(sys.version, sys.prefix)')" -- "$needs")
    if [ ! -e "$cache/$venv" ]; then
        logged "$python" -m venv "$scratch/venv"
        installed "$scratch/venv/bin/python" -m pip install --require-hashes --only-binary :all: -r "$needs"
        keep "$scratch/venv" "$venv"
    fi
    # The release itself, in a folder of its own.
    package=veralang-$version-$(digest "$pin")
    if [ ! -e "$cache/$package" ]; then
        printf '%s\n' "$pin" >"$scratch/pin.txt"
        installed "$cache/$venv/bin/python" -m pip install --require-hashes --only-binary :all: --no-deps --target "$scratch/package" -r "$scratch/pin.txt"
        keep "$scratch/package" "$package"
    fi
    logged env -u VERA_EAGER_GC -u VERA_GC_CHECK_MARKS PYTHONPATH="$cache/$package" PYTHONHASHSEED=0 "${flags[@]}" \
        "$cache/$venv/bin/python" -c 'import sys; from vera.cli import main; sys.exit(main())' compile "$here/vera/alloc.vera" -o "$scratch/vera.wasm"
    [ -s "$scratch/vera.wasm" ] || failed "expected the compiler of Vera $version to write a module, found none"
    logged "$cache/$venv/bin/python" "$here/vera/check.py" "$scratch/vera.wasm"
    keep "$scratch/vera.wasm" "$built"
fi
deliver "$cache/$built" "vera-$variant" "$out"
