//! Feeds mutated inputs to whatever reads what strangers send, with nothing but a stable compiler.
//!
//! A target is a test that calls [`run`] with its name, a dictionary and a check that panics at anything wrong. The inputs
//! in `fuzz/corpus/NAME` are checked as they are, then mutations of them for `LOCALAUTH_FUZZ_SECONDS` (2). The same seed
//! (`LOCALAUTH_FUZZ_SEED`) gives the same inputs. An input that fails is written into that folder, so that it is checked
//! from then on.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Mutations stay below this: what needs more is a test of its own.
const MAX_INPUT_BYTES: usize = 4 * 1024;

/// Numbers at whose edges things break.
const NUMBERS: &[&str] = &[
    "0",
    "-1",
    "1.5",
    "127",
    "128",
    "1000000000001",
    "18446744073709551616",
    "1e400",
];

/// Checks the corpus of `name` and mutations of it. `words` are what its inputs are made of.
pub(crate) fn run(name: &str, words: &[&str], check: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let corpus = read(&folder);
    assert!(!corpus.is_empty(), "nothing to begin with in {}", folder.display());
    for input in &corpus {
        attempt(&folder, input, &check);
    }
    let mut dice = Dice(variable("LOCALAUTH_FUZZ_SEED", 1) | 1);
    let end = Instant::now() + Duration::from_secs(variable("LOCALAUTH_FUZZ_SECONDS", 2));
    let mut count = 0_u64;
    while Instant::now() < end {
        let input = mutate(&corpus, words, &mut dice);
        attempt(&folder, &input, &check);
        count += 1;
    }
    eprintln!("{name}: {} inputs kept, {count} mutations", corpus.len());
}

fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect(name))
}

fn read(folder: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("a corpus");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    paths
        .iter()
        .map(|path| std::fs::read(path).expect("an input"))
        .collect()
}

fn attempt(folder: &Path, input: &[u8], check: &impl Fn(&[u8])) {
    let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(input))) else {
        return;
    };
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    let path = folder.join(format!("failed-{:016x}", hasher.finish()));
    eprintln!("{}: {}", path.display(), input.escape_ascii());
    if let Err(error) = std::fs::write(&path, input) {
        eprintln!("could not be kept: {error}");
    }
    resume_unwind(panic);
}

/// Throws that depend on the seed alone (xorshift64*).
struct Dice(u64);

impl Dice {
    /// Below `sides`, which is not 0.
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let thrown = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(thrown).unwrap_or(0) % sides
    }

    fn pick<'t, T>(&mut self, among: &'t [T]) -> &'t T {
        &among[self.roll(among.len())]
    }

    fn stretch(&mut self, len: usize) -> std::ops::Range<usize> {
        let from = self.roll(len + 1);
        let to = (from + 1 + self.roll(32)).min(len);
        from..to.max(from)
    }
}

fn mutate(corpus: &[Vec<u8>], words: &[&str], dice: &mut Dice) -> Vec<u8> {
    let mut input = dice.pick(corpus).clone();
    // Mostly a part of it: short inputs are quick, and as good at going wrong.
    if dice.roll(8) > 0 {
        input.drain(..dice.roll(input.len() + 1));
        input.truncate(1 + dice.roll(400));
    }
    for _ in 0..=dice.roll(6) {
        let at = dice.roll(input.len() + 1);
        match dice.roll(9) {
            0 if at < input.len() => input[at] ^= 1 << dice.roll(8),
            1 if at < input.len() => input[at] = u8::try_from(dice.roll(256)).unwrap_or(0),
            2 => drop(input.drain(dice.stretch(input.len()))),
            3 => {
                let again = input[dice.stretch(input.len())].to_vec();
                input.splice(at..at, again);
            }
            4 => input.truncate(at),
            5 => {
                let other = dice.pick(corpus);
                let other = &other[dice.roll(other.len() + 1)..];
                input.truncate(at);
                input.extend_from_slice(other);
            }
            6 => {
                let number = dice.pick(NUMBERS).bytes();
                let digits = input[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                input.splice(at..at + digits, number);
            }
            _ => {
                let word = dice.pick(words).bytes();
                let to = if dice.roll(2) == 0 {
                    at
                } else {
                    dice.stretch(input.len()).end.max(at)
                };
                input.splice(at..to, word);
            }
        }
        input.truncate(MAX_INPUT_BYTES);
    }
    input
}
