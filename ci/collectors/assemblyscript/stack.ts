// The shadow stack of `incremental`. It grows down from `heapBase()` to `stackLimit()`; every word from the stack pointer up to `heapBase()`
// is null or an object and keeps it alive. A host pushes a root as a compiled function does: move the pointer down by 4, then store. Words
// below the pointer are overwritten by every call that needs a frame.

export function stackPointer(): usize {
  return __stack_pointer;
}

export function setStackPointer(pointer: usize): void {
  __stack_pointer = pointer;
}

/** The lowest address that the shadow stack may use. */
export function stackLimit(): usize {
  return __data_end;
}
