//! What feedback is worth: programs that a hunt needs until its first violation on collectors with a planted fault, with feedback and
//! without, on the same seeds.
//!
//! ```text
//! cargo bench -p heapsmith --bench feedback -- [--seeds FROM..TO] [--cap N] [RUNTIME|FAULT...]
//! ```
//! By default seeds 101 to 110, at most 1 000 programs, every planted fault of `fixed` and `fixed-split` on the machines that are drawn, and those of
//! the worklist and of the root stack at the collector's own capacities too. A fault that is not found is censored and counts as one program more
//! than the cap; a pair of which both are is a tie. Printed are one line a fault, then the sign test over all pairs and over those of faults
//! that take more than 64 programs in the median without feedback: before that a hunt has nothing to learn from. One engine
//! runs, and processor time is told beside programs, compilation included.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot be set up has nothing to report")]

use heapsmith::campaign::{Feedback, Limit, Progress, Settings, hunt};
use heapsmith::engine::{self, Engine};
use heapsmith::metamorphic::Selection;
use heapsmith::runtime::fault::planted;
use heapsmith::runtime::parse_spec;
use std::ops::RangeInclusive;

/// First programs are run by themselves: what is found early costs nothing more.
const STAGES: [u64; 3] = [32, 128, 400];
/// Until here a hunt has not learnt anything.
const LEARNING: u64 = 64;
/// Faults that capacities hide.
const AT_CAPACITY: [&str; 7] = [
    "drop-root-push",
    "drop-field-push",
    "worklist-one-early",
    "worklist-one-late",
    "worklist-end-is-heap-start",
    "root-stack-unchecked",
    "candidate-without-bitmap",
];
const OWN_CAPACITIES: &str = "worklist=16384,roots=4096";

/// Seconds that this process was on a processor, where the system tells; else none. A hunt of one worker runs on a thread of its own, so all
/// of the process is asked.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: Option<f64> = after_name.split_whitespace().nth(11).and_then(|field| field.parse().ok());
    ticks.unwrap_or(0.0) / 100.0
}

/// Programs up to and with the first violation, if one of the first `cap` shows one; and programs run in all.
fn first(runtime: &str, seed: u64, cap: u64, feedback: Feedback) -> (Option<u64>, u64) {
    let mut ran = 0;
    for programs in STAGES.into_iter().filter(|&stage| stage < cap).chain([cap]) {
        let engines = || -> Vec<Box<dyn Engine>> { vec![engine::by_name("wasmtime").unwrap()] };
        let settings = Settings {
            spec: parse_spec(runtime).unwrap(),
            engines: engines(),
            tracing_engines: engines(),
            seed,
            limit: Limit::Programs(programs),
            jobs: 1,
            max_findings: 0,
            metamorphic: Selection::Share,
            feedback,
        };
        let statistics = hunt(&settings, &Progress::default()).unwrap().statistics;
        assert!(statistics.untrusted.is_empty(), "{runtime}, seed {seed}: {:?}", statistics.untrusted);
        ran += statistics.programs;
        if let Some(index) = statistics.first_violation {
            return (Some(index + 1), ran);
        }
    }
    (None, ran)
}

/// One way to hunt.
#[derive(Default)]
struct Arm {
    /// For each seed, the programs until the first violation; one more than the cap if there was none.
    needed: Vec<u64>,
    ran: u64,
    seconds: f64,
}

impl Arm {
    fn of(runtime: &str, seeds: RangeInclusive<u64>, cap: u64, feedback: Feedback) -> Self {
        let mut arm = Self::default();
        let before = processor_seconds();
        for seed in seeds {
            let (needed, ran) = first(runtime, seed, cap, feedback);
            arm.needed.push(needed.unwrap_or(cap + 1));
            arm.ran += ran;
        }
        arm.seconds = processor_seconds() - before;
        arm
    }

    fn median(&self) -> f64 {
        let mut sorted = self.needed.clone();
        sorted.sort_unstable();
        let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        (low + high) as f64 / 2.0
    }

    fn censored(&self, cap: u64) -> usize {
        self.needed.iter().filter(|&&n| n > cap).count()
    }
}

/// Two-sided sign test: how likely at least so uneven a split is by chance.
fn sign_test(wins: u64, losses: u64) -> f64 {
    let n = wins + losses;
    let mut term = 0.5_f64.powi(i32::try_from(n).unwrap());
    let mut tail = 0.0;
    for k in 0..=wins.min(losses) {
        tail += term;
        term *= (n - k) as f64 / (k + 1) as f64;
    }
    (2.0 * tail).min(1.0)
}

fn summary(what: &str, rows: &[&(String, Arm, Arm)]) {
    let pairs = || rows.iter().flat_map(|(_, on, off)| on.needed.iter().zip(&off.needed));
    let wins = pairs().filter(|(on, off)| on < off).count() as u64;
    let losses = pairs().filter(|(on, off)| on > off).count() as u64;
    let logs: f64 = pairs().map(|(&on, &off)| (on as f64 / off as f64).ln()).sum();
    let sum = |arm: fn(&(String, Arm, Arm)) -> &Arm| {
        let ran: u64 = rows.iter().map(|row| arm(row).ran).sum();
        let seconds: f64 = rows.iter().map(|row| arm(row).seconds).sum();
        1e3 * seconds / ran.max(1) as f64
    };
    println!(
        "{what}: {} faults, {} pairs: {wins} found in fewer programs with feedback, {losses} in more (sign test p = {:.2e}), \
         {:.2} times the programs in the geometric mean; {:.2} ms of processor time a program with feedback, {:.2} without",
        rows.len(),
        pairs().count(),
        sign_test(wins, losses),
        (logs / pairs().count().max(1) as f64).exp(),
        sum(|(_, on, _)| on),
        sum(|(_, _, off)| off),
    );
}

fn main() {
    let (mut seeds, mut cap, mut runtimes) = (101..=110_u64, 1_000, Vec::new());
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--bench" => {}
            "--seeds" => {
                let text = args.next().expect("expected seeds, such as --seeds 101..110");
                let (from, to) = text.split_once("..").expect("expected two seeds, such as --seeds 101..110");
                seeds = from.parse().unwrap()..=to.parse().unwrap();
            }
            "--cap" => cap = args.next().and_then(|n| n.parse().ok()).expect("expected a number after --cap"),
            _ if arg.starts_with("fixed") => runtimes.push(arg),
            _ => runtimes.push(format!("fixed?fault={arg}")),
        }
    }
    if runtimes.is_empty() {
        for on in ["fixed", "fixed-split"] {
            runtimes.extend(planted(on).iter().map(|fault| format!("{on}?fault={}", fault.name)));
        }
        runtimes.extend(AT_CAPACITY.map(|fault| format!("fixed?fault={fault},{OWN_CAPACITIES}")));
    }
    let mut rows = Vec::new();
    for runtime in runtimes {
        let [on, off] = [Feedback::On, Feedback::Off].map(|feedback| Arm::of(&runtime, seeds.clone(), cap, feedback));
        println!(
            "{runtime}: median {} with feedback, {} without; not found {} and {} of {}; {:?}, {:?}",
            on.median(),
            off.median(),
            on.censored(cap),
            off.censored(cap),
            on.needed.len(),
            on.needed,
            off.needed
        );
        rows.push((runtime, on, off));
    }
    summary("all", &rows.iter().collect::<Vec<_>>());
    let rare: Vec<_> = rows.iter().filter(|(_, _, off)| off.median() > LEARNING as f64).collect();
    if !rare.is_empty() {
        summary("rare", &rare);
    }
}
