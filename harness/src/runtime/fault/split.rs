//! The faults planted in `fixed-split`, where it differs from `fixed`: what is split off, what is merged.

use super::Fault;
use super::planted::fault;

/// Every fault of splitting and merging, for the runtime `fixed-split`, whatever its parameters.
#[must_use]
pub fn planted_split() -> Vec<Fault> {
    SPLIT.iter().chain(&MERGE).map(fault).collect()
}

/// Their names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    SPLIT.iter().chain(&MERGE).map(|[name, ..]| *name)
}

/// First fit and the remainder.
const SPLIT: [[&str; 4]; 12] = [
    [
        "remainder-lost",
        "the remainder does not go on the free list",
        "                (local.set $next (local.get $end))))",
        "                ))",
    ],
    [
        "remainder-links-itself",
        "the remainder is linked twice: it is its own successor",
        "(i32.store (local.get $end) (local.get $next))",
        "(i32.store (local.get $end) (local.get $end))",
    ],
    [
        "remainder-moves-to-the-head",
        "the remainder goes to the head of the free list, not where its block stood",
        "(then (i32.store (local.get $prev) (local.get $next)))",
        "(then
                (i32.store (local.get $prev) (i32.load (local.get $cur)))
                (if (local.get $rest)
                  (then
                    (i32.store (local.get $end) (global.get $gc_free_head))
                    (global.set $gc_free_head (local.get $end)))))",
    ],
    [
        "remainder-header-8-more",
        "the remainder's header records 8 bytes more than there are",
        "(i32.shl (i32.sub (local.get $rest) (i32.const 4)) (i32.const 1))",
        "(i32.shl (i32.add (local.get $rest) (i32.const 4)) (i32.const 1))",
    ],
    [
        "remainder-header-8-less",
        "the remainder's header records 8 bytes less, if it has as many",
        "(i32.shl (i32.sub (local.get $rest) (i32.const 4)) (i32.const 1))",
        "(i32.shl
                    (i32.sub
                      (local.get $rest)
                      (if (result i32) (i32.gt_u (local.get $rest) (i32.const 8)) (then (i32.const 12)) (else (i32.const 4))))
                    (i32.const 1))",
    ],
    [
        "remainder-of-8-lost",
        "a remainder of 8 bytes becomes nobody's",
        "            (if (local.get $rest)\n",
        "            (if (i32.gt_u (local.get $rest) (i32.const 8))\n",
    ],
    [
        "remainder-of-0-split-off",
        "a block that fits exactly leaves a remainder of 0 bytes",
        "            (if (local.get $rest)\n",
        "            (if (i32.const 1)\n",
    ],
    [
        "split-keeps-the-header",
        "the header of the part that is handed out still records the whole block",
        "            (local.set $n (local.get $size))
            (i32.store (i32.sub (local.get $cur) (i32.const 4)) (i32.shl (local.get $n) (i32.const 1)))",
        "            (i32.store (i32.sub (local.get $cur) (i32.const 4)) (i32.shl (local.get $n) (i32.const 1)))
            (local.set $n (local.get $size))",
    ],
    [
        "zeroing-runs-into-the-remainder",
        "a block that is split is zeroed whole, and the remainder with it",
        "            (local.set $n (local.get $size))
            (i32.store (i32.sub (local.get $cur) (i32.const 4)) (i32.shl (local.get $n) (i32.const 1)))",
        "            (i32.store (i32.sub (local.get $cur) (i32.const 4)) (i32.shl (local.get $size) (i32.const 1)))",
    ],
    [
        "zeroing-stops-at-the-size",
        "a recycled block is zeroed up to the requested size only, not up to its end",
        "                (i32.sub (i32.and (i32.add (local.get $n) (i32.const 11)) (i32.const -8)) (i32.const 4))))
            block $zeroed",
        "                (local.get $n)))
            block $zeroed",
    ],
    [
        "fit-forgets-the-header",
        "a free block whose stride is the requested size without a header fits",
        "(i32.ge_u (local.get $rest) (local.get $total))",
        "(i32.ge_u (local.get $rest) (local.get $size))",
    ],
    [
        "fit-wants-a-remainder",
        "a free block that would leave nothing is passed over",
        "(i32.ge_u (local.get $rest) (local.get $total))",
        "(i32.gt_u (local.get $rest) (local.get $total))",
    ],
];

/// The sweep.
const MERGE: [[&str; 4]; 8] = [
    [
        "merge-never",
        "neighbours stay blocks of their own",
        "(if (i32.eqz (local.get $run)) (then (local.set $run (local.get $p))))",
        "(call $gc_free_run (local.get $run) (local.get $p))
            (local.set $run (local.get $p))",
    ],
    [
        "merge-across-survivors",
        "a survivor does not end the run before it",
        "            (call $gc_free_run (local.get $run) (local.get $p))
            (local.set $run (i32.const 0)))",
        "            nop)",
    ],
    [
        "merge-across-small-survivors",
        "a survivor of 8 bytes does not end the run before it",
        "        (if (i32.and (local.get $h) (i32.const 1))\n",
        "        (if (i32.and (i32.and (local.get $h) (i32.const 1)) (i32.gt_u (local.get $h) (i32.const 9)))\n",
    ],
    [
        "merge-forgets-the-last-block",
        "a run of several blocks ends before its last one",
        "            (call $gc_free_run (local.get $run) (local.get $p))\n",
        "            (local.set $n (i32.and (i32.add (local.get $n) (i32.const 11)) (i32.const -8)))
            (call $gc_free_run
              (local.get $run)
              (if (result i32) (i32.gt_u (i32.sub (local.get $p) (local.get $run)) (local.get $n))
                (then (i32.sub (local.get $p) (local.get $n)))
                (else (local.get $p))))\n",
    ],
    [
        "merge-keeps-the-header",
        "the header of a run still records its first block alone",
        "    (i32.store
      (local.get $run)
      (i32.shl (i32.sub (i32.sub (local.get $end) (local.get $run)) (i32.const 4)) (i32.const 1)))\n",
        "",
    ],
    [
        "merge-header-8-more",
        "the header of a run records 8 bytes more than there are",
        "(i32.sub (i32.sub (local.get $end) (local.get $run)) (i32.const 4))",
        "(i32.add (i32.sub (local.get $end) (local.get $run)) (i32.const 4))",
    ],
    [
        "merge-loses-the-last-run",
        "the run that reaches the heap's end is not freed",
        "    (call $gc_free_run (local.get $run) (local.get $p)))\n\n",
        "    )\n\n",
    ],
    [
        "merge-joins-the-next-run",
        "a run goes on behind the survivor that ended it: its blocks are on the free list twice",
        "            (call $gc_free_run (local.get $run) (local.get $p))
            (local.set $run (i32.const 0)))",
        "            (call $gc_free_run (local.get $run) (local.get $p)))",
    ],
];
