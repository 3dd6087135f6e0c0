//! Runtimes that cannot be tried, because a module of theirs was not made yet.

use super::spec::is_path;
use crate::corpus::load::read_text;
use std::path::{Path, PathBuf};

/// The path of the manifest that a runtime as [`super::parse_spec`] reads it names; none for a built-in one.
fn manifest_of(runtime: &str) -> Option<&Path> {
    runtime.split('?').next().filter(|name| is_path(name)).map(Path::new)
}

/// The runtime with the path of its manifest, if it has one, taken from a folder.
#[must_use]
pub fn runtime_from(folder: &Path, runtime: &str) -> String {
    match manifest_of(runtime) {
        Some(_) => folder.join(runtime).display().to_string(),
        None => runtime.to_owned(),
    }
}

/// The first module that a runtime's manifest names and that is not there. What else may be wrong with it is not asked here.
#[must_use]
pub fn absent_module(runtime: &str) -> Option<PathBuf> {
    let path = manifest_of(runtime)?;
    let table: toml::Table = toml::from_str(&read_text(path, "manifest").ok()?).ok()?;
    let others = ["build", "mutant"].into_iter().filter_map(|key| table.get(key).and_then(toml::Value::as_array));
    let modules = table.get("module").into_iter().chain(others.flatten().filter_map(|other| other.get("module")));
    let folder = path.parent().unwrap_or(Path::new(""));
    modules.filter_map(toml::Value::as_str).map(|module| folder.join(module)).find(|module| !module.exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_told_from_a_built_in_runtime() {
        let folder = Path::new("cases");
        for (runtime, joined) in [
            ("fixed", "fixed"),
            ("fixed?fault=my/own.toml#name,data_end=5", "fixed?fault=my/own.toml#name,data_end=5"),
            ("mine.toml", "cases/mine.toml"),
            ("../collectors/mine.toml?build=stress", "cases/../collectors/mine.toml?build=stress"),
        ] {
            assert_eq!(runtime_from(folder, runtime), joined);
            assert_eq!(manifest_of(runtime).is_some(), runtime != joined, "{runtime}");
        }
    }

    #[test]
    fn only_a_module_that_a_manifest_names_is_absent() {
        let folder = std::env::temp_dir().join(format!("heapsmith-absent-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let manifest = folder.join("mine.toml");
        let build = "module = \"a.wasm\"\n[[build]]\nname = \"b\"\nmodule = \"b.wasm\"\n";
        let mutant = "[[mutant]]\nname = \"c\"\nmodule = \"c.wasm\"\n";
        std::fs::write(&manifest, [build, mutant].concat()).unwrap();
        let runtime = format!("{}?build=b", manifest.display());
        assert_eq!(absent_module(&runtime), Some(folder.join("a.wasm")));
        std::fs::write(folder.join("a.wasm"), "").unwrap();
        assert_eq!(absent_module(&runtime), Some(folder.join("b.wasm")));
        std::fs::write(folder.join("b.wasm"), "").unwrap();
        assert_eq!(absent_module(&runtime), Some(folder.join("c.wasm")));
        std::fs::write(folder.join("c.wasm"), "").unwrap();
        assert_eq!(absent_module(&runtime), None);
        assert_eq!((absent_module("fixed"), absent_module("no/manifest.toml")), (None, None));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
