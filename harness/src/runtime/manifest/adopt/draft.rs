//! What was found, as a manifest that a person can finish: each guess has a comment that says where it comes from.

use super::super::chunk::Chunk;
use super::super::module::Decoded;
use super::super::parts::{Argument, ZeroSize};
use super::access::Accessor;
use super::allocation::Recipe;
use super::find::{Collecting, Found};
use super::kinds::Scan;
use super::layout::End;
use super::names;
use super::pointer::Tagged;
use super::refusal::{Exhausted, Refusal};
use super::roots::{Capacity, Kept};
use super::world::{Address, Collection, Root};
use std::fmt::Write as _;

/// A text that is written line by line.
struct Draft(String);

impl Draft {
    fn line(&mut self, line: impl AsRef<str>) {
        self.0.push_str(line.as_ref());
        self.0.push('\n');
    }

    /// A comment, in lines that are not too long.
    fn comment(&mut self, text: &str) {
        const WIDTH: usize = 110;
        let mut line = String::from("#");
        for word in text.split_whitespace() {
            if line.len() + 1 + word.len() > WIDTH && line.len() > 1 {
                self.line(&line);
                line = String::from("#");
            }
            line.push(' ');
            line.push_str(word);
        }
        self.line(&line);
    }

    fn title(&mut self, title: &str) {
        self.line("");
        self.line(title);
    }
}

/// A name as TOML has it.
fn quoted(name: &str) -> String {
    toml::Value::from(name).to_string()
}

fn global(module: &Decoded<'_>, index: u32) -> String {
    format!("{{ global = {} }}", quoted(&names::global_name(module, index)))
}

fn argument(argument: &Argument) -> String {
    match argument {
        Argument::Size => "\"size\"".to_owned(),
        Argument::Words => "\"words\"".to_owned(),
        Argument::Count => "\"count\"".to_owned(),
        Argument::First => "\"first\"".to_owned(),
        Argument::Stride => "\"stride\"".to_owned(),
        Argument::Number(number) => number.to_string(),
        Argument::Object => "\"object\"".to_owned(),
        Argument::Offset => "\"offset\"".to_owned(),
        Argument::Index => "\"index\"".to_owned(),
        Argument::Value => "\"value\"".to_owned(),
        Argument::Global(of) => format!("{{ global = {} }}", quoted(&of.name)),
        Argument::Call(of) => format!("{{ call = {} }}", quoted(&of.name)),
    }
}

fn call(recipe: &Recipe) -> String {
    let arguments: Vec<String> = recipe.arguments.iter().map(argument).collect();
    format!("{{ call = {}, args = [{}] }}", quoted(&recipe.name), arguments.join(", "))
}

fn collection(by: &Collection) -> String {
    format!("{{ call = {}, args = {:?} }}", quoted(&by.name), by.arguments)
}

/// The manifest.
pub(super) fn draft(found: &Found, module: &Decoded<'_>, name: &str, path: &str) -> String {
    let mut draft = Draft(String::new());
    draft.comment("Proposed by `heapsmith adopt`. What is said without a comment was read off the module; \"seen\" is what it did when it was run, and \"assumed\" is for you to look at.");
    draft.line("heapsmith = 1");
    draft.line(format!("name = {}", quoted(name)));
    draft.line("# summary = \"one line on this collector\"");
    draft.line(format!("module = {}", quoted(path)));
    if !found.init.is_empty() {
        draft.comment("assumed by their names: these are called once, before anything else.");
        let init: Vec<String> = found.init.iter().map(|name| quoted(name)).collect();
        draft.line(format!("init = [{}]", init.join(", ")));
    }
    for note in &found.notes {
        draft.comment(note);
    }
    imports(&mut draft, found);
    heap(&mut draft, found, module);
    object(&mut draft, found);
    kinds(&mut draft, found);
    access(&mut draft, found);
    for kept in &found.roots {
        roots(&mut draft, kept);
    }
    if found.roots.is_empty() {
        draft.title("[[roots]]");
        draft.comment(if found.recycles {
            "assumed, because no way to keep an object was found, though places of dead ones are given away again: say here how roots are kept. As it \
             stands nothing of what is allocated may be freed, and a hunt says so."
        } else {
            "assumed, because no way to keep an object was found, and none was ever freed: whoever holds an object tells nobody. Then nothing of what is \
             allocated may be freed."
        });
        draft.line("kind = \"none\"");
    }
    if !found.broken_roots.is_empty() {
        draft.comment(&format!("seen, and left out: {}.", found.broken_roots.join("; ")));
    }
    collect(&mut draft, found);
    traps(&mut draft, found);
    promises(&mut draft, found);
    draft.0
}

fn imports(draft: &mut Draft, found: &Found) {
    if found.imports.is_empty() {
        return;
    }
    draft.title("[imports]");
    for import in &found.imports {
        draft.line(format!("{} = {}   # assumed: {}", quoted(&import.key), import.behaviour, import.why));
    }
}

fn heap(draft: &mut Draft, found: &Found, module: &Decoded<'_>) {
    let layout = &found.layout;
    draft.title("[heap]");
    match layout.start {
        Some(index) => {
            draft.comment("seen: the first object's first byte is what this global starts with.");
            draft.line(format!("start = {}", global(module, index)));
        }
        None => draft.line("# start = 0   # the heap's first byte, or a global that starts with it; none was found"),
    }
    match layout.end {
        Some(End { index, is_next }) => {
            draft.comment(if is_next {
                "seen: after each allocation it is where the next object begins, and no object lies beyond it."
            } else {
                "assumed by its name. seen: no object lies beyond it."
            });
            draft.line(format!("end = {}", global(module, index)));
        }
        None => draft
            .line("# end = { global = \"heap_end\" }   # the heap's end at any time; no global was seen to follow it"),
    }
    match layout.free_list {
        Some((index, _)) => {
            draft.comment(
                "seen: after a collection it is a freed object's payload, which leads to the other freed ones.",
            );
            draft.line(format!("free_list = {}", global(module, index)));
        }
        None => draft.line(
            "# free_list = { global = \"free_head\" }   # the payload of the first free block, or 0; none was found",
        ),
    }
    match layout.collections {
        Some(index) => {
            draft.comment("seen: it is one more after each collection.");
            draft.line(format!("collections = {}", global(module, index)));
        }
        None => draft.line("# collections = { global = \"collections\" }   # counts collections; none was found"),
    }
    if let Some(chunk) = found.growth.chunk() {
        draft.comment(&format!("{}.", grows(chunk, found.growth.times())));
        draft.line(format!("grows_by = {}", chunk.toml()));
    }
    if let Some(live) = &found.live {
        draft.comment("seen: it is more by a rooted object's bytes, and as before when that is gone.");
        draft.line(format!("live_bytes = {{ call = {} }}", quoted(&live.name)));
    }
}

/// What stands for an object, in words.
pub(super) fn tag(tagged: Tagged) -> String {
    let tag = tagged.pointer.tag;
    format!(
        "seen: each word that an allocation gave was a multiple of 4 and {tag}. assumed: a pointer is the payload's address and {tag}"
    )
}

/// What memory grows by, in words.
pub(super) fn grows(chunk: Chunk, times: usize) -> String {
    let often = if times == 1 { "once".to_owned() } else { format!("{times} times") };
    match chunk {
        Chunk::Pages(pages) => {
            format!("seen {often}: memory grows by {pages} pages at once. assumed: never by another number")
        }
        Chunk::AtLeast(pages) => {
            format!(
                "seen {often}: memory grows by {pages} pages, and by more where more are needed. assumed: never by fewer"
            )
        }
        Chunk::Double => format!("seen {often}: memory doubles when it grows. assumed: always"),
    }
}

fn object(draft: &mut Draft, found: &Found) {
    let layout = &found.layout;
    draft.title("[object]");
    match layout.header {
        Some(bytes) => {
            draft.comment(
                "seen: the least distance between two objects, or two of one size, beyond what was asked for.",
            );
            draft.line(format!("header = {bytes}"));
        }
        None => draft.line("# header = 4   # bytes before the payload; objects did not come one after the other"),
    }
    match layout.alignment {
        Some(bytes) if bytes >= 4 => {
            let of = if layout.start.is_some() { "from the first payload on" } else { "from address 0 on" };
            draft.comment(&format!(
                "seen: payloads of many sizes, odd ones and large ones among them, all were multiples of it, {of}."
            ));
            draft.line(format!("alignment = {bytes}"));
        }
        Some(bytes) => draft.comment(&format!(
            "seen: payloads were aligned to {bytes} only. Programs take payloads to be aligned to 4."
        )),
        None => draft.line("# alignment = 8"),
    }
    if let Some(tagged) = found.tagged {
        draft.comment(&format!("{}.", tag(tagged)));
        draft.line(format!("tag = {}", tagged.pointer.tag));
        draft.comment(if tagged.is_null_seen {
            "seen: what a request gives that cannot be met. assumed: it stands for no object everywhere."
        } else {
            "assumed: which word stands for no object was not seen."
        });
        draft.line(format!("null = {}", tagged.pointer.null));
    }
    match found.zeroed {
        Some(true) => {
            draft.comment("seen: a freed object's bytes came again as zeroes. If that is no promise, say false.");
            draft.line("zeroed = true");
        }
        Some(false) => {
            draft.comment("seen: a freed object's bytes came again as they were.");
            draft.line("zeroed = false");
        }
        None => draft.line("# zeroed = false   # not seen: no freed object of the same size came again"),
    }
    match layout.size {
        Some(field) if field.tiles => {
            draft.comment("seen: the requested size is recorded there, and leads from block to block up to the heap's end.");
            draft.line(format!("size = {{ offset = {}, shift = {} }}", field.offset, field.shift));
            if field.mark_mask != 0 {
                draft.comment("seen: the bits of that word that a collection changes.");
                draft.line(format!("mark_mask = {}", field.mark_mask));
            }
        }
        Some(field) => {
            draft.comment("seen: fresh objects record their size there; but that does not lead from block to block up to the heap's end.");
            draft.line(format!("# size = {{ offset = {}, shift = {} }}", field.offset, field.shift));
        }
        None => draft.line("# size = { offset = -4, shift = 1 }   # where the requested size is recorded; it was found nowhere before the payload"),
    }
    if let Some((_, link)) = layout.free_list {
        draft.comment("seen: where a free payload has the address of the next one.");
        draft.line(format!("free_link = {link}"));
    }
    match found.zero_size {
        Some(ZeroSize::Object) => {}
        Some(ZeroSize::Null) => {
            draft.comment("seen: a request for 0 bytes gives 0.");
            draft.line("zero_size = \"null\"");
        }
        Some(ZeroSize::Shared) => {
            draft.comment("seen: a request for 0 bytes gives the same address each time, which is in no other object.");
            draft.line("zero_size = \"shared\"");
        }
        None => draft.line(
            "# zero_size = \"object\"   # or \"null\", or \"shared\"; what a request for 0 bytes gives was not seen",
        ),
    }
}

fn kinds(draft: &mut Draft, found: &Found) {
    for kind in &found.kinds {
        draft.title("[[kind]]");
        if let Some(allocator) = found.allocators.iter().find(|a| a.function.index == kind.recipe.function) {
            draft.comment(&allocator.observed());
        }
        draft.line(format!("name = {}", quoted(&kind.name)));
        draft.comment(&kind.why);
        draft.line(format!("pointers = {}", kind.words.toml()));
        draft.line("bytes = \"any\"");
        draft.line(format!("alloc = {}", call(&kind.recipe)));
    }
}

fn access(draft: &mut Draft, found: &Found) {
    draft.title("[access]");
    let others = |(_, names): &(Option<Accessor>, Vec<String>)| {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        if names.is_empty() { String::new() } else { format!(" Not used: {}.", names.join(", ")) }
    };
    match &found.store.0 {
        Some(Accessor { function, unit }) => {
            draft.comment(&format!(
                "seen: it writes a pointer to where it should be, in every kind; it may have a write barrier.{}",
                others(&found.store)
            ));
            draft.line(format!(
                "store = {{ call = {}, args = [\"object\", \"{}\", \"value\"] }}",
                quoted(&function.name),
                unit.name()
            ));
        }
        None => {
            draft.comment(&format!("assumed: a plain store will do. No function (object, field, value) was found that writes every pointer of every kind; if there is a write barrier, name the function that has it.{}", others(&found.store)));
            draft.line("store = \"raw\"");
        }
    }
    match &found.load.0 {
        Some(Accessor { function, unit }) => {
            draft.comment(&format!("seen: it gives the pointer that was written.{}", others(&found.load)));
            draft.line(format!(
                "load = {{ call = {}, args = [\"object\", \"{}\"] }}",
                quoted(&function.name),
                unit.name()
            ));
        }
        None => draft.line("load = \"raw\"   # assumed: a plain load will do"),
    }
}

fn roots(draft: &mut Draft, kept: &Kept) {
    draft.title("[[roots]]");
    for why in &kept.why {
        draft.comment(why);
    }
    match &kept.root {
        Root::Stack { name, grows_up, .. } => {
            draft.line("kind = \"shadow-stack\"");
            draft.line(format!("top = {{ global = {} }}", quoted(name)));
            draft.line(format!("grows = \"{}\"", if *grows_up { "up" } else { "down" }));
            if let Some(base) = &kept.base {
                draft.line(format!("base = {{ global = {} }}", quoted(base)));
            }
        }
        Root::Pins { pin, unpin } => {
            draft.line("kind = \"pins\"");
            draft.line(format!("pin = {}", quoted(&pin.name)));
            draft.line(format!("unpin = {}", quoted(&unpin.name)));
            draft.line(format!("reentrant = {}", kept.is_reentrant));
        }
        Root::Calls { push, pop, set, .. } => {
            draft.line("kind = \"calls\"");
            draft.line(format!("push = {}", quoted(&push.name)));
            draft.line(format!("pop = {}", quoted(&pop.name)));
            if let Some(set) = set {
                draft.line(format!("set = {}", quoted(&set.name)));
            }
        }
        Root::Slots { set } => {
            draft.line("kind = \"slots\"");
            draft.line(format!("set = {}", quoted(&set.name)));
        }
        Root::Table { at, address } => {
            draft.line("kind = \"table\"");
            draft.line(match at {
                Address::Global(name) => format!("address = {{ global = {} }}", quoted(name)),
                Address::Call(name) => format!("address = {{ call = {} }}", quoted(name)),
                Address::Code => format!("address = {address}"),
            });
        }
    }
    match &kept.capacity {
        Capacity::Limit(name) => draft.line(format!("limit = {{ global = {} }}", quoted(name))),
        Capacity::Slots(slots) => draft.line(format!("capacity = {slots}")),
    }
}

fn collect(draft: &mut Draft, found: &Found) {
    draft.title("[collect]");
    match &found.collecting {
        Collecting::Seen(by) => {
            let name = if by.is_named { "" } else { "no name says so, but " };
            draft.comment(&if found.has_seen_roots() {
                format!("seen: {name}what nothing holds is recycled after it, and what roots hold is not.")
            } else {
                format!(
                    "seen: {name}what nothing holds is recycled after it. assumed: what is held is not, which was not seen, because nothing was seen to hold"
                )
            });
            draft.line(format!("full = {}", collection(by)));
        }
        Collecting::Named(by) => {
            draft.comment("assumed by its name: it was not seen to free anything.");
            draft.line(format!("full = {}", collection(by)));
        }
        Collecting::None => {
            draft.comment("assumed: no function was found that collects: nothing happens where a program asks for a collection. Is there one? Name it, exported or not, such as `full = { call = \"gc_collect\", args = [] }`.");
            draft.line("full = \"none\"");
        }
    }
    if let Some(step) = &found.step {
        draft.comment("assumed by its name: it does a part of a collection. seen: 200 of them lose no rooted object.");
        let args = if found.step_takes_work { "[1]" } else { "[]" };
        draft.line(format!("step = {{ call = {}, args = {args} }}", quoted(&step.name)));
    }
    if let Some(minor) = &found.minor {
        draft.comment(if minor.is_named {
            "assumed by its name: it collects young objects. seen: 200 of them lose no rooted object."
        } else {
            "seen: no name says so, but it frees what nothing holds, and not what two of it have kept; 200 of them lose no rooted object."
        });
        draft.line(format!("minor = {{ call = {} }}", quoted(&minor.name)));
    }
    draft.comment(if found.is_automatic {
        "seen: without any call, places of dead objects are given away again."
    } else {
        "seen: without a call, no place is given away twice before memory is out."
    });
    draft.line(format!("automatic = {}", found.is_automatic));
}

fn traps(draft: &mut Draft, found: &Found) {
    draft.title("[traps]");
    let Refusal { exhausted, limit, wraps, strange } = found.refusal;
    match exhausted {
        Some(Exhausted::Null) => {
            draft.comment("seen: a request for which there is no memory gives 0.");
            draft.line("memory = \"null\"");
        }
        Some(Exhausted::Trap) => {
            draft.comment("seen: a request for which there is no memory traps.");
            draft.line("memory = \"trap\"");
        }
        None => draft.line("# memory = \"trap\"          # or \"null\"; no request was seen to be refused"),
    }
    if let Some((size, word)) = strange {
        draft.comment(&format!(
            "seen: a request of {size:#x} bytes, for which there is no memory, gave {word}, which is neither null nor an object's. If it stands for no object, say \
             `null = {word}` in [object]."
        ));
    }
    if let Some((size, address)) = wraps {
        draft.comment(&format!(
            "seen: a request of {size:#x} bytes, which memory cannot hold, got an object at {address}: the size wraps around. If requests of so many bytes \
             and more are to trap, say from which size on."
        ));
    }
    match limit {
        Some(limit) => {
            draft.comment("seen: requests of so many bytes and more are refused at once, smaller ones only after an attempt to make room.");
            draft.line(format!("size_limit = {limit:#x}"));
        }
        None => draft.line(
            "# size_limit = 0x80000000   # requests of so many bytes and more trap; no size was seen from which on they are refused at once",
        ),
    }
    if let Some(children) = found.worklist {
        draft.comment(&format!(
            "seen: an object of {children} children is collected, one of {} makes a collection trap.",
            children + 1
        ));
        draft.line(format!("worklist = {children}"));
        return;
    }
    draft.line("# worklist = 16384          # a mark worklist of so many entries may trap when it is full");
}

fn promises(draft: &mut Draft, found: &Found) {
    draft.title("[promises]");
    draft.comment("What is no promise cannot be broken: only you know these.");
    draft.comment(&format!("{}.", scan(found.scan)));
    draft.line(
        "# candidates = \"precise\"   # \"precise\", \"phase\" or \"allocated-base\": which words keep an object alive",
    );
    draft.line("# placement = \"first-fit\"  # or \"first-fit-split\": where objects are placed");
    draft.line("# growth = \"shortage\"      # memory grows by as many pages as are missing");
    draft.line("# reclaim = { factor = 4, slack = 1048576 }   # bytes of heap per live byte, and beyond: what is more is a leak");
    match found.cycles {
        Some(true) => {
            draft.comment("seen: two dead objects that hold each other are recycled.");
            draft.line("cycles = \"collected\"");
        }
        Some(false) => {
            draft.comment("seen: two dead objects that hold each other are not recycled.");
            draft.line("cycles = \"leaked\"");
        }
        None => {
            let _ =
                writeln!(draft.0, "# cycles = \"collected\"     # or \"leaked\": dead objects that hold each other");
        }
    }
}

/// Which words keep objects alive, as far as that was seen.
pub(super) const fn scan(scan: Scan) -> &'static str {
    match scan {
        Scan::Precise => "seen: precise; an object whose address is in a word that is no pointer is recycled",
        Scan::Conservative { inside: true } => {
            "seen: conservative; any word of a rooted object that has an object's address keeps it, and so does an address 4 bytes inside it"
        }
        Scan::Conservative { inside: false } => {
            "seen: conservative; any word of a rooted object that has an object's address keeps it, an address 4 bytes inside it does not"
        }
        Scan::Unknown => "not seen: whether words that are no pointers keep an object",
    }
}
