//! Text in double quotes, for names of runtimes that would be read as something else without: those with the path of a file in them.

/// The text between double quotes; before `"` and `\` in it stands a `\`.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

/// What stands between the double quotes that `text` begins with, and what comes after them; none if it begins with none, or they have no end.
pub(crate) fn unquote(text: &str) -> Option<(String, &str)> {
    let inside = text.strip_prefix('"')?;
    let (mut plain, mut is_escaped) = (String::new(), false);
    for (at, c) in inside.char_indices() {
        match c {
            '\\' if !is_escaped => is_escaped = true,
            '"' if !is_escaped => return Some((plain, &inside[at + 1..])),
            _ => {
                plain.push(c);
                is_escaped = false;
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_comes_back_and_what_has_no_end_does_not() {
        for text in ["", "a b", "\"", "\\", "\\\"", "a\\", "\" on=", "\n\té"] {
            for rest in ["", ",x", " \"y\""] {
                let quoted = quote(text) + rest;
                assert_eq!(unquote(&quoted), Some((text.to_owned(), rest)), "{quoted}");
            }
        }
        for text in ["", "a", "a\"b\"", "\"", "\"a", "\"a\\\"", "\"\\"] {
            assert_eq!(unquote(text), None, "{text}");
        }
    }
}
