use super::*;
use crate::runtime::description::*;
use crate::runtime::{describe, names, rewith};
use heapsmith_generators::Machine;

fn text(description: &Description) -> String {
    fields(&description.rules.unwrap(), description)
}

fn assemble(description: &Description) -> Vec<u8> {
    let text = format!("(module\n{})", text(description));
    let wasm = wat::parse_str(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::MVP | wasmparser::WasmFeatures::MUTABLE_GLOBAL)
        .validate_all(&wasm)
        .unwrap_or_else(|e| panic!("{e}\n{text}"));
    wasm
}

fn every_rule() -> Vec<Rules> {
    let mut all = vec![describe("fixed", Machine::default()).unwrap().rules.unwrap()];
    let mut cross = |forms: &[&dyn Fn(Rules) -> Rules]| {
        all = all.iter().flat_map(|rules| forms.iter().map(|form| form(*rules))).collect();
    };
    cross(&[
        &|r| Rules { worklist_full: WorklistFull::Drop, ..r },
        &|r| Rules { worklist_full: WorklistFull::Trap, ..r },
        &|r| Rules { worklist_full: WorklistFull::Rescan, ..r },
    ]);
    cross(&[&|r| Rules { roots_full: RootsFull::Unguarded, ..r }, &|r| Rules { roots_full: RootsFull::Trap, ..r }]);
    cross(&[&|r| Rules { growth: Growth::OnePage, ..r }, &|r| Rules { growth: Growth::Shortage, ..r }]);
    cross(&[
        &|r| Rules { candidates: CandidateTest::Phase, ..r },
        &|r| Rules { candidates: CandidateTest::Bitmap, ..r },
        &|r| Rules { candidates: CandidateTest::Walk, ..r },
    ]);
    cross(&[&|r| Rules { extent: Extent::Unchecked, ..r }, &|r| Rules { extent: Extent::Checked, ..r }]);
    cross(&[&|r| Rules { size_bits: SizeBits::Sixteen, ..r }, &|r| Rules { size_bits: SizeBits::ThirtyOne, ..r }]);
    cross(&[&|r| Rules { size_guard: SizeGuard::None, ..r }, &|r| Rules { size_guard: SizeGuard::TopBit, ..r }]);
    cross(&[&|r| Rules { address: AddressRule::Wrapping, ..r }, &|r| Rules { address: AddressRule::Checked, ..r }]);
    cross(&[&|r| Rules { mark_at: MarkAt::Pop, ..r }, &|r| Rules { mark_at: MarkAt::Push, ..r }]);
    cross(&[&|r| Rules { reuse: Reuse::Dirty, ..r }, &|r| Rules { reuse: Reuse::Zeroed, ..r }]);
    cross(&[&|r| Rules { initial_pages: InitialPages::One, ..r }, &|r| Rules {
        initial_pages: InitialPages::CoverRegions,
        ..r
    }]);
    // Who splits and who merges meets only how sizes are read and blocks are zeroed.
    let of = |r: &Rules| (r.worklist_full, r.roots_full, r.growth, r.candidates, r.extent, r.size_guard);
    let base = describe("fixed", Machine::default()).unwrap().rules.unwrap();
    let alike: Vec<Rules> = all.iter().filter(|r| of(r) == of(&base)).copied().collect();
    for fit in [Fit::Whole, Fit::Split] {
        for sweep in [Sweep::Blocks, Sweep::Runs] {
            if (fit, sweep) != (Fit::Whole, Sweep::Blocks) {
                all.extend(alike.iter().map(|r| Rules { fit, sweep, ..*r }));
            }
        }
    }
    all
}

#[test]
fn every_combination_of_rules_is_a_valid_mvp_module() {
    let all = every_rule();
    assert_eq!(all.len(), (9 << 9) + 3 * 32);
    for name in ["vera@0.0.131", "fixed"] {
        let description = describe(name, Machine { max_pages: Some(4), ..Machine::default() }).unwrap();
        for rules in &all {
            assemble(&rewith(&description, *rules));
        }
    }
}

#[test]
fn no_select_and_no_bulk_memory_is_emitted() {
    let all = every_rule();
    let description = describe("fixed", Machine::default()).unwrap();
    for rules in all {
        let text = text(&rewith(&description, rules));
        assert!(!text.contains("select") && !text.contains("memory.fill") && !text.contains("memory.copy"));
    }
}

#[test]
fn exports_are_the_operations_and_the_mutable_globals_in_order() {
    for name in names() {
        let description = describe(name, Machine::default()).unwrap();
        let wasm = assemble(&description);
        let mut exports = Vec::new();
        for payload in wasmparser::Parser::new(0).parse_all(&wasm) {
            if let wasmparser::Payload::ExportSection(section) = payload.unwrap() {
                for export in section {
                    exports.push(export.unwrap().name.to_owned());
                }
            }
        }
        let operations = ["alloc", "gc_collect", "root_push", "root_set", "frame_save", "frame_restore"];
        let register = (description.parameters.wraps > 0).then_some("register_wrapper");
        let expected: Vec<&str> =
            ["memory"].into_iter().chain(description.globals()).chain(operations).chain(register).collect();
        assert_eq!(exports, expected);
    }
}

#[test]
fn static_data_is_the_bytes_that_are_described() {
    let machine = Machine { data_end: Some(65_535), ..Machine::default() };
    let wasm = assemble(&describe("vera@0.0.131", machine).unwrap());
    let data: Vec<u8> = (0..65_535).map(data_byte).collect();
    assert!(wasm.windows(data.len()).any(|window| window == data));
    assemble(&describe("vera@0.0.131", Machine { data_end: Some(1), ..Machine::default() }).unwrap());
}

#[test]
fn one_changed_byte_anywhere_is_no_static_data() {
    for len in [0, 1, 255, 256, 257, 1_000] {
        let mut data: Vec<u8> = (0..len).map(data_byte).collect();
        assert!(is_data(&data), "{len}");
        for i in 0..data.len() {
            data[i] ^= 0x40;
            assert!(!is_data(&data), "{len}: byte {i}");
            data[i] ^= 0x40;
        }
    }
}

#[test]
fn the_reference_reads_like_this() {
    insta::assert_snapshot!(text(&describe("fixed", Machine { data_end: Some(5), ..Machine::default() }).unwrap()));
}

#[test]
fn the_wrap_table_reads_like_this() {
    let machine = Machine { data_end: Some(5), wraps: Some(2), ..Machine::default() };
    insta::assert_snapshot!(text(&describe("vera@0.1.9+wrap", machine).unwrap()));
}
