//! Each mistake has a message that points at it, and says what there is instead.

use crate::glue::RECORDER;
use heapsmith::runtime::manifest::Manifest;
use std::fmt::Write as _;

const MANIFEST: &str = r#"heapsmith = 1
name = "recorder"
summary = "records what it is asked"
module = "recorder.wat"

[heap]
start = { global = "up" }
end = { global = "up" }

[[kind]]
name = "any"
pointers = "any"
alloc = { call = "alloc", args = ["size"] }

[[roots]]
kind = "shadow-stack"
top = { global = "down" }
grows = "down"
limit = { global = "down_limit" }

[collect]
full = { call = "collect", args = [7] }
automatic = false
"#;

/// What is replaced in the manifest by what.
const MISTAKES: &[(&str, &str)] = &[
    // The file
    ("heapsmith = 1", "heapsmith = 2"),
    ("heapsmith = 1\n", ""),
    ("[heap]", "[heap]\n[heap]"),
    ("name = \"recorder\"", "name = recorder"),
    ("name = \"recorder\"", "name = \"two words\""),
    ("summary = \"records what it is asked\"", "summary = \"\"\"two\nlines\"\"\""),
    ("summary", "sumary"),
    ("[heap]\nstart", "[heap]\nsart"),
    ("grows = \"down\"\n", ""),
    ("grows = \"down\"", "grows = \"left\""),
    ("automatic = false", "automatic = 0"),
    ("args = [7]", "args = 7"),
    ("[collect]\nfull = { call = \"collect\", args = [7] }\nautomatic = false\n", ""),
    ("automatic = false\n", ""),
    ("[[kind]]", "[[kinds]]"),
    ("[[kind]]", "[kind]"),
    // Names
    ("global = \"down\"", "global = \"dwon\""),
    ("global = \"down\"", "global = \"zzz\""),
    ("global = \"down\"", "global = \"#99\""),
    ("call = \"alloc\"", "call = \"__new\""),
    ("call = \"alloc\"", "call = \"#x\""),
    ("{ global = \"down\" }", "\"down\""),
    ("{ global = \"down\" }", "{ global = \"down_limit\" }"),
    ("end = { global = \"up\" }", "end = { global = \"up\" }\nfree_list = { global = \"up\" }"),
    // Types
    ("args = [\"size\"]", "args = [\"size\", \"count\"]"),
    ("args = [\"size\"]", "args = [\"sise\"]"),
    ("args = [\"size\"]", "args = [{ call = \"alloc\" }]"),
    ("call = \"alloc\"", "call = \"__unpin\""),
    ("call = \"collect\", args = [7]", "call = \"collect\""),
    // Numbers
    ("start = { global = \"up\" }", "start = -1"),
    ("start = { global = \"up\" }", "start = 0x1_0000_0000"),
    ("start = { global = \"up\" }", "start = { call = \"pop_many\" }"),
    ("pointers = \"any\"", "pointers = [0, 1, 3]"),
    ("pointers = \"any\"", "pointers = \"some\""),
    ("pointers = \"any\"", "pointers = { first = \"last\", stride = 2 }"),
    ("pointers = \"any\"", "pointers = { first = 0, stride = 0 }"),
    // Roots
    ("grows = \"down\"", "grows = \"up\""),
    ("limit = { global = \"down_limit\" }\n", ""),
    ("limit = { global = \"down_limit\" }", "limit = 0\ncapacity = 4"),
    ("limit = { global = \"down_limit\" }", "capacity = 0"),
    ("limit = { global = \"down_limit\" }", "base = 65540\ncapacity = 4"),
    ("limit = { global = \"down_limit\" }", "capacity = 10000"),
    ("kind = \"shadow-stack\"", "kind = \"stack\""),
    (
        "[collect]",
        "[[roots]]\nkind = \"shadow-stack\"\ntop = { global = \"down\" }\ngrows = \"down\"\ncapacity = 2\n[collect]",
    ),
    ("[collect]", "[[roots]]\nkind = \"table\"\naddress = 65532\ncapacity = 2\n[collect]"),
    ("[collect]", "[[roots]]\nkind = \"pins\"\npin = \"__pin\"\nunpin = \"__unpin\"\ncapacity = 2\n[collect]"),
    ("[collect]", "[[roots]]\nkind = \"slots\"\nset = \"set\"\ncapacity = 2\n[collect]"),
    ("[collect]", "[[roots]]\nkind = \"calls\"\npush = \"push\"\npop = \"set_root\"\ncapacity = 2\n[collect]"),
    // The rest
    ("[heap]", "[memory]\nexport = \"heap\"\n[heap]"),
    ("[heap]", "[memory]\nmax_pages = 0\n[heap]"),
    ("[heap]", "[object]\nmoving = true\n[heap]"),
    ("[heap]", "[object]\ntag = 70000\n[heap]"),
    ("[heap]", "[object]\nheader = 65535\n[heap]"),
    ("[heap]", "[object]\nnull = 8192\n[heap]"),
    ("[heap]", "[object]\ntag = 1\nnull = 8193\n[heap]"),
    ("[heap]", "[heap]\ngrows_by = 0"),
    ("[heap]", "[heap]\ngrows_by = \"half\""),
    ("[heap]", "[heap]\ngrows_by = { most = 4 }"),
    ("[heap]", "[heap]\ngrows_by = { at_least = 256 }"),
    ("[heap]", "[memory]\nmax_pages = 20\n[heap]\ngrows_by = 16"),
    ("[heap]", "[promises]\ngrowth = \"shortage\"\n[heap]\ngrows_by = 16"),
    (
        "pointers = \"any\"",
        "bytes = 0\npointers = \"none\"\nalloc = { call = \"alloc\", args = [\"size\"] }\n[object]\nzero_size = \"shared\"\n[[kind]]\nname = \"k\"\nbytes = 8\npointers = \"any\"",
    ),
    (
        "pointers = \"any\"",
        "bytes = 8\npointers = \"any\"\nalloc = { call = \"alloc\", args = [\"size\"] }\n[object]\nzero_size = \"null\"\n[[kind]]\nname = \"k\"\nbytes = 4\npointers = \"any\"",
    ),
    ("[heap]", "[object]\nalignment = 65536\n[heap]"),
    ("[heap]", "[object]\nalignment = 24\n[heap]"),
    ("[heap]", "[imports]\n\"env.abort\" = \"trap\"\n[heap]"),
    ("[heap]", "[access]\nstore = \"barrier\"\n[heap]"),
    ("[heap]", "[traps]\nmemory = \"panic\"\n[heap]"),
    ("[heap]", "[promises]\nreclaim = 4\n[heap]"),
    ("\n[heap]", "init = [\"alloc\"]\n[heap]"),
    ("\n[heap]", "like = \"vera@0.1.8\"\n[heap]"),
    ("\n[heap]", "like = \"vera@0.1.9\"\n[heap]"),
    ("\n[heap]", "emulated = true\n[heap]"),
    (
        "[collect]",
        "[[build]]\nname = \"a\"\nmodule = \"a.wat\"\n[[build]]\nname = \"a\"\nmodule = \"b.wat\"\n[collect]",
    ),
    (
        "[collect]",
        "[[build]]\nname = \"a\"\nmodule = \"a.wat\"\n[[mutant]]\nname = \"a\"\nmodule = \"b.wat\"\n[collect]",
    ),
    ("[collect]", "[[mutant]]\nname = \"a\"\nmodule = \"a.wat\"\nkind = \"leak\"\n[collect]"),
];

#[test]
fn each_mistake_is_pointed_at() {
    Manifest::parse(MANIFEST, RECORDER, "gc.toml").unwrap_or_else(|e| panic!("{e}"));
    let mut all = String::new();
    for (right, wrong) in MISTAKES {
        assert!(MANIFEST.contains(right), "{right}");
        let text = MANIFEST.replacen(right, wrong, 1);
        let error = Manifest::parse(&text, RECORDER, "gc.toml").expect_err(wrong);
        writeln!(all, "-- {right:?} became {wrong:?}\n{error}\n").unwrap();
    }
    insta::assert_snapshot!(all);
}

#[test]
fn no_built_in_makes_minor_collections() {
    let like = "like = \"vera@0.1.9\"\nemulated = true\n[heap]";
    let minor = "automatic = false\nminor = { call = \"collect\", args = [7] }";
    let text = MANIFEST.replace("[heap]", like).replace("automatic = false", minor);
    let error = Manifest::parse(&text, RECORDER, "gc.toml").unwrap_err().to_string();
    assert!(error.contains("expected no `minor` in [collect] beside `emulated = true`"), "{error}");
}

#[test]
fn each_module_that_cannot_be_used_is_told_why() {
    let modules: &[(&str, &[u8])] = &[
        ("no module", b"(module"),
        ("no bytes", b""),
        ("a cut binary", b"\0asm\x01\0\0\0\x01"),
        ("invalid", b"(module (func (result i32)))"),
        ("no memory", b"(module (func))"),
        ("two memories", b"(module (memory 1) (memory 1))"),
        ("64 bits", b"(module (memory i64 1))"),
        ("vectors", b"(module (memory 1) (func (param v128)))"),
        ("exceptions", b"(module (memory 1) (tag))"),
        (
            "imports",
            b"(module (import \"env\" \"now\" (func (result f64))) (import \"env\" \"base\" (global i32)) (memory 1) (func))",
        ),
        ("nothing of what is named", b"(module (memory 1))"),
        ("a start that traps", b"(module (memory 1) (start 0) (func unreachable))"),
        ("a start that hangs", b"(module (memory 1) (start 0) (func (loop (br 0))))"),
        ("names given twice", b"(module (memory 1) (global $a.b i32 (i32.const 0)) (global (;up;) (export \"down\") i64 (i64.const 0)))"),
    ];
    let mut all = String::new();
    for (what, module) in modules {
        let text = match *what {
            "a start that traps" | "a start that hangs" => MANIFEST
                .replace("[heap]\nstart = { global = \"up\" }\nend = { global = \"up\" }\n", "")
                .replace("top = { global = \"down\" }", ""),
            "names given twice" => MANIFEST.replace("\"up\"", "\"a.b\""),
            _ => MANIFEST.to_owned(),
        };
        let error = Manifest::parse(&text, module, "gc.toml").expect_err(what);
        writeln!(all, "-- {what}\n{error}\n").unwrap();
    }
    insta::assert_snapshot!(all);
}

#[test]
fn a_module_that_is_not_there_is_asked_for_by_its_recipe() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gc.toml");
    let text = MANIFEST.replace("[heap]", "recipe = \"ci/build.sh 1.2 {module}\"\n[heap]");
    std::fs::write(&path, text).unwrap();
    let error = Manifest::load(&path).unwrap_err().to_string();
    let error = error.replace(folder.path().to_str().unwrap(), "FOLDER");
    insta::assert_snapshot!(error, @r#"
    FOLDER/gc.toml:4:10: FOLDER/recorder.wat: expected a file, found nothing there; to make it: ci/build.sh 1.2 FOLDER/recorder.wat
      |
    4 | module = "recorder.wat"
      |          ^^^^^^^^^^^^^^
    "#);
    // Relative to the manifest, wherever the program is called.
    std::fs::write(folder.path().join("recorder.wat"), RECORDER).unwrap();
    let manifest = Manifest::load(&path).unwrap();
    assert_eq!(manifest.module, folder.path().join("recorder.wat"));
    std::fs::remove_file(&path).unwrap();
    let error = Manifest::load(&path).unwrap_err().to_string();
    assert_eq!(error, format!("{}: expected a file, found nothing there", path.display()));
}

#[test]
fn a_build_that_does_not_fit_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gc.toml");
    let builds = "[[build]]\nname = \"good\"\nmodule = \"good.wat\"\n[[build]]\nname = \"bad\"\nmodule = \"bad.wat\"\n";
    std::fs::write(&path, format!("{MANIFEST}{builds}")).unwrap();
    let recorder = std::str::from_utf8(RECORDER).unwrap();
    std::fs::write(folder.path().join("recorder.wat"), recorder).unwrap();
    std::fs::write(folder.path().join("good.wat"), recorder.replace("4096", "4100")).unwrap();
    std::fs::write(folder.path().join("bad.wat"), recorder.replace("\"alloc\"", "\"malloc\"")).unwrap();
    let error = Manifest::load(&path).unwrap_err().to_string();
    let error = error.replace(folder.path().to_str().unwrap(), "FOLDER");
    let (first, rest) = error.split_once("; did you mean `malloc`?").unwrap();
    assert_eq!(
        first,
        "FOLDER/gc.toml:13:18: build `bad` (FOLDER/bad.wat): expected a function of the module, found `alloc`"
    );
    assert!(
        rest.ends_with("13 | alloc = { call = \"alloc\", args = [\"size\"] }\n   |                  ^^^^^^^"),
        "{rest}"
    );
    std::fs::write(&path, format!("{MANIFEST}{}", builds.replace("bad.wat", "recorder.wat"))).unwrap();
    let manifest = Manifest::load(&path).unwrap();
    let good = manifest.build("good").unwrap();
    assert_eq!((manifest.heap.start, good.heap.start), (Some(4096), Some(4100)), "each build has its own numbers");
    assert_eq!((good.build.as_deref(), good.module.file_name().unwrap().to_str()), (Some("good"), Some("good.wat")));
    assert_ne!(manifest.digest(), good.digest());
    assert_eq!(manifest.build("best").unwrap_err(), "good, bad");
}

#[test]
fn mutants_are_no_builds_and_are_left_out_where_one_build_is_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gc.toml");
    let mutant = "[[mutant]]\nname = \"worse\"\nmodule = \"worse.wat\"\n";
    std::fs::write(&path, format!("{MANIFEST}{mutant}")).unwrap();
    let recorder = std::str::from_utf8(RECORDER).unwrap();
    std::fs::write(folder.path().join("recorder.wat"), recorder).unwrap();
    let error = Manifest::load(&path).unwrap_err().to_string();
    assert!(error.contains("worse.wat: expected a file, found nothing there"), "{error}");
    std::fs::write(folder.path().join("worse.wat"), recorder.replace("\"alloc\"", "\"malloc\"")).unwrap();
    let error = Manifest::load(&path).unwrap_err().to_string();
    assert!(error.contains("mutant `worse` (") && error.contains("found `alloc`"), "{error}");
    std::fs::write(folder.path().join("worse.wat"), recorder.replace("4096", "4100")).unwrap();
    let manifest = Manifest::load(&path).unwrap();
    assert_eq!((manifest.builds.len(), manifest.mutants.len(), manifest.is_mutant), (0, 1, false));
    let worse = manifest.build("worse").unwrap();
    assert_eq!((worse.is_mutant, worse.heap.start), (true, Some(4100)));
    let another = manifest.with_module(std::path::Path::new("new.wasm"), manifest.module_bytes()).unwrap();
    assert!(another.mutants.is_empty() && another.build("worse").is_err());
}

/// A file that a person is half done with, or a module that a disk spoilt.
#[test]
fn no_damage_of_a_manifest_or_of_its_module_is_a_panic() {
    let mut state = 1_u32;
    let mut draw = |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % below
    };
    let pieces = [
        "\"",
        "[",
        "]",
        "{",
        "}",
        "=",
        "\n",
        "-",
        "0",
        "4294967295",
        "#",
        "global",
        "call",
        "\"any\"",
        "[[roots]]",
        "é",
    ];
    let mut fine = 0;
    for _ in 0..600 {
        let mut text = crate::rewriting::MANIFEST.to_owned();
        for _ in 0..1 + draw(3) {
            let at = draw(text.len());
            let (at, to) = (text.floor_char_boundary(at), text.floor_char_boundary((at + draw(6)).min(text.len())));
            text.replace_range(at.min(to)..to.max(at), pieces[draw(pieces.len())]);
        }
        match Manifest::parse(&text, crate::rewriting::IMPORTS, "gc.toml") {
            Ok(_) => fine += 1,
            Err(error) => assert!(error.to_string().starts_with("gc.toml:"), "{error}"),
        }
    }
    assert!(fine > 0 && fine < 600, "{fine}");
    let module = wat::parse_bytes(crate::rewriting::IMPORTS).unwrap();
    let mut fine = 0;
    for _ in 0..600 {
        let mut module = module.to_vec();
        for _ in 0..1 + draw(2) {
            let at = 8 + draw(module.len() - 8);
            module[at] = draw(256) as u8;
        }
        match Manifest::parse(crate::rewriting::MANIFEST, &module, "gc.toml") {
            Ok(manifest) => {
                fine += 1;
                wat::parse_str(format!(
                    "(module {}{})",
                    manifest.fields(1, 2),
                    heapsmith::runtime::manifest::MIRROR_STUB
                ))
                .unwrap_or_else(|e| panic!("{e}"));
            }
            Err(error) => assert!(error.to_string().starts_with("gc.toml:"), "{error}"),
        }
    }
    assert!(fine > 0 && fine < 600, "{fine}");
}
