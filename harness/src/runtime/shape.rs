//! Which objects a collector can be asked for: all of them, or those of its kinds.
//!
//! Programs ask for any layout of pointers and data. A collector that must know which words are pointers has kinds, and what is of no kind becomes the
//! nearest object that is of one: the model decides that before a program runs, so that nothing is decided while it does.
//!
//! Where the same program runs on several collectors, every object is one that all of them have: `common` asks one collector after the other for
//! the nearest object until all are content. What comes of a request does not depend on whose turn it is to run, and asking for the result gives
//! the result.

use super::description::Description;
use super::manifest::{Kind, Manifest, Pointers, Request};
use heapsmith_generators::{Form, Placement};
use std::sync::Arc;

/// Data words of a graph's nodes beyond those asked for, up to which a kind is looked for.
const MOST_WORDS: u32 = 8;
/// Pointer fields of a form, at most: what has more is an array.
const MOST_FIELDS: u32 = 16;
/// Where they can be.
const PLACES: [Placement; 3] = [Placement::Front, Placement::Odd, Placement::Back];

impl Description {
    /// The object that a program gets which asks for this one; none where there is nothing like it.
    #[must_use]
    pub fn shape(&self, request: Request) -> Option<Request> {
        match self.modules() {
            [] => Some(request),
            [module] => nearest(module, request),
            modules => common(modules, request),
        }
    }

    /// The data words that nodes of a graph get if they are to have these numbers of fields, and so many words; none if there is no kind for one of
    /// them.
    #[must_use]
    pub fn node_words(&self, fields: &[u32], words: u32) -> Option<u32> {
        let modules = self.modules();
        if modules.is_empty() {
            return Some(words);
        }
        let node = |count: u32, words: u32| Request { size: 4 * (count + words), first: 0, stride: 1, count };
        let fits = |words: &u32| fields.iter().all(|&count| is_of_all(modules, node(count, *words)));
        (0..=words).rev().chain(words + 1..=MOST_WORDS).find(fits)
    }

    /// Whether pointer fields of such an object must hold a pointer or null from the start.
    #[must_use]
    pub fn must_initialise(&self, request: Request) -> bool {
        let is_told = |kind: &Kind| kind.pointers != Pointers::Any;
        self.modules().iter().any(|module| module.kind_of(request).is_some_and(is_told))
    }

    /// The forms of objects that it tells apart by which of their words are pointers, the smallest object of each; none where it makes whatever is
    /// asked for.
    #[must_use]
    pub fn forms(&self) -> Vec<Form> {
        let modules = self.modules();
        let kinds = modules.iter().flat_map(|module| &module.kinds);
        if kinds.clone().all(|kind| matches!(kind.pointers, Pointers::Any | Pointers::None)) {
            return Vec::new();
        }
        let mut forms = Vec::new();
        for (fields, place) in (1..=MOST_FIELDS).flat_map(|n| PLACES.map(|place| (n, place))) {
            // A size of its own for each kind that such an object can be of.
            for kind in kinds.clone() {
                let is_of = |size: &u32| {
                    let request = Request::of(*size, fields, place);
                    request.count == fields && kind.fits(request) && is_of_all(modules, request)
                };
                let sizes = kind.bytes.map_or(4 * fields..4 * (2 * fields + MOST_WORDS), |bytes| bytes..bytes + 1);
                forms.extend(sizes.step_by(4).find(is_of).map(|size| Form { size, fields, place }));
            }
        }
        forms.sort_by_key(|form| (form.fields, form.size));
        forms.dedup();
        forms
    }

    /// The modules that decide which objects there are.
    fn modules(&self) -> &[Arc<Manifest>] {
        if self.among.is_empty() { self.module.as_slice() } else { &self.among }
    }
}

impl Request {
    /// What an op asks for that places so many pointer fields in so many bytes.
    #[must_use]
    pub fn of(size: u32, fields: u32, place: Placement) -> Self {
        let words = size / 4;
        let (first, stride, count) = match place {
            Placement::Front => (0, 1, fields.min(words)),
            Placement::Back => (words - fields.min(words), 1, fields.min(words)),
            Placement::Odd => (1, 2, fields.min(words / 2)),
        };
        Self { size, first, stride, count }
    }
}

/// The modules among these that do not make every object that is asked for, each set of kinds once, in an order of their own.
pub(crate) fn constraints<'m>(modules: impl IntoIterator<Item = &'m Arc<Manifest>>) -> Vec<Arc<Manifest>> {
    let kinds = |module: &Manifest| module.kinds.iter().map(|k| (k.pointers, k.bytes)).collect::<Vec<_>>();
    let mut all: Vec<Arc<Manifest>> = Vec::new();
    for module in modules {
        let makes_all = module.kinds.first().is_some_and(|k| k.pointers == Pointers::Any && k.bytes.is_none());
        if !makes_all && all.iter().all(|known| kinds(known) != kinds(module)) {
            all.push(Arc::clone(module));
        }
    }
    all.sort_by_key(|module| module.digest());
    all
}

fn is_of_all(modules: &[Arc<Manifest>], request: Request) -> bool {
    modules.iter().all(|module| module.kind_of(request).is_some())
}

/// An object near the request that all modules have: itself, else what is nearest in one after the other, else bytes.
fn common(modules: &[Arc<Manifest>], request: Request) -> Option<Request> {
    let mut nearer = request;
    for module in modules.iter().cycle().take(modules.len() * modules.len() + 1) {
        if is_of_all(modules, nearer) {
            return Some(nearer);
        }
        nearer = nearest(module, nearer)?;
    }
    let bytes = Request { count: 0, ..request };
    [nearer, bytes].into_iter().find(|request| is_of_all(modules, *request))
}

/// What is nearest to a request: itself; the same size with pointers only, with fewer of them, or with none; an object of a kind of one size.
fn nearest(module: &Manifest, request: Request) -> Option<Request> {
    let fits = |request: &Request| module.kind_of(*request).is_some();
    let pointers = Request { size: request.size & !3, first: 0, stride: 1, count: request.size / 4 };
    let fewer = (1..request.count.min(64)).rev().map(|count| Request { count, ..request });
    let same_size = std::iter::once(request).chain((request.count > 0).then_some(pointers)).chain(fewer);
    if let Some(found) = same_size.into_iter().find(fits) {
        return Some(found);
    }
    let of_one_size = module.kinds.iter().filter_map(|kind| of_kind(kind, request)).filter(fits);
    let far = |r: &Request| (r.count.abs_diff(request.count), r.size.abs_diff(request.size));
    of_one_size.min_by_key(far).or_else(|| Some(Request { count: 0, ..request }).filter(fits))
}

/// The object of a kind that is of one size, or of the request's.
fn of_kind(kind: &Kind, request: Request) -> Option<Request> {
    let size = kind.bytes.unwrap_or(request.size);
    let Request { first, stride, count, .. } = request;
    Some(match kind.pointers {
        Pointers::Any => {
            Request { size, first, stride, count: count.min((size / 4).saturating_sub(first).div_ceil(stride.max(1))) }
        }
        Pointers::None => Request { size, first: 0, stride: 1, count: 0 },
        Pointers::Every { first, stride } => {
            let size = size & !3;
            Request { size, first, stride, count: (size / 4).checked_sub(first)?.div_ceil(stride) }
        }
        Pointers::Some { first, stride, least, most } => {
            let room = (size / 4).saturating_sub(first).div_ceil(stride);
            let count = count.min(room).clamp(least, most);
            let words = u64::from(first) + u64::from(count.saturating_sub(1)) * u64::from(stride) + 1;
            let needed = if count == 0 { 0 } else { u32::try_from(4 * words).ok()? };
            Request { size: kind.bytes.unwrap_or(size.max(needed)), first, stride, count }
        }
        Pointers::Last { most } => {
            let count = count.min(most).min(size / 4);
            Request { size, first: size / 4 - count, stride: 1, count }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::parse_spec;
    use heapsmith_generators::Machine;
    use std::path::Path;

    /// The test collector, as if it had these kinds.
    fn module(kinds: &[(Pointers, Option<u32>)]) -> Arc<Manifest> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/collectors/marksweep.toml");
        let mut module = (*Manifest::load(&path).unwrap()).clone();
        let kind = module.kinds.remove(0);
        module.kinds = kinds.iter().map(|&(pointers, bytes)| Kind { pointers, bytes, ..kind.clone() }).collect();
        Arc::new(module)
    }

    const ANY: Pointers = Pointers::Any;
    const NONE: Pointers = Pointers::None;
    const FRONT: Pointers = Pointers::Some { first: 0, stride: 1, least: 0, most: 3 };
    const ODD: Pointers = Pointers::Some { first: 1, stride: 2, least: 0, most: 2 };
    const ALL: Pointers = Pointers::Every { first: 0, stride: 1 };
    const LAST: Pointers = Pointers::Last { most: 2 };

    #[test]
    fn what_several_collectors_make_is_what_each_of_them_makes_and_does_not_change() {
        let lists: [&[(Pointers, Option<u32>)]; 5] = [
            &[(FRONT, None)],
            &[(ALL, None), (NONE, None)],
            &[(ODD, None), (LAST, None), (NONE, None)],
            &[(FRONT, Some(16)), (NONE, Some(8))],
            &[(NONE, None), (ANY, None)],
        ];
        let modules = lists.map(module);
        let (mut found, mut none) = (0, 0);
        for (a, b) in modules.iter().enumerate().flat_map(|(i, a)| modules[i..].iter().map(move |b| (a, b))) {
            let among = constraints([a, b]);
            for (size, fields) in (0..60).flat_map(|size| (0..9).map(move |fields| (size, fields))) {
                for place in [Placement::Front, Placement::Back, Placement::Odd] {
                    let request = Request::of(size, fields, place);
                    let Some(made) = common(&among, request) else {
                        none += 1;
                        continue;
                    };
                    found += 1;
                    assert!(a.kind_of(made).is_some() && b.kind_of(made).is_some(), "{request:?} {made:?}");
                    assert_eq!(common(&among, made), Some(made), "{request:?}");
                }
            }
        }
        assert!(found > 10_000 && none > 100, "{found} {none}");
    }

    #[test]
    fn each_number_of_fields_is_a_form_of_its_own() {
        let mut description = parse_spec("vera@0.2").unwrap().resolve(Machine::default()).unwrap();
        assert_eq!(description.forms(), [], "it makes whatever is asked for");
        let mut forms = |kinds: &[(Pointers, Option<u32>)]| {
            description.module = Some(module(kinds));
            let forms = description.forms().into_iter();
            forms.map(|form| (form.size, form.fields, format!("{:?}", form.place))).collect::<Vec<_>>()
        };
        assert_eq!(forms(&[(ANY, None), (NONE, None)]), []);
        let form = |size, fields, place: &str| (size, fields, place.to_owned());
        assert_eq!(
            forms(&[(ODD, None), (NONE, None)]),
            [form(8, 1, "Odd"), form(8, 1, "Back"), form(16, 2, "Odd")],
            "one pointer in the last of two words is the same in either place"
        );
        assert_eq!(forms(&[(FRONT, Some(16))]).len(), 3);
    }

    #[test]
    fn a_collector_that_makes_everything_constrains_nothing() {
        let (any, front, again) =
            (module(&[(ANY, None), (NONE, None)]), module(&[(FRONT, None)]), module(&[(FRONT, None)]));
        assert_eq!(constraints([&any]), []);
        assert_eq!(constraints([&any, &front, &again]).len(), 1);
        let mut description = parse_spec("vera@0.2").unwrap().resolve(Machine::default()).unwrap();
        let request = Request::of(40, 5, Placement::Back);
        assert_eq!((description.shape(request), description.must_initialise(request)), (Some(request), false));
        description.among = constraints([&any, &front]);
        let made = description.shape(request).unwrap();
        assert!(front.kind_of(made).is_some() && made != request && description.must_initialise(made), "{made:?}");
        assert_eq!(description.node_words(&[3, 1], 2), Some(2));
        assert_eq!(description.node_words(&[4], 2), None);
    }
}
