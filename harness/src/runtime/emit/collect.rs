//! `$gc_collect`, its four phases and the candidate test.

use super::template::{fill, recorded};
use crate::runtime::description::{CandidateTest, Extent, MarkAt, Rules, Sweep, WorklistFull};

const COLLECT: &str = r#"
  ;; A full collection, one function for each phase, so that a backtrace names the phase.
  (func $gc_collect (export "gc_collect")
    (global.set $gc_collections (i32.add (global.get $gc_collections) (i32.const 1)))
    call $gc_clear
    call $gc_seed
    call $gc_mark
    @release
    call $gc_sweep)
"#;

const CLEAR: &str = r"
  ;; Phase 1: clear every mark.
  (func $gc_clear
    (local $p i32) (local $h i32) (local $n i32) (local $end i32)
    @clear_bitmap
    (local.set $p (global.get $gc_heap_start))
    block $done
      loop $blocks
        (br_if $done (i32.ge_u (local.get $p) (global.get $heap_ptr)))
        (local.set $h (i32.load (local.get $p)))
        (i32.store (local.get $p) (i32.and (local.get $h) (i32.const -2)))
        @set_bit
        @recorded
        (local.set $p (i32.add (local.get $p) (i32.and (i32.add (local.get $n) (i32.const 11)) (i32.const -8))))
        br $blocks
      end
    end
    @clear_free
  )
";

const CLEAR_BITMAP: &str = r"
;; Forget all object starts: ((heap_ptr - heap_start) / 8 + 7) / 8 bytes, by eight and then one by one.
(local.set $p (global.get $gc_bitmap_base))
(local.set $end
  (i32.add
    (global.get $gc_bitmap_base)
    (i32.shr_u
      (i32.add (i32.shr_u (i32.sub (global.get $heap_ptr) (global.get $gc_heap_start)) (i32.const 3)) (i32.const 7))
      (i32.const 3))))
block $eights_done
  loop $eights
    (br_if $eights_done (i32.gt_u (i32.add (local.get $p) (i32.const 8)) (local.get $end)))
    (i64.store (local.get $p) (i64.const 0))
    (local.set $p (i32.add (local.get $p) (i32.const 8)))
    br $eights
  end
end
block $bytes_done
  loop $bytes
    (br_if $bytes_done (i32.ge_u (local.get $p) (local.get $end)))
    (i32.store8 (local.get $p) (i32.const 0))
    (local.set $p (i32.add (local.get $p) (i32.const 1)))
    br $bytes
  end
end
";

const SET_BIT: &str = r"
;; An object starts here: bit i % 8 of byte i / 8 for i = (p - heap_start) / 8.
(local.set $n (i32.shr_u (i32.sub (local.get $p) (global.get $gc_heap_start)) (i32.const 3)))
(local.set $end (i32.add (global.get $gc_bitmap_base) (i32.shr_u (local.get $n) (i32.const 3))))
(i32.store8
  (local.get $end)
  (i32.or (i32.load8_u (local.get $end)) (i32.shl (i32.const 1) (i32.and (local.get $n) (i32.const 7)))))
";

const CLEAR_FREE: &str = r"
;; A free block is no object: nothing may keep it alive.
(local.set $p (global.get $gc_free_head))
block $free_done
  loop $free
    (br_if $free_done (i32.eqz (local.get $p)))
    (local.set $n
      (i32.shr_u (i32.sub (i32.sub (local.get $p) (i32.const 4)) (global.get $gc_heap_start)) (i32.const 3)))
    (local.set $end (i32.add (global.get $gc_bitmap_base) (i32.shr_u (local.get $n) (i32.const 3))))
    (i32.store8
      (local.get $end)
      (i32.and
        (i32.load8_u (local.get $end))
        (i32.xor (i32.shl (i32.const 1) (i32.and (local.get $n) (i32.const 7))) (i32.const -1))))
    (local.set $p (i32.load (local.get $p)))
    br $free
  end
end
";

const SEED: &str = r"
  ;; Phase 2: push what the root slots point to.
  (func $gc_seed
    (local $slot i32) (local $v i32)
    (global.set $gc_worklist_ptr (global.get $gc_worklist_base))
    (local.set $slot (global.get $gc_stack_base))
    block $done
      loop $slots
        (br_if $done (i32.ge_u (local.get $slot) (global.get $gc_sp)))
        block $next
          (local.set $v (i32.load (local.get $slot)))
          (br_if $next (i32.eqz (call $gc_candidate (local.get $v))))
          @unmarked
          @guard
          @mark
          (i32.store (global.get $gc_worklist_ptr) (local.get $v))
          (global.set $gc_worklist_ptr (i32.add (global.get $gc_worklist_ptr) (i32.const 4)))
        end
        (local.set $slot (i32.add (local.get $slot) (i32.const 4)))
        br $slots
      end
    end)
";

const MARK: &str = r"
  ;; Phase 3: pop, mark and scan until the worklist is empty.
  (func $gc_mark
    (local $v i32) (local $h i32) (local $n i32) (local $off i32) (local $w i32)
    @cursor
    block $done
      loop $pop
        @take
        (local.set $off (i32.const 0))
        loop $scan
          (br_if $pop (i32.ge_u (local.get $off) (local.get $n)))
          @stop_extent
          block $next
            (local.set $w (i32.load (i32.add (local.get $v) (local.get $off))))
            ;; Null is the commonest word and never an address in the heap: no call for it.
            (br_if $next (i32.eqz (local.get $w)))
            (br_if $next (i32.eqz (call $gc_candidate (local.get $w))))
            ;; Marked already: nothing to do, and cycles end.
            (br_if $next (i32.and (i32.load (i32.sub (local.get $w) (i32.const 4))) (i32.const 1)))
            @guard
            @mark
            (i32.store (global.get $gc_worklist_ptr) (local.get $w))
            (global.set $gc_worklist_ptr (i32.add (global.get $gc_worklist_ptr) (i32.const 4)))
          end
          (local.set $off (i32.add (local.get $off) (i32.const 4)))
          br $scan
        end
      end
    end)
";

const TAKE: &str = r"
(br_if $done (i32.le_u (global.get $gc_worklist_ptr) (global.get $gc_worklist_base)))
@pop
";

const POP: &str = r"
(global.set $gc_worklist_ptr (i32.sub (global.get $gc_worklist_ptr) (i32.const 4)))
(local.set $v (i32.load (global.get $gc_worklist_ptr)))
(local.set $h (i32.load (i32.sub (local.get $v) (i32.const 4))))
@recorded
@skip_extent
@mark_popped
";

/// The cursor of a walk over the dirty range: the next block, and the payload of the last one.
const CURSOR: &str = "(local $p i32) (local $end i32)";

const TAKE_OR_RESCAN: &str = r"
(if (i32.gt_u (global.get $gc_worklist_ptr) (global.get $gc_worklist_base))
  (then
    @pop
  )
  (else
    ;; Nothing stands in the worklist: go on in the dirty range with the next marked block.
    loop $walk
      (if (i32.ge_u (local.get $p) (local.get $end))
        (then
          ;; The walk is over. Is there anything that was put off since it began?
          (br_if $done (i32.gt_u (global.get $gc_dirty_lo) (global.get $gc_dirty_hi)))
          (local.set $p (i32.sub (global.get $gc_dirty_lo) (i32.const 4)))
          (local.set $end (global.get $gc_dirty_hi))
          (global.set $gc_dirty_lo (i32.const -1))
          (global.set $gc_dirty_hi (i32.const 0))
          (br $walk)))
      (local.set $h (i32.load (local.get $p)))
      @recorded
      (local.set $v (i32.add (local.get $p) (i32.const 4)))
      (local.set $p (i32.add (local.get $p) (i32.and (i32.add (local.get $n) (i32.const 11)) (i32.const -8))))
      (br_if $walk (i32.eqz (i32.and (local.get $h) (i32.const 1))))
    end))
";

const DEFER: &str = r"
  ;; A push to a full worklist: mark the object, and remember where it is. What it points to is found by a walk over the dirty range.
  (func $gc_defer (param $v i32)
    (i32.store
      (i32.sub (local.get $v) (i32.const 4))
      (i32.or (i32.load (i32.sub (local.get $v) (i32.const 4))) (i32.const 1)))
    (if (i32.lt_u (local.get $v) (global.get $gc_dirty_lo)) (then (global.set $gc_dirty_lo (local.get $v))))
    (if (i32.gt_u (local.get $v) (global.get $gc_dirty_hi)) (then (global.set $gc_dirty_hi (local.get $v)))))
";

const SWEEP: &str = r"
  ;; Phase 4: rebuild the free list from all unmarked blocks, in descending order of address.
  (func $gc_sweep
    (local $p i32) (local $h i32) (local $n i32)
    (global.set $gc_free_head (i32.const 0))
    (local.set $p (global.get $gc_heap_start))
    block $done
      loop $blocks
        (br_if $done (i32.ge_u (local.get $p) (global.get $heap_ptr)))
        (local.set $h (i32.load (local.get $p)))
        block $kept
          (br_if $kept (i32.and (local.get $h) (i32.const 1)))
          (i32.store (i32.add (local.get $p) (i32.const 4)) (global.get $gc_free_head))
          (global.set $gc_free_head (i32.add (local.get $p) (i32.const 4)))
        end
        @recorded
        (local.set $p (i32.add (local.get $p) (i32.and (i32.add (local.get $n) (i32.const 11)) (i32.const -8))))
        br $blocks
      end
    end)
";

const SWEEP_RUNS: &str = r"
  ;; Phase 4: rebuild the free list, in descending order of address. Neighbours that are unmarked become one free block.
  (func $gc_sweep
    (local $p i32) (local $h i32) (local $n i32) (local $run i32)
    (global.set $gc_free_head (i32.const 0))
    (local.set $p (global.get $gc_heap_start))
    block $done
      loop $blocks
        (br_if $done (i32.ge_u (local.get $p) (global.get $heap_ptr)))
        (local.set $h (i32.load (local.get $p)))
        (if (i32.and (local.get $h) (i32.const 1))
          (then
            ;; A survivor ends the run before it.
            (call $gc_free_run (local.get $run) (local.get $p))
            (local.set $run (i32.const 0)))
          (else
            ;; The first block of a run, or one more.
            (if (i32.eqz (local.get $run)) (then (local.set $run (local.get $p))))))
        @recorded
        (local.set $p (i32.add (local.get $p) (i32.and (i32.add (local.get $n) (i32.const 11)) (i32.const -8))))
        br $blocks
      end
    end
    ;; The last run reaches the heap's end, which never goes back.
    (call $gc_free_run (local.get $run) (local.get $p)))

  ;; Makes the blocks from $run up to $end one free block, and puts it on the list; a run at 0 is none.
  (func $gc_free_run (param $run i32) (param $end i32)
    (if (i32.eqz (local.get $run)) (then return))
    (i32.store
      (local.get $run)
      (i32.shl (i32.sub (i32.sub (local.get $end) (local.get $run)) (i32.const 4)) (i32.const 1)))
    (i32.store (i32.add (local.get $run) (i32.const 4)) (global.get $gc_free_head))
    (global.set $gc_free_head (i32.add (local.get $run) (i32.const 4))))
";

const CANDIDATE: &str = r"
  ;; Whether a word is taken for a pointer: inside the heap, on the phase of a payload
  @claim
  (func $gc_candidate (param $v i32) (result i32)
    @locals
    (if (i32.lt_u (local.get $v) (i32.add (global.get $gc_heap_start) (i32.const 4))) (then (return (i32.const 0))))
    (if (i32.ge_u (local.get $v) (global.get $heap_ptr)) (then (return (i32.const 0))))
    @proof
  )
";

const PROOF_PHASE: &str = r"
(i32.eq
  (i32.and (i32.sub (local.get $v) (global.get $gc_heap_start)) (i32.const 7))
  (i32.const 4))
";

const WRONG_PHASE: &str = r"
(if (i32.ne (i32.and (i32.sub (local.get $v) (global.get $gc_heap_start)) (i32.const 7)) (i32.const 4))
  (then (return (i32.const 0))))
";

const PROOF_BITMAP: &str = r"
;; The bit of the block at v - 4.
(local.set $i (i32.shr_u (i32.sub (i32.sub (local.get $v) (i32.const 4)) (global.get $gc_heap_start)) (i32.const 3)))
(i32.and
  (i32.shr_u
    (i32.load8_u (i32.add (global.get $gc_bitmap_base) (i32.shr_u (local.get $i) (i32.const 3))))
    (i32.and (local.get $i) (i32.const 7)))
  (i32.const 1))
";

const PROOF_WALK: &str = r"
;; Walk the heap up to v - 4: a block starts there if the walk arrives exactly.
(local.set $block (i32.sub (local.get $v) (i32.const 4)))
(local.set $p (global.get $gc_heap_start))
block $arrived
  loop $blocks
    (br_if $arrived (i32.ge_u (local.get $p) (local.get $block)))
    (local.set $h (i32.load (local.get $p)))
    @recorded
    (local.set $p (i32.add (local.get $p) (i32.and (i32.add (local.get $n) (i32.const 11)) (i32.const -8))))
    br $blocks
  end
end
(i32.eq (local.get $p) (local.get $block))
";

/// The guard of a push of local `$name`; `full` is what a full worklist does, `what` says which push it is.
fn guard(rule: WorklistFull, name: &str, what: &str) -> String {
    let full = match rule {
        WorklistFull::Trap => {
            format!("unreachable ;; {what} does not fit: never drop it, the sweep would free what it keeps")
        }
        WorklistFull::Drop => format!("br $next ;; {what} does not fit: dropped in silence (#348)"),
        WorklistFull::Rescan => format!("(call $gc_defer (local.get ${name})) ;; {what} does not fit\n  br $next"),
    };
    format!("global.get $gc_worklist_ptr\nglobal.get $gc_worklist_end\ni32.ge_u\nif\n  {full}\nend")
}

/// Marks the object in local `$name` before it is pushed.
fn mark_pushed(rule: MarkAt, name: &str) -> String {
    match rule {
        MarkAt::Pop => String::new(),
        MarkAt::Push => format!(
            ";; Marked when pushed: an object stands in the worklist once.\n\
             (i32.store\n  (i32.sub (local.get ${name}) (i32.const 4))\n  \
             (i32.or (i32.load (i32.sub (local.get ${name}) (i32.const 4))) (i32.const 1)))"
        ),
    }
}

/// The functions of the collector; `release` is the call of the phase between mark and sweep, if there is one.
pub(super) fn functions(rules: &Rules, release: &str) -> String {
    let sweep = match rules.sweep {
        Sweep::Blocks => SWEEP,
        Sweep::Runs => SWEEP_RUNS,
    };
    let mut functions = vec![
        fill(COLLECT, &[("release", release)]),
        clear(rules),
        seed(rules),
        mark(rules),
        fill(sweep, &[("recorded", recorded(rules.size_bits))]),
        candidate(rules),
    ];
    match rules.worklist_full {
        WorklistFull::Drop | WorklistFull::Trap => {}
        WorklistFull::Rescan => functions.push(fill(DEFER, &[])),
    }
    functions.join("\n") + "\n"
}

fn clear(rules: &Rules) -> String {
    let (clear_bitmap, set_bit, clear_free) = match rules.candidates {
        CandidateTest::Bitmap => (CLEAR_BITMAP, SET_BIT, CLEAR_FREE),
        CandidateTest::Phase | CandidateTest::Walk => ("", "", ""),
    };
    fill(
        CLEAR,
        &[
            ("clear_bitmap", clear_bitmap),
            ("set_bit", set_bit),
            ("recorded", recorded(rules.size_bits)),
            ("clear_free", clear_free),
        ],
    )
}

fn seed(rules: &Rules) -> String {
    let unmarked = match rules.mark_at {
        MarkAt::Pop => "",
        MarkAt::Push => "(br_if $next (i32.and (i32.load (i32.sub (local.get $v) (i32.const 4))) (i32.const 1)))",
    };
    let guard = guard(rules.worklist_full, "v", "a root");
    let mark = mark_pushed(rules.mark_at, "v");
    fill(SEED, &[("unmarked", unmarked), ("guard", &guard), ("mark", &mark)])
}

fn mark(rules: &Rules) -> String {
    let (skip_extent, stop_extent) = match rules.extent {
        Extent::Unchecked => (";; Nothing checks that the object ends inside the heap (#515).", ""),
        Extent::Checked => (
            ";; A false candidate can have any size: ignore it if it would end past the heap.
(br_if $pop (i32.gt_u (i32.add (local.get $v) (local.get $n)) (global.get $heap_ptr)))",
            "(br_if $pop
  (i32.gt_u (i32.add (i32.add (local.get $v) (local.get $off)) (i32.const 4)) (global.get $heap_ptr)))",
        ),
    };
    let mark_popped = match rules.mark_at {
        MarkAt::Push => "",
        MarkAt::Pop => {
            ";; Marked when popped: copies of one pointer may stand in the worklist.
(br_if $pop (i32.and (local.get $h) (i32.const 1)))
(i32.store (i32.sub (local.get $v) (i32.const 4)) (i32.or (local.get $h) (i32.const 1)))"
        }
    };
    let recorded = recorded(rules.size_bits);
    let pop = fill(POP, &[("recorded", recorded), ("skip_extent", skip_extent), ("mark_popped", mark_popped)]);
    let (cursor, take) = match rules.worklist_full {
        WorklistFull::Drop | WorklistFull::Trap => ("", TAKE),
        WorklistFull::Rescan => (CURSOR, TAKE_OR_RESCAN),
    };
    let take = fill(take, &[("pop", &pop), ("recorded", recorded)]);
    fill(
        MARK,
        &[
            ("cursor", cursor),
            ("take", &take),
            ("stop_extent", stop_extent),
            ("guard", &guard(rules.worklist_full, "w", "a field's pointer")),
            ("mark", &mark_pushed(rules.mark_at, "w")),
        ],
    )
}

fn candidate(rules: &Rules) -> String {
    let (claim, locals, proof) = match rules.candidates {
        CandidateTest::Phase => (";; (nothing proves that an object starts there, #1382).", "", PROOF_PHASE.to_owned()),
        CandidateTest::Bitmap => (
            ";; and the start of an allocated block in the bitmap.",
            "(local $i i32)",
            format!("{WRONG_PHASE}{PROOF_BITMAP}"),
        ),
        CandidateTest::Walk => (
            ";; and reached by a walk over all blocks (slow, but it needs no table).",
            "(local $block i32) (local $p i32) (local $h i32) (local $n i32)",
            format!("{WRONG_PHASE}{}", fill(PROOF_WALK, &[("recorded", recorded(rules.size_bits))])),
        ),
    };
    fill(CANDIDATE, &[("claim", claim), ("locals", locals), ("proof", &proof)])
}
