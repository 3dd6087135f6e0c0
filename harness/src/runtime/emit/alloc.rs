//! `$alloc` and what it is made of: first fit, the exhaustion test, the bump.

use super::template::{fill, recorded};
use crate::runtime::description::{AddressRule, Fit, Growth, Reuse, Rules, SizeGuard};

const ALLOC: &str = r#"
  ;; alloc(size) -> payload: first fit from the free list, otherwise a bump at the heap's end. It collects only when the
  ;; bump would pass the end of memory, and grows only when that did not help.
  (func $alloc (export "alloc") (param $size i32) (result i32)
    (local $total i32) (local $payload i32)
    @size_guard
    ;; Header and payload, rounded up to 8.
    (local.set $total (i32.and (i32.add (local.get $size) (i32.const 11)) (i32.const -8)))
    (local.set $payload (call $gc_first_fit (local.get $size)))
    (if (local.get $payload) (then (return (local.get $payload))))
    (if (call $gc_exhausted (local.get $total))
      (then
        call $gc_collect
        (local.set $payload (call $gc_first_fit (local.get $size)))
        (if (local.get $payload) (then (return (local.get $payload))))
        (if (call $gc_exhausted (local.get $total))
          (then (call $gc_grow (local.get $total))))))
    ;; The bump: record the size as requested, unmarked.
    (i32.store (global.get $heap_ptr) (i32.shl (local.get $size) (i32.const 1)))
    (local.set $payload (i32.add (global.get $heap_ptr) (i32.const 4)))
    (global.set $heap_ptr (i32.add (global.get $heap_ptr) (local.get $total)))
    local.get $payload)
"#;

const FIRST_FIT: &str = r"
  @claim
  (func $gc_first_fit (param $size i32) (result i32)
    (local $prev i32) (local $cur i32) (local $h i32) (local $n i32) (local $end i32)
    @split_locals
    (local.set $cur (global.get $gc_free_head))
    block $none
      loop $search
        (br_if $none (i32.eqz (local.get $cur)))
        (local.set $h (i32.load (i32.sub (local.get $cur) (i32.const 4))))
        @recorded
        @fits
          (then
            @take
            @zero
            (return (local.get $cur))))
        (local.set $prev (local.get $cur))
        (local.set $cur (i32.load (local.get $cur)))
        br $search
      end
    end
    i32.const 0)
";

const CLAIM_WHOLE: &str = r"
;; First fit: the first free block whose recorded size is enough leaves the list whole (no split); 0 if there is none.
";

const CLAIM_SPLIT: &str = r"
;; First fit: the lower part of the first free block whose stride is enough; the rest stays on the list; 0 if there is none.
";

const FITS_WHOLE: &str = "(if (i32.ge_u (local.get $n) (local.get $size))";

const FITS_SPLIT: &str = r"
;; Compare strides: the padding of a free block is room, too.
(local.set $rest (i32.and (i32.add (local.get $n) (i32.const 11)) (i32.const -8)))
(if (i32.ge_u (local.get $rest) (local.get $total))
";

const TAKE_WHOLE: &str = r"
;; Unlink it: from the head, or from the block before it.
(if (local.get $prev)
  (then (i32.store (local.get $prev) (i32.load (local.get $cur))))
  (else (global.set $gc_free_head (i32.load (local.get $cur)))))
;; It keeps its recorded size, and loses its mark.
(i32.store (i32.sub (local.get $cur) (i32.const 4)) (i32.shl (local.get $n) (i32.const 1)))
";

/// `n` becomes the requested size, so that `@zero` ends where the allocated part ends.
const TAKE_SPLIT: &str = r"
(local.set $next (i32.load (local.get $cur)))
(local.set $rest (i32.sub (local.get $rest) (local.get $total)))
(if (local.get $rest)
  (then
    ;; Split: at least 8 bytes are left. They become a free block, which takes this one's place on the list.
    (local.set $end (i32.add (local.get $cur) (local.get $total)))
    (i32.store
      (i32.sub (local.get $end) (i32.const 4))
      (i32.shl (i32.sub (local.get $rest) (i32.const 4)) (i32.const 1)))
    (i32.store (local.get $end) (local.get $next))
    (local.set $next (local.get $end))))
;; What comes before it, the head or a block, goes on with what comes next.
(if (local.get $prev)
  (then (i32.store (local.get $prev) (local.get $next)))
  (else (global.set $gc_free_head (local.get $next))))
;; The header records what was asked for.
(local.set $n (local.get $size))
(i32.store (i32.sub (local.get $cur) (i32.const 4)) (i32.shl (local.get $n) (i32.const 1)))
";

const SPLIT_LOCALS: &str = r"
(local $next i32) (local $rest i32) (local $total i32)
(local.set $total (i32.and (i32.add (local.get $size) (i32.const 11)) (i32.const -8)))
";

/// Zeroes `[cur, cur + stride(n) - 4)`; `prev` is free to count, because the block is unlinked already.
const ZERO: &str = r"
;; Zero everything up to the next block: the old link would keep a dead list alive.
(local.set $prev (local.get $cur))
(local.set $end
  (i32.add
    (local.get $cur)
    (i32.sub (i32.and (i32.add (local.get $n) (i32.const 11)) (i32.const -8)) (i32.const 4))))
block $zeroed
  loop $words
    (br_if $zeroed (i32.ge_u (local.get $prev) (local.get $end)))
    (i32.store (local.get $prev) (i32.const 0))
    (local.set $prev (i32.add (local.get $prev) (i32.const 4)))
    br $words
  end
end
";

const EXHAUSTED_WRAPPING: &str = r"
  ;; Whether a block of total bytes would end past the end of memory. The sum can wrap.
  (func $gc_exhausted (param $total i32) (result i32)
    (i32.gt_u
      (i32.add (global.get $heap_ptr) (local.get $total))
      (i32.shl (memory.size) (i32.const 16))))
";

/// What stands for the address limit in a template.
const LIMIT: &str = "LIMIT";

const EXHAUSTED_CHECKED: &str = r"
  ;; Whether a block of total bytes would end past the end of memory, or above the address limit, where no block may lie however large
  ;; memory is; in 64 bits, because the sum can pass 2^32.
  (func $gc_exhausted (param $total i32) (result i32)
    (i64.gt_u
      (i64.add (i64.extend_i32_u (global.get $heap_ptr)) (i64.extend_i32_u (local.get $total)))
      (i64.shl (i64.extend_i32_u (memory.size)) (i64.const 16)))
    (i64.gt_u (i64.add (i64.extend_i32_u (global.get $heap_ptr)) (i64.extend_i32_u (local.get $total))) (i64.const LIMIT))
    i32.or)
";

const GROW: &str = r"
  ;; Grows memory for a block of total bytes, or traps.
  (func $gc_grow (param $total i32)
    @address_guard
    @pages
    memory.grow
    i32.const -1
    i32.eq
    if
      unreachable ;; out of memory
    end)
";

const ADDRESS_GUARD: &str = r"
;; No block ends above the address limit.
(if (i64.gt_u
      (i64.add (i64.extend_i32_u (global.get $heap_ptr)) (i64.extend_i32_u (local.get $total)))
      (i64.const LIMIT))
  (then unreachable))
";

const GROW_SHORTAGE: &str = r"
;; As many pages as the shortage needs: (shortage + 65535) >> 16.
(i32.shr_u
  (i32.add
    (i32.sub
      (i32.add (global.get $heap_ptr) (local.get $total))
      (i32.shl (memory.size) (i32.const 16)))
    (i32.const 65535))
  (i32.const 16))
";

const GROW_ONE: &str = r"
;; One page, whatever is needed (#487).
i32.const 1
";

const SIZE_GUARD: &str = r"
;; A size with bit 31 set cannot be recorded.
(if (i32.lt_s (local.get $size) (i32.const 0)) (then unreachable))
";

/// The functions of allocation.
pub(super) fn functions(rules: &Rules, address_limit: u32) -> String {
    let limited = |text: &str| text.replace(LIMIT, &format!("{address_limit:#x}"));
    let size_guard = match rules.size_guard {
        SizeGuard::None => "",
        SizeGuard::TopBit => SIZE_GUARD,
    };
    let zero = match rules.reuse {
        Reuse::Dirty => "",
        Reuse::Zeroed => ZERO,
    };
    let (exhausted, address_guard) = match rules.address {
        AddressRule::Wrapping => (EXHAUSTED_WRAPPING, ""),
        AddressRule::Checked => (EXHAUSTED_CHECKED, ADDRESS_GUARD),
    };
    let pages = match rules.growth {
        Growth::OnePage => GROW_ONE,
        Growth::Shortage => GROW_SHORTAGE,
    };
    let (claim, locals, fits, take) = match rules.fit {
        Fit::Whole => (CLAIM_WHOLE, "", FITS_WHOLE, TAKE_WHOLE),
        Fit::Split => (CLAIM_SPLIT, SPLIT_LOCALS, FITS_SPLIT, TAKE_SPLIT),
    };
    let first_fit = [
        ("claim", claim),
        ("split_locals", locals),
        ("recorded", recorded(rules.size_bits)),
        ("fits", fits),
        ("take", take),
        ("zero", zero),
    ];
    let functions = [
        fill(ALLOC, &[("size_guard", size_guard)]),
        fill(FIRST_FIT, &first_fit),
        limited(&fill(exhausted, &[])),
        limited(&fill(GROW, &[("address_guard", address_guard), ("pages", pages)])),
    ];
    functions.join("\n") + "\n"
}
