  ;; ---------------------------------------------------------------------------------------------------------------
  ;; The tape machine: executes steps from pc on until pc == stop, so that a caller can run part of a plan, look, and go on.
  ;;
  ;; `at` is the address of the step's opcode, its operands follow; `tape::Opcode` lists them. Before each step pc is in the
  ;; mutator's memory, so that a trap tells its step. Four things are put in by `resident.rs`: in the br_table one label for
  ;; each opcode, for {n} the load of operand n, at `wrap` the call of the library's function where there is one, and how objects are reached.
  (func $run (export "run")
    (local $pc i32) (local $at i32) (local $a i32) (local $obj i32) (local $left i32)
    (local.set $pc (i32.load $mutator (i32.const 0)))
    (local.set $at (i32.load $mutator (i32.const 4)))
    (block $stopped
      (loop $steps
        (br_if $stopped (i32.eq (local.get $pc) (i32.load $mutator (i32.const 16))))
        (block $next
        (block $minor
        (block $wrap
        (block $garbage
        (block $roots
        (block $random_graph
        (block $comb
        (block $grid
        (block $tree
        (block $duplicate_refs
        (block $wide
        (block $cycle
        (block $chain
        (block $digest
        (block $collect
        (block $leave_keep
        (block $leave
        (block $enter
        (block $assign_null
        (block $assign
        (block $write_logged
        (block $write_slot
        (block $write_constant
        (block $clear
        (block $store
        (block $load
        (block $alloc
        (block $nop
        (block $invalid
          (br_table {dispatch} $invalid (i32.load $mutator (local.get $at))))
        ;; No tape that `Tape::encode` wrote comes here.
        (unreachable))
        ;; nop
        (local.set $at (i32.add (local.get $at) (i32.const 4))) (br $next))
        ;; alloc
        (local.set $a (call $mutator.alloc {2}{fields of a step}))
        (if (i32.eq {3} (i32.const 1))
          (then (call $mutator.fill_all (local.get $a) {2} {4})))
        (if (i32.eq {3} (i32.const 2))
          (then (call $mutator.fill_ends (local.get $a) {2} {4})))
        (call $mutator.nulls (i32.add (local.get $a) {5}) {6} {7})
        (call $mutator.root {0} {1} (local.get $a))
        (local.set $at (i32.add (local.get $at) (i32.const 40))) (br $next))
        ;; load
        (local.set $a {fetch (call $mutator.mirror {2}) {3}})
        (call $mutator.log (local.get $a))
        (call $mutator.root {0} {1} (local.get $a))
        (local.set $at (i32.add (local.get $at) (i32.const 20))) (br $next))
        ;; store
        {link (call $mutator.mirror {0}) {1} (call $mutator.mirror {2})}
        (local.set $at (i32.add (local.get $at) (i32.const 16))) (br $next))
        ;; clear
        {link (call $mutator.mirror {0}) {1} (i32.const 0)}
        (local.set $at (i32.add (local.get $at) (i32.const 12))) (br $next))
        ;; write_constant
        (i32.store
          (i32.add (call $mutator.mirror {0}) {1})
          {2})
        (local.set $at (i32.add (local.get $at) (i32.const 16))) (br $next))
        ;; write_slot
        (i32.store
          (i32.add (call $mutator.mirror {0}) {1})
          (i32.add (call $mutator.mirror {2}) {3}))
        (local.set $at (i32.add (local.get $at) (i32.const 20))) (br $next))
        ;; write_logged
        (i32.store
          (i32.add (call $mutator.mirror {0}) {1})
          (i32.add (call $mutator.logged {2}) {3}))
        (local.set $at (i32.add (local.get $at) (i32.const 20))) (br $next))
        ;; assign
        (call $mutator.root {0} {1} (call $mutator.mirror {2}))
        (local.set $at (i32.add (local.get $at) (i32.const 16))) (br $next))
        ;; assign_null
        (call $mutator.root {0} {1} (i32.const 0))
        (local.set $at (i32.add (local.get $at) (i32.const 12))) (br $next))
        ;; enter
        (call $mutator.enter)
        (local.set $at (i32.add (local.get $at) (i32.const 4))) (br $next))
        ;; leave
        (call $mutator.leave)
        (local.set $at (i32.add (local.get $at) (i32.const 4))) (br $next))
        ;; leave_keep
        (local.set $a (call $mutator.mirror {0}))
        {leave keep}
        (local.set $at (i32.add (local.get $at) (i32.const 16))) (br $next))
        ;; collect
        (call $gc_collect)
        (local.set $at (i32.add (local.get $at) (i32.const 4))) (br $next))
        ;; digest
        (local.set $obj (call $mutator.mirror {0}))
        (local.set $left {1})
        (local.set $at (i32.add (local.get $at) (i32.const 12)))
        (block $done
          (loop $ranges
            (if (local.get $left) (then) (else (br $done)))
            (call $mutator.digest
              (i32.add (local.get $obj) (i32.load $mutator (local.get $at)))
              (i32.load $mutator offset=4 (local.get $at)))
            (local.set $at (i32.add (local.get $at) (i32.const 8)))
            (local.set $left (i32.sub (local.get $left) (i32.const 1)))
            (br $ranges)))
        (br $next))
        ;; chain
        (call $mutator.chain
          {0} {1}
          {2} {3}
          {4})
        (local.set $at (i32.add (local.get $at) (i32.const 24))) (br $next))
        ;; cycle
        (call $mutator.cycle
          {0} {1}
          {2} {3}
          {4})
        (local.set $at (i32.add (local.get $at) (i32.const 24))) (br $next))
        ;; wide
        (call $mutator.wide
          {0} {1}
          {2} {3}
          {4})
        (local.set $at (i32.add (local.get $at) (i32.const 24))) (br $next))
        ;; duplicate_refs
        (call $mutator.duplicate_refs
          {0} {1}
          {2} {3}
          {4})
        (local.set $at (i32.add (local.get $at) (i32.const 24))) (br $next))
        ;; tree
        (call $mutator.tree
          {0} {1}
          {2} {3}
          {4} {5})
        (local.set $at (i32.add (local.get $at) (i32.const 28))) (br $next))
        ;; grid
        (call $mutator.grid
          {0} {1}
          {2} {3}
          {4} {5})
        (local.set $at (i32.add (local.get $at) (i32.const 28))) (br $next))
        ;; comb
        (call $mutator.comb
          {0} {1}
          {2} {3}
          {4} {5})
        (local.set $at (i32.add (local.get $at) (i32.const 28))) (br $next))
        ;; random_graph
        (call $mutator.random_graph
          {0} {1}
          {2} {3}
          {4} {5} {6})
        (local.set $at (i32.add (local.get $at) (i32.const 32))) (br $next))
        ;; roots
        (call $mutator.roots {0} {1} {2})
        (local.set $at (i32.add (local.get $at) (i32.const 16))) (br $next))
        ;; garbage
        (call $mutator.garbage {0} {1})
        (local.set $at (i32.add (local.get $at) (i32.const 12))) (br $next))
        ;; wrap; no tape for a collector without a wrap table has one
        {wrap}
        (local.set $at (i32.add (local.get $at) (i32.const 28))) (br $next))
        ;; minor; no tape for a collector without minor collections has one
        {minor}
        (local.set $at (i32.add (local.get $at) (i32.const 4))))
        ;; $next
        (local.set $pc (i32.add (local.get $pc) (i32.const 1)))
        (i32.store $mutator (i32.const 0) (local.get $pc))
        (br $steps)))
    (i32.store $mutator (i32.const 4) (local.get $at)))
