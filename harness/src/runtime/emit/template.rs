//! Templates of WebAssembly text: each rule of a description fills one line of a function.

use crate::runtime::description::SizeBits;

/// Replaces each line that is only `@name` by the part of that name, its lines indented alike; an empty part leaves nothing.
pub(super) fn fill(template: &str, parts: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(template.len() * 2);
    for line in template.trim_start_matches('\n').lines() {
        let text = line.trim_start();
        let indent = &line[..line.len() - text.len()];
        match text.strip_prefix('@') {
            None => {
                out.push_str(line);
                out.push('\n');
            }
            Some(name) => {
                let part = parts.iter().find(|(n, _)| *n == name).expect("a template's parts are all given").1;
                for line in part.trim_matches('\n').lines().filter(|line| !line.trim().is_empty()) {
                    out.push_str(indent);
                    out.push_str(line);
                    out.push('\n');
                }
            }
        }
    }
    out
}

/// `n = recorded(h)`.
pub(super) const fn recorded(bits: SizeBits) -> &'static str {
    match bits {
        SizeBits::Sixteen => {
            ";; Only 16 bits of the recorded size are read (#484).
(local.set $n (i32.and (i32.shr_u (local.get $h) (i32.const 1)) (i32.const 0xFFFF)))"
        }
        SizeBits::ThirtyOne => "(local.set $n (i32.shr_u (local.get $h) (i32.const 1)))",
    }
}
