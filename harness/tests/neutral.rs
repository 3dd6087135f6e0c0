//! Programs, model, lowerings, engines, judge, reduction and campaigns know no collector by name: what they know of one is in its description.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

/// What collectors are called, and how their functions begin.
const NAMES: [&str; 6] = ["vera", "assemblyscript", "boehm", "itcms", "__new", "\"fixed"];

/// Lines of code, up to the tests of a file, that name a collector.
fn named(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let is_named = |line: &str| {
        let line = line.to_lowercase().replace("coverage", "").replace("several", "");
        let is_comment = line.trim_start().starts_with("//") || line.trim_start().starts_with(";;");
        !is_comment && NAMES.iter().any(|name| line.contains(name))
    };
    code.lines().filter(|line| is_named(line)).map(str::to_owned).collect()
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" {
            files(&path, into);
        } else if (name.ends_with(".rs") || name.ends_with(".wat")) && name != "tests.rs" {
            into.push(path);
        }
    }
}

#[test]
fn no_collector_is_named_where_all_are_alike() {
    assert_eq!(named("let a = describe(\"vera@0.2\");\n// vera\ncoverage();\n").len(), 1);
    let harness = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = Vec::new();
    for folder in
        ["../generators/src", "src/model", "src/lower", "src/engine", "src/judge", "src/reduce", "src/campaign"]
    {
        files(&harness.join(folder), &mut all);
    }
    assert!(all.len() > 60, "{}", all.len());
    for file in all {
        let lines = named(&fs::read_to_string(&file).unwrap());
        assert!(lines.is_empty(), "{}: {lines:#?}", file.display());
    }
}
