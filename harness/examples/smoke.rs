//! scratch
use heapsmith::{engine, trial::*, runtime, judge::Verdict, campaign::Statistics};
use heapsmith_generators::{Campaign, Capacities};
use std::sync::Arc;
use std::collections::HashMap;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let spec = runtime::parse_spec(&args[1]).unwrap();
    let n: u64 = args[2].parse().unwrap();
    let engines = vec![engine::by_name("wasmtime").unwrap(), engine::by_name("wasmi").unwrap()];
    let d = spec.resolve(Default::default()).unwrap();
    let c = Campaign::new(1, Capacities { worklist: d.parameters.worklist, roots: d.parameters.roots, max_pages: 256, table_bytes_per_page: (d.regions.bitmap.1-d.regions.bitmap.0)/d.parameters.max_pages }, spec.pinned);
    let mut rigs = HashMap::new();
    let mut fams: HashMap<String,(u64,u64)> = HashMap::new(); let mut hist = [(0u64,0u64);6];
    let mut st = Statistics::default();
    let t = std::time::Instant::now();
    let mut shown: HashMap<String, u32> = HashMap::new();
    let mut compile = std::time::Duration::ZERO;
    for i in 0..n {
        let p = c.program(i);
        let rig = rigs.entry(p.machine).or_insert_with(|| {
            let t = std::time::Instant::now();
            let d = spec.resolve(p.machine).unwrap();
            let r = Rig::new(Arc::new(Prepared::builtin(runtime::builtin(d), &engines).unwrap())).unwrap();
            compile += t.elapsed();
            r
        });
        let t0 = std::time::Instant::now();
        let v = rig.trial(&p);
        let us = t0.elapsed().as_micros() as u64;
        if (5000..20000).contains(&us) && i % 3 == 0 && p.machine.worklist.is_some() { println!("SLOW #{i} {us}us work {} coll {} pages {} \n{p}", rig.model().plan().work, rig.observe().collections, rig.outcome(0).pages); }
        let fam = format!("{:?}", c.profile(i).family);
        let e = fams.entry(fam).or_insert((0u64,0u64)); e.0 += 1; e.1 += us;
        let bucket = match us { 0..50 => 0, 50..200 => 1, 200..1000 => 2, 1000..5000 => 3, 5000..20000 => 4, _ => 5 };
        hist[bucket].0 += 1; hist[bucket].1 += us;
        st.count(i, &p, &v, rig);
        let key = match &v { Verdict::Pass | Verdict::AllowedTrap(_) => continue, Verdict::Violation(v) => format!("{:?}", v.kind), Verdict::Inconclusive(i)=>format!("{i:?}"), Verdict::Untrusted(d) => format!("untrusted {}", d.what) };
        let k = shown.entry(key.clone()).or_default();
        *k += 1;
        if let Verdict::Inconclusive(_) = v { for e in 0..2 { println!("END {:?} step {} globals {:?} work {}", rig.outcome(e).end, rig.outcome(e).step, rig.outcome(e).globals, rig.model().plan().work); } println!("trap {:?}", rig.model().expectation().trap);}
        if *k <= 2 { println!("#{i} {key} {v:?}\n{p}"); let r = rig.replay(&p); println!("REPLAY {:?} {:?}", r.bucket, r.verdict); }
    }
    println!("{:?}", shown);
    println!("{:?} compile {:?} total {:?} -> {}/s", st.observed, compile, t.elapsed(), n as f64 / (t.elapsed() - compile).as_secs_f64());
    println!("{:?} pass {} may {} viol {} bound {} noop {}/{} paths {:?}", st.traps, st.passed, st.may_traps, st.violations, st.boundary_classes(), st.noops, st.ops, st.paths);
    println!("{fams:?} {hist:?}");
    println!("unreached {:?}", st.unreached(&d));
}
