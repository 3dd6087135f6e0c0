//! What libFuzzer calls: one input, one mutation, one crossover.

use heapsmith::fuzzing::{Body, COUNTERS, FEEDBACK_VARIABLE, Failure, Feedback, Ran, save_in_flight};
use libfuzzer_sys::Corpus;
use std::any::Any;
use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::OnceLock;

/// Counters that libFuzzer clears before and reads after each input, beside those of the host's code.
#[repr(C, align(64))]
struct Extra([u8; COUNTERS]);

#[used]
#[expect(unsafe_code, reason = "libFuzzer finds its extra counters by the name of their section")]
// SAFETY: the section holds plain bytes that libFuzzer reads and zeroes; COUNTERS is a multiple of 8, and nothing else is in it.
#[unsafe(link_section = "__libfuzzer_extra_counters")]
static mut EXTRA: Extra = Extra([0; COUNTERS]);

thread_local! {
    /// The target's body, once it was needed; libFuzzer calls on one thread.
    static BODY: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) };
}

/// What is asked for.
static FEEDBACK: OnceLock<Feedback> = OnceLock::new();

/// Before the first input: a panic in a mutator saves what the mutator was given, before it aborts as every panic does here.
pub fn begin<B: Body>() {
    if let Ok(name) = std::env::var(FEEDBACK_VARIABLE)
        && !name.is_empty()
        && Feedback::named(&name).is_none()
    {
        eprintln!("{FEEDBACK_VARIABLE}: expected `on`, `off` or `none`, found `{name}`");
        std::process::exit(2)
    }
    let aborting = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report_mutator::<B>(&panic.to_string());
        aborting(panic);
    }));
}

/// Does what the body does with an input; a failure is printed and aborts.
pub fn run<B: Body + 'static>(input: &[u8]) -> Corpus {
    let ran = with(|body: &mut B| {
        let ran = body.run(input);
        feed(body.counters());
        ran
    });
    match ran {
        Ok(Ran::Judged | Ran::Inconclusive(_)) => match FEEDBACK.get_or_init(Feedback::from_environment) {
            Feedback::Guest | Feedback::Host => Corpus::Keep,
            // libFuzzer goes on with the one input that it makes up.
            Feedback::Nothing => Corpus::Reject,
        },
        Ok(Ran::Rejected) => Corpus::Reject,
        Err(Failure(text)) => stop(&text),
    }
}

/// Mutates the first `size` bytes in place, by structure where the body knows how.
pub fn mutate<B: Body + 'static>(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    match structural::<B>(&data[..size], None, max_size, seed) {
        Some(mutant) => write(&mutant, data),
        None => libfuzzer_sys::fuzzer_mutate(data, size, max_size),
    }
}

/// Crosses two inputs; 0 where neither is one that the body knows how to cross.
pub fn cross<B: Body + 'static>(one: &[u8], other: &[u8], out: &mut [u8], seed: u32) -> usize {
    structural::<B>(one, Some(other), out.len(), seed).map_or(0, |mutant| write(&mutant, out))
}

fn structural<B: Body + 'static>(input: &[u8], partner: Option<&[u8]>, max_size: usize, seed: u32) -> Option<Vec<u8>> {
    let mutant = with(|body: &mut B| body.structural()?.mutate(input, partner, max_size, seed.into()));
    match mutant? {
        Ok(mutant) => Some(mutant),
        Err(failure) => {
            report_mutator::<B>(&failure.to_string());
            stop(&failure.to_string())
        }
    }
}

/// A mutant is never longer than the room for it.
fn write(mutant: &[u8], into: &mut [u8]) -> usize {
    into[..mutant.len()].copy_from_slice(mutant);
    mutant.len()
}

/// The body, made when it is first needed.
fn with<B: Body + 'static, T>(f: impl FnOnce(&mut B) -> T) -> T {
    BODY.with_borrow_mut(|slot| {
        let body = slot.get_or_insert_with(|| match B::from_environment() {
            Ok(body) => Box::new(body),
            Err(e) => {
                // Wrong use, and no finding: an abort would be saved as a crash.
                eprintln!("{e}");
                std::process::exit(2)
            }
        });
        match body.downcast_mut::<B>() {
            Some(body) => f(body),
            None => stop("expected one target in one program, found two"),
        }
    })
}

/// Writes the counters where libFuzzer looks; it has cleared them before.
fn feed(counters: &[u8]) {
    let extra = &raw mut EXTRA;
    for (i, &counter) in counters.iter().take(COUNTERS).enumerate() {
        if counter != 0 {
            #[expect(unsafe_code, reason = "the section is written where libFuzzer reads it")]
            // SAFETY: `i` is below COUNTERS, and no reference to the static is ever made. Volatile, because nothing here reads it: a plain
            // write would be left out, and the section with it.
            unsafe {
                extra.cast::<u8>().add(i).write_volatile(counter);
            }
        }
    }
}

/// Saves what the mutator was given, if it is the mutator that failed.
fn report_mutator<B: Body>(why: &str) {
    match save_in_flight(&artifacts(), why) {
        Some(Ok(path)) => {
            let path = path.display();
            eprintln!(
                "the mutator failed; its input and seed are in {path}\nnext: cargo run -p heapsmith-fuzz --bin {} -- --mutator {path}",
                B::NAME
            );
        }
        Some(Err(e)) => eprintln!("the mutator failed, and its input and seed could not be saved: {e}"),
        None => {}
    }
}

/// Where libFuzzer puts what it finds, as it was told; else the directory for temporary files.
fn artifacts() -> PathBuf {
    let told = std::env::args().filter_map(|arg| Some(PathBuf::from(arg.strip_prefix("-artifact_prefix=")?)));
    let told = told
        .last()
        .map(|prefix| if prefix.is_dir() { prefix } else { prefix.parent().map(PathBuf::from).unwrap_or_default() });
    told.filter(|folder| folder.is_dir()).unwrap_or_else(std::env::temp_dir)
}

/// Prints and aborts: libFuzzer saves the input.
fn stop(text: &str) -> ! {
    eprintln!("\n{text}");
    std::process::abort()
}
