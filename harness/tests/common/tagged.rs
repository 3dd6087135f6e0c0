//! The small collector of the tests, whose pointers are not addresses: one is added to each, and two stands for none.

/// What it takes for a pointer, what it gives, and how it says that there is no memory.
pub(crate) const TAGGED: [(&str, &str); 4] = [
    (
        "        (if (local.get $object)\n          (then\n            (local.set $object (i32.sub (local.get $object) (i32.const 8)))",
        "        (if (i32.and (local.get $object) (i32.const 1))\n          (then\n            (local.set $object (i32.sub (local.get $object) (i32.const 9)))",
    ),
    (
        "          (br $clear))))\n    (i32.add (local.get $block) (i32.const 8)))",
        "          (br $clear))))\n    (i32.add (local.get $block) (i32.const 9)))",
    ),
    ("(then (return (i32.const 0))))\n    ;; A free block", "(then (return (i32.const 2))))\n    ;; A free block"),
    (
        "      (return (i32.const 0)))\n    (i32.store offset=4",
        "      (return (i32.const 2)))\n    (i32.store offset=4",
    ),
];
