//! Where things are in the mutator's memory (bytes). The library in `mutator.wat` writes these numbers again, in its header.

/// Word: index of the step being executed; the number of steps at the end.
pub const PC: u32 = 0;
/// Word: address of the next tape word ([`super::resident`] only; current only between calls of `run`).
pub const TAPE_CURSOR: u32 = 4;
/// Word: address of the next log word.
pub const LOG_CURSOR: u32 = 8;
/// Word: how many frames are on the stack of frames.
pub const DEPTH: u32 = 12;
/// Word: index of the step at which `run` returns ([`super::resident`] only).
pub const STOP: u32 = 16;
/// Word: address of the first log word.
pub const LOG_START: u32 = 20;
/// The stack of frames, [`MAX_FRAMES`] words.
pub const FRAMES: u32 = 64;
/// Frames that a plan may have open at once.
pub const MAX_FRAMES: u32 = 64;
/// The mirror of the root slots, one word a slot. Tape and log follow it.
pub const MIRROR: u32 = 512;

/// Reads a little-endian word; 0 beyond the end.
#[must_use]
pub fn word(memory: &[u8], address: u32) -> u32 {
    memory.get(address as usize..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

/// The words that were logged, appended to `log`. A log cursor outside the memory gives the words inside.
pub fn read_log(memory: &[u8], log: &mut Vec<u32>) {
    let start = word(memory, LOG_START) as usize;
    let end = (word(memory, LOG_CURSOR) as usize).min(memory.len());
    let bytes = memory.get(start..end).unwrap_or_default();
    log.extend(bytes.as_chunks::<4>().0.iter().map(|w| u32::from_le_bytes(*w)));
}
