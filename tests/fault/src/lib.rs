//! The fault rig: calls of plproxy functions while networks, shards and poolers fail.
//!
//! What it owns: the means. The cases themselves are in `tests/matrix`, one file for each kind of fault. They run against a
//! private server: `make fault`.
//!
//! | module | owns |
//! |---|---|
//! | [`scene`] | one case's world: a session on the coordinator, four shards behind proxies, and what must hold afterwards |
//! | [`proxy`] | a proxy that understands the protocol, and breaks it as it is told |
//! | [`fake`] | a server that says what a closure says |
//! | [`expect`] | what an error must look like |
//! | [`vitals`] | what must be the same before and after |
//! | [`pooler`] | PgBouncer |
//! | [`world`] | the databases, made once for each run |
//! | [`wire`] | messages as bytes |
//!
//! # How to write a case
//!
//! A case is a function that takes a [`Scene`](scene::Scene). [`cases!`] makes tests of it, one for each path
//! to the shards: `direct`, and through PgBouncer in mode `session` and `transaction`.
//!
//! ```no_run
//! use plproxy_fault::cases;
//! use plproxy_fault::expect::expect_shard_error;
//! use plproxy_fault::proxy::{Action, When};
//! use plproxy_fault::scene::Scene;
//!
//! cases! {
//!     case_03_reset_after_the_request: direct, session, transaction;
//! }
//!
//! fn case_03_reset_after_the_request(scene: &mut Scene) {
//!     let fault = scene.proxy(1).on(When::from_server(b'D'), Action::Reset);
//!     let result = scene.text("select bump(1, 'once')");
//!     expect_shard_error(result, "08007", "public.bump(2)", "fault_shard1", &["server closed the connection unexpectedly"]);
//!     assert_eq!(fault.hits(), 1);
//!     assert_eq!(scene.proxy(1).sent(b'B', "once"), 1);
//! }
//! ```
//!
//! Around it the scene does the rest. Before: the functions of [`world`] are there, a new session has called all shards
//! (so it has its connections; [`Scene::disconnect`](scene::Scene::disconnect) takes them away), and the records of the
//! proxies are empty. After: [`Scene::check`](scene::Scene::check) finds out whether the backend is alive and has leaked
//! nothing, shards answer with what they were asked, nothing is left running, and no password is in the log. A case that
//! ends its own session says [`Scene::session_is_over`](scene::Scene::session_is_over).
//!
//! More functions than [`world`] has: [`Scene::on_coordinator`](scene::Scene::on_coordinator) and
//! [`Scene::on_shards`](scene::Scene::on_shards), in schema `scene`, which is first on the search path on both sides and
//! is dropped before the next case. Another cluster: [`Scene::add_cluster`](scene::Scene::add_cluster). Something at the same time
//! as a call: [`Scene::meanwhile`](scene::Scene::meanwhile).
//!
//! Sessions have `plproxy.sqlstate = 'precise'`, and a `statement_timeout` of a minute, so that nothing hangs for ever.
//!
//! Cases run one after the other. They don't measure time, except where the fault matrix gives a bound.

pub mod expect;
pub mod fake;
pub mod pooler;
pub mod proxy;
pub mod scene;
pub mod vitals;
pub mod wire;
pub mod world;

mod cases;
