//! Where things are in the mutator's memory (bytes). The library in `mutator.wat` writes these numbers again, in its header.

use crate::outcome::Release;

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
/// Word: address of the next entry of the log of releases; this and the next three are 0 where no handle is registered.
pub const RELEASE_CURSOR: u32 = 24;
/// Word: address after the last entry that there is room for.
pub const RELEASE_END: u32 = 28;
/// Word: how many releases there were, those without room included.
pub const RELEASED: u32 = 32;
/// Word: address of the first entry of the log of releases.
pub const RELEASE_START: u32 = 36;
/// Bytes of an entry: step, kind, handle.
pub const RELEASE_BYTES: u32 = 12;
/// The stack of frames, [`MAX_FRAMES`] words.
pub const FRAMES: u32 = 64;
/// Frames that a plan may have open at once.
pub const MAX_FRAMES: u32 = 64;
/// The mirror of the root slots, one word a slot. Tape, log and log of releases follow it.
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

/// Replaces `releases` by those that were logged, and gives how many more there were.
pub fn read_releases(memory: &[u8], releases: &mut Vec<Release>) -> u32 {
    releases.clear();
    let released = word(memory, RELEASED);
    if released == 0 {
        return 0;
    }
    let start = word(memory, RELEASE_START) as usize;
    let end = (word(memory, RELEASE_CURSOR) as usize).min(memory.len());
    let (entries, _) = memory.get(start..end).unwrap_or_default().as_chunks::<{ RELEASE_BYTES as usize }>();
    releases.extend(entries.iter().map(|entry| Release {
        step: word(entry, 0),
        kind: word(entry, 4),
        handle: word(entry, 8),
    }));
    released.saturating_sub(u32::try_from(releases.len()).unwrap_or(u32::MAX))
}
