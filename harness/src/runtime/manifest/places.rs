//! Where a manifest says that roots live.

use super::error::ManifestError;
use super::names::{Gives, Names};
use super::parts::{Direction, RootKind, Roots};
use super::read::Table;

/// Slots where nobody is told of roots: as many as programs need.
const TOLD_NOBODY: u32 = 1024;
/// Slots of one kind of roots at most.
const MAX_SLOTS: u32 = 1 << 20;

impl Names<'_> {
    pub(super) fn roots(&self, root: &Table<'_>) -> Result<Vec<Roots>, ManifestError> {
        let tables = root.need("roots", "at least one table `[[roots]]` says where roots live")?;
        let mut all: Vec<Roots> = Vec::new();
        for value in tables.list("tables `[[roots]]`")? {
            let table = value.table("a table")?;
            let roots = self.roots_of(&table)?;
            table.finish()?;
            if let Some(known) = all.iter().find(|known| clash(&known.kind, &roots.kind)) {
                let name = known.kind.name();
                return Err(value.error(format!("expected roots of their own, these are those of the `{name}` before")));
            }
            all.push(roots);
        }
        let is_none = |roots: &Roots| roots.kind == RootKind::None;
        if all.len() > 1 && all.iter().any(is_none) {
            return Err(tables.error("expected roots of kind \"none\" alone, found others beside them; leave one out"));
        }
        if all.is_empty() { Err(tables.other("at least one table `[[roots]]`")) } else { Ok(all) }
    }

    fn roots_of(&self, table: &Table<'_>) -> Result<Roots, ManifestError> {
        let kind = table.need("kind", "\"shadow-stack\", \"pins\", \"calls\", \"slots\", \"table\" or \"none\"")?;
        let names = ["shadow-stack", "pins", "calls", "slots", "table", "none"];
        let function = |key, params, what| self.function(&table.need(key, what)?, params, Gives::Anything);
        let kind = match kind.one_of(&names.map(|name| (name, name)))? {
            "shadow-stack" => return self.shadow_stack(table),
            "none" => return Ok(Roots { kind: RootKind::None, capacity: TOLD_NOBODY }),
            "pins" => RootKind::Pins {
                pin: function("pin", 1, "the function that keeps an object")?,
                unpin: function("unpin", 1, "the function that lets it go")?,
                is_reentrant: table
                    .need("reentrant", "whether an object can be pinned twice, true or false")?
                    .flag()?,
            },
            "calls" => {
                let pop = table.need("pop", "the function that pops one root, or as many as it is told")?;
                let one = self.function(&pop, 0, Gives::Anything);
                let (pop, pops_many) = match one {
                    Ok(pop) => (pop, false),
                    Err(_) => (self.function(&pop, 1, Gives::Anything)?, true),
                };
                let push = function("push", 1, "the function that pushes a root")?;
                let set = table.get("set").map(|value| self.function(&value, 2, Gives::Anything)).transpose()?;
                RootKind::Calls { push, pop, pops_many, set }
            }
            "slots" => RootKind::Slots { set: function("set", 2, "the function that writes a slot: index, value")? },
            _ => {
                let address = table.need("address", "the first word")?;
                let (at, capacity) = (self.number(&address)?, capacity(table)?);
                if u64::from(at) + 4 * u64::from(capacity) > self.started.bytes() {
                    let problem = format!(
                        "expected {capacity} words in the {} bytes that memory starts with",
                        self.started.bytes()
                    );
                    return Err(address.error(problem));
                }
                return Ok(Roots { kind: RootKind::Table { address: at }, capacity });
            }
        };
        Ok(Roots { kind, capacity: capacity(table)? })
    }

    fn shadow_stack(&self, table: &Table<'_>) -> Result<Roots, ManifestError> {
        let value = table.need("top", "the global that is its top, as `{ global = \"NAME\" }`")?;
        let top = self.global(&value)?;
        if !top.is_mutable {
            return Err(value.error(format!("expected a global that can change, `{}` is constant", top.name)));
        }
        let grows = table.need("grows", "\"up\" or \"down\"")?;
        let grows = grows.one_of(&[("up", Direction::Up), ("down", Direction::Down)])?;
        let base = table.get("base").map_or(Ok(top.initial), |value| self.number(&value))?;
        let (limit, own) = (table.get("limit"), table.get("capacity"));
        let capacity = match (limit, own) {
            (Some(value), None) => {
                let limit = self.number(&value)?;
                let (from, to) = match grows {
                    Direction::Up => (base, limit),
                    Direction::Down => (limit, base),
                };
                let slots = to.checked_sub(from).map(|bytes| bytes / 4).filter(|slots| (1..=MAX_SLOTS).contains(slots));
                slots.ok_or_else(|| {
                    value.error(format!(
                        "expected room for 1 to {MAX_SLOTS} slots between the stack's base, {base}, and its limit, found {limit}; look at \
                         `grows`, `base` and `limit`, or give `capacity`"
                    ))
                })?
            }
            (None, Some(_)) => capacity(table)?,
            (Some(value), Some(_)) => {
                return Err(value.error("expected `limit` or `capacity`, found both; leave one out"));
            }
            (None, None) => {
                return Err(value
                    .error("expected `limit` (an address or a global) or `capacity` (slots) beside `top`; add one"));
            }
        };
        let end = match grows {
            Direction::Up => u64::from(base) + 4 * u64::from(capacity),
            Direction::Down => u64::from(base),
        };
        let below = grows == Direction::Down && u64::from(base) < 4 * u64::from(capacity);
        if end > self.started.bytes() || below {
            let problem = format!(
                "expected the stack's {capacity} slots in the {} bytes that memory starts with",
                self.started.bytes()
            );
            return Err(value.error(problem));
        }
        Ok(Roots { kind: RootKind::ShadowStack { top, base, grows }, capacity })
    }
}

fn capacity(table: &Table<'_>) -> Result<u32, ManifestError> {
    table.need("capacity", "how many slots are used at most")?.number(1, MAX_SLOTS)
}

/// Whether two kinds of roots are the same place.
fn clash(a: &RootKind, b: &RootKind) -> bool {
    match (a, b) {
        (RootKind::ShadowStack { top: a, .. }, RootKind::ShadowStack { top: b, .. }) => a.index == b.index,
        (RootKind::Pins { pin: a, .. }, RootKind::Pins { pin: b, .. })
        | (RootKind::Calls { push: a, .. }, RootKind::Calls { push: b, .. })
        | (RootKind::Slots { set: a }, RootKind::Slots { set: b }) => a.index == b.index,
        (RootKind::Table { address: a }, RootKind::Table { address: b }) => a == b,
        (RootKind::None, RootKind::None) => true,
        (
            RootKind::ShadowStack { .. }
            | RootKind::Pins { .. }
            | RootKind::Calls { .. }
            | RootKind::Slots { .. }
            | RootKind::Table { .. }
            | RootKind::None,
            _,
        ) => false,
    }
}
