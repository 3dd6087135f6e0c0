"""A module just built has a collector in it: check.py MODULE.wasm

Allocations that nothing refers to are made, many times what the heap then is, and `main` returns what it allocated.
"""
import sys

import wasmtime

engine = wasmtime.Engine()
store = wasmtime.Store(engine)
module = wasmtime.Module.from_file(engine, sys.argv[1])
linker = wasmtime.Linker(engine)
for needed in module.imports:
    # A trap is told to the host before it is taken.
    linker.define_func(needed.module, needed.name, needed.type, lambda *_: None)
exports = linker.instantiate(store, module).exports(store)
names = {export.name.removeprefix("vera."): export.name for export in module.exports}
missing = {"memory", "alloc", "heap_ptr", "gc_sp", "gc_stack_limit", "main"} - names.keys()
if missing:
    sys.exit(f"expected the exports {sorted(missing)}, found {sorted(names)}")

result = exports[names["main"]](store)
if result != 7:
    sys.exit(f"expected main to return 7, found {result}")
heap_ptr = exports[names["heap_ptr"]]
begin, size, count = heap_ptr.value(store), 4084, 1000
for _ in range(count):
    exports[names["alloc"]](store, size)
grown = heap_ptr.value(store) - begin
if not 0 < grown < size * count // 2:
    sys.exit(f"expected a heap of less than half of the {size * count} bytes that nothing refers to, found {grown}")
