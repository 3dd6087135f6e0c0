//! A folder that commands run in, and what they print.

use assert_cmd::assert::Assert;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_heapsmith");

/// A folder of its own, in which commands run.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn run(&self, args: &[&str]) -> Assert {
        assert_cmd::Command::new(BINARY).args(args).current_dir(self.path()).assert()
    }

    /// Wrong use or input: exit 2, a complaint with all of `parts`, nothing else.
    #[track_caller]
    pub(crate) fn refuses(&self, args: &[&str], parts: &[&str]) {
        let assert = self.run(args).code(2);
        let (out, err) = (stdout(&assert), stderr(&assert));
        assert_eq!(out, "", "{args:?}");
        for part in parts {
            assert!(err.contains(part), "{args:?}: expected `{part}` in:\n{err}");
        }
        assert!(!err.contains("panicked"), "{err}");
    }

    /// A small campaign that finds something on `vera@0.0.130`.
    pub(crate) fn hunt(&self, out: &str, more: &[&str]) -> Assert {
        let mut args = vec!["hunt", "--runtime", "vera@0.0.130", "--max-findings", "1", "--out", out];
        args.extend(more);
        self.run(&args)
    }
}

pub(crate) fn stdout(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

pub(crate) fn stderr(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

pub(crate) fn json(assert: &Assert) -> serde_json::Value {
    serde_json::from_str(&stdout(assert)).unwrap()
}
