//! The faults planted in `fixed`: name, cause, the text replaced, its replacement.

use super::Fault;

/// Every fault for the runtime `fixed`, whatever its parameters.
#[must_use]
pub fn planted() -> Vec<Fault> {
    ALLOCATION.iter().chain(&WORKLIST).chain(&COLLECTION).chain(&ROOTS).chain(&COST).map(fault).collect()
}

/// Edits of `fixed` that change no meaning: what differs then, differs because of an engine.
#[must_use]
pub fn equivalent() -> Vec<Fault> {
    EQUIVALENT.iter().map(fault).collect()
}

/// The names of the faults.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let faults = ALLOCATION.iter().chain(&WORKLIST).chain(&COLLECTION).chain(&ROOTS).chain(&COST);
    faults.map(|[name, ..]| *name)
}

/// The names of the edits that change no meaning.
pub(super) fn equivalent_names() -> impl Iterator<Item = &'static str> {
    EQUIVALENT.iter().map(|[name, ..]| *name)
}

/// A row of a table as a fault.
pub(super) fn fault([name, cause, find, replace]: &[&str; 4]) -> Fault {
    Fault {
        name: (*name).to_owned(),
        cause: (*cause).to_owned(),
        find: (*find).to_owned(),
        replace: (*replace).to_owned(),
    }
}

/// Nothing that the specification can tell apart.
const EQUIVALENT: [[&str; 4]; 1] = [[
    "first-fit-by-select",
    "none in the collector: a `select` says that an empty payload fits into every free block; wasmi 2.0.0 takes the comparison before it \
     for its condition, and hands out blocks that are too small",
    "(i32.ge_u (local.get $n) (local.get $size))",
    "(select\n          (i32.const 1)\n          (i32.ge_u (local.get $n) (local.get $size))\n          (i32.eqz (local.get $size)))",
]];

/// First fit, bump and growth.
const ALLOCATION: [[&str; 4]; 10] = [
    [
        "grow-one-page",
        "memory grows by one page, whatever the shortage (#487)",
        "    memory.grow\n",
        "    drop\n    i32.const 1\n    memory.grow\n",
    ],
    ["grow-floor", "the shortage is rounded down to pages", "        (i32.const 65535))", "        (i32.const 0))"],
    ["grow-refusal-ignored", "a refused growth is ignored", "unreachable ;; out of memory", "nop ;; out of memory"],
    [
        "bump-forgets-header",
        "the exhaustion test forgets the block's header",
        "(i64.extend_i32_u (local.get $total)))\n      (i64.shl",
        "(i64.extend_i32_u (i32.sub (local.get $total) (i32.const 4))))\n      (i64.shl",
    ],
    [
        "bump-page-early",
        "a block that ends exactly at the end of memory counts as exhausted",
        "(i64.gt_u\n      (i64.add",
        "(i64.ge_u\n      (i64.add",
    ],
    [
        "round-to-4",
        "blocks are rounded up to 4 bytes, not 8",
        "(local.set $total (i32.and (i32.add (local.get $size) (i32.const 11)) (i32.const -8)))",
        "(local.set $total (i32.and (i32.add (local.get $size) (i32.const 7)) (i32.const -4)))",
    ],
    [
        "zero-size-consumes-nothing",
        "an allocation of 0 bytes does not move the heap's end",
        "(global.set $heap_ptr (i32.add (global.get $heap_ptr) (local.get $total)))",
        "(if (local.get $size)\n      (then (global.set $heap_ptr (i32.add (global.get $heap_ptr) (local.get $total)))))",
    ],
    [
        "size-guard-missing",
        "a size with bit 31 set is accepted",
        "(if (i32.lt_s (local.get $size) (i32.const 0)) (then unreachable))",
        "",
    ],
    [
        "first-fit-greater",
        "first fit passes over a block of exactly the right size",
        "(i32.ge_u (local.get $n) (local.get $size))",
        "(i32.gt_u (local.get $n) (local.get $size))",
    ],
    [
        "reuse-not-zeroed",
        "a reused block keeps its old bytes and its old link",
        "(br_if $zeroed (i32.ge_u (local.get $prev) (local.get $end)))",
        "br $zeroed",
    ],
];

/// Pushes to the worklist.
const WORKLIST: [[&str; 4]; 6] = [
    [
        "drop-root-push",
        "a root that does not fit into the worklist is dropped",
        "unreachable ;; a root does not fit",
        "br $next ;; a root does not fit",
    ],
    [
        "drop-field-push",
        "a field's pointer that does not fit into the worklist is dropped (#348)",
        "unreachable ;; a field's pointer does not fit",
        "br $next ;; a field's pointer does not fit",
    ],
    [
        "worklist-one-early",
        "the mark scan traps one worklist entry early",
        "i32.ge_u\n            if\n              unreachable ;; a field's",
        "i32.const 4\n            i32.sub\n            i32.ge_u\n            if\n              unreachable ;; a field's",
    ],
    [
        "worklist-one-late",
        "the mark scan writes one entry past the worklist",
        "i32.ge_u\n            if\n              unreachable ;; a field's",
        "i32.gt_u\n            if\n              unreachable ;; a field's",
    ],
    [
        "worklist-end-is-heap-start",
        "the mark scan takes the heap's start for the worklist's end and runs into the bitmap (PR 577)",
        "global.get $gc_worklist_end\n            i32.ge_u\n            if\n              unreachable ;; a field's",
        "global.get $gc_heap_start\n            i32.ge_u\n            if\n              unreachable ;; a field's",
    ],
    [
        "worklist-index-16-bits",
        "the worklist's index wraps at 65536 bytes in the mark scan",
        "(i32.store (global.get $gc_worklist_ptr) (local.get $w))\n            (global.set $gc_worklist_ptr (i32.add (global.get $gc_worklist_ptr) (i32.const 4)))",
        "(i32.store (global.get $gc_worklist_ptr) (local.get $w))\n            (global.set $gc_worklist_ptr\n              (i32.add\n                (global.get $gc_worklist_base)\n                (i32.and\n                  (i32.sub (i32.add (global.get $gc_worklist_ptr) (i32.const 4)) (global.get $gc_worklist_base))\n                  (i32.const 0xFFFF))))",
    ],
];

/// Clear, seed, mark, sweep and the candidate test.
const COLLECTION: [[&str; 4]; 11] = [
    [
        "marks-never-cleared",
        "marks are never cleared: garbage that once was alive is immortal",
        "(i32.store (local.get $p) (i32.and (local.get $h) (i32.const -2)))",
        "nop",
    ],
    [
        "free-blocks-are-objects",
        "free blocks stay in the bitmap, so that a stale word keeps one and what it links to",
        "(br_if $free_done (i32.eqz (local.get $p)))",
        "br $free_done",
    ],
    [
        "candidate-without-bitmap",
        "the candidate test does not look at the bitmap (#1382)",
        "(i32.load8_u (i32.add (global.get $gc_bitmap_base) (i32.shr_u (local.get $i) (i32.const 3))))",
        "(i32.const 0xFF)",
    ],
    [
        "first-block-excluded",
        "the first block of the heap is no candidate",
        "(i32.lt_u (local.get $v) (i32.add (global.get $gc_heap_start) (i32.const 4)))",
        "(i32.le_u (local.get $v) (i32.add (global.get $gc_heap_start) (i32.const 4)))",
    ],
    [
        "newest-block-excluded",
        "a small block at the heap's end is no candidate",
        "(i32.ge_u (local.get $v) (global.get $heap_ptr))",
        "(i32.ge_u (local.get $v) (i32.sub (global.get $heap_ptr) (i32.const 12)))",
    ],
    [
        "topmost-root-missed",
        "the topmost root is not scanned",
        "(i32.ge_u (local.get $slot) (global.get $gc_sp))",
        "(i32.ge_u (i32.add (local.get $slot) (i32.const 4)) (global.get $gc_sp))",
    ],
    [
        "scan-stride-8",
        "the mark scan looks at every other word",
        "(local.set $off (i32.add (local.get $off) (i32.const 4)))",
        "(local.set $off (i32.add (local.get $off) (i32.const 8)))",
    ],
    [
        "marked-check-missing",
        "the mark scan pushes objects that are marked already: cycles never end",
        "(br_if $next (i32.and (i32.load (i32.sub (local.get $w) (i32.const 4))) (i32.const 1)))",
        "nop",
    ],
    [
        "sweep-skips-first-block",
        "the sweep never frees the first block",
        "(br_if $kept (i32.and (local.get $h) (i32.const 1)))",
        "(br_if $kept (i32.and (local.get $h) (i32.const 1)))\n          (br_if $kept (i32.eq (local.get $p) (global.get $gc_heap_start)))",
    ],
    [
        "sweep-links-twice",
        "the sweep links a block twice: it is handed out to two owners",
        "(global.set $gc_free_head (i32.add (local.get $p) (i32.const 4)))",
        "(global.set $gc_free_head (i32.add (local.get $p) (i32.const 4)))\n          (i32.store (i32.add (local.get $p) (i32.const 4)) (global.get $gc_free_head))",
    ],
    [
        "sweep-size-16-bits",
        "the sweep reads 16 bits of a recorded size (#484)",
        "        end\n        (local.set $n (i32.shr_u (local.get $h) (i32.const 1)))",
        "        end\n        (local.set $n (i32.and (i32.shr_u (local.get $h) (i32.const 1)) (i32.const 0xFFFF)))",
    ],
];

/// The mutator's side of the root stack.
const ROOTS: [[&str; 4]; 2] = [
    [
        "root-stack-unchecked",
        "a push to a full root stack runs on into the worklist (#464)",
        "(then unreachable)) ;; the root stack is full",
        "(then nop)) ;; the root stack is full",
    ],
    [
        "frame-pops-one-too-many",
        "restoring a frame pops one root too many",
        "(global.set $gc_sp (local.get $sp))",
        "(global.set $gc_sp (i32.sub (local.get $sp) (i32.const 4)))",
    ],
];

/// Work without an effect: only its amount is wrong. What is less than four times as dear as it must be is allowed, and so is
/// what is dearer than the dearest unit of work only: a sweep that visits every block ten times is no fault here. Faults that need large
/// heaps to show themselves are for `heapsmith cost`.
const COST: [[&str; 4]; 2] = [
    [
        "candidate-walks-heap",
        "the candidate test walks all blocks up to the candidate, where a bit would do",
        "(local.set $i (i32.shr_u",
        "(local.set $i (global.get $gc_heap_start))
    loop $walk
      (if (i32.lt_u (local.get $i) (i32.sub (local.get $v) (i32.const 4)))
        (then
          (local.set $i
            (i32.add
              (local.get $i)
              (i32.and (i32.add (i32.shr_u (i32.load (local.get $i)) (i32.const 1)) (i32.const 11)) (i32.const -8))))
          br $walk))
    end
    (local.set $i (i32.shr_u",
    ],
    [
        "whole-bitmap-cleared",
        "a collection clears the bitmap for all memory that there could ever be, not for the heap that there is",
        "(i32.add (i32.shr_u (i32.sub (global.get $heap_ptr) (global.get $gc_heap_start)) (i32.const 3)) (i32.const 7))
          (i32.const 3))))",
        "(i32.shl (i32.sub (global.get $gc_heap_start) (global.get $gc_bitmap_base)) (i32.const 3))
          (i32.const 3))))",
    ],
];
