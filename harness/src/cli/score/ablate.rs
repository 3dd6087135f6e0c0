//! `heapsmith score --ablate`: planted faults again and again, each time without one part of generator or oracle.

use super::html::BEGINS;
use super::{Args, Scored, What, check_all, plant, wanted, watched};
use crate::cli::found::{check_file, jobs, plural};
use crate::cli::mutants::json_of_control;
use crate::cli::{Exit, engines, print};
use anyhow::{Context, ensure};
use heapsmith::bench::grouped;
use heapsmith::engine::{Backtrace, Engine};
use heapsmith::report::SCHEMA_VERSION;
use heapsmith::score::{Ablation, Pairs, Row};
use minijinja::Environment;
use minijinja::value::{Serde, Value};
use serde_json::json;
use std::fmt::Write;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const PAGE: &str = include_str!("ablate.html");
/// What engines alone are compared on.
const TWO: [&str; 2] = ["wasmtime", "wasmi"];

/// What was measured with one part taken away.
struct Without {
    ablation: Ablation,
    engines: Vec<&'static str>,
    scored: Vec<Scored>,
    elapsed: Duration,
}

/// All that was measured; the first is the whole.
struct Card<'a> {
    args: &'a Args,
    all: Vec<Without>,
    interrupted: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    ensure!(args.what != What::History, "--ablate: expected planted faults (`score faults --ablate`), found `history`");
    let faults = wanted(args)?;
    if let Some(path) = &args.html {
        check_file("--html", path, BEGINS)?;
    }
    // No other way of drawing programs has machines of its own.
    check_all(&[Ablation::Nothing, Ablation::AllSampling], args, &faults)?;
    let (own, jobs) = (engines(&args.engines, Backtrace::Off)?, jobs(args.jobs)?);
    let two = engines(&TWO.map(str::to_owned), Backtrace::Off)?;
    let (all, interrupted) = watched(|progress, title| {
        let mut all = Vec::new();
        for ablation in Ablation::ALL {
            let engines: &[Box<dyn Engine>] = if ablation == Ablation::AllButEngines { &two } else { &own };
            let title = |text: &str| title(&format!("{}: {text}", ablation.name()));
            let started = Instant::now();
            let scored = plant(ablation, args, &faults, (engines, jobs), progress, &title)?;
            if scored.len() < faults.len() || scored.iter().any(|s| s.rows.len() < s.of) {
                break;
            }
            let engines = engines.iter().map(|e| e.name()).collect();
            all.push(Without { ablation, engines, scored, elapsed: started.elapsed() });
        }
        Ok((all, progress.stop.load(Ordering::Relaxed)))
    })?;
    let card = Card { args, all, interrupted };
    let out = if args.json { format!("{}\n", serde_json::to_string_pretty(&json(&card))?) } else { text(&card) };
    print(&out)?;
    if let Some(path) = &args.html {
        std::fs::write(path, page(&card)?)
            .with_context(|| format!("--html: expected to write `{}`", path.display()))?;
    }
    Ok(if !card.problems().is_empty() {
        Exit::Violation
    } else if card.interrupted {
        Exit::Untrusted
    } else {
        Exit::Clean
    })
}

impl Without {
    fn rows(&self) -> Vec<Row> {
        self.scored.iter().flat_map(|s| &s.rows).cloned().collect()
    }
}

impl Card<'_> {
    /// Each with how its faults compare with those of the whole.
    fn pairs(&self) -> Vec<(&Without, Pairs)> {
        let whole = self.all.first().map(Without::rows).unwrap_or_default();
        self.all.iter().map(|without| (without, Pairs::of(&whole, &without.rows()))).collect()
    }

    /// False alarms: violations of references without a fault, and equivalent faults that were seen.
    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for Without { ablation, scored, .. } in &self.all {
            for s in scored {
                let n = s.alarms();
                if n > 0 {
                    problems.push(format!(
                        "{}: {} on {} without a fault",
                        ablation.name(),
                        plural(n, "false alarm"),
                        s.spec
                    ));
                }
                // What engines disagree about is theirs, and contradicts no equivalence.
                let is_counted = *ablation != Ablation::AllButEngines;
                let seen = s.rows.iter().filter(|row| is_counted && row.fault.equivalent.is_some());
                let seen = seen.filter_map(|row| Some((&row.fault.name, row.problem()?)));
                problems.extend(
                    seen.map(|(name, problem)| format!("{}: {name} in {}: {problem}", ablation.name(), s.spec)),
                );
            }
        }
        problems
    }
}

fn text(card: &Card<'_>) -> String {
    let mut t = String::new();
    let args = card.args;
    let _ = writeln!(
        t,
        "faults without one part of generator or oracle: seed {}, each on at most {} programs and until {} detected it\n",
        args.seed,
        grouped(args.programs.into()),
        args.enough,
    );
    let _ = writeln!(
        t,
        "  {:<22}{:>10}{:>8}{:>8}{:>6}{:>8}{:>9}{:>8}{:>9}",
        "", "detected", "median", "95 %", "lost", "gained", "p", "alarms", "seconds"
    );
    let pairs = card.pairs();
    for (without, pairs) in &pairs {
        let wait = |wait: Option<u64>| wait.map_or_else(|| "never".to_owned(), |n| n.to_string());
        let alarms: u64 = without.scored.iter().map(Scored::alarms).sum();
        let _ = writeln!(
            t,
            "  {:<22}{:>10}{:>8}{:>8}{:>6}{:>8}{:>9}{alarms:>8}{:>9.1}",
            without.ablation.name(),
            format!("{}/{}", pairs.detected, pairs.of),
            wait(pairs.median),
            wait(pairs.most),
            pairs.lost.len(),
            pairs.gained.len(),
            if pairs.p < 0.0001 { "< 0.0001".to_owned() } else { format!("{:.4}", pairs.p) },
            without.elapsed.as_secs_f64(),
        );
    }
    let _ = writeln!(
        t,
        "\nmedian, 95 %: programs that so many faults wait for at most (median wait of each). lost: faults that `all` detected and this did not; gained: the\n\
         other way round; p: McNemar's exact test of the two. alarms: violations of references without a fault. engines only: {}\n",
        TWO.join(", ")
    );
    for (without, Pairs { lost, gained, .. }) in &pairs {
        for (what, names) in [("lost", lost), ("gained", gained)] {
            if !names.is_empty() {
                let _ = writeln!(t, "{} {what}: {}", without.ablation.name(), names.join(", "));
            }
        }
    }
    for problem in card.problems() {
        let _ = writeln!(t, "not as it must be: {problem}");
    }
    if card.interrupted {
        t.push_str("interrupted\n");
    }
    t
}

fn json(card: &Card<'_>) -> serde_json::Value {
    let fault = |on: &Scored, row: &Row| {
        json!({ "runtime": on.spec.to_string(), "name": row.fault.name, "programs": row.programs, "detected": row.detected,
                "first": row.first, "median": row.median(), "kinds": row.kinds })
    };
    let ablation = |(without, pairs): (&Without, Pairs)| {
        let controls: Vec<_> = without
            .scored
            .iter()
            .map(|s| json!({ "runtime": s.spec.to_string(), "control": json_of_control(&s.control) }))
            .collect();
        let faults: Vec<_> = without.scored.iter().flat_map(|s| s.rows.iter().map(move |row| fault(s, row))).collect();
        json!({
            "name": without.ablation.name(), "engines": without.engines, "of": pairs.of, "detected": pairs.detected, "median": pairs.median,
            "quantile_95": pairs.most, "lost": pairs.lost, "gained": pairs.gained, "p": pairs.p,
            "seconds": without.elapsed.as_secs_f64(), "controls": controls, "faults": faults,
        })
    };
    json!({
        "schema": SCHEMA_VERSION, "seed": card.args.seed, "programs": card.args.programs, "enough": card.args.enough,
        "interrupted": card.interrupted, "problems": card.problems(),
        "ablations": card.pairs().into_iter().map(ablation).collect::<Vec<_>>(),
    })
}

/// The page.
fn page(card: &Card<'_>) -> anyhow::Result<String> {
    let mut environment = Environment::new();
    environment.add_template("ablate.html", PAGE).context("expected the page's template to be one")?;
    let template = environment.get_template("ablate.html").context("expected the page's template to be there")?;
    let context = minijinja::context! { score => Value::from(Serde(json(card))) };
    template.render(context).context("expected the page to be made")
}
