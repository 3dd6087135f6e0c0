//! The folder of a finding: `<verdict>.<op>.<phase>-<hash8>/`.
//!
//! | file | what |
//! |---|---|
//! | `reduced.heapsmith` | the smallest program that shows it |
//! | `original.heapsmith` | the program that found it |
//! | `variant.heapsmith` | what the variant of it ran in which a promise is broken; only where there is one |
//! | `lineage.txt` | where that program comes from: the program that was drawn, and its mutations; only of a mutant |
//! | `verdict.txt`, `verdict.json` | the account of the reduced case |
//! | `finding.wast` | the reduced case with the collector, for any engine: it fails as long as the bug lives |

use crate::trial::Bucket;
use heapsmith_generators::Program;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The texts of a finding.
#[derive(Debug, Clone)]
pub struct Written<'a> {
    /// The reduced program.
    pub reduced: &'a Program,
    /// The program that found it.
    pub original: &'a Program,
    /// What the variant ran in which the promise is broken, if it was not the program itself.
    pub variant: Option<&'a Program>,
    /// Where the program that found it comes from, if it was not drawn.
    pub lineage: Option<&'a str>,
    /// The account in words.
    pub text: &'a str,
    /// The account as JSON.
    pub json: &'a str,
    /// The script.
    pub script: &'a str,
}

/// The name of a finding's folder: its bucket and eight digits of a hash of runtime and reduced case.
#[must_use]
pub fn folder_name(bucket: &Bucket, runtime: &str, reduced: &Program) -> String {
    let text = format!("{runtime}\n{reduced}");
    let hash = text.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3));
    format!("{bucket}-{:08x}", (hash ^ (hash >> 32)) as u32)
}

/// Writes a finding's folder under `out`. The same finding again is the same folder, with the same reduced case; an original that
/// is there already is kept.
///
/// # Errors
/// The file that could not be written, and why.
pub fn write_finding(out: &Path, name: &str, w: &Written<'_>) -> Result<PathBuf, (PathBuf, io::Error)> {
    let folder = out.join(name);
    fs::create_dir_all(&folder).map_err(|e| (folder.clone(), e))?;
    let original = w.original.to_string();
    let reduced = w.reduced.to_string();
    if let Some(variant) = w.variant {
        let path = folder.join("variant.heapsmith");
        fs::write(&path, variant.to_string()).map_err(|e| (path, e))?;
    }
    // An original that is kept keeps what is said of it.
    if let (Some(lineage), false) = (w.lineage, folder.join("original.heapsmith").exists()) {
        let path = folder.join("lineage.txt");
        fs::write(&path, lineage).map_err(|e| (path, e))?;
    }
    let files: [(&str, &str); 5] = [
        ("original.heapsmith", &original),
        ("verdict.txt", w.text),
        ("verdict.json", w.json),
        ("finding.wast", w.script),
        // Last: a folder with a reduced case is a whole one.
        ("reduced.heapsmith", &reduced),
    ];
    for (file, text) in files {
        let path = folder.join(file);
        if file == "original.heapsmith" && path.exists() {
            continue;
        }
        fs::write(&path, text).map_err(|e| (path, e))?;
    }
    Ok(folder)
}
