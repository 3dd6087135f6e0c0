//! What a manifest lets be judged, and what is missing for the rest.

use super::Manifest;
use super::parts::{Accessor, Candidates, Cycles, Growth, Placement, Reclaim};

/// One thing that can be judged of a collector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oracle {
    /// What it is about, in a word or two.
    pub about: &'static str,
    /// Whether the manifest says enough of it.
    pub is_judged: bool,
    /// What is judged, or why not and what would have to be said.
    pub text: String,
}

impl Manifest {
    /// Everything that can be judged of a collector, and whether this manifest lets it; what it leaves to the built-in that it is like counts as said.
    #[must_use]
    pub fn oracles(&self) -> Vec<Oracle> {
        let mut all = Vec::new();
        let mut add = |about, judged: Option<String>, otherwise: &str| {
            let is_judged = judged.is_some();
            all.push(Oracle { about, is_judged, text: judged.unwrap_or_else(|| otherwise.to_owned()) });
        };
        let (heap, object, promises, traps) = (&self.heap, &self.object, &self.promises, &self.traps);
        let alike = self.like.as_ref().map(|like| format!("as `{like}`"));
        let yes = |text: &str| Some(text.to_owned());

        add(
            "contents",
            yes("what can be reached has the bytes that were written, at one address, apart from all else"),
            "",
        );
        add("traps", yes("`unreachable` only, where room runs out; the program ends"), "");
        let alignment = object.alignment.map(|n| format!("payloads are multiples of {n} from the first on"));
        add("alignment", alignment.or(alike.clone()), "unknown: say `alignment` in [object]");
        let zeroing = match object.is_zeroed {
            Some(true) => yes("fresh payloads are zero"),
            Some(false) => None,
            None => alike.clone(),
        };
        let why = match object.is_zeroed {
            Some(false) => "fresh payloads may have old bytes",
            Some(true) | None => "unknown: say `zeroed` in [object]",
        };
        add("zeroing", zeroing, why);
        let counted = match &heap.collections {
            Some(global) => Some(format!("counted by `{}`", global.name)),
            None => self
                .collect
                .full
                .as_ref()
                .map(|full| format!("counted: calls of `{}`, whoever makes them", full.function.name)),
        };
        add(
            "collections",
            counted,
            "not counted: `full` is \"none\", and no global counts them; say `full` in [collect], or `collections` in [heap]",
        );
        let is_like = self.like.is_some();
        let missing = |wanted: &[(bool, &str)]| {
            let names: Vec<&str> = wanted.iter().filter(|(given, _)| !given).map(|(_, name)| *name).collect();
            format!("unknown: say {}", names.join(", "))
        };
        let wanted = [
            (heap.start.is_some(), "`start` in [heap]"),
            (heap.end.is_some(), "`end` in [heap]"),
            (object.header.is_some() || is_like, "`header` in [object]"),
            (object.size.is_some() || is_like, "`size` in [object]"),
            (is_like || object.size.is_none() || object.begins_with_size(), "`size` as all of the block's first word"),
        ];
        let tiles = wanted.iter().all(|(given, _)| *given);
        let tiles = tiles.then(|| "blocks tile the heap from its start to its end".to_owned());
        add("layout", tiles, &missing(&wanted));
        let wanted = [
            (heap.free_list.is_some(), "`free_list` in [heap]"),
            (object.free_link.is_some() || is_like, "`free_link` in [object]"),
        ];
        let list = wanted.iter().all(|(given, _)| *given);
        let list = list.then(|| "no reachable object is free; the free list ends".to_owned());
        add("free list", list, &missing(&wanted));
        let placement = match promises.placement {
            Some(Placement::FirstFit) => yes("first fit"),
            Some(Placement::FirstFitSplit) => yes("first fit, split and merged"),
            Some(Placement::Unknown) => None,
            None => alike.clone(),
        };
        let placed = placement.is_some();
        add("placement", placement, "unknown: say `placement` in [promises]");
        let growth = match promises.growth {
            Some(Growth::Shortage) => yes("memory grows by the pages that are missing"),
            Some(Growth::Unknown) => None,
            None => alike.clone(),
        };
        let is_predicted = placed && growth.is_some();
        add("growth", growth, "unknown: say `growth` in [promises]");
        let candidates = match promises.candidates {
            Some(Candidates::Precise) => yes("precise: nothing but pointers keeps an object"),
            Some(Candidates::Phase) => yes("conservative: words on the phase of a payload keep objects"),
            Some(Candidates::AllocatedBase) => yes("conservative: words that are payloads of objects keep them"),
            Some(Candidates::Unknown) => None,
            None => alike.clone(),
        };
        let is_known = candidates.is_some();
        let bounded = matches!(promises.reclaim, Some(Reclaim::Bounded { .. })) && heap.start.is_some();
        // Garbage that lives on shows by addresses that are predicted, or by memory that grows.
        let shows = is_predicted || bounded && self.collect.is_automatic;
        let open = "declared, but it shows only with `placement` and `growth`, or `reclaim`, in [promises]";
        add(
            "retention",
            candidates.filter(|_| shows),
            if is_known { open } else { "unknown: say `candidates` in [promises]" },
        );
        let wanted = [
            (heap.start.is_some(), "`start` in [heap]"),
            (self.collect.is_automatic, "`automatic = true` in [collect]: else garbage stays until it is collected"),
        ];
        let (reclaim, why) = match promises.reclaim {
            Some(Reclaim::Bounded { factor, slack }) => (
                wanted.iter().all(|(given, _)| *given).then(|| {
                    format!(
                        "memory reaches {factor} times the heap of first fit and {slack} past the heap's start at most"
                    )
                }),
                missing(&wanted),
            ),
            Some(Reclaim::Nothing) => (None, "nothing is ever freed".to_owned()),
            Some(Reclaim::Unknown) | None => (None, "no bound: say `reclaim` in [promises]".to_owned()),
        };
        add("reclaim", reclaim, &why);
        let told = if heap.live_bytes.is_some() { " and live bytes stop" } else { " stops" };
        let plateau =
            format!("memory{told} growing when the same work is done again and again, all of it dropped and collected");
        add("plateau", self.no_plateau().is_none().then_some(plateau), self.no_plateau().unwrap_or_default());
        let cycles = match promises.cycles {
            Some(Cycles::Collected) => yes("unreachable cycles are collected"),
            Some(Cycles::Leaked) => None,
            None => alike.clone(),
        };
        let why = match promises.cycles {
            Some(Cycles::Leaked) => "unreachable cycles stay",
            Some(Cycles::Collected) | None => "unknown: say `cycles` in [promises]",
        };
        let why = if cycles.is_some() { open } else { why };
        add("cycles", cycles.filter(|_| shows), why);
        let limit = traps.size_limit.map(|limit| format!("requests of {limit} bytes and more trap"));
        add("size limit", limit.or(alike), "unknown: say `size_limit` in [traps]");
        let barrier = match &self.access.store {
            Accessor::Call(call) => Some(format!("`{}` stores every pointer", call.function.name)),
            Accessor::Raw => None,
        };
        add("barrier", barrier, "none: pointers are stored raw");
        let steps = self
            .collect
            .step
            .as_ref()
            .map(|step| format!("`{}` after each assignment of an odd root slot", step.function.name));
        add("steps", steps, "no `step` in [collect]");
        if let Some(minor) = &self.collect.minor {
            let text = format!("`{}` keeps all that is reachable; it may leave any garbage", minor.function.name);
            add("minor", Some(text), "");
        }
        let emulated = self.is_emulated.then(|| "memory, globals and traps, bit for bit".to_owned());
        add("emulation", emulated, "no rules are claimed");
        all
    }
}
