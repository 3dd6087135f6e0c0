//! By what memory grows.

/// What memory grows by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Chunk {
    /// Multiples of so many pages.
    Pages(u32),
    /// As many pages as are missing, and so many at least.
    AtLeast(u32),
    /// As much as there is, again and again until it is enough.
    Double,
}

impl Chunk {
    /// Pages at most that memory of `ready` pages can come to, where `limit` are the most that there may be: the growth that is refused then leaves less
    /// than a program needs, because there is no smaller one.
    #[must_use]
    pub fn reachable(self, ready: u32, limit: u32) -> u32 {
        let room = limit.saturating_sub(ready);
        match self {
            Self::Pages(pages) => limit - room % pages.max(1),
            Self::AtLeast(pages) if room < pages => limit - room,
            Self::AtLeast(_) => limit,
            Self::Double if ready == 0 => limit,
            Self::Double => ready << (limit.max(ready) / ready).ilog2(),
        }
    }

    /// Pages that memory of so many grows by at least.
    #[must_use]
    pub const fn least(self, pages: u32) -> u32 {
        match self {
            Self::Pages(least) | Self::AtLeast(least) => least,
            Self::Double => pages,
        }
    }

    /// Pages at most that memory of `ready` pages has come to once so many were needed.
    #[must_use]
    pub const fn most(self, ready: u32, needed: u64) -> u64 {
        let first = ready as u64;
        if needed <= first {
            return first;
        }
        match self {
            Self::Pages(pages) => first + (needed - first).div_ceil(pages as u64) * pages as u64,
            // It may have been one page short.
            Self::AtLeast(pages) => needed - 1 + pages as u64,
            Self::Double if ready == 0 => needed.next_power_of_two(),
            Self::Double => first * needed.div_ceil(first).next_power_of_two(),
        }
    }

    /// Whether memory may grow by any number of pages.
    #[must_use]
    pub const fn is_any(self) -> bool {
        matches!(self, Self::Pages(1) | Self::AtLeast(1))
    }

    /// What a manifest says.
    #[must_use]
    pub fn toml(self) -> String {
        match self {
            Self::Pages(pages) => pages.to_string(),
            Self::AtLeast(pages) => format!("{{ at_least = {pages} }}"),
            Self::Double => "\"double\"".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pages that memory has after growth, from `ready` on, each for one page more, up to a limit; and once so many were needed.
    fn grown(chunk: Chunk, ready: u32, limit: u32) -> Vec<u32> {
        let mut all = vec![ready];
        while let Some(pages) = all.last().map(|pages| pages + chunk.least(*pages)).filter(|pages| *pages <= limit) {
            all.push(pages);
        }
        all
    }

    #[test]
    fn a_limit_is_what_memory_can_come_to() {
        for ready in 1..12 {
            for limit in ready..60 {
                for chunk in [Chunk::Pages(1), Chunk::Pages(5), Chunk::Pages(16), Chunk::Double] {
                    let all = grown(chunk, ready, limit);
                    assert_eq!(chunk.reachable(ready, limit), all[all.len() - 1], "{chunk:?} from {ready} to {limit}");
                }
                // It may be short by any number of pages that is not less than the chunk.
                let reachable = Chunk::AtLeast(16).reachable(ready, limit);
                assert_eq!(reachable, if limit - ready < 16 { ready } else { limit });
            }
        }
    }

    #[test]
    fn where_so_many_pages_are_needed_there_are_no_more_than_a_chunk_beyond() {
        for ready in 1..12 {
            for needed in 1..60 {
                for chunk in [Chunk::Pages(1), Chunk::Pages(5), Chunk::Pages(16), Chunk::Double] {
                    let first = grown(chunk, ready, 1 << 20).into_iter().find(|pages| *pages >= needed).unwrap();
                    assert_eq!(chunk.most(ready, u64::from(needed)), u64::from(first), "{chunk:?} from {ready}");
                }
                let most = u64::from(if needed <= ready { ready } else { needed - 1 + 16 });
                assert_eq!(Chunk::AtLeast(16).most(ready, u64::from(needed)), most);
            }
        }
    }
}
