//! The bump collector and the steps of a plan once more, natively, written from `plan.rs` and resting on `mutator.rs`.

use super::bump::{HEAP, MAX_PAGES, ROOTS};
use crate::mutator::{Heap, build, push_roots};
use crate::outcome::{End, Outcome, Release, Trap};
use crate::plan::{Fill, Initial, Plan, RootWrite, Step, Value, digest, pattern};
use crate::runtime::description::PAGE;

#[derive(Default)]
struct Twin {
    memory: Vec<u8>,
    heap_ptr: u32,
    sp: u32,
    collections: u32,
    frames: Vec<u32>,
    mirror: Vec<u32>,
    log: Vec<u32>,
    released: Vec<Release>,
}

/// The outcome of a plan on the bump collector, and its memory.
pub(super) fn run(plan: &Plan) -> (Outcome, Vec<u8>) {
    let mut twin = Twin {
        memory: vec![0; PAGE as usize],
        heap_ptr: HEAP,
        sp: ROOTS,
        mirror: vec![0; plan.slots as usize],
        ..Twin::default()
    };
    let mut step = 0;
    let mut end = End::Finished;
    for s in &plan.steps {
        if let Err(trap) = twin.step(step, s) {
            end = End::Trapped(trap);
            break;
        }
        step += 1;
    }
    let globals = vec![twin.heap_ptr, twin.sp, 0, HEAP, twin.collections];
    let pages = u32::try_from(twin.memory.len()).unwrap() / PAGE;
    assert!(u32::try_from(twin.log.len()).unwrap() <= plan.log_words, "the test's plan declares too small a log");
    let room = (plan.release_room() as usize).min(twin.released.len());
    let surplus_releases = u32::try_from(twin.released.len() - room).unwrap();
    twin.released.truncate(room);
    (Outcome { end, step, log: twin.log, pages, globals, releases: twin.released, surplus_releases }, twin.memory)
}

impl Twin {
    fn step(&mut self, index: u32, step: &Step) -> Result<(), Trap> {
        match step {
            Step::Nop => {}
            Step::Alloc { root, size, init } => {
                let a = self.alloc(*size)?;
                self.initial(a, *size, *init)?;
                self.root(*root, Some(a))?;
            }
            Step::Load { root, src, offset } => {
                let v = u32::from_le_bytes(
                    self.at(self.mirror[*src as usize].wrapping_add(*offset), 4)?.try_into().unwrap(),
                );
                self.log.push(v);
                self.root(*root, Some(v))?;
            }
            Step::Store { obj, offset, value } => {
                self.write(self.mirror[*obj as usize], *offset, self.mirror[*value as usize])?
            }
            Step::Clear { obj, offset } => self.write(self.mirror[*obj as usize], *offset, 0)?,
            Step::Write { obj, offset, value } => {
                let word = match value {
                    Value::Constant(word) => *word,
                    Value::Slot { slot, offset } => self.mirror[*slot as usize].wrapping_add(*offset),
                    Value::Logged { index, offset } => self.log[*index as usize].wrapping_add(*offset),
                };
                self.write(self.mirror[*obj as usize], *offset, word)?;
            }
            Step::Assign { root, src } => self.root(*root, src.map(|src| self.mirror[src as usize]))?,
            Step::Enter => self.frames.push(self.sp),
            Step::Leave { keep } => {
                let kept = keep.map(|(slot, root)| (self.mirror[slot as usize], root));
                self.sp = self.frames.pop().unwrap();
                if let Some((value, root)) = kept {
                    self.root(root, Some(value))?;
                }
            }
            Step::Collect | Step::Minor => self.collections += 1,
            Step::Digest { obj, ranges } => {
                for (offset, len) in ranges {
                    let word = digest(self.at(self.mirror[*obj as usize].wrapping_add(*offset), *len)?);
                    self.log.push(word);
                }
            }
            Step::Graph { root, shape, words, tag } => build(self, *root, *shape, *words, *tag)?,
            Step::Roots { first, count, words } => push_roots(self, *first, *count, *words)?,
            Step::Garbage { count, size } => {
                for _ in 0..*count {
                    self.alloc(*size)?;
                }
            }
            Step::Wrap { obj, kind, first, count, word } => {
                let p = self.mirror[*obj as usize];
                let all = (0..*count).map(|i| Release { step: index, kind: p.wrapping_add(*kind), handle: first + i });
                self.released.extend(all);
                if let Some(offset) = word {
                    self.write(p, *offset, first + count - 1)?;
                }
            }
        }
        Ok(())
    }

    fn initial(&mut self, a: u32, size: u32, init: Initial) -> Result<(), Trap> {
        let w = size / 4;
        let (words, tag): (Vec<u32>, _) = match init.fill {
            Fill::Nothing => (vec![], None),
            Fill::All { tag } => ((0..w).collect(), Some(tag)),
            Fill::Ends { tag } => ((0..w.min(8)).chain(w.saturating_sub(8).max(8)..w).collect(), Some(tag)),
        };
        if let Some(tag) = tag {
            for i in words {
                self.write(a, 4 * i, pattern(tag, i))?;
            }
            for o in 4 * w..size {
                self.at(a + o, 1)?;
                self.memory[(a + o) as usize] = pattern(tag, o).to_le_bytes()[0];
            }
        }
        for i in 0..init.count {
            self.write(a, 4 * (init.first + i * init.stride), 0)?;
        }
        Ok(())
    }

    fn at(&self, address: u32, len: u32) -> Result<&[u8], Trap> {
        self.memory.get(address as usize..).and_then(|rest| rest.get(..len as usize)).ok_or(Trap::MemoryOutOfBounds)
    }
}

impl Heap for Twin {
    type Object = u32;
    type Stop = Trap;

    fn alloc(&mut self, size: u32) -> Result<u32, Trap> {
        let end = self.heap_ptr.wrapping_add(size.wrapping_add(11) & !7);
        if size >> 31 == 1 || end > MAX_PAGES * PAGE {
            return Err(Trap::Unreachable);
        }
        let pages = (end as usize).div_ceil(PAGE as usize).max(self.memory.len() / PAGE as usize);
        self.memory.resize(pages * PAGE as usize, 0);
        let a = self.heap_ptr + 4;
        self.write(a, 0_u32.wrapping_sub(4), size << 1)?;
        self.heap_ptr = end;
        self.log.push(a);
        Ok(a)
    }

    fn link(&mut self, obj: u32, offset: u32, target: Option<u32>) -> Result<(), Trap> {
        self.write(obj, offset, target.unwrap_or(0))
    }

    fn write(&mut self, obj: u32, offset: u32, word: u32) -> Result<(), Trap> {
        let address = obj.wrapping_add(offset);
        self.at(address, 4)?;
        self.memory[address as usize..][..4].copy_from_slice(&word.to_le_bytes());
        Ok(())
    }

    fn root(&mut self, write: RootWrite, value: Option<u32>) -> Result<(), Trap> {
        let value = value.unwrap_or(0);
        let address = if write.push { self.sp } else { ROOTS + 4 * write.slot };
        if write.push {
            if self.sp >= HEAP {
                return Err(Trap::Unreachable);
            }
            self.sp += 4;
        }
        self.write(address, 0, value)?;
        self.mirror[write.slot as usize] = value;
        Ok(())
    }

    fn logged_words(&self) -> u32 {
        u32::try_from(self.log.len()).unwrap()
    }

    fn logged(&self, index: u32) -> u32 {
        self.log[index as usize]
    }
}
