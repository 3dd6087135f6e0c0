//! The words of a shadow heap, placed by address, in chunks that exist only where something was written.
//!
//! Word `i` is the word at `heap_start + 4 * i`, headers included. A word of a chunk that is not there reads as never written and
//! zero, which is what fresh memory holds, so that a block of gigabytes costs nothing until somebody writes to it.

use super::Content;

/// Words of a chunk: 16 KiB of heap.
const CHUNK: usize = 4096;

/// Words next to each other.
#[derive(Debug)]
struct Chunk {
    values: [u32; CHUNK],
    contents: [Content; CHUNK],
}

impl Chunk {
    fn new() -> Box<Self> {
        Box::new(Self { values: [0; CHUNK], contents: [Content::Unwritten; CHUNK] })
    }

    fn clear(&mut self, from: usize, to: usize) {
        self.values[from..to].fill(0);
        self.contents[from..to].fill(Content::Unwritten);
    }
}

/// All words of a heap.
#[derive(Debug, Default)]
pub(super) struct Words {
    chunks: Vec<Option<Box<Chunk>>>,
    /// Which chunks are there, in the order in which they came.
    held: Vec<u32>,
    /// Clean chunks of earlier programs.
    spare: Vec<Box<Chunk>>,
}

impl Words {
    /// Forgets every word, none of which is at `end` or beyond. Takes time for each chunk that was written to; chunks are kept for
    /// the next program.
    pub(super) fn reset(&mut self, end: usize) {
        for index in self.held.drain(..) {
            if let Some(mut chunk) = self.chunks[index as usize].take() {
                chunk.clear(0, CHUNK.min(end - index as usize * CHUNK));
                self.spare.push(chunk);
            }
        }
    }

    /// Words that memory is really held for.
    pub(super) const fn allocated(&self) -> usize {
        self.held.len() * CHUNK
    }

    /// A word.
    #[inline]
    pub(super) fn get(&self, at: u32) -> (Content, u32) {
        let (index, i) = place(at);
        match self.chunks.get(index) {
            Some(Some(chunk)) => (chunk.contents[i], chunk.values[i]),
            Some(None) | None => (Content::Unwritten, 0),
        }
    }

    /// Writes a word.
    #[inline]
    pub(super) fn set(&mut self, at: u32, content: Content, value: u32) {
        let (index, i) = place(at);
        // One look-up where the chunk is there, which is nearly always.
        if let Some(Some(chunk)) = self.chunks.get_mut(index) {
            (chunk.contents[i], chunk.values[i]) = (content, value);
        } else {
            let chunk = self.chunk(index);
            (chunk.contents[i], chunk.values[i]) = (content, value);
        }
    }

    /// Writes `len` words: `value(i)` to word `at + i`.
    pub(super) fn set_run(&mut self, at: u32, len: u32, content: Content, value: impl Fn(u32) -> u32) {
        let mut done = 0;
        while done < len {
            let (index, from) = place(at + done);
            let to = CHUNK.min(from + (len - done) as usize);
            let chunk = self.chunk(index);
            chunk.contents[from..to].fill(content);
            for (word, i) in chunk.values[from..to].iter_mut().zip(done..) {
                *word = value(i);
            }
            done += (to - from) as u32;
        }
    }

    /// Makes `len` words unwritten, keeping what they hold.
    pub(super) fn disown(&mut self, at: u32, len: u32) {
        self.each_piece(at, len, |chunk, from, to| chunk.contents[from..to].fill(Content::Unwritten));
    }

    /// Makes `len` words unwritten and zero.
    pub(super) fn clear(&mut self, at: u32, len: u32) {
        self.each_piece(at, len, Chunk::clear);
    }

    /// What the words `at..end` hold, and what that is, one slice for each chunk that is there: the others hold zeroes.
    #[inline]
    pub(super) fn written(&self, mut at: u32, end: u32) -> impl Iterator<Item = (&[u32], &[Content])> {
        std::iter::from_fn(move || {
            while at < end {
                let (index, from) = place(at);
                let to = CHUNK.min(from + (end - at) as usize);
                at += (to - from) as u32;
                if let Some(Some(chunk)) = self.chunks.get(index) {
                    return Some((&chunk.values[from..to], &chunk.contents[from..to]));
                }
            }
            None
        })
    }

    /// Calls `change` for the part of each chunk that is there.
    /// Contents and values of the words `at..end` that are held, piece by piece, each with its distance from `at`.
    pub(super) fn pieces(&self, at: u32, end: u32) -> impl Iterator<Item = (u32, &[Content], &[u32])> {
        let mut next = at;
        std::iter::from_fn(move || {
            while next < end {
                let (index, from) = place(next);
                let to = CHUNK.min(from + (end - next) as usize);
                let distance = next - at;
                next += (to - from) as u32;
                if let Some(Some(chunk)) = self.chunks.get(index) {
                    return Some((distance, &chunk.contents[from..to], &chunk.values[from..to]));
                }
            }
            None
        })
    }

    fn each_piece(&mut self, mut at: u32, len: u32, change: impl Fn(&mut Chunk, usize, usize)) {
        let end = at + len;
        while at < end {
            let (index, from) = place(at);
            let to = CHUNK.min(from + (end - at) as usize);
            if let Some(Some(chunk)) = self.chunks.get_mut(index) {
                change(chunk, from, to);
            }
            at += (to - from) as u32;
        }
    }

    /// The chunk of this index, made now if need be.
    #[inline(never)]
    fn chunk(&mut self, index: usize) -> &mut Chunk {
        if self.chunks.get(index).is_none_or(Option::is_none) {
            self.allocate(index);
        }
        self.chunks[index].as_mut().expect("made just now if it was not there")
    }

    #[cold]
    fn allocate(&mut self, index: usize) {
        if self.chunks.len() <= index {
            self.chunks.resize_with(index + 1, || None);
        }
        self.chunks[index] = Some(self.spare.pop().unwrap_or_else(Chunk::new));
        self.held.push(index as u32);
    }
}

/// Chunk and index in it of a word.
const fn place(at: u32) -> (usize, usize) {
    (at as usize / CHUNK, at as usize % CHUNK)
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: u32 = CHUNK as u32;

    #[test]
    fn words_never_written_are_zero_and_cost_nothing() {
        let words = Words::default();
        assert_eq!(words.get(0), (Content::Unwritten, 0));
        assert_eq!(words.get(u32::MAX / 4), (Content::Unwritten, 0));
        assert_eq!(words.written(0, 1 << 29).count(), 0);
        assert_eq!(words.allocated(), 0);
    }

    #[test]
    fn runs_cross_chunks_and_only_chunks_that_are_written_are_held() {
        let mut words = Words::default();
        words.set_run(N - 2, N + 4, Content::Data, |i| 100 + i);
        assert_eq!(words.allocated(), 3 * CHUNK);
        assert_eq!(words.get(N - 3), (Content::Unwritten, 0));
        assert_eq!(words.get(N - 2), (Content::Data, 100));
        assert_eq!(words.get(2 * N + 1), (Content::Data, 100 + N + 3));
        assert_eq!(words.get(2 * N + 2), (Content::Unwritten, 0));
        words.clear(N - 1, 2);
        words.disown(N + 1, N + 1);
        assert_eq!(words.get(N - 2), (Content::Data, 100));
        assert_eq!((words.get(N - 1), words.get(N)), ((Content::Unwritten, 0), (Content::Unwritten, 0)));
        assert_eq!(words.get(N + 1), (Content::Unwritten, 103));
        assert_eq!(words.get(2 * N + 1), (Content::Unwritten, 103 + N));
    }

    #[test]
    fn chunks_that_are_not_there_are_passed_over() {
        let mut words = Words::default();
        words.set(5, Content::Data, 7);
        words.set(40 * N, Content::Data, 19);
        let seen = |at, end| words.written(at, end).map(|(s, _)| (s.len(), s[0])).collect::<Vec<_>>();
        assert_eq!(seen(0, 41 * N), [(CHUNK, 0), (CHUNK, 19)]);
        assert_eq!(seen(5, 40 * N), [(CHUNK - 5, 7)]);
        assert_eq!(seen(40 * N, 40 * N + 2), [(2, 19)]);
        assert_eq!(seen(N, 40 * N), []);
    }

    #[test]
    fn a_reset_leaves_no_word_behind() {
        let mut words = Words::default();
        words.set_run(0, 3 * N, Content::Symbol, |i| i | 1);
        words.reset(3 * CHUNK);
        assert_eq!(words.allocated(), 0);
        words.set(9 * N + 3, Content::Data, 1);
        words.set(4, Content::Data, 2);
        for at in (0..N).chain(9 * N..10 * N) {
            let expected = match at {
                4 => (Content::Data, 2),
                at if at == 9 * N + 3 => (Content::Data, 1),
                _ => (Content::Unwritten, 0),
            };
            assert_eq!(words.get(at), expected, "word {at}");
        }
    }
}
