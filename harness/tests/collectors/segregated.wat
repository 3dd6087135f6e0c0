;; A conservative mark-sweep collector with size classes: each page of the heap is a chunk of blocks of one class, or part of a span for one large
;; object.
;;
;;   1 024    the free lists, a word for each class; a free block's first word is its link
;;   4 096    the root stack, which grows down from 20 480
;;  20 480    a byte for each page: 0 nothing, 1 to 10 a chunk of blocks of 8 << class bytes, 255 the first page of a span, 254 another one
;;  20 736    a word for each page that is the first of a span: its pages
;;  32 768    a bit for each 16 bytes of memory: an object begins there
;;  65 536    a bit for each 16 bytes of memory: it is marked
;;  98 304    the mark stack, 256 words
;; 131 072    the heap
;;
;; Any word of the root stack or of an object that is the address of an object keeps it. Blocks have no header. A mark stack that is full leaves
;; the object marked and its words unread; then all that is marked is read again. Payloads are zero; requests above 4 MiB trap; a collection
;; begins after 64 KiB of allocations, and where there is no memory.
(module
  (memory (export "memory") 2 64)
  (global $lists i32 (i32.const 1024))
  (global $stack_end i32 (i32.const 20480))
  (global $pages i32 (i32.const 20480))
  (global $spans i32 (i32.const 20736))
  (global $objects i32 (i32.const 32768))
  (global $marked i32 (i32.const 65536))
  (global $mark_stack i32 (i32.const 98304))
  (global $mark_stack_end i32 (i32.const 99328))
  (global $heap i32 (i32.const 131072))
  (global $sp (export "sp") (mut i32) (i32.const 20480))
  (global $mark_top (mut i32) (i32.const 98304))
  (global $overflowed (mut i32) (i32.const 0))
  (global $allocated (mut i32) (i32.const 0))
  (global $collections (export "collections") (mut i32) (i32.const 0))

  ;; Bit maps.
  (func $is_set (param $bits i32) (param $address i32) (result i32)
    (i32.and
      (i32.shr_u (i32.load8_u (i32.add (local.get $bits) (i32.shr_u (local.get $address) (i32.const 7))))
        (i32.and (i32.shr_u (local.get $address) (i32.const 4)) (i32.const 7)))
      (i32.const 1)))

  (func $set_bit (param $bits i32) (param $address i32)
    (local.set $bits (i32.add (local.get $bits) (i32.shr_u (local.get $address) (i32.const 7))))
    (i32.store8 (local.get $bits)
      (i32.or (i32.load8_u (local.get $bits))
        (i32.shl (i32.const 1) (i32.and (i32.shr_u (local.get $address) (i32.const 4)) (i32.const 7))))))

  (func $clear_bit (param $bits i32) (param $address i32)
    (local.set $bits (i32.add (local.get $bits) (i32.shr_u (local.get $address) (i32.const 7))))
    (i32.store8 (local.get $bits)
      (i32.and (i32.load8_u (local.get $bits))
        (i32.xor (i32.const -1)
          (i32.shl (i32.const 1) (i32.and (i32.shr_u (local.get $address) (i32.const 4)) (i32.const 7)))))))

  ;; The smallest class with blocks of so many bytes.
  (func $class_of (param $size i32) (result i32)
    (if (i32.lt_u (local.get $size) (i32.const 17)) (then (return (i32.const 1))))
    (i32.sub (i32.const 29) (i32.clz (i32.sub (local.get $size) (i32.const 1)))))

  ;; Bytes of the block, or of the span, that begins at an address.
  (func $bytes_of (param $object i32) (result i32)
    (local $kind i32)
    (local.set $kind (i32.load8_u (i32.add (global.get $pages) (i32.shr_u (local.get $object) (i32.const 16)))))
    (if (i32.eq (local.get $kind) (i32.const 255))
      (then
        (return
          (i32.shl
            (i32.load
              (i32.add (global.get $spans) (i32.shl (i32.shr_u (local.get $object) (i32.const 16)) (i32.const 2))))
            (i32.const 16)))))
    (i32.shl (i32.const 8) (local.get $kind)))

  ;; Marks what a word leads to, if that is an object.
  (func $visit (param $word i32)
    (if
      (i32.or
        (i32.or (i32.lt_u (local.get $word) (global.get $heap)) (i32.and (local.get $word) (i32.const 15)))
        (i32.ge_u (i32.shr_u (local.get $word) (i32.const 16)) (memory.size)))
      (then (return)))
    (if
      (if (result i32) (i32.eqz (call $is_set (global.get $objects) (local.get $word)))
        (then (i32.const 1))
        (else (call $is_set (global.get $marked) (local.get $word))))
      (then (return)))
    (call $set_bit (global.get $marked) (local.get $word))
    (if (i32.eq (global.get $mark_top) (global.get $mark_stack_end))
      (then
        (global.set $overflowed (i32.const 1))
        (return)))
    (i32.store (global.get $mark_top) (local.get $word))
    (global.set $mark_top (i32.add (global.get $mark_top) (i32.const 4))))

  ;; Visits the words from one address to another.
  (func $visit_all (param $at i32) (param $end i32)
    (loop $next
      (if (i32.lt_u (local.get $at) (local.get $end))
        (then
          (call $visit (i32.load (local.get $at)))
          (local.set $at (i32.add (local.get $at) (i32.const 4)))
          (br $next)))))

  ;; Visits what the mark stack holds, and what that leads to.
  (func $drain
    (loop $next
      (if (i32.gt_u (global.get $mark_top) (global.get $mark_stack))
        (then
          (global.set $mark_top (i32.sub (global.get $mark_top) (i32.const 4)))
          (call $visit_all (i32.load (global.get $mark_top))
            (i32.add (i32.load (global.get $mark_top)) (call $bytes_of (i32.load (global.get $mark_top)))))
          (br $next)))))

  (func $mark
    (local $object i32)
    (memory.fill (global.get $marked) (i32.const 0) (i32.const 32768))
    (call $visit_all (global.get $sp) (global.get $stack_end))
    (call $drain)
    (loop $next
      (if (global.get $overflowed)
        (then
          (global.set $overflowed (i32.const 0))
          (local.set $object (global.get $heap))
          (loop $inner
            (if (i32.lt_u (local.get $object) (i32.shl (memory.size) (i32.const 16)))
              (then
                (if (call $is_set (global.get $marked) (local.get $object))
                  (then
                    (call $visit_all (local.get $object)
                      (i32.add (local.get $object) (call $bytes_of (local.get $object))))
                    (call $drain)))
                (local.set $object (i32.add (local.get $object) (i32.const 16)))
                (br $inner))))
          (br $next)))))

  ;; Frees the span that begins with a page, unless it is marked.
  (func $sweep_span (param $page i32)
    (if (call $is_set (global.get $marked) (i32.shl (local.get $page) (i32.const 16))) (then (return)))
    (call $clear_bit (global.get $objects) (i32.shl (local.get $page) (i32.const 16)))
    (memory.fill (i32.add (global.get $pages) (local.get $page))
      (i32.const 0)
      (i32.load (i32.add (global.get $spans) (i32.shl (local.get $page) (i32.const 2))))))

  ;; Frees the blocks of a chunk that are not marked: without a live one it is an empty page again, else all that are free go on the list of its class.
  (func $sweep_chunk (param $page i32) (param $kind i32)
    (local $start i32) (local $end i32) (local $block i32) (local $live i32)
    (local.set $start (i32.shl (local.get $page) (i32.const 16)))
    (local.set $end (i32.add (local.get $start) (i32.const 65536)))
    (local.set $block (local.get $start))
    (loop $next
      (if (i32.lt_u (local.get $block) (local.get $end))
        (then
          (if (call $is_set (global.get $marked) (local.get $block))
            (then (local.set $live (i32.add (local.get $live) (i32.const 1))))
            (else (call $clear_bit (global.get $objects) (local.get $block))))
          (local.set $block (i32.add (local.get $block) (i32.shl (i32.const 8) (local.get $kind))))
          (br $next))))
    (if (i32.eqz (local.get $live))
      (then
        (i32.store8 (i32.add (global.get $pages) (local.get $page)) (i32.const 0))
        (return)))
    (local.set $block (local.get $start))
    (loop $next
      (if (i32.lt_u (local.get $block) (local.get $end))
        (then
          (if (i32.eqz (call $is_set (global.get $objects) (local.get $block)))
            (then (call $put (local.get $kind) (local.get $block))))
          (local.set $block (i32.add (local.get $block) (i32.shl (i32.const 8) (local.get $kind))))
          (br $next)))))

  (func $sweep
    (local $page i32) (local $kind i32)
    (memory.fill (global.get $lists) (i32.const 0) (i32.const 64))
    (local.set $page (i32.const 2))
    (loop $next
      (if (i32.lt_u (local.get $page) (memory.size))
        (then
          (local.set $kind (i32.load8_u (i32.add (global.get $pages) (local.get $page))))
          (if (i32.eq (local.get $kind) (i32.const 255))
            (then (call $sweep_span (local.get $page)))
            (else
              (if (i32.and (i32.ne (local.get $kind) (i32.const 0)) (i32.lt_u (local.get $kind) (i32.const 254)))
                (then (call $sweep_chunk (local.get $page) (local.get $kind))))))
          (local.set $page (i32.add (local.get $page) (i32.const 1)))
          (br $next)))))

  (func $collect (export "collect")
    (global.set $collections (i32.add (global.get $collections) (i32.const 1)))
    (global.set $allocated (i32.const 0))
    (call $mark)
    (call $sweep))

  ;; Puts a block on the list of its class.
  (func $put (param $kind i32) (param $block i32)
    (i32.store (local.get $block) (i32.load (i32.add (global.get $lists) (i32.shl (local.get $kind) (i32.const 2)))))
    (i32.store (i32.add (global.get $lists) (i32.shl (local.get $kind) (i32.const 2))) (local.get $block)))

  ;; The first of so many empty pages in a row; memory grows by what is missing at its end. 0 if it cannot.
  (func $find (param $count i32) (result i32)
    (local $page i32) (local $run i32)
    (local.set $page (i32.const 2))
    (loop $next
      (if (i32.lt_u (local.get $page) (memory.size))
        (then
          (if (i32.load8_u (i32.add (global.get $pages) (local.get $page)))
            (then (local.set $run (i32.const 0)))
            (else
              (local.set $run (i32.add (local.get $run) (i32.const 1)))
              (if (i32.eq (local.get $run) (local.get $count))
                (then (return (i32.sub (i32.add (local.get $page) (i32.const 1)) (local.get $count)))))))
          (local.set $page (i32.add (local.get $page) (i32.const 1)))
          (br $next))))
    (if (i32.eq (memory.grow (i32.sub (local.get $count) (local.get $run))) (i32.const -1))
      (then (return (i32.const 0))))
    (i32.sub (local.get $page) (local.get $run)))

  ;; Makes an empty page a chunk of a class; 0 if there is none.
  (func $make_chunk (param $kind i32) (result i32)
    (local $page i32) (local $block i32)
    (local.set $page (call $find (i32.const 1)))
    (if (i32.eqz (local.get $page)) (then (return (i32.const 0))))
    (i32.store8 (i32.add (global.get $pages) (local.get $page)) (local.get $kind))
    (local.set $block (i32.shl (i32.add (local.get $page) (i32.const 1)) (i32.const 16)))
    (loop $next
      (if (i32.gt_u (local.get $block) (i32.shl (local.get $page) (i32.const 16)))
        (then
          (local.set $block (i32.sub (local.get $block) (i32.shl (i32.const 8) (local.get $kind))))
          (call $put (local.get $kind) (local.get $block))
          (br $next))))
    (local.get $page))

  ;; Pages of their own for a large object; 0 if there are none.
  (func $make_span (param $size i32) (result i32)
    (local $count i32) (local $page i32)
    (local.set $count (i32.shr_u (i32.add (local.get $size) (i32.const 65535)) (i32.const 16)))
    (local.set $page (call $find (local.get $count)))
    (if (local.get $page)
      (then
        (memory.fill (i32.add (global.get $pages) (local.get $page)) (i32.const 254) (local.get $count))
        (i32.store8 (i32.add (global.get $pages) (local.get $page)) (i32.const 255))
        (i32.store (i32.add (global.get $spans) (i32.shl (local.get $page) (i32.const 2))) (local.get $count))))
    (i32.shl (local.get $page) (i32.const 16)))

  ;; A block or a span for so many bytes; 0 if there is no memory.
  (func $take (param $size i32) (result i32)
    (local $kind i32) (local $block i32)
    (if (i32.gt_u (local.get $size) (i32.const 8192)) (then (return (call $make_span (local.get $size)))))
    (local.set $kind (call $class_of (local.get $size)))
    (if
      (if (result i32) (i32.eqz (i32.load (i32.add (global.get $lists) (i32.shl (local.get $kind) (i32.const 2)))))
        (then (i32.eqz (call $make_chunk (local.get $kind))))
        (else (i32.const 0)))
      (then (return (i32.const 0))))
    (local.set $block (i32.load (i32.add (global.get $lists) (i32.shl (local.get $kind) (i32.const 2)))))
    (i32.store (i32.add (global.get $lists) (i32.shl (local.get $kind) (i32.const 2))) (i32.load (local.get $block)))
    (local.get $block))

  (func $alloc (export "alloc") (param $size i32) (result i32)
    (local $object i32)
    (if (i32.gt_u (local.get $size) (i32.const 0x400000)) (then (unreachable)))
    (global.set $allocated (i32.add (global.get $allocated) (i32.add (local.get $size) (i32.const 16))))
    (if (i32.gt_u (global.get $allocated) (i32.const 65536)) (then (call $collect)))
    (local.set $object (call $take (local.get $size)))
    (if (i32.eqz (local.get $object))
      (then
        (call $collect)
        (local.set $object (call $take (local.get $size)))
        (if (i32.eqz (local.get $object)) (then (unreachable)))))
    (call $set_bit (global.get $objects) (local.get $object))
    (memory.fill (local.get $object) (i32.const 0) (call $bytes_of (local.get $object)))
    (local.get $object)))
