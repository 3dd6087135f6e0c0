use super::*;
use crate::engine::by_name;
use crate::runtime::{builtin, parse_spec};
use crate::trial::{Prepared, Rig};
use std::sync::Arc;

const ENTRY: &str = "[[issue]]\nname = \"a\"\ntext = \"b\"\nruntime = \"fixed\"\nbucket = \"hang.*.*\"\ncase = \"c\"\n\
                     since = 2026-11-23\nexpiry = 2026-12-01\n";

/// The one entry, with a line changed.
fn with(from: &str, to: &str) -> Result<KnownIssues, KnownError> {
    assert!(ENTRY.contains(from), "{from}");
    KnownIssues::parse(&ENTRY.replace(from, to))
}

#[test]
fn a_star_is_any_text() {
    for (pattern, text) in
        [("*", ""), ("a*", "a"), ("a*b", "ab"), ("a*b*c", "axxbbyc"), ("*/x.toml", "a/b/x.toml"), ("a", "a")]
    {
        assert!(matches(pattern, text), "{pattern} {text}");
    }
    for (pattern, text) in [
        ("", "a"),
        ("a", "ab"),
        ("a*a", "a"),
        ("a*b*c", "acb"),
        ("*/x.toml", "x.toml"),
        ("vera@0.0.131", "vera@0.0.131?x"),
    ] {
        assert!(!matches(pattern, text), "{pattern} {text}");
    }
}

#[test]
fn a_star_in_a_name_is_no_build_and_no_mutant() {
    for (pattern, runtime, is) in [
        ("vera-0.2.*", "vera-0.2.5", true),
        ("vera-0.2.*", "vera-0.2.5?mutant=gc_collect:1:+1", false),
        ("gc", "gc?build=stress", false),
        ("gc?build=stress", "gc?build=stress", true),
        ("gc?build=*", "gc?build=stress", true),
        ("gc?build=*", "gc", false),
    ] {
        assert_eq!(is_runtime(pattern, runtime), is, "{pattern} {runtime}");
    }
}

#[test]
fn what_cannot_be_known_is_refused_by_name() {
    let list = KnownIssues::parse(ENTRY).unwrap();
    assert_eq!(list.issues()[0].on, "fixed");
    assert_eq!(list.issues()[0].line(), "a, until 2026-12-01: b");
    for (from, to, part) in [
        ("hang.*.*", "*.*.*", "known issue `a`: expected a kind in `bucket`, a `cause` or `odd`, found none of them"),
        ("hang.*.*", "hng.*.*", "expected a kind of violation in `bucket`"),
        ("hang.*.*", "hang.alc.*", "expected an op in `bucket`"),
        ("hang.*.*", "hang.*.mark", "expected a phase in `bucket`"),
        ("hang.*.*", "hang", "expected `bucket` as KIND.OP.PHASE"),
        ("runtime = \"fixed\"", "runtime = \"fix*\"", "expected `on`, the runtime that shows it"),
        ("text = \"b\"", "text = \"\"", "expected one line of text for `text`"),
        ("text = \"b\"", "text = \"b\"\nodd = \"wasm\"", "expected engines for `odd`"),
        ("text = \"b\"", "text = \"b\"\nvariant = \"x\"", "`variant`: expected a variant"),
        ("text = \"b\"", "text = \"b\"\nwhy = \"x\"", "unknown field `why`"),
        ("2026-12-01", "2026-11-01", "expected `expiry` on 2026-11-23 or later, found 2026-11-01"),
        ("2026-12-01", "2026-12-01T00:00:00", "`expiry`: expected a day as YYYY-MM-DD, found `2026-12-01T00:00:00`"),
    ] {
        let error = with(from, to).unwrap_err().to_string();
        assert!(error.contains(part), "{to}: {error}");
    }
    let error = KnownIssues::parse(&format!("{ENTRY}{ENTRY}")).unwrap_err().to_string();
    assert!(error.contains("known issue `a`: expected each name once"), "{error}");
    for to in ["missing-trap(memory-limit).alloc.bump", "missing-*.*.*"] {
        with("hang.*.*", to).unwrap();
    }
}

/// What the first of the built-in issues is held against.
struct Case {
    replay: Replay,
    cause: Option<Cause>,
}

fn replayed() -> Case {
    let text = include_str!("../../../corpus/regressions/mark-bit-in-payload.heapsmith");
    let program = heapsmith_generators::parse(text).unwrap();
    let engines = [by_name("wasmi").unwrap()];
    let description = parse_spec("vera@0.0.131").unwrap().resolve(program.machine).unwrap();
    let prepared = Prepared::builtin(builtin(description.clone()), &engines).unwrap();
    let replay = Rig::new(Arc::new(prepared)).unwrap().replay(&program);
    Case { replay, cause: crate::reduce::cause_of(&description, &engines, &program).unwrap() }
}

#[test]
fn an_issue_is_told_by_runtime_bucket_cause_and_variant() {
    let list = KnownIssues::built_in().unwrap();
    let Case { replay, cause } = replayed();
    let name = |spec: &str, variant: Option<&str>, replay: &Replay, cause| {
        let spec = parse_spec(spec).unwrap();
        let variant = variant.map(|text| crate::metamorphic::parse_variant(text).unwrap());
        let shown = Shown { spec: &spec, variant: variant.as_ref(), replay, cause };
        list.find(shown).map(|issue| issue.name.clone())
    };
    let known = Some("vera #1382".to_owned());
    assert_eq!(name("vera@0.0.131", None, &replay, cause), known);
    assert_eq!(name("vera@0.0.131?worklist=8,pages=1..4", None, &replay, cause), known);
    // Of another cause, of none, on another collector, and on one with a fault besides.
    assert_eq!(name("vera@0.0.131", None, &replay, Some(Cause { rule: "growth", text: "" })), None);
    assert_eq!(name("vera@0.0.131", None, &replay, None), None);
    assert_eq!(name("vera@0.0.130", None, &replay, cause), None);
    assert_eq!(name("vera@0.0.131?fault=zero-size-consumes-nothing", None, &replay, cause), None);
    // A variant's violation is its own runtime's; a difference is either's.
    assert_eq!(name("vera@0.0.131", Some("collections=all"), &replay, cause), known);
    assert_eq!(name("fixed", Some("on=vera@0.0.131?worklist=8"), &replay, cause), known);
    assert_eq!(name("vera@0.0.131", Some("on=fixed"), &replay, cause), None);
    let mut differs = replay.clone();
    let Verdict::Violation(v) = &mut differs.verdict else { panic!("{:?}", differs.verdict) };
    v.kind = Kind::ScheduleDependence;
    assert_eq!(name("vera@0.0.131", Some("on=fixed"), &differs, cause), known);
}

#[test]
fn a_bucket_s_parts_count_one_by_one() {
    let Case { replay, cause } = replayed();
    let spec = parse_spec("fixed").unwrap();
    let is = |bucket: &str| {
        let list = with("hang.*.*", bucket).unwrap();
        list.find(Shown { spec: &spec, variant: None, replay: &replay, cause }).is_some()
    };
    assert!(is("corrupt-payload.collect.collect") && is("corrupt-*.*.*") && is("*-payload.c*t.*"));
    assert!(!is("silent-free.*.*") && !is("corrupt-payload.alloc.*") && !is("corrupt-payload.*.grow"));
}
