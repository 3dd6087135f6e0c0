#!/usr/bin/env bash
# A runtime of AssemblyScript with the shim of assemblyscript/shim.ts around it: ci/collectors/assemblyscript.sh RUNTIME[+WORD...] OUT.wasm
#
#   RUNTIME       incremental, minimal or stub
#   +stress       incremental only: a step of collection at every allocation, and no pause between two cycles
#   +mended       incremental only: without the runtime's bugs that assemblyscript/edit.mjs knows, to hunt past them; not what was released
#   +barrierless  incremental only: a mutant, without its write barrier
#   +plain        not optimised
#   +proposals    with bulk memory, sign extension, non-trapping conversions and mutable globals; WebAssembly 1.0 otherwise
#
# INITIAL_PAGES and MAXIMUM_PAGES limit the memory, one page and no limit otherwise; STACK_BYTES is the size of incremental's shadow stack, 32768
# otherwise. Names of functions and globals are kept, the code is that of a release. Needs Node.js 20 or newer with npm; packages are pinned by
# assemblyscript/package-lock.json and checked against its hashes. Exit codes: see common.sh.
set -euo pipefail
# shellcheck source=ci/collectors/common.sh
. "$(dirname "$0")/common.sh"
[ $# = 2 ] || misused "expected RUNTIME[+stress][+mended][+barrierless][+plain][+proposals] OUT.wasm, found $# arguments"
variant=$1 out=$2 runtime=${1%%+*} edits=() entries=(shim.ts) optimise=(-O3)
knobs=() features=(--disable bulk-memory --disable sign-extension --disable nontrapping-f2i --disable mutable-globals)
case $runtime in
incremental) entries+=(stack.ts) ;;
minimal | stub) [ -z "${STACK_BYTES:-}" ] || misused "expected STACK_BYTES with incremental only: $runtime has no shadow stack" ;;
*) misused "expected incremental, minimal or stub, found $runtime" ;;
esac
rest=${variant#"$runtime"}
while [ -n "$rest" ]; do
    case $rest in
    +stress*)
        [ "$runtime" = incremental ] || misused "expected +stress with incremental only: $runtime collects when it is told to, or never"
        knobs+=(--use ASC_GC_GRANULARITY=16 --use ASC_GC_MARKCOST=32 --use ASC_GC_SWEEPCOST=16 --use ASC_GC_IDLEFACTOR=0)
        rest=${rest#+stress} ;;
    +mended*)
        [ "$runtime" = incremental ] || misused "expected +mended with incremental only: nothing is known to mend in $runtime"
        edits+=(mended) rest=${rest#+mended} ;;
    +barrierless*)
        [ "$runtime" = incremental ] || misused "expected +barrierless with incremental only: $runtime has no write barrier"
        edits+=(barrierless) rest=${rest#+barrierless} ;;
    +plain*) optimise=(-O0) rest=${rest#+plain} ;;
    +proposals*) features=() rest=${rest#+proposals} ;;
    *) misused "expected +stress, +mended, +barrierless, +plain or +proposals after the runtime, found $rest" ;;
    esac
done
for limit in INITIAL_PAGES MAXIMUM_PAGES STACK_BYTES; do
    [[ ${!limit:-0} =~ ^[0-9]+$ ]] || misused "expected a number in $limit, found ${!limit}"
done
limits=(${INITIAL_PAGES:+--initialMemory "$INITIAL_PAGES"} ${MAXIMUM_PAGES:+--maximumMemory "$MAXIMUM_PAGES"} ${STACK_BYTES:+--stackSize "$STACK_BYTES"})
options=(--lib lib --runtime "$runtime" --exportRuntime --debug --use abort= "${optimise[@]}" "${knobs[@]}" "${features[@]}" "${limits[@]}")

lock=$here/assemblyscript/package-lock.json edit=$here/assemblyscript/edit.mjs
built=assemblyscript-$runtime-$(
    digest "${options[@]}" "${edits[@]}" -- "$lock" "${entries[@]/#/$here/assemblyscript/}" "$here"/assemblyscript/{lib/words.ts,check.mjs} ${edits:+"$edit"}
).wasm
if [ ! -e "$cache/$built" ]; then
    command -v node >/dev/null || missing "expected Node.js 20 or newer (Debian: nodejs and npm), found no node"
    command -v npm >/dev/null || missing "expected npm beside $(node --version) of Node.js, found none"
    [ "$(node -p 'Number(process.versions.node.split(".")[0]) >= 20')" = true ] || missing "expected Node.js 20 or newer, found $(node --version)"
    modules=assemblyscript-$(digest -- "$lock")
    if [ ! -e "$cache/$modules" ]; then
        mkdir "$scratch/npm"
        cp "$here"/assemblyscript/package*.json "$scratch/npm"
        installed npm --prefix "$scratch/npm" ci --ignore-scripts --no-audit --no-fund
        keep "$scratch/npm" "$modules"
    fi
    compiler=$cache/$modules/node_modules/assemblyscript
    if [ ${#edits[@]} -gt 0 ]; then
        # Beside what it loads.
        mkdir -p "$scratch/compiler/dist"
        cp -r "$compiler/bin" "$compiler/package.json" "$scratch/compiler"
        cp "$compiler/dist/assemblyscript.js" "$scratch/compiler/dist"
        ln -s "$cache/$modules/node_modules" "$scratch/compiler"
        logged node "$edit" "$compiler/dist/asc.js" "$scratch/compiler/dist/asc.js" "${edits[@]}"
        compiler=$scratch/compiler
    fi
    # Names in the module are relative to where the shim is.
    cp -r "${entries[@]/#/$here/assemblyscript/}" "$here/assemblyscript/lib" "$scratch"
    cd "$scratch"
    logged node "$compiler/bin/asc.js" "${entries[@]}" "${options[@]}" -o out.wasm
    cd - >/dev/null
    logged node "$here/assemblyscript/check.mjs" "$scratch/out.wasm" "$runtime"
    keep "$scratch/out.wasm" "$built"
fi
name=assemblyscript-$variant
[ ${#limits[@]} = 0 ] || name+=" with ${limits[*]}"
deliver "$cache/$built" "$name" "$out"
