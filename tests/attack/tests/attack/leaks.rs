//! One session that calls all kinds of functions, half of which fail, many thousand times: then its memory contexts, its
//! process, its descriptors and its temporary files must be as after the first thousand.

use plproxy_attack::rounds::Rounds;
use plproxy_fault::scene::{Path, Scene, run};
use plproxy_fault::vitals::Vitals;
use plproxy_fault::world::SHARDS;

const ROUNDS: Rounds = Rounds { test: "leaks", short: 30, full: 200 };

/// Calls in a round.
const CALLS: usize = 100;

/// After so many rounds everything that is kept is there.
const WARM: u64 = 10;

/// What contexts, and the process, may grow by in kB: what a large call leaves with the allocators.
const ALLOWED: i64 = 1024;

const FUNCTIONS: &str = "
    create domain scene.short as text check (length(value) < 5);
    create type scene.pair as (x integer, y text);
    create function scene.domain(v text) returns scene.short language plproxy as $$
        cluster 'shards'; run on 1; select v;
    $$;
    create function scene.domains(v text) returns setof scene.short[] language plproxy as $$
        cluster 'shards'; run on all; select array[v, v];
    $$;
    create function scene.pairs(n integer) returns setof scene.pair language plproxy as $$
        cluster 'shards'; run on all; select i as x, repeat('y', 10) as y from generate_series(1, n) i;
    $$;
    create function scene.untyped(n integer) returns setof record language plproxy as $$
        cluster 'shards'; run on n;
    $$;
    create function scene.fails(part integer) returns integer language plproxy as $$
        cluster 'shards'; run on part; select 1 / 0;
    $$;
    create function scene.misnamed() returns scene.pair language plproxy as $$
        cluster 'shards'; run on 0; select 1 as x, 'two' as z;
    $$;
    create function scene.unlike() returns integer language plproxy as $$ cluster 'shards'; run on 0; select 'text'::text; $$;
    create function scene.unhashed(v integer) returns integer language plproxy as $$
        cluster 'shards'; run on scene.bad_hash(v); select 1;
    $$;
    create function scene.bad_hash(v integer) returns integer language plpgsql as $$ begin raise 'no hash'; end $$;
    create function scene.spread(v integer[]) returns setof integer language plproxy as $$
        cluster 'shards'; split v; run on scene.hash(v); select unnest(v);
    $$;
    create function scene.hash(v integer) returns setof integer language sql as $$ select $1 & 3 $$;
    create function scene.nested(part integer) returns text language plproxy as $$
        cluster 'shards'; run on scene.asks(part); select 'nested'::text;
    $$;
    create function scene.asks(part integer) returns integer language plpgsql as $$
        begin return length(public.echo(part, 'x')) & 3; end
    $$;
    create function scene.nowhere() returns integer language plproxy as $$ cluster 'nowhere'; run on 0; select 1; $$;
    create function scene.unreached() returns integer language plproxy as $$ cluster 'unreached'; run on 0; select 1; $$;
    create function scene.caught(query text) returns text language plpgsql as $$
        begin execute query; return 'done'; exception when others then return sqlstate; end
    $$;
";

/// Good and bad ones; what they return is other tests' affair.
const STATEMENTS: &[&str] = &[
    "select public.echo(1, 'x')",
    "select * from public.echo_all('x')",
    "select public.echo_any('x')",
    "select count(*) from public.numbers_all(300)",
    "select count(*) from public.wide(2, 3, 100000)",
    "select public.swallow(3, repeat('x', 100000))",
    "select public.rest(0, 0)",
    "select scene.domain('ok')",
    "select * from scene.domains('ok')",
    "select count(*) from scene.pairs(50)",
    "select * from scene.untyped(1) as t(a integer, b text)",
    "select sum(x) from scene.spread(array(select generate_series(1, 100))) x",
    "select scene.nested(2)",
    "select count(*) from plproxy_ping('shards')",
    "select count(*) from plproxy_explain('scene.pairs(1)')",
    "select count(*) from plproxy_clusters, plproxy_connections",
    "select plproxy_route('shards', 5)",
    "select scene.domain('too long')",
    "select * from scene.domains('too long')",
    "select * from scene.untyped(1) as t(a integer, b text, c date)",
    "select * from scene.untyped(9) as t(a integer, b text)",
    "select scene.untyped(1)",
    "select scene.fails(2)",
    "select scene.misnamed()",
    "select scene.unlike()",
    "select scene.unhashed(1)",
    "select scene.nowhere()",
    "select scene.unreached()",
    "select public.echo(null, 'x')",
    "select public.echo(7, 'x')",
    "select scene.caught('select scene.fails(1)') from generate_series(1, 3)",
    "select scene.caught('select scene.domain(''too long'')')",
    "create function scene.bad() returns integer language plproxy as 'cluster'",
    "begin; select public.echo(0, 'x'); savepoint s; select scene.fails(0); rollback to s; commit",
];

#[test]
fn leaks() {
    run(Path::Direct, |scene| {
        // As below: for descriptors, not for connections.
        scene.allow_connections(SHARDS / 2);
        scene.on_coordinator(FUNCTIONS);
        scene.on_shards(
            "create function scene.untyped(n integer) returns setof record language sql as $$ select 1, 'b'::text $$",
        );
        // Nobody listens on this port.
        scene.add_cluster("unreached", &["host=127.0.0.1 port=1 dbname=x user=x".to_owned()]);
        scene.run("set log_min_messages = fatal; set client_min_messages = error");
        let mut before = None;
        let (mut good, mut bad) = (0, 0);
        let played = ROUNDS.play(|number, dice| {
            if number == WARM {
                before = Some(Held::by(scene));
            }
            for _ in 0..CALLS {
                match scene.texts(dice.pick(STATEMENTS)) {
                    Ok(_) => good += 1,
                    Err(error) if error.as_db_error().is_some() => {
                        bad += 1;
                        // Of the one that is in a transaction.
                        scene.run("rollback");
                    }
                    Err(error) => return vec![format!("the session is lost: {error:?}")],
                }
            }
            Vec::new()
        });
        let after = Held::by(scene);
        println!("{good} good calls and {bad} failing ones in {played} rounds: {before:?} before, {after:?} after");
        let before = before.unwrap_or_else(|| after.clone());
        assert!(good > 0 && bad > 0, "both kinds");
        after.check(&before);
    });
}

/// What the session's backend holds.
#[derive(Clone, Debug)]
struct Held {
    contexts: i64,
    used: i64,
    total: i64,
    vitals: Vitals,
}

impl Held {
    fn by(scene: &mut Scene) -> Held {
        let sql = "select count(*) || ' ' || sum(used_bytes)::bigint / 1024 || ' ' || sum(total_bytes)::bigint / 1024
                   from pg_backend_memory_contexts";
        let text = scene.text(sql).expect("PostgreSQL says so");
        let numbers: Vec<i64> = text.split(' ').map(|word| word.parse().expect("a number")).collect();
        let [contexts, used, total] = numbers[..] else { panic!("three numbers: {text}") };
        Held { contexts, used, total, vitals: Vitals::of(scene.pid()) }
    }

    fn check(&self, before: &Held) {
        let memory = |held: &Held| held.vitals.memory as i64;
        assert!(self.contexts <= before.contexts + 8, "contexts: {self:?}");
        assert!(
            self.used <= before.used + ALLOWED && self.total <= before.total + ALLOWED,
            "contexts' memory: {self:?}"
        );
        assert!(memory(self) <= memory(before) + ALLOWED, "the process's memory: {self:?}");
        assert_eq!(self.vitals.sockets, before.vitals.sockets, "sockets");
        // A connection may have a wait set of its own, which is made when it is needed.
        assert!(self.vitals.anonymous <= before.vitals.anonymous + SHARDS, "other descriptors");
        assert_eq!(self.vitals.temporary, before.vitals.temporary, "temporary files");
    }
}
