use super::*;

fn resolved(text: &str) -> Result<Description, RuntimeError> {
    parse_spec(text)?.resolve(Machine::default())
}

fn message(text: &str) -> String {
    resolved(text).unwrap_err().to_string()
}

#[test]
fn heap_starts_are_those_of_the_releases() {
    for (text, start) in [
        ("vera@0.0.131", 81_920),
        ("vera@0.0.131?data_end=5", 81_925),
        ("vera@0.0.130", 32_768),
        ("vera@0.0.130?data_end=5", 32_773),
        ("vera@0.0.65?data_end=5", 8_197),
        ("vera@0.0.112", 32_768),
        ("vera@0.0.114", 32_768),
        ("vera@0.1.9?data_end=5", 81_925),
        ("vera@0.1.9+wrap", 147_456),
        ("vera@0.1.9+wrap?data_end=5,wraps=1", 81_941),
        ("fixed", 81_920 + 256 * 1_024),
        ("fixed?max_pages=6", 81_920 + 6 * 1_024),
    ] {
        assert_eq!(resolved(text).unwrap().regions.heap_start, start, "{text}");
    }
}

#[test]
fn fixed_starts_with_pages_for_all_regions_and_vera_with_one() {
    let fixed = resolved("fixed").unwrap();
    assert_eq!(fixed.parameters.initial_pages, 6); // 344 064 bytes before the heap.
    assert_eq!(resolved("fixed?pages=9..20").unwrap().parameters.initial_pages, 9);
    let vera = resolved("vera@0.0.131").unwrap().parameters;
    assert_eq!((vera.initial_pages, vera.max_pages), (1, DEFAULT_MAX_PAGES));
}

#[test]
fn a_limit_that_the_regions_exceed_is_lifted_until_it_holds() {
    let p = resolved("fixed?pages=1..1").unwrap();
    assert_eq!((p.parameters.initial_pages, p.parameters.max_pages), (2, 2));
    assert_eq!(p.regions.bitmap.1 - p.regions.bitmap.0, 2 * 1_024);
    let wide = resolved("fixed?worklist=1048576,roots=1048576,max_pages=1").unwrap();
    assert_eq!(wide.parameters.initial_pages, wide.parameters.max_pages);
    assert!(wide.regions.heap_start <= wide.parameters.initial_pages * 65_536);
}

#[test]
fn a_resolved_machine_resolves_to_itself() {
    for text in [
        "vera@0.1.9+wrap?wraps=3",
        "vera@0.0.131?data_end=7,worklist=3",
        "fixed?pages=1..1",
        "fixed?data_end=65537,roots=9",
    ] {
        let description = resolved(text).unwrap();
        let again = parse_spec(&description.name).unwrap().resolve(description.machine()).unwrap();
        assert_eq!(again, description);
    }
}

#[test]
fn pinned_wins_over_the_program_which_wins_over_defaults() {
    let spec = parse_spec("vera@0.0.131?worklist=64,max_pages=4").unwrap();
    let program =
        Machine { worklist: Some(9), roots: Some(8), initial_pages: Some(7), max_pages: Some(9), ..Machine::default() };
    let p = spec.resolve(program).unwrap().parameters;
    assert_eq!((p.data_end, p.worklist, p.roots, p.initial_pages, p.max_pages), (0, 64, 8, 4, 4));
}

#[test]
fn a_spec_is_written_as_it_is_read() {
    for text in [
        "fixed",
        "vera@0.0.130?data_end=5,worklist=64,roots=8,initial_pages=1,max_pages=4",
        "fixed?roots=2",
        "vera@0.1.9+wrap?wraps=9",
    ] {
        assert_eq!(parse_spec(text).unwrap().to_string(), text);
    }
    assert_eq!(parse_spec("fixed?pages=1..4"), parse_spec("fixed?initial_pages=1,max_pages=4"));
    assert_eq!(parse_spec("fixed?pages=..4"), parse_spec("fixed?max_pages=4"));
    assert_eq!(parse_spec("fixed?pages=2.."), parse_spec("fixed?initial_pages=2"));
}

#[test]
fn names_and_keys_that_are_unknown_come_with_the_nearest() {
    assert!(message("vera@0.0.13").ends_with("did you mean `vera@0.0.131`?"), "{}", message("vera@0.0.13"));
    assert!(message("fixd").contains(&names().join(", ")));
    assert!(message("fixd").ends_with("did you mean `fixed`?"));
    assert!(message("fixed?worklists=3").ends_with("did you mean `worklist`?"));
    assert!(message("fixed?max_page=3").ends_with("did you mean `max_pages`?"));
}

#[test]
fn what_cannot_be_is_an_error() {
    let limit = layout::MAX_ENTRIES;
    for (text, error) in [
        ("fixed?worklist=0", RuntimeError::Capacity { key: "worklist", found: 0, limit }),
        ("fixed?roots=1048577", RuntimeError::Capacity { key: "roots", found: 1_048_577, limit }),
        ("fixed?initial_pages=0", RuntimeError::NoPages { key: "initial_pages" }),
        ("vera@0.0.131?pages=..0", RuntimeError::NoPages { key: "max_pages" }),
        ("fixed?max_pages=65537", RuntimeError::TooManyPages { found: 65_537, limit: 65_536 }),
        ("fixed?pages=5..4", RuntimeError::InitialAboveMax { initial: 5, max: 4 }),
        ("vera@0.0.131?data_end=65537", RuntimeError::DataBeyondMemory { data_end: 65_537, initial: 1, bytes: 65_536 }),
        ("fixed?roots=-1", RuntimeError::NotANumber { key: "roots".into(), found: "-1".into() }),
        ("fixed?pages=3", RuntimeError::NotARange { found: "3".into() }),
        ("fixed?pages=..", RuntimeError::NotARange { found: "..".into() }),
        ("fixed?roots", RuntimeError::NotAParameter { found: "roots".into() }),
        ("fixed?roots=1,roots=2", RuntimeError::Repeated { key: "roots".into() }),
        ("fixed?wraps=2", RuntimeError::NoWrapTable { name: "fixed".into() }),
        ("vera@0.1.9+wrap?wraps=0", RuntimeError::Capacity { key: "wraps", found: 0, limit }),
        ("vera@0.1.9+wrap?wraps=1048577", RuntimeError::Capacity { key: "wraps", found: 1_048_577, limit }),
        (
            "vera@0.0.131?address_limit=9",
            RuntimeError::AddressLimit { name: "vera@0.0.131".into(), found: 9, limit: ADDRESS_LIMIT },
        ),
        (
            "fixed?address_limit=2147483649",
            RuntimeError::AddressLimit { name: "fixed".into(), found: (1 << 31) + 1, limit: ADDRESS_LIMIT },
        ),
    ] {
        assert_eq!(resolved(text).unwrap_err(), error, "{text}");
    }
    assert!(matches!(resolved("fixed?data_end=4294967295"), Err(RuntimeError::TooManyPages { .. })));
    assert!(matches!(resolved("fixed?data_end=100000000"), Err(RuntimeError::TooMuchData { .. })));
    assert!(resolved("fixed?data_end=16777216").is_ok());
    assert!(resolved("vera@0.0.131?data_end=65536").is_ok());
}

#[test]
fn a_fault_is_planted_by_name_and_read_back() {
    let spec = parse_spec("fixed?fault=grow-one-page,worklist=4").unwrap();
    assert_eq!(spec.to_string(), "fixed?worklist=4,fault=grow-one-page");
    assert_eq!(parse_spec(&spec.to_string()).unwrap(), spec);
    let description = spec.resolve(Machine::default()).unwrap();
    assert_eq!(description.edit.as_ref().unwrap().to_string(), "fault=grow-one-page");
    let plain = Spec { edit: None, ..spec }.resolve(Machine::default()).unwrap();
    let fault = super::super::fault::by_name("grow-one-page").unwrap();
    let (edited, plain) = (super::super::builtin(description), super::super::builtin(plain));
    assert_eq!(edited.fields, super::super::fault::apply(&plain, &fault).unwrap().fields);
}

#[test]
fn faults_that_do_not_exist_come_twice_or_do_not_fit_are_refused() {
    let error = parse_spec("fixed?fault=grow-on-page").unwrap_err().to_string();
    assert!(error.contains("did you mean `grow-one-page`?"), "{error}");
    assert!(parse_spec("fixed?fault=grow-one-page,fault=grow-floor").is_err());
    let spec = parse_spec("vera@0.0.131?fault=reuse-not-zeroed").unwrap();
    let error = spec.resolve(Machine::default()).unwrap_err().to_string();
    assert!(error.contains("found 0 matches"), "{error}");
}

#[test]
fn a_file_of_faults_may_have_commas_and_hashes_in_its_path() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["plain.toml", "a,b.toml", "a#b.toml", "a,b#c,d#.toml", "worklist,3=4.toml"] {
        let path = folder.path().join(name);
        std::fs::write(
            &path,
            "[[fault]]\nname = \"mine\"\ncause = \"none\"\nfind = \"memory.grow\"\nreplace = \"nop memory.grow\"\n",
        )
        .unwrap();
        for pinned in ["worklist=3,", ""] {
            let text = format!("fixed?{pinned}fault={}#mine", path.display());
            let spec = parse_spec(&text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(spec.to_string(), text);
            assert_eq!(parse_spec(&spec.to_string()).unwrap(), spec);
            let other = parse_spec(&format!("fixed?fault={}#mine,{pinned}", path.display())).unwrap();
            assert_eq!(other, spec, "what comes after it is a parameter");
        }
    }
    // Where no path is, nothing is taken for one.
    let error = parse_spec("fixed?fault=round-to-4,worklst=3").unwrap_err().to_string();
    assert!(error.contains("did you mean `worklist`?"), "{error}");
    let error = parse_spec("fixed?fault=no/such,file.toml#mine").unwrap_err().to_string();
    assert!(error.contains("no/such,file.toml"), "{error}");
}

/// Whatever the path of a file of faults is made of, it is read back, from a variant's text too.
#[test]
fn a_file_of_faults_may_have_any_path() {
    let folder = tempfile::tempdir().unwrap();
    let names = [
        "with space.toml",
        "two  spaces\tand a tab.toml",
        "line\nbreak.toml",
        "a,worklist=3#b.toml",
        "quote\".toml",
        "back\\slash.toml",
        "poison.toml poison",
        "a on=fixed poison",
        "ends in space ",
        "question?mark=1,roots=2",
        "\u{a0}hard\u{2003}",
        "#",
        ",",
        "=",
    ];
    let text = "[[fault]]\nname = \"mine\"\ncause = \"none\"\nfind = \"memory.grow\"\nreplace = \"nop memory.grow\"\n";
    // A path that begins with what is cut off or read as quotes is a relative one.
    let relative = [" space.toml", "\"quoted\".toml"];
    for name in names {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let quoted = crate::runtime::quote::quote(&format!("{}#mine", path.display()));
        for written in [format!("fixed?worklist=7,fault={quoted}"), format!("fixed?fault={quoted} , worklist=7")] {
            let spec = parse_spec(&written).unwrap_or_else(|e| panic!("{written}: {e}"));
            assert_eq!((spec.pinned.worklist, spec.edit.is_some()), (Some(7), true), "{written}");
            assert_eq!(parse_spec(&spec.to_string()).unwrap(), spec, "{spec}");
            for end in ["", " poison", " poison standalone"] {
                let on = crate::runtime::quote::quote(&spec.to_string());
                let variant = crate::metamorphic::parse_variant(&format!("collections=all on={on}{end}")).unwrap();
                assert_eq!((variant.on.as_ref(), variant.poison), (Some(&spec), !end.is_empty()), "{on}");
                assert_eq!(crate::metamorphic::parse_variant(&variant.to_string()).unwrap(), variant, "{variant}");
            }
        }
    }
    for name in relative {
        let fault =
            super::super::Fault { origin: Some(name.into()), ..super::super::Fault::new("mine", "none", "a", "b") };
        let text = Edit::Fault(Arc::new(fault)).to_string();
        assert_eq!(text, format!("fault={}", crate::runtime::quote::quote(&format!("{name}#mine"))));
    }
    for unclosed in ["fixed?fault=\"a.toml#b", "fixed?fault=\"a.toml#b\"c", "fixed?fault=\"a\\\",worklist=3"] {
        assert!(matches!(parse_spec(unclosed), Err(RuntimeError::Unclosed { .. })), "{unclosed}");
    }
    for unclosed in ["on=\"fixed", "on=\"fixed\"poison"] {
        let error = crate::metamorphic::parse_variant(unclosed).unwrap_err().to_string();
        assert!(error.contains("double quote"), "{error}");
    }
    let error = crate::metamorphic::parse_variant("on=fixed?fault=my faults.toml#mine").unwrap_err().to_string();
    assert!(error.contains("in double quotes: on="), "{error}");
}

/// What the parameter says is what is promised, what the module does, and what comes back as text.
#[test]
fn an_address_limit_is_a_parameter_where_addresses_are_checked() {
    for name in super::super::names() {
        let spec = parse_spec(&format!("{name}?pages=2..9,address_limit=200000"));
        let is_checked = ["fixed", "fixed-split", "vera@0.1.9", "vera@0.1.9+wrap", "vera@0.2"].contains(name);
        assert_eq!(spec.is_ok(), is_checked, "{name}");
        let Ok(spec) = spec else { continue };
        assert_eq!(parse_spec(&spec.to_string()).unwrap(), spec);
        let (limited, plain) = (spec.clone(), Spec { address_limit: None, ..spec });
        let [limited, plain] = [limited, plain].map(|spec| spec.resolve(Machine::default()).unwrap());
        assert_eq!((limited.promises.address_limit, plain.promises.address_limit), (200_000, 1 << 31), "{name}");
        let [limited, plain] = [limited, plain].map(|description| super::super::builtin(description).fields);
        assert!(plain.matches("0x80000000").count() == 2 && !plain.contains("0x30d40"), "{name}");
        assert_eq!(limited, plain.replace("0x80000000", "0x30d40"), "{name}");
    }
}
