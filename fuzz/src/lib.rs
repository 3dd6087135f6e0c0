//! Where libFuzzer meets heapsmith: each target in `fuzz_targets/` is a dozen lines over a body in the harness, which is tested
//! on stable like any other code.
