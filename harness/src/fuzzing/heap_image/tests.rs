use super::*;
use crate::runtime::{fault::planted, names};
use heapsmith_generators::raw_bytes;

/// Bytes of an input at most.
const MOST: u32 = 400;

/// Inputs from `from` up to the first that fails, or `to`.
fn first_failure(body: &mut HeapImages, seed: u64, to: u64) -> Option<(u64, Failure)> {
    (0..to).find_map(|i| body.run(&raw_bytes(seed, i, MOST)).err().map(|failure| (i, failure)))
}

#[test]
fn references_keep_every_promise_and_all_that_images_are_for_comes_up() {
    for name in ["fixed", "fixed-split", "vera@0.2"] {
        let mut body = HeapImages::new(name).unwrap();
        if let Some((i, failure)) = first_failure(&mut body, 1, 1_500) {
            panic!("{name}, input {i}: {failure}");
        }
        let s = *body.statistics();
        assert_eq!((s.images, s.inconclusive, s.exact), (1_500, 0, 1_500), "{name}: {s}");
        assert!(s.marked > 5_000 && s.free > 3_000 && s.at_page_ends > 100 && s.worklist > 60, "{name}: {s}");
        // A collector that scans again what does not fit never traps.
        assert_eq!(s.full > 200, name != "vera@0.2", "{name}: {s}");
        assert!(body.rigs.len() >= 60, "{}", body.rigs.len());
    }
}

#[test]
fn no_release_contradicts_its_emulator() {
    for name in names() {
        let mut body = HeapImages::new(name).unwrap();
        for i in 0..250 {
            let image = HeapImage::from_bytes(&raw_bytes(2, i, MOST));
            let verdict = body.judge(&image).unwrap().unwrap();
            assert!(!matches!(verdict, Verdict::Untrusted(_)), "{name}, input {i}: {verdict:?}\n{image}");
        }
        assert!(body.statistics().inconclusive <= 4, "{name}: {}", body.statistics());
    }
}

#[test]
fn the_wrap_table_is_judged() {
    let mut body = HeapImages::new("vera@0.1.9+wrap").unwrap();
    for i in 0..400 {
        let _ = body.run(&raw_bytes(3, i, MOST));
    }
    assert!(body.statistics().released > 20, "{}", body.statistics());
}

#[test]
fn the_dropped_push_and_the_mark_in_a_payload_show_in_few_images_with_their_cause() {
    let (_, Failure(text)) = first_failure(&mut HeapImages::new("vera@0.0.130").unwrap(), 1, 200).unwrap();
    assert!(text.contains("violation: "), "{text}");
    let mut causes = Vec::new();
    for name in ["vera@0.0.130", "vera@0.0.131"] {
        let mut body = HeapImages::new(name).unwrap();
        causes.extend((0..400).filter_map(|i| body.run(&raw_bytes(1, i, MOST)).err()).take(6).map(|f| f.0));
    }
    for part in ["(#348) (worklist-push-when-full)", "(#1382) (candidate-test)", "heap image, worklist="] {
        assert!(causes.iter().any(|text| text.contains(part)), "{part}: {causes:#?}");
    }
}

#[test]
fn faults_of_the_collector_are_detected() {
    let seen_by_images = [
        "drop-root-push",
        "drop-field-push",
        "worklist-one-early",
        "worklist-one-late",
        "worklist-end-is-heap-start",
        "marks-never-cleared",
        "free-blocks-are-objects",
        "candidate-without-bitmap",
        "first-block-excluded",
        "newest-block-excluded",
        "topmost-root-missed",
        "scan-stride-8",
        "marked-check-missing",
        "sweep-skips-first-block",
        "sweep-links-twice",
        "sweep-size-16-bits",
    ];
    for name in seen_by_images {
        assert!(planted("fixed").iter().any(|fault| fault.name == name), "{name}");
        let mut body = HeapImages::new(&format!("fixed?fault={name}")).unwrap();
        let found = (0..3_000).find(|&i| {
            let image = HeapImage::from_bytes(&raw_bytes(1, i, MOST));
            matches!(body.judge(&image), Ok(Some(Verdict::Violation(_))))
        });
        assert!(found.is_some(), "{name}");
    }
}
