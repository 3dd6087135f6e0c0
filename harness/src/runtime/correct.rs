//! What a release does wrong, one rule at a time, so that a finding can be explained by the one correction that removes it.

use super::description::{
    AddressRule, CandidateTest, Extent, Growth, HandleForm, InitialPages, RootsFull, Rules, SizeBits, SizeGuard,
    WorklistFull,
};

/// One rule that is not in its correct form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Correction {
    /// A stable name in kebab case.
    pub rule: &'static str,
    /// What is wrong, in one line.
    pub cause: &'static str,
    /// The same rules with just this one corrected.
    pub corrected: Rules,
}

/// Every rule of `rules` that is not in its correct form; empty for a collector without defects.
///
/// Each correction leaves the layout alone (`initial-pages` adds pages at the end), so that addresses can be compared: the
/// candidate test becomes [`CandidateTest::Walk`], never a bitmap. More initial pages stand last, because they also take collections away. [`Rules::mark_at`] and
/// [`Rules::reuse`] are policies, no defects.
#[must_use]
pub fn corrections(rules: &Rules) -> Vec<Correction> {
    let mut found = Vec::new();
    let mut add = |rule, cause, corrected| found.push(Correction { rule, cause, corrected });
    match rules.worklist_full {
        WorklistFull::Trap | WorklistFull::Rescan => {}
        WorklistFull::Drop => add(
            "worklist-push-when-full",
            "a push to a full worklist is dropped (#348)",
            Rules { worklist_full: WorklistFull::Trap, ..*rules },
        ),
    }
    match rules.growth {
        Growth::Shortage => {}
        Growth::OnePage => add(
            "growth",
            "memory grows by one page, whatever the shortage (#487)",
            Rules { growth: Growth::Shortage, ..*rules },
        ),
    }
    match rules.roots_full {
        RootsFull::Trap => {}
        RootsFull::Unguarded => add(
            "root-push-guard",
            "a push to a full root stack runs on into the worklist (#464)",
            Rules { roots_full: RootsFull::Trap, ..*rules },
        ),
    }
    match rules.extent {
        Extent::Checked => {}
        Extent::Unchecked => add(
            "extent-check",
            "a false candidate is scanned past the heap's end (#515)",
            Rules { extent: Extent::Checked, ..*rules },
        ),
    }
    match rules.size_bits {
        SizeBits::ThirtyOne => {}
        SizeBits::Sixteen => add(
            "size-mask",
            "readers of a recorded size honour 16 bits of it (#484)",
            Rules { size_bits: SizeBits::ThirtyOne, ..*rules },
        ),
    }
    match rules.size_guard {
        SizeGuard::TopBit => {}
        SizeGuard::None => add(
            "size-guard",
            "a size with bit 31 set is accepted, and recorded without it",
            Rules { size_guard: SizeGuard::TopBit, ..*rules },
        ),
    }
    match rules.address {
        AddressRule::Checked => {}
        AddressRule::Wrapping => add(
            "wrap-check",
            "the heap's end wraps past 2^32 (fixed in v0.0.155)",
            Rules { address: AddressRule::Checked, ..*rules },
        ),
    }
    match rules.handles {
        HandleForm::Tagged => {}
        HandleForm::Raw => add(
            "handle-form",
            "a raw handle looks like an address and keeps what is there (#578)",
            Rules { handles: HandleForm::Tagged, ..*rules },
        ),
    }
    match rules.candidates {
        CandidateTest::Bitmap | CandidateTest::Walk => {}
        CandidateTest::Phase => add(
            "candidate-test",
            "a word that points into an object is taken for the start of one (#1382)",
            Rules { candidates: CandidateTest::Walk, ..*rules },
        ),
    }
    match rules.initial_pages {
        InitialPages::CoverRegions => {}
        InitialPages::One => add(
            "initial-pages",
            "one initial page does not cover the regions before the heap",
            Rules { initial_pages: InitialPages::CoverRegions, ..*rules },
        ),
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::{describe, names};
    use heapsmith_generators::Machine;

    fn listed(name: &str) -> Vec<&'static str> {
        let description = describe(name, Machine::default()).unwrap();
        corrections(&description.rules.unwrap()).iter().map(|c| c.rule).collect()
    }

    #[test]
    fn the_reference_has_nothing_to_correct() {
        assert_eq!(listed("fixed"), [""; 0]);
        assert_eq!(listed("fixed-split"), [""; 0]);
    }

    #[test]
    fn each_release_lists_its_defects_and_the_initial_pages_last() {
        assert_eq!(listed("vera@0.0.131"), ["wrap-check", "candidate-test", "initial-pages"]);
        let old = ["worklist-push-when-full", "growth", "wrap-check", "candidate-test", "initial-pages"];
        assert_eq!(listed("vera@0.0.130"), old);
        let [push, growth, .., wrap, candidates, pages] = old;
        assert_eq!(listed("vera@0.0.114"), [push, growth, "extent-check", wrap, candidates, pages]);
        let sizes = ["size-mask", "size-guard"];
        assert_eq!(listed("vera@0.0.112"), [push, growth, "extent-check", sizes[0], sizes[1], wrap, candidates, pages]);
        let all = [push, growth, "root-push-guard", "extent-check", sizes[0], sizes[1], wrap, candidates, pages];
        assert_eq!(listed("vera@0.0.65"), all);
        assert_eq!(listed("vera@0.1.9"), [candidates, pages]);
    }

    #[test]
    fn applying_every_correction_in_turn_leaves_none() {
        for name in names() {
            let mut rules = describe(name, Machine::default()).unwrap().rules.unwrap();
            let mut steps = 0;
            while let Some(correction) = corrections(&rules).first().copied() {
                assert_ne!(correction.corrected, rules);
                rules = correction.corrected;
                steps += 1;
                assert!(steps < 20, "{name} never ends");
            }
        }
    }
}
