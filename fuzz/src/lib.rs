//! Where libFuzzer will meet heapsmith: targets of a dozen lines each over bodies that live in the harness. There are none yet.
