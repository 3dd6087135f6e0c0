//! What a manifest says of objects, traps and promises: nothing of the module is named there.

use super::error::ManifestError;
use super::parts::{
    Candidates, Cycles, Field, Growth, Object, OutOfMemory, Placement, Pointer, Promises, Reclaim, Traps, ZeroSize,
};
use super::read::{Table, Value};

/// Bytes of a header, or of an alignment, at most: a page has a few dozen objects then.
const MOST_AROUND: u32 = 1024;

pub(super) fn object(root: &Table<'_>) -> Result<Object, ManifestError> {
    let Some(table) = root.get("object").map(|value| value.table("a table")).transpose()? else {
        return Ok(Object::default());
    };
    let number = |key, least| {
        let bounded = |value: Value<'_>| {
            match value.number(least, u32::MAX)? {
            bytes if bytes > MOST_AROUND => Err(value.error(format!(
                "`{key}`: expected {least} to {MOST_AROUND} bytes, found {bytes}: with more around each object a program's memory is full after a few, and \
                 nothing is seen of what it does; if it is meant for large objects only, leave `{key}` out"
            ))),
            bytes => Ok(bytes),
        }
        };
        table.get(key).map(bounded).transpose()
    };
    let size = table.get("size").map(|value| {
        let table = value.table("`{ offset = N, shift = N }`")?;
        let field = Field {
            offset: table.need("offset", "bytes from the payload")?.signed()?,
            mask: table.get("mask").map_or(Ok(u32::MAX), |mask| mask.word())?,
            shift: table.get("shift").map_or(Ok(0), |shift| shift.number(0, 31))?,
        };
        table.finish()?;
        Ok(field)
    });
    if let Some(value) = table.get("moving")
        && value.flag()?
    {
        return Err(value.error("expected objects that stay where they are: a register of a program is an address; moving collectors cannot be judged"));
    }
    let zero_size = [("object", ZeroSize::Object), ("null", ZeroSize::Null), ("shared", ZeroSize::Shared)];
    let object = Object {
        header: number("header", 0)?,
        alignment: match (table.get("alignment"), number("alignment", 1)?) {
            (Some(value), Some(found)) if !found.is_power_of_two() => return Err(value.other("a power of two")),
            (_, alignment) => alignment,
        },
        is_zeroed: table.get("zeroed").map(|value| value.flag()).transpose()?,
        size: size.transpose()?,
        mark_mask: table.get("mark_mask").map(|value| value.word()).transpose()?,
        free_link: table.get("free_link").map(|value| value.number(0, 1 << 16)).transpose()?,
        pointer: Pointer {
            null: table.get("null").map_or(Ok(0), |value| value.word())?,
            tag: table.get("tag").map_or(Ok(0), |value| value.number(0, 1 << 16))?,
        },
        zero_size: table.get("zero_size").map(|value| value.one_of(&zero_size)).transpose()?,
    };
    table.finish()?;
    Ok(object)
}

pub(super) fn traps(root: &Table<'_>) -> Result<Traps, ManifestError> {
    let Some(table) = root.get("traps").map(|value| value.table("a table")).transpose()? else {
        return Ok(Traps::default());
    };
    let number = |key| table.get(key).map(|value| value.number(1, u32::MAX)).transpose();
    let memory = [("trap", OutOfMemory::Trap), ("null", OutOfMemory::Null)];
    let traps = Traps {
        memory: table.get("memory").map(|value| value.one_of(&memory)).transpose()?,
        size_limit: number("size_limit")?,
        worklist: number("worklist")?,
    };
    table.finish()?;
    Ok(traps)
}

pub(super) fn promises(root: &Table<'_>) -> Result<Promises, ManifestError> {
    let Some(table) = root.get("promises").map(|value| value.table("a table")).transpose()? else {
        return Ok(Promises::default());
    };
    let candidates = [
        ("precise", Candidates::Precise),
        ("phase", Candidates::Phase),
        ("allocated-base", Candidates::AllocatedBase),
        ("unknown", Candidates::Unknown),
    ];
    let placement = [
        ("first-fit", Placement::FirstFit),
        ("first-fit-split", Placement::FirstFitSplit),
        ("unknown", Placement::Unknown),
    ];
    let growth = [("shortage", Growth::Shortage), ("unknown", Growth::Unknown)];
    let cycles = [("collected", Cycles::Collected), ("leaked", Cycles::Leaked)];
    let reclaim = |value: &Value<'_>| match value.as_table() {
        None if value.as_text() == Some("unknown") => Ok(Reclaim::Unknown),
        None if value.as_text() == Some("nothing") => Ok(Reclaim::Nothing),
        None => Err(value.other("\"unknown\", \"nothing\" or `{ factor = N, slack = N }`")),
        Some(table) => {
            let factor = table.need("factor", "times the heap of first fit")?.number(1, 1 << 16)?;
            let slack = table.need("slack", "bytes more")?.number(0, u32::MAX)?;
            table.finish()?;
            Ok(Reclaim::Bounded { factor, slack })
        }
    };
    let promises = Promises {
        candidates: table.get("candidates").map(|value| value.one_of(&candidates)).transpose()?,
        placement: table.get("placement").map(|value| value.one_of(&placement)).transpose()?,
        growth: table.get("growth").map(|value| value.one_of(&growth)).transpose()?,
        reclaim: table.get("reclaim").map(|value| reclaim(&value)).transpose()?,
        cycles: table.get("cycles").map(|value| value.one_of(&cycles)).transpose()?,
        plateau: table.get("plateau").map(|value| value.flag()).transpose()?,
    };
    table.finish()?;
    Ok(promises)
}
