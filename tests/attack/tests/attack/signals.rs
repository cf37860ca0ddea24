//! Signals at random moments of all kinds of calls: to cancel, to end, to reload, to wake up. An answer is right or the call
//! is cancelled; a session ends only if it is told to; and nothing is left running on the shards.

use plproxy_attack::dice::Dice;
use plproxy_attack::rounds::Rounds;
use plproxy_fault::proxy::wait_until;
use plproxy_fault::scene::{Path, run};
use plproxy_fault::world::{COORDINATOR, SHARDS, Server};
use postgres::{Client, Error, NoTls, SimpleQueryMessage};
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

const ROUNDS: Rounds = Rounds { test: "signals", short: 25, full: 200 };

/// Calls in a round.
const CALLS: usize = 40;

const FUNCTIONS: &str = "
    create function scene.spread(v integer[]) returns setof integer language plproxy as $$
        cluster 'shards'; split v; run on scene.odd(v); select unnest(v);
    $$;
    create function scene.odd(v integer) returns setof integer language sql as $$ select $1 & 3 $$;
    create function scene.nested(part integer, token text) returns text language plproxy as $$
        cluster 'shards'; run on scene.asks(part); select token;
    $$;
    create function scene.asks(part integer) returns integer language plpgsql as $$
        begin return length(public.echo(part, 'x')) & 3; end
    $$;
    create function scene.fails(part integer) returns integer language plproxy as $$
        cluster 'shards'; run on part; select 1 / 0;
    $$;
";

#[test]
fn signals() {
    run(Path::Direct, |scene| {
        scene.on_coordinator(FUNCTIONS);
        let mut killer = Killer::start();
        let mut tally = Tally::default();
        let rig = Mutex::new(scene.server.connect("postgres"));
        ROUNDS.play(|number, dice| {
            let flaws = bombarded(scene.server, &mut killer, number, dice, &mut tally);
            wait_until("no query to be left running on a shard", || nothing_runs(&rig));
            flaws
        });
        println!("{tally:?}");
    });
}

#[derive(Debug, Default)]
#[allow(dead_code, reason = "printed")]
struct Tally {
    signals: usize,
    right: usize,
    cancelled: usize,
    ended: usize,
}

/// One session's calls, with signals all the time.
fn bombarded(server: &Server, killer: &mut Killer, number: u64, dice: &mut Dice, tally: &mut Tally) -> Vec<String> {
    let mut client = server.config(COORDINATOR).application_name("case").connect(NoTls).expect("the server lets us in");
    client.batch_execute("load 'plproxy'; set statement_timeout = '60s'").expect("settings");
    let pid: i32 = client.query_one("select pg_backend_pid()", &[]).expect("a number").get(0);
    let mut rig = server.connect("postgres");
    let ends = dice.one_in(3);
    let calls: Vec<_> = (0..CALLS).map(|call| some_call(dice, &format!("r{number}c{call}"))).collect();
    let is_over = AtomicBool::new(false);
    let mut flaws = Vec::new();
    let mut is_ended = false;
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut sent = 0;
            let last = dice.below(60);
            while !is_over.load(SeqCst) {
                std::thread::sleep(Duration::from_micros(dice.below(4000) as u64));
                sent += 1;
                if ends && sent > last {
                    if dice.one_in(2) {
                        killer.send("TERM", pid);
                    } else {
                        let _ = rig.execute("select pg_terminate_backend($1)", &[&pid]);
                    }
                    break;
                }
                match dice.below(12) {
                    0 => killer.send("INT", pid),
                    1 => drop(rig.execute("select pg_cancel_backend($1)", &[&pid])),
                    2 => killer.send("HUP", pid),
                    3 => killer.send("URG", pid),
                    4 => (0..200).for_each(|_| killer.send("USR1", pid)),
                    _ => killer.send("USR1", pid),
                }
            }
            killer.settle();
            sent
        });
        for (query, expected) in &calls {
            match texts(&mut client, query) {
                Ok(answer) if answer == *expected => tally.right += 1,
                Ok(answer) => flaws.push(format!("{query}: {answer:?} instead of {expected:?}")),
                Err(error) => match error.code().map(|code| code.code()) {
                    Some("57014") => tally.cancelled += 1,
                    // Its own error is what is expected of it.
                    Some("22012") if query.contains("fails") => tally.right += 1,
                    Some("57P01") | None if ends => {
                        is_ended = true;
                        break;
                    }
                    _ => flaws.push(format!("{query}: {error:?}")),
                },
            }
        }
        is_over.store(true, SeqCst);
        tally.signals += sender.join().expect("no panic in who sends signals");
    });
    tally.ended += usize::from(is_ended);
    if !ends {
        // A signal that came last may cancel this.
        let _ = texts(&mut client, "select 1");
        match texts(&mut client, "select * from public.echo_all('after')") {
            Ok(rows) if rows.len() == SHARDS => {}
            other => flaws.push(format!("after the signals: {other:?}")),
        }
    }
    flaws
}

fn some_call(dice: &mut Dice, token: &str) -> (String, Vec<String>) {
    let part = dice.below(SHARDS);
    let one = |text: String| vec![text];
    match dice.below(10) {
        0 | 1 => (format!("select public.echo({part}, '{token}')"), one(format!("shard{part}:{token}"))),
        2 => {
            let rows = (0..SHARDS).map(|shard| format!("shard{shard}:{token}")).collect();
            (format!("select * from public.echo_all('{token}')"), rows)
        }
        3 => {
            let query = "select count(*) || ' ' || sum(n) from public.numbers_all(3000) n";
            (query.to_owned(), one(format!("{} {}", 4 * 3000, 2 * 3000 * 3001)))
        }
        4 => (format!("select public.rest({part}, 0.01)"), one("rested".to_owned())),
        5 => ("select count(*) from public.rest_all(0.005)".to_owned(), one(SHARDS.to_string())),
        6 => (
            "select sum(x) from scene.spread(array(select generate_series(1, 100))) x".to_owned(),
            one("5050".to_owned()),
        ),
        7 => (format!("select scene.nested({part}, '{token}')"), one(token.to_owned())),
        8 => (format!("select scene.fails({part})"), one("never".to_owned())),
        _ => ("select count(*) from plproxy_ping('shards')".to_owned(), one(SHARDS.to_string())),
    }
}

fn texts(client: &mut Client, query: &str) -> Result<Vec<String>, Error> {
    let rows = client.simple_query(query)?.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
        _ => None,
    });
    Ok(rows.collect())
}

fn nothing_runs(rig: &Mutex<Client>) -> bool {
    let sql = "select from pg_stat_activity
                where datname like 'fault\\_shard%' and state <> 'idle' and application_name <> 'rig'";
    rig.lock().expect("no panic in here").query(sql, &[]).expect("the server answers").is_empty()
}

/// A shell that sends signals, since starting a program for each would take too long.
struct Killer(Child);

impl Killer {
    fn start() -> Killer {
        let shell = Command::new("sh").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        Killer(shell.expect("there is a shell"))
    }

    fn send(&mut self, signal: &str, pid: i32) {
        self.say(&format!("kill -{signal} {pid}"));
    }

    /// Waits until all signals have been sent.
    fn settle(&mut self) {
        self.say("echo");
        let output = self.0.stdout.as_mut().expect("a pipe");
        output.read_exact(&mut [0]).expect("an empty line");
    }

    fn say(&mut self, command: &str) {
        let input = self.0.stdin.as_mut().expect("a pipe");
        writeln!(input, "{command}").expect("the shell reads");
    }
}

impl Drop for Killer {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
