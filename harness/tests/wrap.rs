//! Memories of gigabytes: the heap's end wraps past 2^32 where addresses are not checked, and nowhere else; and what is not written
//! costs nothing.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{FIXED, V131, clean, engine, engines, regression, rig, runtime};
use heapsmith::engine::session::{Resident, compile_resident};
use heapsmith::judge::{Allowance, Kind, Verdict};
use heapsmith::model::TrapRule;
use heapsmith::outcome::End;
use heapsmith::reduce::cause_of;
use heapsmith::runtime::description::{MAX_PAGES, Role};
use heapsmith::trial::{Prepared, Rig};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

const CASE: &str = "wrap-two-allocations";
/// One interpreter zeroes all of a memory that grows to 32 770 pages, and moves it while it does.
const NEEDED_MIB: u64 = 5 << 10;
/// A request that leaves room for a header below 2 GiB.
const ALMOST: i32 = 0x7fff_fff0;

/// Whether this machine has the memory that an interpreter needs; if not, the reason is said.
fn has_room() -> bool {
    let field = |line: &str| line.strip_prefix("MemAvailable:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok();
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let available = text.lines().find_map(field).map(|kib| kib >> 10);
    match available {
        Some(mib) if mib < NEEDED_MIB => {
            println!(
                "skipped: wasmi needs {NEEDED_MIB} MiB for memories of 2 GiB, and this machine has {mib} MiB free"
            );
            false
        }
        Some(_) | None => true,
    }
}

#[test]
fn two_requests_of_almost_2_gib_wrap_the_heaps_end_on_v131() {
    let program = regression(CASE);
    let description = runtime(V131, program.machine).description;
    let all = if has_room() { engines() } else { vec![engine("wasmtime")] };
    let prepared = Prepared::builtin(runtime(V131, program.machine), &all).unwrap();
    let mut rig = Rig::new(Arc::new(prepared)).unwrap();
    let verdict = rig.trial(&program);
    let Verdict::Violation(v) = &verdict else { panic!("{verdict:?}") };
    assert_eq!((v.kind, v.step), (Kind::MissingTrap(TrapRule::MemoryLimit), 1), "{v:?}");
    for i in 0..all.len() {
        let end = rig.outcome(i).globals[Role::HeapEnd as usize];
        assert!(end < description.regions.heap_start, "the heap ends at {end}");
        let (from, to) = description.regions.worklist;
        assert!((from..to).contains(&(end + description.object.header_bytes)), "the next object is at {end} + 4");
        assert_eq!(rig.outcome(i).pages, 32_770);
    }
    rig.let_go().unwrap();
    assert!(rig.memory(0).len() < 1 << 20);
    let cause = cause_of(&description, &[engine("wasmtime")], &program).unwrap();
    assert_eq!(cause.map(|c| c.rule), Some("wrap-check"));
}

#[test]
fn the_third_object_lies_inside_the_worklist_of_v131() {
    let runtime = runtime(V131, regression(CASE).machine);
    let mut resident = Resident::new(compile_resident(&*engine("wasmtime"), &runtime).unwrap()).unwrap();
    let mut alloc = |size: i32| {
        let result = resident.instance_mut().invoke("alloc", &[size], 1 << 20).unwrap().unwrap();
        result[0].cast_unsigned()
    };
    let (first, second, third) = (alloc(ALMOST), alloc(ALMOST), alloc(16));
    let regions = runtime.description.regions;
    assert_eq!(first, regions.heap_start + 4);
    assert_eq!(second, first + 0x7fff_fff8);
    assert!((regions.worklist.0..regions.worklist.1).contains(&third), "{third}");
}

#[test]
fn a_giant_block_is_allocated_written_at_its_ends_and_read_alike_everywhere() {
    let text = "heapsmith 1\nmachine pages=1..5000\nalloc r0 size=300000000 init=ends(7)\ncheck r0\n";
    let program = heapsmith_generators::parse(text).unwrap();
    for name in [V131, FIXED] {
        let mut rig = rig(name, program.machine);
        let verdict = rig.trial(&program);
        assert!(clean(&verdict), "{name}: {verdict:?}");
        assert!(rig.outcome(0).pages > MAX_PAGES && rig.outcome(0).end == End::Finished);
        assert!(clean(&rig.replay(&program).verdict), "{name}");
    }
}

/// Memory that reaches beyond 2 GiB from the start has room for a block that may not lie there; only wasmtime runs it, which maps what is written.
#[test]
fn no_block_ends_above_2_gib_however_large_memory_is() {
    // Two blocks that leave 1 961 840 bytes below 2 GiB; memory ends 8 650 752 above.
    let giants = "alloc r0 size=1055916032\nalloc r1 size=1055916032\n";
    for (size, fits) in [(60_000, true), (6_000_000, false)] {
        let text =
            format!("heapsmith 1\nmachine worklist=16 roots=16 pages=32900..32900\n{giants}alloc r2 size={size}\n");
        let program = heapsmith_generators::parse(&text).unwrap();
        let prepared = Prepared::builtin(runtime(FIXED, program.machine), &[engine("wasmtime")]).unwrap();
        let mut rig = Rig::new(Arc::new(prepared)).unwrap();
        let wanted = if fits { Verdict::Pass } else { Verdict::AllowedTrap(Allowance::Must(TrapRule::AddressLimit)) };
        assert_eq!(rig.trial(&program), wanted, "{size}");
        rig.let_go().unwrap();
    }
}

/// Without an interpreter nothing zeroes the memory, so the harness's own copies would show.
#[cfg(target_os = "linux")]
#[test]
fn what_is_not_written_takes_no_memory() {
    let case = format!("{}/../corpus/regressions/{CASE}.heapsmith", env!("CARGO_MANIFEST_DIR"));
    let args = ["run", &case, "--runtime", V131, "--engines", "wasmtime"];
    let mut child = Command::new(env!("CARGO_BIN_EXE_heapsmith")).args(args).stdout(Stdio::null()).spawn().unwrap();
    let mut peak_kib = 0;
    let status = loop {
        let text = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let field = |line: &str| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok();
        peak_kib = text.lines().find_map(field).unwrap_or(0).max(peak_kib);
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(status.code(), Some(1));
    println!("peak: {} MiB", peak_kib >> 10);
    assert!((1..512 << 10).contains(&peak_kib), "{peak_kib} KiB");
}
