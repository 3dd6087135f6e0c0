//! The smallest collector that lowerings can be tested on: it allocates upwards, collects nothing, and releases each handle at once.

use crate::runtime::description as d;
use crate::runtime::{HOST_IMPORT, Runtime};

/// First byte of the root stack.
pub(crate) const ROOTS: u32 = 64;
/// First byte of the heap, and the end of the root stack.
pub(crate) const HEAP: u32 = 4096;
/// Pages at most.
pub(crate) const MAX_PAGES: u32 = 64;

/// The bump collector.
pub(crate) fn runtime() -> Runtime {
    let description = d::Description {
        name: "bump".to_owned(),
        summary: "allocates upwards".to_owned(),
        parameters: d::Parameters {
            data_end: 0,
            worklist: 0,
            roots: (HEAP - ROOTS) / 4,
            initial_pages: 1,
            max_pages: MAX_PAGES,
            wraps: 1,
            address_limit: d::ADDRESS_LIMIT,
        },
        regions: d::Regions {
            roots: (ROOTS, HEAP),
            worklist: (HEAP, HEAP),
            wraps: (HEAP, HEAP),
            bitmap: (HEAP, HEAP),
            heap_start: HEAP,
        },
        object: d::ObjectLayout { header_bytes: 4, stride_unit: 8, size_shift: 1, mark_mask: 1, free_link: 0 },
        promises: d::Promises {
            zeroing: d::Zeroing::Zeroed,
            size_limit: 1 << 31,
            address_limit: d::ADDRESS_LIMIT.into(),
            worklist_full: d::OnFull::Trap,
            mark_at: d::MarkAt::Push,
            candidates: d::Candidates::AllocatedBase,
            placement: d::PlacementPolicy::FirstFit,
            growth: d::GrowthPolicy::Shortage,
            work: d::Work::Proportional,
        },
        rules: Some(d::Rules {
            worklist_full: d::WorklistFull::Trap,
            roots_full: d::RootsFull::Trap,
            growth: d::Growth::Shortage,
            candidates: d::CandidateTest::Bitmap,
            extent: d::Extent::Checked,
            size_bits: d::SizeBits::ThirtyOne,
            size_guard: d::SizeGuard::TopBit,
            address: d::AddressRule::Checked,
            mark_at: d::MarkAt::Push,
            reuse: d::Reuse::Zeroed,
            fit: d::Fit::Whole,
            sweep: d::Sweep::Blocks,
            initial_pages: d::InitialPages::One,
            handles: d::HandleForm::Tagged,
        }),
        characteristics: vec![],
        edit: None,
        module: None,
        among: Vec::new(),
    };
    Runtime { description, fields: format!("{HOST_IMPORT}{FIELDS}") }
}

const FIELDS: &str = r#"
  (memory $heap (export "memory") 1 64)
  (global $heap_ptr (export "heap_ptr") (mut i32) (i32.const 4096))
  (global $gc_sp (export "gc_sp") (mut i32) (i32.const 64))
  (global $gc_free_head (export "gc_free_head") (mut i32) (i32.const 0))
  (global $gc_worklist_ptr (export "gc_worklist_ptr") (mut i32) (i32.const 4096))
  (global $gc_collections (export "gc_collections") (mut i32) (i32.const 0))
  (func $alloc (param $size i32) (result i32)
    (local $at i32) (local $end i32) (local $have i32)
    (if (i32.lt_s (local.get $size) (i32.const 0)) (then (unreachable)))
    (local.set $at (global.get $heap_ptr))
    (local.set $end
      (i32.add (local.get $at) (i32.and (i32.add (local.get $size) (i32.const 11)) (i32.const -8))))
    (local.set $have (i32.shl (memory.size) (i32.const 16)))
    (if (i32.gt_u (local.get $end) (local.get $have))
      (then
        (if (i32.eq
              (memory.grow
                (i32.shr_u
                  (i32.add (i32.sub (local.get $end) (local.get $have)) (i32.const 65535))
                  (i32.const 16)))
              (i32.const -1))
          (then (unreachable)))))
    (i32.store (local.get $at) (i32.shl (local.get $size) (i32.const 1)))
    (global.set $heap_ptr (local.get $end))
    (i32.add (local.get $at) (i32.const 4)))
  (func $gc_collect
    (global.set $gc_collections (i32.add (global.get $gc_collections) (i32.const 1))))
  (func $root_push (param $value i32)
    (if (i32.ge_u (global.get $gc_sp) (i32.const 4096)) (then (unreachable)))
    (i32.store (global.get $gc_sp) (local.get $value))
    (global.set $gc_sp (i32.add (global.get $gc_sp) (i32.const 4))))
  (func $root_set (param $slot i32) (param $value i32)
    (i32.store (i32.add (i32.const 64) (i32.shl (local.get $slot) (i32.const 2))) (local.get $value)))
  (func $frame_save (result i32) (global.get $gc_sp))
  (func $frame_restore (param $sp i32) (global.set $gc_sp (local.get $sp)))
  (func $register_wrapper (param $ptr i32) (param $kind i32) (param $handle i32)
    (call $host_decref_handle (i32.add (local.get $ptr) (local.get $kind)) (local.get $handle)))
"#;
