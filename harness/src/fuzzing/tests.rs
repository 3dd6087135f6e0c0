use super::*;
use heapsmith_generators::Campaign;

/// Gives a body inputs as a fuzzer would: mutants of mutants, and bytes. How many were judged.
fn smoke<B: Body>(body: &mut B, seeds: &[&str], executions: u64) -> u64 {
    let mut corpus: Vec<Vec<u8>> = seeds.iter().map(|text| text.as_bytes().to_vec()).collect();
    let mut judged = 0;
    for seed in 0..executions {
        let near = if seed.is_multiple_of(2) { seeds.len() } else { corpus.len() };
        let parent = corpus[(seed * 7 / 2) as usize % near].clone();
        let partner = corpus[(seed * 5) as usize % corpus.len()].clone();
        let structural = body.structural();
        let mutant =
            structural.and_then(|s| s.mutate(&parent, seed.is_multiple_of(3).then_some(&partner), 4_096, seed));
        let input = mutant.map_or_else(|| scramble(parent, seed), |mutant| mutant.unwrap());
        match body.run(&input) {
            Ok(Ran::Judged) => judged += 1,
            Ok(Ran::Inconclusive(_) | Ran::Rejected) => {}
            Err(failure) => panic!("{failure}"),
        }
        if corpus.len() < 64 {
            corpus.push(input);
        } else {
            // Seeds stay: what is far from any valid input reaches little.
            corpus[seeds.len() + seed as usize % (64 - seeds.len())] = input;
        }
    }
    judged
}

/// Bytes changed, added and cut as a fuzzer does.
fn scramble(mut bytes: Vec<u8>, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (state >> 33) as usize
    };
    for _ in 0..next() % 8 + 1 {
        let at = next() % (bytes.len() + 1);
        match next() % 4 {
            0 => bytes.truncate(at),
            1 => bytes.splice(at..at, [next() as u8, next() as u8, next() as u8]).for_each(drop),
            _ if at < bytes.len() => bytes[at] = next() as u8,
            _ => bytes.push(next() as u8),
        }
    }
    bytes
}

const SEED: &str = "heapsmith 1\nmachine worklist=4 roots=8 pages=2..4\nwide r0 n=worklist\nalloc r1 size=page.block fields=0\ncollect\ncheck r0\n";

#[test]
fn graphs_smoke() {
    let mut graphs = Graphs::new("fixed").unwrap();
    let judged = smoke(&mut graphs, &[SEED, "no text of a program"], 300);
    assert!(judged > 250, "{judged}");
    assert!(graphs.counters().iter().filter(|&&count| count > 0).count() > 20);
}

#[test]
fn graphs_beyond_16_384_pointers_are_judged() {
    let mut graphs = Graphs::new("fixed").unwrap();
    for n in ["worklist-1", "worklist", "worklist+1"] {
        let text = format!("heapsmith 1\nmachine pages=..64\nwide r0 n={n} words=1\ncollect\ncheck r0\n");
        assert_eq!(graphs.run(text.as_bytes()), Ok(Ran::Judged), "{n}");
    }
    assert_eq!(graphs.run(b"heapsmith 1\nmachine pages=..64\nchain r0 n=100000\ncollect\n"), Ok(Ran::Judged));
    assert_eq!(graphs.run(b"heapsmith 1\nmachine pages=..9999\n"), Ok(Ran::Rejected), "its memory is too large");
}

#[test]
fn sequences_smoke() {
    let mut sequences = Sequences::new("fixed").unwrap();
    let judged =
        smoke(&mut sequences, &[SEED, "any bytes at all, \x00\x01\x02\x03 and more of them \x7f\x70\x60"], 2_000);
    assert!(judged > 1_500, "{judged}");
}

#[test]
fn pages_smoke() {
    let mut pages = Pages::new("fixed").unwrap();
    let judged = smoke(&mut pages, &[SEED, ""], 500);
    assert!(judged > 400, "{judged}");
}

#[test]
fn case_text_smoke() {
    let campaign =
        Campaign::new(1, Fuzzer::new("fixed").unwrap().capacities(), heapsmith_generators::Machine::default());
    let texts: Vec<String> = (0..16).map(|index| campaign.program(index).to_string()).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    assert_eq!(smoke(&mut CaseText::new("").unwrap(), &texts, 5_000), 5_000);
}

#[test]
fn description_smoke() {
    let seeds = [
        "fixed",
        "vera@0.0.131?data_end=5,worklist=64,roots=8,pages=1..4\ncollections=sample(7) on=fixed?data_end=57 poison",
        "vera@0.1.9+wrap?wraps=4,fault=\nstandalone",
    ];
    assert_eq!(smoke(&mut DescriptionText::new("").unwrap(), &seeds, 2_000), 2_000);
}

#[test]
fn every_target_finds_a_planted_fault_and_says_how_to_see_it_again() {
    const RUNTIME: &str = "vera@0.0.130";
    let text = "heapsmith 1\nmachine worklist=2\nroots n=8\ncollect\n";
    for failure in [
        Graphs::new(RUNTIME).unwrap().run(text.as_bytes()),
        Sequences::new(RUNTIME).unwrap().run(text.as_bytes()),
        Pages::new(RUNTIME).unwrap().run(text.as_bytes()),
    ] {
        insta::allow_duplicates! { insta::assert_snapshot!(failure.unwrap_err(), @r"
        violation: silent-free
          runtime:     vera@0.0.130
          engines:     wasmtime, wasmi
          promise:     an object that is reachable from a root is never freed
          at op:       2 of 2: `collect`
          collection:  1
          expected:    root 7 is not freed, or an `unreachable` trap because of a full mark worklist (2 entries)
          found:       its block at 16452 is on the free list
          object:      root 7 (0 bytes at address 16452)
          bucket:      silent-free.collect.collect
          cause:       a push to a full worklist is dropped (#348) (worklist-push-when-full)
          next:        save the program below as case.heapsmith, then: heapsmith run case.heapsmith --runtime 'vera@0.0.130'

        heapsmith 1
        machine worklist=2
        roots n=8
        collect
        "); }
    }
}

#[test]
fn a_collector_that_there_is_not_is_refused_with_the_variable_that_names_it() {
    let error = Graphs::new("fixd").unwrap_err().to_string();
    assert!(error.starts_with("HEAPSMITH_RUNTIME: expected"), "{error}");
    assert!(error.contains("fixed"), "{error}");
}

#[test]
fn what_a_fuzzer_learns_from_has_a_name() {
    let named = ["on", "off", "none", "", "of"].map(Feedback::named);
    assert_eq!(named, [Some(Feedback::Guest), Some(Feedback::Host), Some(Feedback::Nothing), None, None]);
}
