  ;; ---------------------------------------------------------------------------------------------------------------
  ;; The mutator's library: what a program does to a collector, step by step.
  ;;
  ;; It needs the collector's functions $gc_collect, $root_push, $root_set, $frame_save and $frame_restore, the
  ;; collector's memory as memory 0, what `access.rs` puts in for braces (allocation, loads and stores of pointer fields), and $peek and $poke on the mutator's own memory, which the collector cannot see:
  ;;
  ;;   0  pc: index of the step being executed       12  depth of the stack of frames
  ;;   4  tape cursor (resident lowering only)       16  stop: index of the step to return at (resident only)
  ;;   8  log cursor: address of the next log word   20  log start: address of the first
  ;;   24 .. 40 the log of releases (host.wat)
  ;;   64 stack of frames, 64 words                  512 mirror of the root slots, then the tape, then the log
  ;;
  ;; Payload addresses are sums that wrap, used with offset 0, so that an access is out of bounds on every engine alike.
  ;; No `select` anywhere: wasmi 2.0.0 miscompiles some of them.

  ;; log(word)
  (func $mutator.log (param $word i32)
    (local $cursor i32)
    (local.set $cursor (call $peek (i32.const 8)))
    (call $poke (local.get $cursor) (local.get $word))
    (call $poke (i32.const 8) (i32.add (local.get $cursor) (i32.const 4))))

  ;; log[index]
  (func $mutator.logged (param $index i32) (result i32)
    (call $peek (i32.add (call $peek (i32.const 20)) (i32.shl (local.get $index) (i32.const 2)))))

  ;; mirror[slot]
  (func $mutator.mirror (param $slot i32) (result i32)
    (call $peek (i32.add (i32.const 512) (i32.shl (local.get $slot) (i32.const 2)))))

  ;; root(slot or push, value)
  (func $mutator.root (param $slot i32) (param $push i32) (param $value i32)
    (if (local.get $push)
      (then (call $root_push (local.get $value)))
      (else (call $root_set (local.get $slot) (local.get $value))))
    (call $poke (i32.add (i32.const 512) (i32.shl (local.get $slot) (i32.const 2))) (local.get $value)){step})

  ;; Pushes frame_save() on the stack of frames.
  (func $mutator.enter
    (local $depth i32)
    (local.set $depth (call $peek (i32.const 12)))
    (call $poke (i32.add (i32.const 64) (i32.shl (local.get $depth) (i32.const 2))) (call $frame_save))
    (call $poke (i32.const 12) (i32.add (local.get $depth) (i32.const 1))))

  ;; Pops the stack of frames into frame_restore.
  (func $mutator.leave
    (local $depth i32)
    (local.set $depth (i32.sub (call $peek (i32.const 12)) (i32.const 1)))
    (call $poke (i32.const 12) (local.get $depth))
    (call $frame_restore (call $peek (i32.add (i32.const 64) (i32.shl (local.get $depth) (i32.const 2))))))

  ;; a = alloc(size), log(a)
  (func $mutator.alloc (param $size i32){fields} (result i32)
    (local $a i32)
    (local.set $a {new})
    (call $mutator.log (local.get $a))
    (local.get $a))

  ;; Stores null to `count` words from address `at` on, `step` bytes apart.
  (func $mutator.nulls (param $at i32) (param $step i32) (param $count i32)
    (if (local.get $count)
      (then
        (loop $next
          (i32.store (local.get $at) {null})
          (local.set $at (i32.add (local.get $at) (local.get $step)))
          (local.set $count (i32.sub (local.get $count) (i32.const 1)))
          (br_if $next (local.get $count))))))

  ;; pattern(tag, i)
  (func $mutator.pattern (param $tag i32) (param $i i32) (result i32)
    (i32.or
      (i32.add
        (i32.mul (local.get $tag) (i32.const 0x9E3779B1))
        (i32.mul (local.get $i) (i32.const 0x85EBCA6B)))
      (i32.const 0x80000000)))

  ;; Stores pattern(tag, i) to `count` words from address `at` on, from `i` on.
  (func $mutator.words (param $at i32) (param $count i32) (param $tag i32) (param $i i32)
    (local $word i32)
    (if (local.get $count)
      (then
        (local.set $word
          (i32.add
            (i32.mul (local.get $tag) (i32.const 0x9E3779B1))
            (i32.mul (local.get $i) (i32.const 0x85EBCA6B))))
        (loop $next
          (i32.store (local.get $at) (i32.or (local.get $word) (i32.const 0x80000000)))
          (local.set $word (i32.add (local.get $word) (i32.const 0x85EBCA6B)))
          (local.set $at (i32.add (local.get $at) (i32.const 4)))
          (local.set $count (i32.sub (local.get $count) (i32.const 1)))
          (br_if $next (local.get $count))))))

  ;; The bytes after the last whole word of a payload: each gets the low byte of pattern(tag, its offset).
  (func $mutator.tail (param $a i32) (param $size i32) (param $tag i32)
    (local $offset i32)
    (local.set $offset (i32.and (local.get $size) (i32.const -4)))
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $offset) (local.get $size)))
        (i32.store8
          (i32.add (local.get $a) (local.get $offset))
          (call $mutator.pattern (local.get $tag) (local.get $offset)))
        (local.set $offset (i32.add (local.get $offset) (i32.const 1)))
        (br $next))))

  ;; Fill::All
  (func $mutator.fill_all (param $a i32) (param $size i32) (param $tag i32)
    (call $mutator.words (local.get $a) (i32.shr_u (local.get $size) (i32.const 2)) (local.get $tag) (i32.const 0))
    (call $mutator.tail (local.get $a) (local.get $size) (local.get $tag)))

  ;; Fill::Ends: words 0..min(8, w), then max(8, w - 8)..w, then the tail
  (func $mutator.fill_ends (param $a i32) (param $size i32) (param $tag i32)
    (local $w i32) (local $from i32)
    (local.set $w (i32.shr_u (local.get $size) (i32.const 2)))
    (if (i32.le_u (local.get $w) (i32.const 8))
      (then (call $mutator.words (local.get $a) (local.get $w) (local.get $tag) (i32.const 0)))
      (else
        (call $mutator.words (local.get $a) (i32.const 8) (local.get $tag) (i32.const 0))
        (local.set $from (i32.const 8))
        (if (i32.gt_u (local.get $w) (i32.const 16))
          (then (local.set $from (i32.sub (local.get $w) (i32.const 8)))))
        (call $mutator.words
          (i32.add (local.get $a) (i32.shl (local.get $from) (i32.const 2)))
          (i32.sub (local.get $w) (local.get $from))
          (local.get $tag)
          (local.get $from))))
    (call $mutator.tail (local.get $a) (local.get $size) (local.get $tag)))

  ;; log(digest of `len` bytes from address `at` on)
  (func $mutator.digest (param $at i32) (param $len i32)
    (local $digest i32) (local $left i32)
    (local.set $digest (i32.const 0x811C9DC5))
    (local.set $left (i32.shr_u (local.get $len) (i32.const 2)))
    (if (local.get $left)
      (then
        (loop $next
          (local.set $digest
            (i32.mul (i32.xor (local.get $digest) (i32.load (local.get $at))) (i32.const 0x01000193)))
          (local.set $at (i32.add (local.get $at) (i32.const 4)))
          (local.set $left (i32.sub (local.get $left) (i32.const 1)))
          (br_if $next (local.get $left)))))
    (local.set $left (i32.and (local.get $len) (i32.const 3)))
    (if (local.get $left)
      (then
        (loop $next
          (local.set $digest
            (i32.mul (i32.xor (local.get $digest) (i32.load8_u (local.get $at))) (i32.const 0x01000193)))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (local.set $left (i32.sub (local.get $left) (i32.const 1)))
          (br_if $next (local.get $left)))))
    (call $mutator.log (local.get $digest)))

  ;; ---------------------------------------------------------------------------------------------------------------
  ;; Graphs. Each does what its arm of `mutator::build` does, in the same order; `slot` and `push` are the root write.
  ;; `base` is the address of the log word of the graph's first node, so that node i is at log address base + 4 * i.

  ;; node(fields, words, tag)
  (func $mutator.node (param $fields i32) (param $words i32) (param $tag i32) (result i32)
    (local $a i32)
    (local.set $a
      (call $mutator.alloc
        (i32.shl (i32.add (local.get $fields) (local.get $words)) (i32.const 2)){fields of a node}))
    (call $mutator.nulls (local.get $a) (i32.const 4) (local.get $fields))
    (call $mutator.words
      (i32.add (local.get $a) (i32.shl (local.get $fields) (i32.const 2)))
      (local.get $words)
      (local.get $tag)
      (i32.const 0))
    (local.get $a))

  ;; root(slot, value) once the slot exists
  (func $mutator.reroot (param $slot i32) (param $value i32)
    (call $root_set (local.get $slot) (local.get $value))
    (call $poke (i32.add (i32.const 512) (i32.shl (local.get $slot) (i32.const 2))) (local.get $value)){step})

  ;; store(obj + 4 * field, target)
  (func $mutator.link (param $obj i32) (param $field i32) (param $target i32)
    {link (local.get $obj) (i32.shl (local.get $field) (i32.const 2)) (local.get $target)})

  ;; Prepends n nodes to a list through field 0; the newest is the root, and the result (0 without nodes).
  (func $mutator.list (param $slot i32) (param $n i32) (param $fields i32) (param $words i32) (param $tag i32) (result i32)
    (local $head i32) (local $a i32) (local $i i32)
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $i) (local.get $n)))
        (local.set $a
          (call $mutator.node (local.get $fields) (local.get $words) (i32.add (local.get $tag) (local.get $i))))
        (call $mutator.link (local.get $a) (i32.const 0) (local.get $head))
        (call $mutator.reroot (local.get $slot) (local.get $a))
        (local.set $head (local.get $a))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (local.get $head))

  (func $mutator.chain (param $slot i32) (param $push i32) (param $words i32) (param $tag i32) (param $n i32)
    (call $mutator.root (local.get $slot) (local.get $push) (i32.const 0))
    (drop (call $mutator.list (local.get $slot) (local.get $n) (i32.const 1) (local.get $words) (local.get $tag))))

  ;; A chain whose oldest node points to the newest.
  (func $mutator.cycle (param $slot i32) (param $push i32) (param $words i32) (param $tag i32) (param $n i32)
    (local $base i32) (local $head i32)
    (call $mutator.root (local.get $slot) (local.get $push) (i32.const 0))
    (local.set $base (call $peek (i32.const 8)))
    (local.set $head
      (call $mutator.list (local.get $slot) (local.get $n) (i32.const 1) (local.get $words) (local.get $tag)))
    (if (local.get $n)
      (then (call $mutator.link (call $peek (local.get $base)) (i32.const 0) (local.get $head)))))

  ;; An array of n distinct nodes, each with a leaf of its own.
  (func $mutator.wide (param $slot i32) (param $push i32) (param $words i32) (param $tag i32) (param $n i32)
    (local $a i32) (local $child i32) (local $i i32)
    (call $mutator.root (local.get $slot) (local.get $push) (i32.const 0))
    (local.set $a (call $mutator.node (local.get $n) (local.get $words) (local.get $tag)))
    (call $mutator.reroot (local.get $slot) (local.get $a))
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $i) (local.get $n)))
        (local.set $tag (i32.add (local.get $tag) (i32.const 1)))
        (local.set $child (call $mutator.node (i32.const 1) (local.get $words) (local.get $tag)))
        (call $mutator.link (local.get $a) (local.get $i) (local.get $child))
        (local.set $tag (i32.add (local.get $tag) (i32.const 1)))
        (call $mutator.link
          (local.get $child)
          (i32.const 0)
          (call $mutator.node (i32.const 0) (local.get $words) (local.get $tag)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next))))

  ;; An array of n pointers to one node, which has a leaf.
  (func $mutator.duplicate_refs (param $slot i32) (param $push i32) (param $words i32) (param $tag i32) (param $n i32)
    (local $a i32) (local $child i32) (local $i i32)
    (call $mutator.root (local.get $slot) (local.get $push) (i32.const 0))
    (local.set $a (call $mutator.node (local.get $n) (local.get $words) (local.get $tag)))
    (call $mutator.reroot (local.get $slot) (local.get $a))
    (if (local.get $n)
      (then
        (local.set $child
          (call $mutator.node (i32.const 1) (local.get $words) (i32.add (local.get $tag) (i32.const 1))))
        (call $mutator.link (local.get $a) (i32.const 0) (local.get $child))
        (call $mutator.link
          (local.get $child)
          (i32.const 0)
          (call $mutator.node (i32.const 0) (local.get $words) (i32.add (local.get $tag) (i32.const 2))))
        (local.set $i (i32.const 1))
        (block $done
          (loop $next
            (br_if $done (i32.eq (local.get $i) (local.get $n)))
            (call $mutator.link (local.get $a) (local.get $i) (local.get $child))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br $next))))))

  ;; A complete tree of n nodes, in order of levels.
  (func $mutator.tree (param $slot i32) (param $push i32) (param $words i32) (param $tag i32) (param $n i32) (param $arity i32)
    (local $base i32) (local $a i32) (local $i i32) (local $above i32)
    (call $mutator.root (local.get $slot) (local.get $push) (i32.const 0))
    (local.set $base (call $peek (i32.const 8)))
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $i) (local.get $n)))
        (local.set $a
          (call $mutator.node (local.get $arity) (local.get $words) (i32.add (local.get $tag) (local.get $i))))
        (if (local.get $i)
          (then
            (local.set $above (i32.sub (local.get $i) (i32.const 1)))
            (call $mutator.link
              (call $peek
                (i32.add
                  (local.get $base)
                  (i32.shl (i32.div_u (local.get $above) (local.get $arity)) (i32.const 2))))
              (i32.rem_u (local.get $above) (local.get $arity))
              (local.get $a)))
          (else (call $mutator.reroot (local.get $slot) (local.get $a))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next))))

  ;; A grid: field 0 is the node to the right, field 1 the node below.
  (func $mutator.grid (param $slot i32) (param $push i32) (param $words i32) (param $tag i32) (param $width i32) (param $height i32)
    (local $base i32) (local $a i32) (local $i i32) (local $n i32)
    (call $mutator.root (local.get $slot) (local.get $push) (i32.const 0))
    (local.set $base (call $peek (i32.const 8)))
    (local.set $n (i32.mul (local.get $width) (local.get $height)))
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $i) (local.get $n)))
        (local.set $a
          (call $mutator.node (i32.const 2) (local.get $words) (i32.add (local.get $tag) (local.get $i))))
        (if (local.get $i)
          (then)
          (else (call $mutator.reroot (local.get $slot) (local.get $a))))
        (if (i32.rem_u (local.get $i) (local.get $width))
          (then
            (call $mutator.link
              (call $peek
                (i32.add
                  (local.get $base)
                  (i32.shl (i32.sub (local.get $i) (i32.const 1)) (i32.const 2))))
              (i32.const 0)
              (local.get $a))))
        (if (i32.ge_u (local.get $i) (local.get $width))
          (then
            (call $mutator.link
              (call $peek
                (i32.add
                  (local.get $base)
                  (i32.shl (i32.sub (local.get $i) (local.get $width)) (i32.const 2))))
              (i32.const 1)
              (local.get $a))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next))))

  ;; A list (field 0) of lists (field 1), all built by prepending.
  (func $mutator.comb (param $slot i32) (param $push i32) (param $words i32) (param $tag i32) (param $spine i32) (param $teeth i32)
    (local $head i32) (local $a i32) (local $tooth i32) (local $b i32) (local $left i32)
    (call $mutator.root (local.get $slot) (local.get $push) (i32.const 0))
    (block $done
      (loop $next
        (if (local.get $spine) (then) (else (br $done)))
        (local.set $a (call $mutator.node (i32.const 2) (local.get $words) (local.get $tag)))
        (local.set $tag (i32.add (local.get $tag) (i32.const 1)))
        (call $mutator.link (local.get $a) (i32.const 0) (local.get $head))
        (call $mutator.reroot (local.get $slot) (local.get $a))
        (local.set $head (local.get $a))
        (local.set $tooth (i32.const 0))
        (local.set $left (local.get $teeth))
        (block $toothed
          (loop $longer
            (if (local.get $left) (then) (else (br $toothed)))
            (local.set $b (call $mutator.node (i32.const 1) (local.get $words) (local.get $tag)))
            (local.set $tag (i32.add (local.get $tag) (i32.const 1)))
            (call $mutator.link (local.get $b) (i32.const 0) (local.get $tooth))
            (call $mutator.link (local.get $a) (i32.const 1) (local.get $b))
            (local.set $tooth (local.get $b))
            (local.set $left (i32.sub (local.get $left) (i32.const 1)))
            (br $longer)))
        (local.set $spine (i32.sub (local.get $spine) (i32.const 1)))
        (br $next))))

  ;; next_random(state)
  (func $mutator.random (param $state i32) (result i32)
    (i32.add (i32.mul (local.get $state) (i32.const 1664525)) (i32.const 1013904223)))

  ;; The log word of node (state >> 8) % nodes.
  (func $mutator.drawn (param $base i32) (param $state i32) (param $nodes i32) (result i32)
    (call $peek
      (i32.add
        (local.get $base)
        (i32.shl
          (i32.rem_u (i32.shr_u (local.get $state) (i32.const 8)) (local.get $nodes))
          (i32.const 2)))))

  ;; A list of nodes of 4 fields, then random pointers in fields 1..=3.
  (func $mutator.random_graph
    (param $slot i32) (param $push i32) (param $words i32) (param $tag i32)
    (param $nodes i32) (param $edges i32) (param $seed i32)
    (local $base i32) (local $from i32) (local $to i32)
    (call $mutator.root (local.get $slot) (local.get $push) (i32.const 0))
    (local.set $base (call $peek (i32.const 8)))
    (drop (call $mutator.list (local.get $slot) (local.get $nodes) (i32.const 4) (local.get $words) (local.get $tag)))
    (block $done
      (if (local.get $nodes) (then) (else (br $done)))
      (loop $next
        (if (local.get $edges) (then) (else (br $done)))
        (local.set $seed (call $mutator.random (local.get $seed)))
        (local.set $from (call $mutator.drawn (local.get $base) (local.get $seed) (local.get $nodes)))
        (local.set $seed (call $mutator.random (local.get $seed)))
        (local.set $to (call $mutator.drawn (local.get $base) (local.get $seed) (local.get $nodes)))
        (local.set $seed (call $mutator.random (local.get $seed)))
        (call $mutator.link
          (local.get $from)
          (i32.add
            (i32.const 1)
            (i32.rem_u (i32.shr_u (local.get $seed) (i32.const 8)) (i32.const 3)))
          (local.get $to))
        (local.set $edges (i32.sub (local.get $edges) (i32.const 1)))
        (br $next))))

  ;; Step::Roots
  (func $mutator.roots (param $first i32) (param $count i32) (param $words i32)
    (local $i i32)
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $i) (local.get $count)))
        (call $mutator.root
          (i32.add (local.get $first) (local.get $i))
          (i32.const 1)
          (call $mutator.node (i32.const 0) (local.get $words) (local.get $i)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next))))

  ;; Step::Garbage
  (func $mutator.garbage (param $count i32) (param $size i32)
    (if (local.get $count)
      (then
        (loop $next
          (drop (call $mutator.alloc (local.get $size){no fields}))
          (local.set $count (i32.sub (local.get $count) (i32.const 1)))
          (br_if $next (local.get $count))))))
