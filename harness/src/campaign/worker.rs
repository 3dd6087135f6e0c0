//! One worker of a campaign.

use super::findings::{RawFindings, Signature};
use super::variants::Variants;
use super::{Limit, Shared, Statistics, disagreement};
use crate::judge::{Inconclusive, Verdict};
use crate::trial::{Hearing, Rig};
use heapsmith_generators::Machine;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::Ordering;

/// Every so many programs, one also runs in the standalone lowering.
const CONFIRM_EVERY: u64 = 4_096;
/// Unless it is more work than this: what that costs would buy a thousand others.
const CONFIRM_WORK: u64 = 2_000_000;

/// Engines that run the standalone lowering only hear every so many programs, because each is lowered and compiled for them,
/// which takes milliseconds where the resident lowering takes tens of microseconds.
const HEAR_EVERY: u64 = 64;
/// In a campaign of at most this many programs they hear each.
const HEAR_ALL: u64 = 1_024;

/// Whether engines that run the standalone lowering only take part in program `index`. Neither clock nor worker decides.
fn hearing(limit: Limit, index: u64) -> Hearing {
    let every = match limit {
        Limit::Programs(n) if n <= HEAR_ALL => 1,
        Limit::Programs(_) | Limit::Time(_) => HEAR_EVERY,
    };
    if index.is_multiple_of(every) { Hearing::Below(CONFIRM_WORK) } else { Hearing::None }
}

/// Takes indices until there are none.
pub(super) fn run(shared: &Shared<'_>) -> (Statistics, RawFindings) {
    let (mut statistics, mut findings) = (Statistics::default(), RawFindings::default());
    let mut rigs: HashMap<Machine, Rig> = HashMap::new();
    let mut variants = Variants::new(shared);
    while let Some(indices) = shared.take() {
        for index in indices {
            let program = shared.programs.program(index);
            let rig = match rigs.entry(program.machine) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => match shared.prepared(program.machine).map(Rig::new) {
                    Ok(Ok(rig)) => new.insert(rig),
                    Ok(Err(_)) | Err(_) => {
                        statistics.programs += 1;
                        *statistics.inconclusive.entry(Inconclusive::EngineFailed).or_default() += 1;
                        continue;
                    }
                },
            };
            let verdict = rig.trial_with(&program, hearing(shared.settings.limit, index));
            statistics.count(index, &program, &verdict, rig);
            shared.progress.programs.fetch_add(1, Ordering::Relaxed);
            if let Verdict::Violation(v) = &verdict {
                shared.progress.violations.fetch_add(1, Ordering::Relaxed);
                findings.add(Signature::of(v, &program, rig), index);
            } else if index % CONFIRM_EVERY == 0 && rig.model().plan().work < CONFIRM_WORK {
                match disagreement(&shared.settings.engines, rig) {
                    Ok(None) => statistics.confirmations += 1,
                    Ok(Some(text)) => statistics.distrust(index, text),
                    Err(_) => *statistics.inconclusive.entry(Inconclusive::EngineFailed).or_default() += 1,
                }
            }
            // Last: afterwards the rig has run something else.
            if verdict == Verdict::Pass {
                match variants.run(shared, index, &program, rig, &mut statistics) {
                    Ok(None) => {}
                    Ok(Some(signature)) => {
                        statistics.recant();
                        shared.progress.violations.fetch_add(1, Ordering::Relaxed);
                        findings.add(signature, index);
                    }
                    Err(_) => *statistics.inconclusive.entry(Inconclusive::EngineFailed).or_default() += 1,
                }
            }
            if rig.is_bulky() {
                rigs.remove(&program.machine);
            }
        }
    }
    (statistics, findings)
}
