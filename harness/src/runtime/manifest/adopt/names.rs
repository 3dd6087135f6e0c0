//! What a name says of what it names: names are taken apart into words, and words are held against those that roles are usually called by.

use super::super::module::{Decoded, Function, Global};
use wasmparser::ValType;

/// Words that say where something belongs, and nothing of what it does.
const NEUTRAL: [&str; 24] = [
    "gc",
    "heap",
    "obj",
    "object",
    "objects",
    "rt",
    "runtime",
    "mem",
    "memory",
    "managed",
    "collector",
    "my",
    "wasm",
    "the",
    "do",
    "run",
    "perform",
    "cell",
    "node",
    "block",
    "ms",
    "rc",
    "bytes",
    "size",
];

/// What a role is usually called by.
pub(super) struct Role {
    /// Words of which a name must have one, the likeliest first; a word of several is one that needs all of them.
    pub(super) main: &'static [&'static str],
    /// Words that may stand beside it.
    pub(super) beside: &'static [&'static str],
    /// Words that speak against it.
    pub(super) against: &'static [&'static str],
}

/// Functions that allocate.
pub(super) const ALLOCATE: Role = Role {
    main: &["alloc", "new", "allocate", "malloc", "make", "galloc"],
    beside: &[
        "raw",
        "data",
        "typed",
        "kind",
        "class",
        "atomic",
        "pointers",
        "pointer",
        "ptrs",
        "refs",
        "references",
        "words",
        "leaf",
        "fields",
        "record",
    ],
    against: &[
        "free", "dealloc", "init", "frame", "root", "roots", "stack", "page", "pages", "string", "str", "global",
        "grow", "id",
    ],
};
/// Functions that collect.
pub(super) const COLLECT: Role = Role {
    main: &["collect", "garbage", "gc", "major", "collection", "full"],
    beside: &["full", "force", "now", "all", "cycle", "cycles", "garbage", "collect", "gc"],
    against: &[
        "alloc",
        "init",
        "step",
        "set",
        "get",
        "push",
        "pop",
        "root",
        "roots",
        "count",
        "counts",
        "barrier",
        "is",
        "minor",
        "new",
        "base",
        "stats",
        "start",
        "enable",
        "disable",
        "malloc",
        "free",
        "live",
        "pin",
        "unpin",
        "write",
        "collections",
    ],
};
/// Functions that collect a little.
pub(super) const STEP: Role = Role {
    main: &["step", "slice", "increment", "incremental"],
    beside: &["collect", "mark", "sweep", "work", "collection"],
    against: &["alloc", "init", "set", "get", "size", "push", "pop"],
};
/// Functions that collect young objects only.
pub(super) const MINOR: Role = Role {
    main: &["minor", "young", "scavenge", "nursery", "ephemeral"],
    beside: &["collect", "collection", "full", "now", "cycle", "gen", "generation"],
    against: &["alloc", "init", "set", "get", "size", "push", "pop", "start", "end", "is", "count", "promote"],
};
/// Functions that push a root.
pub(super) const PUSH: Role = Role {
    main: &["push", "enter"],
    beside: &["root", "roots", "handle", "handles", "local", "shadow", "stack", "frame", "ref", "ptr", "pointer"],
    against: &["free", "list", "pop", "mark", "worklist", "grey", "gray", "page"],
};
/// Functions that pop roots.
pub(super) const POP: Role = Role {
    main: &["pop", "leave", "drop"],
    beside: &[
        "root", "roots", "handle", "handles", "local", "locals", "shadow", "stack", "frame", "ref", "ptr", "pointer",
        "n", "many",
    ],
    against: &["free", "list", "push", "mark", "worklist", "grey", "gray", "page"],
};
/// Functions that write a numbered root.
pub(super) const ROOT_SET: Role = Role {
    main: &["root", "roots", "slot", "global", "handle", "local", "register"],
    beside: &["set", "store", "write", "put", "at", "index", "stack", "assign", "global"],
    against: &["get", "load", "read", "push", "pop", "field", "init", "new", "alloc", "barrier", "add", "remove"],
};
/// Functions that store a pointer into a field.
pub(super) const STORE: Role = Role {
    main: &["set", "store", "write", "put", "link", "assign", "setfield"],
    beside: &[
        "field", "ref", "ptr", "pointer", "slot", "word", "element", "with", "barrier", "child", "value", "at",
        "property",
    ],
    against: &["get", "load", "root", "roots", "global", "local", "stack", "base"],
};
/// Functions that load one.
pub(super) const LOAD: Role = Role {
    main: &["get", "load", "read", "fetch"],
    beside: &["field", "ref", "ptr", "pointer", "slot", "word", "element", "child", "value", "at", "property"],
    against: &["set", "store", "root", "roots", "global", "local", "stack", "size", "id"],
};
/// Functions that tell how many bytes are live.
pub(super) const LIVE: Role = Role {
    main: &["live", "used", "allocated", "inuse"],
    beside: &["count", "total", "in", "use"],
    against: &["objects", "blocks", "peak", "max"],
};
/// Globals that are a shadow stack's top.
pub(super) const STACK_TOP: Role = Role {
    main: &[
        "sp",
        "stack pointer",
        "stack ptr",
        "stack top",
        "roots top",
        "root top",
        "shadow top",
        "root sp",
        "root ptr",
        "root end",
        "roots end",
        "root count",
    ],
    beside: &["shadow", "root", "roots", "stack"],
    against: &["base", "limit", "start", "heap", "free", "mark", "worklist", "max", "count"],
};
/// Globals that are a shadow stack's limit.
pub(super) const STACK_LIMIT: Role = Role {
    main: &[
        "stack limit",
        "stack end",
        "sp limit",
        "sp max",
        "sp end",
        "stack max",
        "roots limit",
        "root limit",
        "roots end",
        "root end",
        "shadow limit",
        "shadow end",
        "stack low",
        "data end",
    ],
    beside: &["shadow", "root", "roots", "stack"],
    against: &["worklist", "mark", "heap"],
};
/// Globals that are a shadow stack's base.
pub(super) const STACK_BASE: Role = Role {
    main: &[
        "stack base",
        "stack start",
        "sp base",
        "sp start",
        "roots base",
        "root base",
        "roots start",
        "root start",
        "shadow base",
        "shadow start",
        "stack high",
    ],
    beside: &["shadow", "root", "roots", "stack"],
    against: &["worklist", "mark", "heap", "limit", "end"],
};
/// Globals that are the heap's first byte.
pub(super) const HEAP_START: Role = Role {
    main: &["heap start", "heap base", "heap lo", "heap begin", "arena start", "arena base", "space start"],
    beside: &["from", "to"],
    against: &["end", "limit", "stack", "free"],
};

/// Globals that are the heap's end.
pub(super) const HEAP_END: Role = Role {
    main: &["heap end", "heap ptr", "heap pointer", "heap top", "heap limit", "end", "top", "brk"],
    beside: &["arena", "space"],
    against: &["stack", "root", "roots", "shadow", "free", "start", "base", "worklist", "mark", "data", "table", "sp"],
};

/// Pairs of words for functions that keep an object and let it go, the likeliest first.
pub(super) const PINS: [(&str, &str); 13] = [
    ("pin", "unpin"),
    ("retain", "release"),
    ("protect", "unprotect"),
    ("root", "unroot"),
    ("incref", "decref"),
    ("addref", "release"),
    ("inc", "dec"),
    ("ref", "unref"),
    ("hold", "unhold"),
    ("lock", "unlock"),
    ("register", "unregister"),
    ("add", "remove"),
    ("keep", "drop"),
];

/// Words of the name of an import that ends a program.
const ENDS: [&str; 13] = [
    "abort",
    "trap",
    "panic",
    "throw",
    "fail",
    "error",
    "exit",
    "unreachable",
    "oom",
    "assert",
    "raise",
    "fatal",
    "die",
];
/// Words of the name of an import that gives something else each time.
const VARIES: [&str; 8] = ["random", "seed", "rand", "time", "now", "clock", "date", "entropy"];

/// Whether an import of this name ends a program.
pub(super) fn ends(field: &str) -> bool {
    words(field).iter().any(|word| ENDS.contains(&word.as_str()))
}

/// Whether one of this name gives something else each time.
pub(super) fn varies(field: &str) -> bool {
    words(field).iter().any(|word| VARIES.contains(&word.as_str()))
}

/// The words of a name, in lower case: what is before its last `/` is a path and left out.
pub(super) fn words(name: &str) -> Vec<String> {
    let name = name.rsplit('/').next().unwrap_or(name);
    let (mut words, mut word) = (Vec::new(), String::new());
    let chars: Vec<char> = name.chars().collect();
    for (i, &c) in chars.iter().enumerate() {
        let previous = i.checked_sub(1).map(|i| chars[i]);
        let next_is_small = chars.get(i + 1).is_some_and(char::is_ascii_lowercase);
        let hump = c.is_ascii_uppercase()
            && previous.is_some_and(|p| {
                p.is_ascii_lowercase() || p.is_ascii_digit() || p.is_ascii_uppercase() && next_is_small
            });
        if (hump || !c.is_ascii_alphanumeric()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c.is_ascii_alphanumeric() {
            word.push(c.to_ascii_lowercase());
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// How far a name is from a role: 0 is its likeliest word alone; none if it is not of that role.
pub(super) fn distance(name: &str, role: &Role) -> Option<u32> {
    let words = words(name);
    let has = |word: &str| words.iter().any(|known| known == word);
    if role.against.iter().any(|word| has(word)) {
        return None;
    }
    let is_main = |main: &&str| main.split(' ').all(has);
    let (place, main) = (0..).zip(role.main).find(|(_, main)| is_main(main))?;
    let used: Vec<&str> = main.split(' ').collect();
    let mut distance: u32 = place;
    for (i, word) in words.iter().enumerate() {
        let word = word.as_str();
        if used.contains(&word) || role.main.contains(&word) || NEUTRAL.contains(&word) {
            continue;
        }
        distance += match (role.beside.contains(&word), i) {
            (true, _) => 1,
            // A word in front may be a name space.
            (false, 0) => 4,
            (false, _) => 20,
        };
    }
    Some(distance)
}

/// The farthest that a name may be from a role and still be taken for it.
const FARTHEST: u32 = 22;
/// What a name that is not exported is farther.
const HIDDEN: u32 = 2;

/// Something of the module that may play a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Its index.
    pub(super) index: u32,
    /// What a manifest calls it.
    pub(super) name: String,
    /// How far its name is from the role.
    pub(super) distance: u32,
}

/// What a manifest calls a function.
pub(super) fn function_name(module: &Decoded<'_>, index: u32) -> String {
    let Function { exports, name, .. } = &module.functions[index as usize];
    let of = exports.first().or(name.as_ref()).filter(|name| module.function(name) == Ok(index));
    of.cloned().unwrap_or_else(|| format!("#{index}"))
}

/// What a manifest calls a global.
pub(super) fn global_name(module: &Decoded<'_>, index: u32) -> String {
    let Global { exports, name, .. } = &module.globals[index as usize];
    let of = exports.first().or(name.as_ref()).filter(|name| module.global(name) == Ok(index));
    of.cloned().unwrap_or_else(|| format!("#{index}"))
}

/// Functions of these parameters and results, all of type i32, that may play a role, the likeliest first.
pub(super) fn functions(
    module: &Decoded<'_>,
    role: &Role,
    params: std::ops::RangeInclusive<usize>,
    results: std::ops::RangeInclusive<usize>,
) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (index, function) in (0..).zip(&module.functions) {
        let words = function.params.iter().chain(&function.results).all(|type_| *type_ == ValType::I32);
        if function.import.is_some()
            || !words
            || !params.contains(&function.params.len())
            || !results.contains(&function.results.len())
        {
            continue;
        }
        let exported = function.exports.iter().filter_map(|name| distance(name, role)).min();
        let hidden = function.name.as_ref().and_then(|name| distance(name, role)).map(|distance| distance + HIDDEN);
        let best = if function.exports.is_empty() { hidden } else { exported };
        if let Some(distance) = best.filter(|distance| *distance <= FARTHEST) {
            found.push(Candidate { index, name: function_name(module, index), distance });
        }
    }
    found.sort_by_key(|candidate| (candidate.distance, candidate.index));
    found
}

/// Functions that are looked at where no name tells.
const MOST_EXPORTED: usize = 32;

/// Exported functions of these parameters and results, all of type i32, whatever they are called.
pub(super) fn exported(
    module: &Decoded<'_>,
    params: std::ops::RangeInclusive<usize>,
    results: std::ops::RangeInclusive<usize>,
) -> Vec<Candidate> {
    let fits = |(_, function): &(u32, &Function)| {
        function.import.is_none()
            && !function.exports.is_empty()
            && function.params.iter().chain(&function.results).all(|type_| *type_ == ValType::I32)
            && params.contains(&function.params.len())
            && results.contains(&function.results.len())
    };
    let candidate = |(index, _)| Candidate { index, name: function_name(module, index), distance: FARTHEST };
    (0..).zip(&module.functions).filter(fits).map(candidate).take(MOST_EXPORTED).collect()
}

/// Globals of type i32 that may play a role, the likeliest first.
pub(super) fn globals(module: &Decoded<'_>, role: &Role) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (index, global) in (0..).zip(&module.globals) {
        if global.type_ != ValType::I32 {
            continue;
        }
        let names = global.exports.iter().chain(&global.name);
        let best = names.filter_map(|name| distance(name, role)).min();
        if let Some(distance) = best.filter(|distance| *distance <= FARTHEST) {
            found.push(Candidate { index, name: global_name(module, index), distance });
        }
    }
    found.sort_by_key(|candidate| (candidate.distance, candidate.index));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart_into_words() {
        assert_eq!(words("gc_alloc"), ["gc", "alloc"]);
        assert_eq!(words("__new"), ["new"]);
        assert_eq!(words("vera.alloc"), ["vera", "alloc"]);
        assert_eq!(words("~lib/rt/itcms/__collect"), ["collect"]);
        assert_eq!(words("GCMallocAtomic2"), ["gc", "malloc", "atomic2"]);
        assert_eq!(words(""), Vec::<String>::new());
    }

    #[test]
    fn likelier_names_are_nearer() {
        let near = |name| distance(name, &ALLOCATE);
        assert_eq!(near("alloc"), Some(0));
        assert!(near("alloc") < near("vera.alloc"));
        assert!(near("gc_new") < near("new_leaf"));
        assert!(near("new_leaf") < near("new_widget"));
        assert_eq!(near("free"), None);
        assert_eq!(near("alloc_frame"), None);
        assert_eq!(distance("gc_set_base", &COLLECT), None);
        assert_eq!(distance("gc_collect", &COLLECT), Some(0));
    }
}
