//! The graphs of the mutator language as loops over a heap: what the wasm loops of [`crate::lower`] do, for native heaps.
//!
//! Model and emulator share this and nothing else: it is the *program's* behaviour, not the collector's.

use crate::plan::{RootWrite, Shape, next_random, pattern};

/// A heap as a mutator sees it.
pub trait Heap {
    /// An object.
    type Object: Copy;
    /// Why an execution stops.
    type Stop;

    /// Allocates a payload of `size` bytes and logs its address.
    ///
    /// # Errors
    /// When the allocation traps.
    fn alloc(&mut self, size: u32) -> Result<Self::Object, Self::Stop>;
    /// Notes that words `0..fields` of a fresh object are its pointer fields.
    fn declare(&mut self, _obj: Self::Object, _fields: u32) {}
    /// Stores a pointer, or null, at a byte offset.
    ///
    /// # Errors
    /// When the store traps.
    fn link(&mut self, obj: Self::Object, offset: u32, target: Option<Self::Object>) -> Result<(), Self::Stop>;
    /// Stores a data word at a byte offset.
    ///
    /// # Errors
    /// When the store traps.
    fn write(&mut self, obj: Self::Object, offset: u32, word: u32) -> Result<(), Self::Stop>;
    /// Assigns a root slot.
    ///
    /// # Errors
    /// When the push traps.
    fn root(&mut self, write: RootWrite, value: Option<Self::Object>) -> Result<(), Self::Stop>;
    /// Words logged so far.
    fn logged_words(&self) -> u32;
    /// The object whose allocation was logged at this index.
    fn logged(&self, index: u32) -> Self::Object;
}

/// Allocates a node: `fields` null pointers, then `words` words of [`pattern`].
///
/// # Errors
/// When the heap stops.
pub fn node<H: Heap>(heap: &mut H, fields: u32, words: u32, tag: u32) -> Result<H::Object, H::Stop> {
    let a = heap.alloc(4 * (fields + words))?;
    heap.declare(a, fields);
    for i in 0..fields {
        heap.link(a, 4 * i, None)?;
    }
    for i in 0..words {
        heap.write(a, 4 * (fields + i), pattern(tag, i))?;
    }
    Ok(a)
}

/// Allocates `count` nodes without fields and pushes each as a root, from slot `first` on.
///
/// # Errors
/// When the heap stops.
pub fn push_roots<H: Heap>(heap: &mut H, first: u32, count: u32, words: u32) -> Result<(), H::Stop> {
    for i in 0..count {
        let a = node(heap, 0, words, i)?;
        heap.root(RootWrite { slot: first + i, push: true }, Some(a))?;
    }
    Ok(())
}

/// Builds a graph and leaves its root object in `root`. Between an allocation and the store that makes it reachable there
/// is no other allocation, so no further roots are needed.
///
/// # Errors
/// When the heap stops.
pub fn build<H: Heap>(heap: &mut H, root: RootWrite, shape: Shape, w: u32, tag: u32) -> Result<(), H::Stop> {
    heap.root(root, None)?;
    let root = root.again();
    let base = heap.logged_words();
    match shape {
        Shape::Chain { n } => list(heap, root, n, 1, w, tag).map(drop),
        Shape::Cycle { n } => {
            if let Some(head) = list(heap, root, n, 1, w, tag)? {
                let tail = heap.logged(base);
                heap.link(tail, 0, Some(head))?;
            }
            Ok(())
        }
        Shape::Wide { n } => {
            let a = node(heap, n, w, tag)?;
            heap.root(root, Some(a))?;
            for i in 0..n {
                let child = node(heap, 1, w, tag.wrapping_add(1 + 2 * i))?;
                heap.link(a, 4 * i, Some(child))?;
                let leaf = node(heap, 0, w, tag.wrapping_add(2 + 2 * i))?;
                heap.link(child, 0, Some(leaf))?;
            }
            Ok(())
        }
        Shape::DuplicateRefs { n } => {
            let a = node(heap, n, w, tag)?;
            heap.root(root, Some(a))?;
            if n == 0 {
                return Ok(());
            }
            let child = node(heap, 1, w, tag.wrapping_add(1))?;
            heap.link(a, 0, Some(child))?;
            let leaf = node(heap, 0, w, tag.wrapping_add(2))?;
            heap.link(child, 0, Some(leaf))?;
            for i in 1..n {
                heap.link(a, 4 * i, Some(child))?;
            }
            Ok(())
        }
        Shape::Tree { n, arity } => {
            for i in 0..n {
                let a = node(heap, arity, w, tag.wrapping_add(i))?;
                if i == 0 {
                    heap.root(root, Some(a))?;
                } else {
                    let parent = heap.logged(base + (i - 1) / arity);
                    heap.link(parent, 4 * ((i - 1) % arity), Some(a))?;
                }
            }
            Ok(())
        }
        Shape::Grid { width, height } => {
            for i in 0..width * height {
                let a = node(heap, 2, w, tag.wrapping_add(i))?;
                if i == 0 {
                    heap.root(root, Some(a))?;
                }
                if i % width > 0 {
                    let left = heap.logged(base + i - 1);
                    heap.link(left, 0, Some(a))?;
                }
                if i >= width {
                    let upper = heap.logged(base + i - width);
                    heap.link(upper, 4, Some(a))?;
                }
            }
            Ok(())
        }
        Shape::Comb { spine, teeth } => {
            let mut head = None;
            let mut t = tag;
            for _ in 0..spine {
                let a = node(heap, 2, w, t)?;
                t = t.wrapping_add(1);
                heap.link(a, 0, head)?;
                heap.root(root, Some(a))?;
                head = Some(a);
                let mut tooth = None;
                for _ in 0..teeth {
                    let b = node(heap, 1, w, t)?;
                    t = t.wrapping_add(1);
                    heap.link(b, 0, tooth)?;
                    heap.link(a, 4, Some(b))?;
                    tooth = Some(b);
                }
            }
            Ok(())
        }
        Shape::RandomGraph { nodes, edges, seed } => {
            list(heap, root, nodes, 4, w, tag)?;
            if nodes == 0 {
                return Ok(());
            }
            let mut x = seed;
            let mut draw = |n: u32| {
                x = next_random(x);
                (x >> 8) % n
            };
            for _ in 0..edges {
                let (from, to, field) = (draw(nodes), draw(nodes), 1 + draw(3));
                let (from, to) = (heap.logged(base + from), heap.logged(base + to));
                heap.link(from, 4 * field, Some(to))?;
            }
            Ok(())
        }
    }
}

/// Prepends `n` nodes of `fields` fields to a list through field 0; the newest is the root.
fn list<H: Heap>(
    heap: &mut H,
    root: RootWrite,
    n: u32,
    fields: u32,
    w: u32,
    tag: u32,
) -> Result<Option<H::Object>, H::Stop> {
    let mut head = None;
    for i in 0..n {
        let a = node(heap, fields, w, tag.wrapping_add(i))?;
        heap.link(a, 0, head)?;
        heap.root(root, Some(a))?;
        head = Some(a);
    }
    Ok(head)
}
