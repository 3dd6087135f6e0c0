//! The wrap table: registrations, the release phase, and the host's side of it as an import.

use super::template::fill;

/// The import of a collector with a wrap table. A lowering that puts the host into the same module replaces this line by a function
/// of the same name and type.
pub(crate) const HOST_IMPORT: &str =
    "  (import \"mutator\" \"host_decref_handle\" (func $host_decref_handle (param $kind i32) (param $handle i32)))\n";

/// The call of the release phase, between mark and sweep.
pub(super) const CALL: &str = "call $gc_release";

const RELEASE: &str = r"
  ;; Between mark and sweep: entries of marked wrappers move down to the write position and keep their order; the handles of the
  ;; other ones go back to the host. The table's end becomes the write position.
  (func $gc_release
    (local $read i32) (local $write i32) (local $p i32)
    (local.set $read (global.get $gc_wrap_base))
    (local.set $write (global.get $gc_wrap_base))
    block $done
      loop $entries
        (br_if $done (i32.ge_u (local.get $read) (global.get $gc_wrap_ptr)))
        (local.set $p (i32.load (local.get $read)))
        (if (i32.and (i32.load (i32.sub (local.get $p) (i32.const 4))) (i32.const 1))
          (then
            ;; The wrapper lives: copy its entry down.
            (i32.store (local.get $write) (local.get $p))
            (i32.store offset=4 (local.get $write) (i32.load offset=4 (local.get $read)))
            (i32.store offset=8 (local.get $write) (i32.load offset=8 (local.get $read)))
            (i32.store offset=12 (local.get $write) (i32.const 0))
            (local.set $write (i32.add (local.get $write) (i32.const 16))))
          (else
            ;; The wrapper is dead: its handle is released, its entry dropped.
            (call $host_decref_handle (i32.load offset=4 (local.get $read)) (i32.load offset=8 (local.get $read)))))
        (local.set $read (i32.add (local.get $read) (i32.const 16)))
        br $entries
      end
    end
    (global.set $gc_wrap_ptr (local.get $write)))
";

const REGISTER: &str = r#"
  ;; Registers an object as the wrapper of a host handle. A full table is collected once, with the object as a root.
  (func $register_wrapper (export "register_wrapper") (param $ptr i32) (param $kind i32) (param $handle i32)
    (if (i32.ge_u (global.get $gc_wrap_ptr) (global.get $gc_wrap_end))
      (then
        (call $root_push (local.get $ptr))
        call $gc_collect
        (global.set $gc_sp (i32.sub (global.get $gc_sp) (i32.const 4)))
        (if (i32.ge_u (global.get $gc_wrap_ptr) (global.get $gc_wrap_end))
          (then unreachable)))) ;; every wrapper in the table lives
    (i32.store (global.get $gc_wrap_ptr) (local.get $ptr))
    (i32.store offset=4 (global.get $gc_wrap_ptr) (local.get $kind))
    (i32.store offset=8 (global.get $gc_wrap_ptr) (local.get $handle))
    (i32.store offset=12 (global.get $gc_wrap_ptr) (i32.const 0))
    (global.set $gc_wrap_ptr (i32.add (global.get $gc_wrap_ptr) (i32.const 16))))
"#;

/// The functions of the wrap table.
pub(super) fn functions() -> String {
    ["\n".to_owned(), fill(RELEASE, &[]), "\n".to_owned(), fill(REGISTER, &[])].concat()
}
