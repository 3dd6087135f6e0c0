//! scratch
use heapsmith::{engine, trial::*, runtime, judge::Verdict, campaign::capacities};
use heapsmith_generators::Campaign;
use std::sync::Arc;
use std::collections::{HashMap, BTreeMap};
fn main() {
    let n: u64 = std::env::args().nth(1).unwrap().parse().unwrap();
    let engines = vec![engine::by_name("wasmtime").unwrap()];
    let spec = runtime::parse_spec("fixed").unwrap();
    let d = spec.resolve(Default::default()).unwrap();
    let c = Campaign::new(3, capacities(&d), spec.pinned);
    let mut works: Vec<bool> = vec![];
    for i in 0..n { let p = c.program(i); let mut m = heapsmith::model::Model::new(&spec.resolve(p.machine).unwrap()); m.plan_program(&p); works.push(m.plan().work < 200_000); }
    let faults = runtime::fault::planted();
    let only: Vec<String> = std::env::args().skip(2).collect();
    for f in faults { if !only.is_empty() && !only.iter().any(|o| *o == f.name) { continue; }
        let mut rigs: HashMap<_, Rig> = HashMap::new();
        let mut kinds: BTreeMap<String, u32> = BTreeMap::new();
        let (mut ran, mut hit, mut first) = (0, 0, None);
        for i in 0..n {
            if !works[i as usize] { continue }
            let p = c.program(i);
            let rig = rigs.entry(p.machine).or_insert_with(|| {
                let r = runtime::builtin(spec.resolve(p.machine).unwrap());
                let r = runtime::fault::apply(&r, &f).unwrap();
                Rig::new(Arc::new(Prepared::edited(r, &engines).unwrap())).unwrap()
            });
            ran += 1;
            if let Verdict::Violation(v) = rig.trial(&p) { hit += 1; first.get_or_insert(ran); *kinds.entry(v.kind.name().into()).or_default() += 1; }
        }
        println!("{:32} p {:5.1}% first {:?} {:?}", f.name, 100.0 * hit as f64 / ran as f64, first, kinds);
    }
}
