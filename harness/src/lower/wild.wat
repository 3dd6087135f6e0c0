  ;; ---------------------------------------------------------------------------------------------------------------
  ;; Operations for modules that know of no address: operands are any numbers, taken for registers, sizes and counts modulo what is
  ;; sensible. What is done is recorded, so that it is a program like any other; what cannot be done now is not done.
  ;;
  ;; The mutator's memory, beside what the library has there ({..} are the numbers of `wild.rs`):
  ;;
  ;;   {busy}  1 while an operation is at work       {cursor}  address of the next record
  ;;   {refused}  calls that did nothing             {calls}  calls of each operation, by number
  ;;   {random}  state of `number`                   {slots}  slots of the root stack in use
  ;;   {results}  what `main` gave, 12 bytes a call
  ;;   {frames}  frames, {frame_bytes} bytes each: registers of its own as bits, slots before it, slots of all registers
  ;;   {trace}  records: operation and four operands, each a word
  ;;   {facts}  for each 8 bytes of heap: fields and bytes of the object whose payload starts there (see $fact)
  ;;
  ;; pc (address 0) counts the operations done: each is recorded before it begins.

  ;; A call of operation `kind`; 0 if there were so many already that it is to do nothing.
  (func $wild.admit (param $kind i32) (result i32)
    (local $at i32)
    (local.set $at (i32.add (i32.const {calls}) (i32.shl (local.get $kind) (i32.const 2))))
    (call $poke (local.get $at) (i32.add (call $peek (local.get $at)) (i32.const 1)))
    (if (i32.lt_u (call $peek (i32.const 0)) (i32.const {most_ops})) (then (return (i32.const 1))))
    (call $wild.refuse))

  ;; 0, and counts a call that does nothing.
  (func $wild.refuse (result i32)
    (call $poke (i32.const {refused}) (i32.add (call $peek (i32.const {refused})) (i32.const 1)))
    (i32.const 0))

  ;; Records an operation, which now begins.
  (func $wild.begin (param $kind i32) (param $a i32) (param $b i32) (param $c i32) (param $d i32)
    (local $at i32)
    (local.set $at (call $peek (i32.const {cursor})))
    (call $poke (local.get $at) (local.get $kind))
    (call $poke (i32.add (local.get $at) (i32.const 4)) (local.get $a))
    (call $poke (i32.add (local.get $at) (i32.const 8)) (local.get $b))
    (call $poke (i32.add (local.get $at) (i32.const 12)) (local.get $c))
    (call $poke (i32.add (local.get $at) (i32.const 16)) (local.get $d))
    (call $poke (i32.const {cursor}) (i32.add (local.get $at) (i32.const 20)))
    (call $poke (i32.const {busy}) (i32.const 1)))

  ;; The operation is done.
  (func $wild.end
    (call $poke (i32.const 0) (i32.add (call $peek (i32.const 0)) (i32.const 1)))
    (call $poke (i32.const {busy}) (i32.const 0)))

  ;; Address of the innermost frame.
  (func $wild.frame (result i32)
    (i32.add (i32.const {frames}) (i32.mul (call $peek (i32.const 12)) (i32.const {frame_bytes}))))

  ;; Address of the word that holds a register's slot in a frame.
  (func $wild.place (param $frame i32) (param $reg i32) (result i32)
    (i32.add (i32.add (local.get $frame) (i32.const 8)) (i32.shl (local.get $reg) (i32.const 2))))

  ;; What a register holds: an address, or 0.
  (func $wild.held (param $reg i32) (result i32)
    (local $slot i32)
    (local.set $slot (call $peek (call $wild.place (call $wild.frame) (local.get $reg))))
    (if (i32.eq (local.get $slot) (i32.const -1)) (then (return (i32.const 0))))
    (call $mutator.mirror (local.get $slot)))

  ;; A register's slot in a frame: its own one there, or a new one, which is the next, with the highest bit set.
  (func $wild.slot (param $frame i32) (param $reg i32) (result i32)
    (local $bit i32) (local $own i32) (local $slot i32)
    (local.set $bit (i32.shl (i32.const 1) (local.get $reg)))
    (local.set $own (call $peek (local.get $frame)))
    (if (i32.and (local.get $own) (local.get $bit))
      (then (return (call $peek (call $wild.place (local.get $frame) (local.get $reg))))))
    (local.set $slot (call $peek (i32.const {slots})))
    (call $poke (i32.const {slots}) (i32.add (local.get $slot) (i32.const 1)))
    (call $poke (local.get $frame) (i32.or (local.get $own) (local.get $bit)))
    (call $poke (call $wild.place (local.get $frame) (local.get $reg)) (local.get $slot))
    (i32.or (local.get $slot) (i32.const 0x80000000)))

  ;; Assigns a register in a frame.
  (func $wild.assign (param $frame i32) (param $reg i32) (param $value i32)
    (local $slot i32)
    (local.set $slot (call $wild.slot (local.get $frame) (local.get $reg)))
    (call $mutator.root
      (i32.and (local.get $slot) (i32.const 0x7fffffff))
      (i32.shr_u (local.get $slot) (i32.const 31))
      (local.get $value)))

  ;; Address of the facts of the object at an address, or 0 if there is no room for them.
  (func $wild.facts (param $a i32) (result i32)
    (local $at i32)
    (local.set $at (i32.sub (local.get $a) (i32.const {heap_start})))
    (if (i32.ge_u (local.get $at) (i32.const {facts_heap})) (then (return (i32.const 0))))
    (i32.add (i32.const {facts}) (i32.shl (i32.shr_u (local.get $at) (i32.const 3)) (i32.const 2))))

  ;; Notes an object: pointer fields in bits 24.., payload bytes in bits 0..24, bit 23 set if bytes were left unwritten. 0: nothing known.
  (func $wild.note (param $a i32) (param $fact i32)
    (local $at i32)
    (local.set $at (call $wild.facts (local.get $a)))
    (if (local.get $at) (then (call $poke (local.get $at) (local.get $fact)))))

  (func $wild.fact (param $a i32) (result i32)
    (local $at i32)
    (local.set $at (call $wild.facts (local.get $a)))
    (if (local.get $at) (then (return (call $peek (local.get $at)))))
    (i32.const 0))

  (func $wild.fields (param $a i32) (result i32)
    (i32.shr_u (call $wild.fact (local.get $a)) (i32.const 24)))

  (func $wild.size (param $a i32) (result i32)
    (i32.and (call $wild.fact (local.get $a)) (i32.const 0x7FFFFF)))

  ;; Data words of an object.
  (func $wild.data (param $a i32) (result i32)
    (i32.sub (i32.shr_u (call $wild.size (local.get $a)) (i32.const 2)) (call $wild.fields (local.get $a))))

  ;; The register of this number, or the next one, whose object fits: any (0), one with pointer fields (1), with data words (2); -1 for none.
  (func $wild.resolve (param $reg i32) (param $wanted i32) (result i32)
    (local $left i32) (local $a i32)
    (local.set $left (i32.const 16))
    (loop $next
      (local.set $reg (i32.and (local.get $reg) (i32.const 15)))
      (local.set $a (call $wild.held (local.get $reg)))
      (if (local.get $a)
        (then
          (if (i32.eq (local.get $wanted) (i32.const 0)) (then (return (local.get $reg))))
          (if (i32.eq (local.get $wanted) (i32.const 1))
            (then (if (call $wild.fields (local.get $a)) (then (return (local.get $reg))))))
          (if (i32.eq (local.get $wanted) (i32.const 2))
            (then (if (call $wild.data (local.get $a)) (then (return (local.get $reg))))))))
      (local.set $reg (i32.add (local.get $reg) (i32.const 1)))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $next (local.get $left)))
    (i32.const -1))

  ;; Notes the objects that were logged from log address `from` on: those of a graph of this shape (-1: no graph), of n.
  (func $wild.note_all (param $from i32) (param $shape i32) (param $n i32)
    (local $i i32) (local $fact i32)
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $from) (call $peek (i32.const 8))))
        (local.set $fact (i32.const 0))
        ;; A node of a chain or a ring: one field, one word.
        (if (i32.lt_u (local.get $shape) (i32.const 2)) (then (local.set $fact (i32.const 0x01000008))))
        (if (i32.and (i32.ge_s (local.get $shape) (i32.const 2)) (i32.lt_s (local.get $shape) (i32.const 4)))
          (then
            (if (local.get $i)
              (then
                ;; A child has a field, its leaf none.
                (local.set $fact (i32.const 0x00000004))
                (if (i32.and (local.get $i) (i32.const 1)) (then (local.set $fact (i32.const 0x01000008)))))
              (else
                (local.set $fact
                  (i32.or
                    (i32.shl (local.get $n) (i32.const 24))
                    (i32.shl (i32.add (local.get $n) (i32.const 1)) (i32.const 2))))))))
        (call $wild.note (call $peek (local.get $from)) (local.get $fact))
        (local.set $from (i32.add (local.get $from) (i32.const 4)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next))))

  ;; The operations. A caller may give fewer operands than there are: `number` gives the others.

  ;; alloc(register, size, fields): the register. One size in eight is large.
  (func $wild.alloc (param $dst i32) (param $size i32) (param $fields i32) (result i32)
    (local $a i32) (local $bare i32)
    (if (call $wild.admit (i32.const 0)) (then) (else (return (i32.const 0))))
    (local.set $dst (i32.and (local.get $dst) (i32.const 15)))
    (if (i32.and (local.get $size) (i32.const 7))
      (then (local.set $size (i32.and (i32.shr_u (local.get $size) (i32.const 3)) (i32.const 63))))
      (else (local.set $size (i32.rem_u (i32.shr_u (local.get $size) (i32.const 3)) (i32.const {most_bytes})))))
    (local.set $bare (i32.eq (i32.and (local.get $fields) (i32.const 48)) (i32.const 48)))
    (local.set $fields (i32.and (local.get $fields) (i32.const 15)))
    (if (i32.gt_u (local.get $fields) (i32.shr_u (local.get $size) (i32.const 2)))
      (then (local.set $fields (i32.shr_u (local.get $size) (i32.const 2)))))
    (call $wild.begin (i32.const 0) (local.get $dst) (local.get $size) (local.get $fields) (local.get $bare))
    (local.set $a (call $mutator.alloc (local.get $size){fields of a node}))
    (if (local.get $bare)
      (then)
      (else (call $mutator.fill_all (local.get $a) (local.get $size) (call $peek (i32.const 0)))))
    (call $mutator.nulls (local.get $a) (i32.const 4) (local.get $fields))
    (call $wild.assign (call $wild.frame) (local.get $dst) (local.get $a))
    (call $wild.note
      (local.get $a)
      (i32.or
        (i32.or (i32.shl (local.get $fields) (i32.const 24)) (i32.shl (local.get $bare) (i32.const 23)))
        (local.get $size)))
    (call $wild.end)
    (local.get $dst))

  ;; load(register, of, field): whether there is an object.
  (func $wild.load (param $dst i32) (param $src i32) (param $field i32) (result i32)
    (local $a i32)
    (if (call $wild.admit (i32.const 1)) (then) (else (return (i32.const 0))))
    (local.set $dst (i32.and (local.get $dst) (i32.const 15)))
    (local.set $src (call $wild.resolve (local.get $src) (i32.const 1)))
    (if (i32.lt_s (local.get $src) (i32.const 0)) (then (return (call $wild.refuse))))
    (local.set $a (call $wild.held (local.get $src)))
    (local.set $field (i32.rem_u (local.get $field) (call $wild.fields (local.get $a))))
    (call $wild.begin (i32.const 1) (local.get $dst) (local.get $src) (local.get $field) (i32.const 0))
    (local.set $a {fetch (local.get $a) (i32.shl (local.get $field) (i32.const 2))})
    (call $mutator.log (local.get $a))
    (call $wild.assign (call $wild.frame) (local.get $dst) (local.get $a))
    (call $wild.end)
    (i32.ne (local.get $a) (i32.const 0)))

  ;; store(to, field, register): whether it was done.
  (func $wild.store (param $obj i32) (param $field i32) (param $value i32) (result i32)
    (local $a i32)
    (if (call $wild.admit (i32.const 2)) (then) (else (return (i32.const 0))))
    (local.set $obj (call $wild.resolve (local.get $obj) (i32.const 1)))
    (local.set $value (call $wild.resolve (local.get $value) (i32.const 0)))
    (if (i32.lt_s (local.get $obj) (i32.const 0)) (then (return (call $wild.refuse))))
    (local.set $a (call $wild.held (local.get $obj)))
    (local.set $field (i32.rem_u (local.get $field) (call $wild.fields (local.get $a))))
    (call $wild.begin (i32.const 2) (local.get $obj) (local.get $field) (local.get $value) (i32.const 0))
    {link (local.get $a) (i32.shl (local.get $field) (i32.const 2)) (call $wild.held (local.get $value))}
    (call $wild.end)
    (i32.const 1))

  ;; Address of the data word of an object that a number means.
  (func $wild.word (param $a i32) (param $word i32) (result i32)
    (i32.add
      (local.get $a)
      (i32.shl (i32.add (call $wild.fields (local.get $a)) (local.get $word)) (i32.const 2))))

  ;; write(to, word, number): whether it was done.
  (func $wild.write (param $obj i32) (param $word i32) (param $value i32) (result i32)
    (local $a i32)
    (if (call $wild.admit (i32.const 3)) (then) (else (return (i32.const 0))))
    (local.set $obj (call $wild.resolve (local.get $obj) (i32.const 2)))
    (if (i32.lt_s (local.get $obj) (i32.const 0)) (then (return (call $wild.refuse))))
    (local.set $a (call $wild.held (local.get $obj)))
    (local.set $word (i32.rem_u (local.get $word) (call $wild.data (local.get $a))))
    (call $wild.begin (i32.const 3) (local.get $obj) (local.get $word) (local.get $value) (i32.const 0))
    (i32.store (call $wild.word (local.get $a) (local.get $word)) (local.get $value))
    (call $wild.end)
    (i32.const 1))

  ;; write_address(to, word, of, offset): an address as a data word, which the caller does not see; whether it was done.
  (func $wild.write_address (param $obj i32) (param $word i32) (param $of i32) (param $offset i32) (result i32)
    (local $a i32)
    (if (call $wild.admit (i32.const 4)) (then) (else (return (i32.const 0))))
    (local.set $obj (call $wild.resolve (local.get $obj) (i32.const 2)))
    (local.set $of (call $wild.resolve (local.get $of) (i32.const 0)))
    (if (i32.lt_s (local.get $obj) (i32.const 0)) (then (return (call $wild.refuse))))
    (local.set $a (call $wild.held (local.get $obj)))
    (local.set $word (i32.rem_u (local.get $word) (call $wild.data (local.get $a))))
    (local.set $offset (i32.shl (i32.sub (i32.and (local.get $offset) (i32.const 15)) (i32.const 4)) (i32.const 2)))
    (call $wild.begin (i32.const 4) (local.get $obj) (local.get $word) (local.get $of) (local.get $offset))
    (i32.store
      (call $wild.word (local.get $a) (local.get $word))
      (i32.add (call $wild.held (local.get $of)) (local.get $offset)))
    (call $wild.end)
    (i32.const 1))

  ;; push(register, of): copies a register, which is a new root where this frame has not assigned it; whether it was done.
  (func $wild.push (param $dst i32) (param $src i32) (result i32)
    (if (call $wild.admit (i32.const 5)) (then) (else (return (i32.const 0))))
    (local.set $dst (i32.and (local.get $dst) (i32.const 15)))
    (local.set $src (call $wild.resolve (local.get $src) (i32.const 0)))
    (if (i32.lt_s (local.get $src) (i32.const 0)) (then (return (call $wild.refuse))))
    (call $wild.begin (i32.const 5) (local.get $dst) (local.get $src) (i32.const 0) (i32.const 0))
    (call $wild.assign (call $wild.frame) (local.get $dst) (call $wild.held (local.get $src)))
    (call $wild.end)
    (i32.const 1))

  ;; drop(register): whether it was done.
  (func $wild.drop (param $reg i32) (result i32)
    (if (call $wild.admit (i32.const 6)) (then) (else (return (i32.const 0))))
    (local.set $reg (call $wild.resolve (local.get $reg) (i32.const 0)))
    (if (i32.lt_s (local.get $reg) (i32.const 0)) (then (return (call $wild.refuse))))
    (call $wild.begin (i32.const 6) (local.get $reg) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $mutator.root
      (call $peek (call $wild.place (call $wild.frame) (local.get $reg)))
      (i32.const 0)
      (i32.const 0))
    (call $wild.end)
    (i32.const 1))

  ;; enter(): opens a frame; whether it was done.
  (func $wild.enter (result i32)
    (local $frame i32) (local $inner i32) (local $i i32)
    (if (call $wild.admit (i32.const 7)) (then) (else (return (i32.const 0))))
    (if (i32.ge_u (call $peek (i32.const 12)) (i32.const {most_frames})) (then (return (call $wild.refuse))))
    (call $wild.begin (i32.const 7) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (local.set $frame (call $wild.frame))
    (call $mutator.enter)
    (local.set $inner (call $wild.frame))
    (call $poke (local.get $inner) (i32.const 0))
    (call $poke (i32.add (local.get $inner) (i32.const 4)) (call $peek (i32.const {slots})))
    (loop $next
      (call $poke
        (call $wild.place (local.get $inner) (local.get $i))
        (call $peek (call $wild.place (local.get $frame) (local.get $i))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $i) (i32.const 16))))
    (call $wild.end)
    (i32.const 1))

  ;; pop(register): closes a frame, and gives one of its objects to the outer one; whether it was done. An even number keeps nothing.
  (func $wild.pop (param $keep i32) (result i32)
    (local $reg i32) (local $value i32) (local $slot i32)
    (if (call $wild.admit (i32.const 8)) (then) (else (return (i32.const 0))))
    (if (call $peek (i32.const 12)) (then) (else (return (call $wild.refuse))))
    (local.set $reg (i32.const -1))
    (if (i32.and (local.get $keep) (i32.const 1))
      (then (local.set $reg (call $wild.resolve (i32.shr_u (local.get $keep) (i32.const 1)) (i32.const 0)))))
    (if (i32.ge_s (local.get $reg) (i32.const 0))
      (then (local.set $value (call $wild.held (local.get $reg)))))
    (call $wild.begin (i32.const 8) (local.get $reg) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $poke (i32.const {slots}) (call $peek (i32.add (call $wild.frame) (i32.const 4))))
    (if (i32.ge_s (local.get $reg) (i32.const 0))
      (then
        {pop keep})
      (else (call $mutator.leave)))
    (call $wild.end)
    (i32.const 1))

  ;; collect(): whether it was done.
  (func $wild.collect (result i32)
    (if (call $wild.admit (i32.const 9)) (then) (else (return (i32.const 0))))
    (call $wild.begin (i32.const 9) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $gc_collect)
    (call $wild.end)
    (i32.const 1))

  ;; check(register): a digest of an object all of whose bytes were written, else 0.
  (func $wild.check (param $reg i32) (result i32)
    (local $a i32)
    (if (call $wild.admit (i32.const 10)) (then) (else (return (i32.const 0))))
    (local.set $reg (call $wild.resolve (local.get $reg) (i32.const 0)))
    (if (i32.lt_s (local.get $reg) (i32.const 0)) (then (return (call $wild.refuse))))
    (local.set $a (call $wild.held (local.get $reg)))
    (if (i32.and (call $wild.fact (local.get $a)) (i32.const 0x800000)) (then (return (call $wild.refuse))))
    (if (call $wild.size (local.get $a)) (then) (else (return (call $wild.refuse))))
    (call $wild.begin (i32.const 10) (local.get $reg) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $mutator.digest (local.get $a) (call $wild.size (local.get $a)))
    (call $wild.end)
    (call $peek (i32.sub (call $peek (i32.const 8)) (i32.const 4))))

  ;; graph(register, shape, n): how many, up to some more than the worklist holds.
  (func $wild.graph (param $dst i32) (param $shape i32) (param $n i32) (result i32)
    (local $from i32) (local $frame i32) (local $slot i32) (local $push i32)
    (if (call $wild.admit (i32.const 11)) (then) (else (return (i32.const 0))))
    (local.set $dst (i32.and (local.get $dst) (i32.const 15)))
    (local.set $shape (i32.and (local.get $shape) (i32.const 3)))
    (local.set $n (i32.rem_u (local.get $n) (i32.const {most_nodes})))
    (call $wild.begin (i32.const 11) (local.get $dst) (local.get $shape) (local.get $n) (i32.const 0))
    (local.set $from (call $peek (i32.const 8)))
    ;; Null first: the graph then overwrites the slot.
    (local.set $frame (call $wild.frame))
    (call $wild.assign (local.get $frame) (local.get $dst) (i32.const 0))
    (local.set $slot (call $peek (call $wild.place (local.get $frame) (local.get $dst))))
    (block $built
      (block $duplicates
        (block $wide
          (block $cycle
            (block $chain
              (br_table $chain $cycle $wide $duplicates (local.get $shape)))
            (call $mutator.chain (local.get $slot) (local.get $push) (i32.const 1) (call $peek (i32.const 0)) (local.get $n))
            (br $built))
          (call $mutator.cycle (local.get $slot) (local.get $push) (i32.const 1) (call $peek (i32.const 0)) (local.get $n))
          (br $built))
        (call $mutator.wide (local.get $slot) (local.get $push) (i32.const 1) (call $peek (i32.const 0)) (local.get $n))
        (br $built))
      (call $mutator.duplicate_refs (local.get $slot) (local.get $push) (i32.const 1) (call $peek (i32.const 0)) (local.get $n)))
    (call $wild.note_all (local.get $from) (local.get $shape) (local.get $n))
    (call $wild.end)
    (local.get $n))

  ;; garbage(n, size): how many.
  (func $wild.garbage (param $n i32) (param $size i32) (result i32)
    (local $from i32)
    (if (call $wild.admit (i32.const 12)) (then) (else (return (i32.const 0))))
    (local.set $n (i32.and (local.get $n) (i32.const 7)))
    (local.set $size (i32.rem_u (local.get $size) (i32.const {most_bytes})))
    (call $wild.begin (i32.const 12) (local.get $n) (local.get $size) (i32.const 0) (i32.const 0))
    (local.set $from (call $peek (i32.const 8)))
    (call $mutator.garbage (local.get $n) (local.get $size))
    (call $wild.note_all (local.get $from) (i32.const -1) (i32.const 0))
    (call $wild.end)
    (local.get $n))

  ;; number(): some number.
  (func $wild.number (result i32)
    (drop (call $wild.admit (i32.const 13)))
    (call $wild.next))

  (func $wild.next (result i32)
    (local $state i32)
    (local.set $state (call $mutator.random (call $peek (i32.const {random}))))
    (call $poke (i32.const {random}) (local.get $state))
    (i32.shr_u (local.get $state) (i32.const 8)))
