//! What stands for an object where that is not its address: words that all have the same low bits, which no address of a word has.

use super::super::parts::Pointer;
use super::allocation::Recipe;
use super::lab::Lab;

/// What was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tagged {
    pub(super) pointer: Pointer,
    /// Whether the word for none was seen: a request that cannot be met gave it.
    pub(super) is_null_seen: bool,
}

/// Sizes of the objects whose words are looked at, odd ones among them.
const SIZES: [u32; 10] = [8, 1, 12, 5, 24, 13, 40, 3, 64, 18];
/// Requests that cannot be met.
const REFUSED: [u32; 3] = [0x3FFF_FFF0, 0x7FFF_FFF0, 0xFFFF_0000];
/// Bits that are zero in the address of a word.
const LOW: u32 = 3;

/// The tag that all words of an allocation have; none if they are addresses, or not all alike.
pub(super) fn observe(lab: &Lab<'_>, recipe: &Recipe) -> Option<Tagged> {
    let mut bench = lab.bench().ok()?;
    let words = SIZES.iter().map(|size| recipe.make(&mut bench, *size, 0)).collect::<Option<Vec<u32>>>()?;
    let tag = *words.first()? & LOW;
    if tag == 0 || words.iter().any(|word| word & LOW != tag) {
        return None;
    }
    let refused = |size: u32| recipe.make(&mut lab.bench().ok()?, size, 0).filter(|word| word & LOW != tag);
    let null = REFUSED.into_iter().find_map(refused);
    Some(Tagged { pointer: Pointer { null: null.unwrap_or(0), tag }, is_null_seen: null.is_some() })
}
