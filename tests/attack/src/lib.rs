//! Random tests: functions, values, conversations, signals and DDL that nobody has thought of.
//!
//! What it owns: the random choices and how a failure is repeated. The tests themselves are in `tests/attack`, a file each.
//! They run on the private server of the fault rig, with its scene: `make attack`.
//!
//! | module | owns |
//! |---|---|
//! | [`rounds`] | how many rounds a test has, and how to repeat one |
//! | [`dice`] | random choices that are the same for the same seed |
//! | [`types`] | types, their values as SQL, and what they need |
//! | [`mutation`] | bytes that are nearly right |
//!
//! A test is a number of *rounds*, each with [`Dice`](dice::Dice) of its own that depend on the seed and the round's number
//! only. So a round can be repeated alone: `make attack SEED=… ROUND=… TESTS=…`, which is what a failing one prints. Where
//! rounds share a session, what one of them has left behind may matter to the next; then it is repeated with all before it,
//! without ROUND.

pub mod dice;
pub mod mutation;
pub mod rounds;
pub mod types;
