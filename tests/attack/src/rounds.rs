//! How many rounds a test has, and how to repeat one.
//!
//! The environment says it, which `make attack` sets: ATTACK_SEED, 1 by default; ATTACK_FULL for the long form;
//! ATTACK_SECONDS, for how long each test goes on instead; ATTACK_ROUND, the only round.

use crate::dice::Dice;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

/// After so many flaws a test gives up.
const ENOUGH: usize = 20;

/// The number of rounds of a test.
#[derive(Clone, Copy, Debug)]
pub struct Rounds {
    /// The test's name.
    pub test: &'static str,
    /// In the form that is a part of `make test`.
    pub short: u64,
    /// In that of `make attack`.
    pub full: u64,
}

impl Rounds {
    /// Plays the rounds. Each returns its flaws, which are printed at once; the test fails at the end if there were any.
    /// Returns how many rounds there were.
    pub fn play(self, mut round: impl FnMut(u64, &mut Dice) -> Vec<String>) -> u64 {
        let seed = seed();
        let only = number("ATTACK_ROUND");
        let end = number("ATTACK_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
        let goes_on = |played: u64| match (only, end) {
            (Some(_), _) => played == 0,
            (None, Some(end)) => Instant::now() < end,
            (None, None) => played < self.count(),
        };
        println!("{}: seed {seed}", self.test);
        let (mut played, mut flaws) = (0, 0);
        while goes_on(played) && flaws < ENOUGH {
            let number = only.unwrap_or(played);
            let outcome = catch_unwind(AssertUnwindSafe(|| round(number, &mut Dice::new(seed, number))));
            let found = outcome.unwrap_or_else(|panic| {
                println!("FAILED  {}", self.repetition(seed, number));
                resume_unwind(panic)
            });
            for flaw in &found {
                println!("FLAW    {flaw}");
            }
            if !found.is_empty() {
                println!("FAILED  {}", self.repetition(seed, number));
            }
            flaws += found.len();
            played += 1;
        }
        println!("{}: {played} rounds", self.test);
        assert!(flaws == 0, "{}: {flaws} flaws in {played} rounds", self.test);
        played
    }

    /// How many rounds there are, unless the time is given.
    pub fn count(self) -> u64 {
        if std::env::var("ATTACK_FULL").is_ok_and(|value| !value.is_empty()) { self.full } else { self.short }
    }

    fn repetition(self, seed: u64, round: u64) -> String {
        let test = self.test;
        format!(
            "round {round}; to repeat it: make attack TESTS={test} SEED={seed} ROUND={round}; with all before it: without ROUND"
        )
    }
}

/// The seed of this run.
pub fn seed() -> u64 {
    number("ATTACK_SEED").unwrap_or(1)
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number, not {text:?}")))
}
