//! What is changed in a run whose contents must not change, and its text form.
//!
//! ```text
//! variant = part {" " part}
//! part    = "collections=" ("all" | "sample(" N ")" | "before(" N ")")
//!         | "on=" runtime            another heap start, worklist or runtime: `on=fixed?data_end=57,worklist=2048`; in double quotes (before `"`
//!                                    and `\` in it a `\`) where there is white space in it
//!         | "poison"                 swept and fresh payloads are overwritten
//!         | "standalone"             the program as code of its own must do the same, byte for byte
//!         | "rounds" ["=" N] ["(" BYTES ")"] [":automatic"] [":survivors"]
//!                                    the program's work N times on one heap, which must stop growing ([`super::rounds`]): as often as its bytes ask for
//!                                    without N, all objects of this size with BYTES, without asking for a collection with `automatic`, and with
//!                                    `survivors` not without objects that live on for some rounds
//! ```

use crate::runtime::quote::{quote, unquote};
use crate::runtime::{RuntimeError, Spec, parse_spec};
use std::fmt;
use thiserror::Error;

/// A run that differs from the base run of a program in nothing that its contents may depend on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Variant {
    /// Collections between ops that the program does not ask for.
    pub gaps: Gaps,
    /// The runtime, with the parameters that are pinned in it; none: the base run's own.
    pub on: Option<Spec>,
    /// Whether it is the poisoned twin.
    pub poison: bool,
    /// Whether the standalone lowering runs, too.
    pub standalone: bool,
    /// Whether the program's work is done again and again, and how.
    pub rounds: Option<Rounds>,
}

/// How a program's work is done again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Rounds {
    /// How often, [`Rounds::LEAST`] to [`Rounds::MOST`]; none: as often as the bytes that a round allocates ask for.
    pub number: Option<u32>,
    /// Payload bytes that every object gets; none: its own.
    pub size: Option<u32>,
    /// Whether no collection is asked for: those that allocations make must be enough.
    pub is_automatic: bool,
    /// Whether some objects of each round live on for some rounds.
    pub has_survivors: bool,
}

/// What is behind the rest in a variant's text.
const AUTOMATIC: &str = ":automatic";
const SURVIVORS: &str = ":survivors";

impl Rounds {
    /// The fewest rounds that say anything of growth.
    pub const LEAST: u32 = 32;
    /// The most.
    pub const MOST: u32 = 1 << 16;

    /// What is behind `rounds` in a variant's text.
    fn parse(text: &str) -> Option<Self> {
        let (text, has_survivors) = text.strip_suffix(SURVIVORS).map_or((text, false), |rest| (rest, true));
        let (text, is_automatic) = text.strip_suffix(AUTOMATIC).map_or((text, false), |rest| (rest, true));
        let (number, size) = match text.split_once('(') {
            Some((number, size)) => (number, Some(size.strip_suffix(')')?.parse().ok()?)),
            None => (text, None),
        };
        let number = match number.strip_prefix('=') {
            Some(number) => Some(number.parse().ok().filter(|n| (Self::LEAST..=Self::MOST).contains(n))?),
            None if number.is_empty() => None,
            None => return None,
        };
        Some(Self { number, size, is_automatic, has_survivors })
    }
}

impl fmt::Display for Rounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rounds")?;
        self.number.map_or(Ok(()), |number| write!(f, "={number}"))?;
        self.size.map_or(Ok(()), |size| write!(f, "({size})"))?;
        f.write_str(if self.is_automatic { AUTOMATIC } else { "" })?;
        f.write_str(if self.has_survivors { SURVIVORS } else { "" })
    }
}

/// Where collections are inserted. Gap `i` is before op `i`; the last one is after all ops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Gaps {
    /// Nowhere.
    #[default]
    None,
    /// Everywhere.
    All,
    /// In about a quarter of the gaps, drawn from this seed and the gap's number.
    Sample(u32),
    /// In this gap.
    Before(u32),
}

impl Gaps {
    /// Whether a collection stands in gap `gap`.
    #[must_use]
    pub const fn has(self, gap: u32) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Sample(seed) => mix(seed as u64, gap as u64).is_multiple_of(4),
            Self::Before(at) => at == gap,
        }
    }
}

/// A number that follows from two others and looks like neither (the finaliser of splitmix64).
#[must_use]
pub(crate) const fn mix(a: u64, b: u64) -> u64 {
    let mut z = a.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(b).wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl fmt::Display for Variant {
    /// The text that [`parse_variant`] reads back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        match self.gaps {
            Gaps::None => {}
            Gaps::All => parts.push("collections=all".to_owned()),
            Gaps::Sample(seed) => parts.push(format!("collections=sample({seed})")),
            Gaps::Before(op) => parts.push(format!("collections=before({op})")),
        }
        parts.extend(self.on.as_ref().map(|spec| {
            let spec = spec.to_string();
            let is_plain = !spec.contains(char::is_whitespace) && !spec.starts_with('"');
            format!("on={}", if is_plain { spec } else { quote(&spec) })
        }));
        parts.extend(self.poison.then(|| "poison".to_owned()));
        parts.extend(self.standalone.then(|| "standalone".to_owned()));
        parts.extend(self.rounds.map(|rounds| rounds.to_string()));
        f.write_str(&parts.join(" "))
    }
}

/// A variant that cannot be read.
#[derive(Debug, Error)]
pub enum VariantError {
    /// A part that there is not.
    #[error(
        "expected a variant made of collections=all, collections=sample(N), collections=before(N), on=RUNTIME, poison, standalone and \
         rounds, rounds=N, rounds(BYTES) or rounds=N(BYTES) with N from 32 to 65536 and then :automatic, :survivors or :automatic:survivors, found `{found}`"
    )]
    Part {
        /// The part.
        found: String,
    },
    /// Its runtime.
    #[error("on=: {error}{hint}")]
    Runtime {
        /// What is wrong with it.
        error: RuntimeError,
        /// What could be meant.
        hint: &'static str,
    },
    /// Double quotes that nothing closes, or that no white space follows.
    #[error("expected `on=\"RUNTIME\"` with a double quote at its end, then white space or nothing, found {found:?}")]
    Unclosed {
        /// What begins with the quotes.
        found: String,
    },
}

/// What is said where a runtime's name may have been cut off.
const QUOTES: &str = "; if there is white space in the runtime's name, write it in double quotes: on=\"RUNTIME\"";

/// Reads a variant; an empty text is the base run again.
///
/// ```
/// let text = "collections=sample(7) on=fixed?data_end=57 poison";
/// assert_eq!(heapsmith::metamorphic::parse_variant(text).unwrap().to_string(), text);
/// ```
///
/// # Errors
/// Unknown parts, and runtimes that there are not.
pub fn parse_variant(text: &str) -> Result<Variant, VariantError> {
    let mut variant = Variant::default();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix("on=").filter(|on| on.starts_with('"')) {
            let closed =
                unquote(quoted).filter(|(_, after)| after.is_empty() || after.starts_with(char::is_whitespace));
            let Some((spec, after)) = closed else { return Err(VariantError::Unclosed { found: quoted.to_owned() }) };
            variant.on = Some(parse_spec(&spec).map_err(|error| VariantError::Runtime { error, hint: "" })?);
            rest = after.trim_start();
            continue;
        }
        let (part, more) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
        rest = more.trim_start();
        let number = |prefix: &str| part.strip_prefix(prefix)?.strip_suffix(')')?.parse().ok();
        if let Some(spec) = part.strip_prefix("on=") {
            let hint = if rest.is_empty() { "" } else { QUOTES };
            variant.on = Some(parse_spec(spec).map_err(|error| VariantError::Runtime { error, hint })?);
        } else if let Some(rounds) = part.strip_prefix("rounds").and_then(Rounds::parse) {
            variant.rounds = Some(rounds);
        } else if let Some(seed) = number("collections=sample(") {
            variant.gaps = Gaps::Sample(seed);
        } else if let Some(op) = number("collections=before(") {
            variant.gaps = Gaps::Before(op);
        } else {
            match part {
                "collections=all" => variant.gaps = Gaps::All,
                "poison" => variant.poison = true,
                "standalone" => variant.standalone = true,
                _ => return Err(VariantError::Part { found: part.to_owned() }),
            }
        }
    }
    Ok(variant)
}
