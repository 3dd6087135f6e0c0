//! The faults planted in the wrap table of `vera@0.1.9+wrap`: name, cause, the text replaced, its replacement.

use super::Fault;
use super::planted::fault;

/// Every fault for a runtime with a wrap table, whatever its parameters.
#[must_use]
pub fn planted_in_wraps() -> Vec<Fault> {
    RELEASE.iter().chain(&REGISTER).map(fault).collect()
}

/// Their names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    RELEASE.iter().chain(&REGISTER).map(|[name, ..]| *name)
}

/// The release of an unmarked wrapper's handle.
const CALL: &str =
    "(call $host_decref_handle (i32.load offset=4 (local.get $read)) (i32.load offset=8 (local.get $read)))";
/// The start of the release phase: everything before its loop.
const START: &str = "(local.set $read (global.get $gc_wrap_base))\n    (local.set $write (global.get $gc_wrap_base))\n";
/// Whether a wrapper lives.
const LIVES: &str = "(i32.and (i32.load (i32.sub (local.get $p) (i32.const 4))) (i32.const 1))";

/// Between mark and sweep.
const RELEASE: [[&str; 4]; 11] = [
    [
        "worklist-runs-into-wrap-table",
        "the mark scan takes the heap's start for the worklist's end and runs into the wrap table (PR 577)",
        "global.get $gc_worklist_end\n            i32.ge_u\n            if\n              unreachable ;; a field's",
        "global.get $gc_heap_start\n            i32.ge_u\n            if\n              unreachable ;; a field's",
    ],
    [
        "entry-not-moved-down",
        "the entry of a live wrapper is counted and not copied down: what was dropped before it stays in its place",
        "(i32.store (local.get $write) (local.get $p))\n",
        "nop\n",
    ],
    [
        "hole-after-entry",
        "the write position jumps past the entry that was read: a hole of dropped entries stays in the table",
        "(local.set $write (i32.add (local.get $write) (i32.const 16)))",
        "(local.set $write (i32.add (local.get $read) (i32.const 16)))",
    ],
    [
        "releases-in-reverse",
        "handles are released from the last entry to the first",
        // At the first dead entry, before which nothing was dropped, all of them are walked from the end.
        CALL,
        "(if (i32.eq (local.get $read) (local.get $write))
              (then
                (local.set $p (global.get $gc_wrap_ptr))
                loop $back
                  (local.set $p (i32.sub (local.get $p) (i32.const 16)))
                  (if (i32.eqz (i32.and (i32.load (i32.sub (i32.load (local.get $p)) (i32.const 4))) (i32.const 1)))
                    (then
                      (call $host_decref_handle
                        (i32.load offset=4 (local.get $p))
                        (i32.load offset=8 (local.get $p)))))
                  (br_if $back (i32.gt_u (local.get $p) (local.get $read)))
                end))",
    ],
    [
        "last-entry-is-dead",
        "the last entry is released although its wrapper lives",
        LIVES,
        "(i32.and
          (i32.and (i32.load (i32.sub (local.get $p) (i32.const 4))) (i32.const 1))
          (i32.ne (i32.add (local.get $read) (i32.const 16)) (global.get $gc_wrap_ptr)))",
    ],
    [
        "table-end-not-lowered",
        "the table's end stays where it was",
        "(global.set $gc_wrap_ptr (local.get $write)))",
        "nop)",
    ],
    [
        "released-entry-stays",
        "the entry of a dead wrapper stays until its memory is another object's, so that its handle is released again",
        CALL,
        "(call $host_decref_handle (i32.load offset=4 (local.get $read)) (i32.load offset=8 (local.get $read)))
            (i32.store (local.get $write) (local.get $p))
            (i32.store offset=4 (local.get $write) (i32.load offset=4 (local.get $read)))
            (i32.store offset=8 (local.get $write) (i32.load offset=8 (local.get $read)))
            (local.set $write (i32.add (local.get $write) (i32.const 16)))",
    ],
    [
        "kind-and-handle-swapped",
        "the host gets the handle for the kind and the kind for the handle",
        CALL,
        "(call $host_decref_handle (i32.load offset=8 (local.get $read)) (i32.load offset=4 (local.get $read)))",
    ],
    ["dead-entry-not-released", "the entry of a dead wrapper is dropped and its handle is not released", CALL, "nop"],
    [
        "first-entry-not-looked-at",
        "the first entry of the table is kept whatever became of its wrapper",
        START,
        "(local.set $read (i32.add (global.get $gc_wrap_base) (i32.const 16)))
    (local.set $write (local.get $read))
    (if (i32.lt_u (global.get $gc_wrap_ptr) (local.get $read)) (then return))\n",
    ],
    [
        "release-before-mark",
        "the table is walked before the mark scan: only what roots hold counts as alive, or nothing",
        "call $gc_mark\n    call $gc_release",
        "call $gc_release\n    call $gc_mark",
    ],
];

/// Registrations, and the collection that a full table makes.
const REGISTER: [[&str; 4]; 7] = [
    [
        "pop-forgotten",
        "the root that the collection of a full table pushed stays on the root stack",
        "(global.set $gc_sp (i32.sub (global.get $gc_sp) (i32.const 4)))",
        "nop",
    ],
    [
        "full-table-does-not-collect",
        "a full table traps without a collection",
        "call $gc_collect\n        (global.set $gc_sp",
        "nop\n        (global.set $gc_sp",
    ],
    [
        "collecting-push-unguarded",
        "the push before the collection of a full table does not look whether the root stack is full",
        "(call $root_push (local.get $ptr))",
        "(i32.store (global.get $gc_sp) (local.get $ptr))\n        (global.set $gc_sp (i32.add (global.get $gc_sp) (i32.const 4)))",
    ],
    [
        "full-table-unchecked-after-collection",
        "a table that a collection could not make room in is written beyond",
        "(then unreachable)))) ;; every wrapper in the table lives",
        "(then nop))))",
    ],
    [
        "full-one-late",
        "the table takes one entry more than it has room for",
        "(if (i32.ge_u (global.get $gc_wrap_ptr) (global.get $gc_wrap_end))\n      (then\n        (call $root_push",
        "(if (i32.gt_u (global.get $gc_wrap_ptr) (global.get $gc_wrap_end))\n      (then\n        (call $root_push",
    ],
    [
        "full-one-early",
        "the table counts as full one entry early",
        "(if (i32.ge_u (global.get $gc_wrap_ptr) (global.get $gc_wrap_end))\n      (then\n        (call $root_push",
        "(if (i32.ge_u (i32.add (global.get $gc_wrap_ptr) (i32.const 16)) (global.get $gc_wrap_end))\n      (then\n        (call $root_push",
    ],
    [
        "registered-kind-is-lost",
        "a registration writes no kind, so that the one of the entry that was there before counts",
        "(i32.store offset=4 (global.get $gc_wrap_ptr) (local.get $kind))",
        "nop",
    ],
];
