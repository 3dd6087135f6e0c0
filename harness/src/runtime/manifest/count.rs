//! Counting collections where a module does not: the one thing that is added to its code.
//!
//! A campaign must know whether anything was collected at all, and how often, whoever asked for it. Where `[heap]` names no global that counts, the
//! function that `[collect] full` names counts its calls in one of ours, as its first act.

use crate::runtime::description::{GLOBALS, Role};

/// The global: that of a built-in with the same role.
pub(super) const COLLECTIONS: &str = GLOBALS[Role::Collections as usize];

/// The text of a module in which this function counts its calls; as it was where the function has no body here.
pub(super) fn calls(text: (String, String), function: &str) -> (String, String) {
    let count = format!("(global.set ${COLLECTIONS} (i32.add (global.get ${COLLECTIONS}) (i32.const 1)))");
    let counted = |part: &str| -> Option<String> {
        let start = format!("  (func ${function} ");
        let at = part.find(&start).filter(|&at| at == 0 || part[..at].ends_with('\n'))?;
        let head = at + part[at..].find('\n').unwrap_or(part.len() - at);
        let line = &part[at..head];
        if line.matches('(').count() == line.matches(')').count() {
            // It does nothing, and stands on one line.
            return Some(format!("{} {count}){}", &part[..head - 1], &part[head..]));
        }
        // Locals come first.
        let lines = part[head + 1..].split_inclusive('\n');
        let locals: usize = lines.take_while(|line| line.starts_with("    (local ")).map(str::len).sum();
        let body = head + 1 + locals;
        Some(format!("{}    {count}\n{}", &part[..body], &part[body..]))
    };
    let (before, after) = text;
    match (counted(&before), counted(&after)) {
        (Some(before), _) => (before, after),
        (None, Some(after)) => (before, after),
        (None, None) => (before, after),
    }
}

/// The definition of the global.
pub(super) fn global() -> String {
    format!(
        "\n  ;; Collections so far.\n  (global ${COLLECTIONS} (export \"{COLLECTIONS}\") (mut i32) (i32.const 0))\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_act_of_a_function_is_to_count() {
        let module = "  (func $a (;0;) (type 0)\n    (local i32)\n    nop)\n  (func $gc (;1;) (type 0)\n    (local i32)\n    call $gc\n  )\n  (func $no (;2;) (type 0))\n";
        let count = "(global.set $gc_collections (i32.add (global.get $gc_collections) (i32.const 1)))";
        let counted = |name| calls((String::new(), module.to_owned()), name).1;
        assert_eq!(counted("gc"), module.replace("    call", &format!("    {count}\n    call")));
        assert_eq!(counted("no"), module.replace("(;2;) (type 0))", &format!("(;2;) (type 0) {count})")));
        assert_eq!(counted("other"), module);
        for name in ["gc", "no", "a"] {
            let text = format!("(module (type (func)) {}{})", counted(name), global());
            wat::parse_str(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        }
    }
}
