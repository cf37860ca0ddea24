//! Many sessions for a long time, while everything goes wrong now and then: row 30.
//!
//! It ends after 10 000 calls, or, as `make soak` has it, after SOAK_SECONDS. Each call checks its own answer. What is
//! counted is printed at the end.

use plproxy_fault::cases;
use plproxy_fault::proxy::{Action, Fault, Proxy, When};
use plproxy_fault::scene::Scene;
use plproxy_fault::vitals::Vitals;
use plproxy_fault::world::{COORDINATOR, SHARDS, Server, shard_database};
use postgres::{Client, Error, SimpleQueryMessage};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

// In session mode each of the sessions would keep a server connection to itself, of which PgBouncer has fewer.
cases! {
    case_30_soak: direct, transaction;
}

const BACKENDS: usize = 50;
const CALLS: usize = 10_000;

/// One call in so many comes with a fault: 5 %.
const FAULT_EVERY: u64 = 20;

/// How long a fault is there if it meets nobody, and how long what it has stopped stands still.
const FAULT_LASTS: Duration = Duration::from_secs(2);

/// What a call may fail with: a connection that was lost or couldn't be made, a session or a query that was ended, a
/// time-out. PgBouncer says 08P01 when its own connection to the server is lost.
const EXPECTED: [&str; 7] = ["08001", "08006", "08007", "08P01", "57P01", "57014", "53300"];

/// Numbers that look random, and are the same each time.
struct Dice(u64);

impl Dice {
    /// Below `bound`.
    fn roll(&mut self, bound: u64) -> u64 {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

#[derive(Default)]
struct Tally {
    calls: usize,
    errors: BTreeMap<String, usize>,
    faults: BTreeMap<&'static str, usize>,
    /// What must not be: wrong answers, unexpected errors, sessions that have ended.
    wrong: Vec<String>,
}

/// What all threads share.
struct Soak<'s> {
    server: &'s Server,
    proxies: &'s [Proxy],
    /// Whether sessions on the shards are ended, too.
    ends_sessions: bool,
    end: Option<Instant>,
    calls: AtomicUsize,
    /// The faults that sessions have asked for.
    wanted: AtomicUsize,
    pids: Mutex<Vec<i32>>,
    is_over: AtomicBool,
    tally: Mutex<Tally>,
}

impl Soak<'_> {
    /// Whether there is another call to be made.
    fn goes_on(&self) -> bool {
        let number = self.calls.fetch_add(1, SeqCst);
        match self.end {
            Some(end) => Instant::now() < end,
            None => number < CALLS,
        }
    }

    fn wrong(&self, what: String) {
        self.tally.lock().unwrap().wrong.push(what);
    }
}

fn case_30_soak(scene: &mut Scene) {
    scene.set_option("shards", "query_timeout", "2");
    scene.set_option("shards", "connect_timeout", "2");
    let seconds = std::env::var("SOAK_SECONDS").ok().map(|text| text.parse().expect("SOAK_SECONDS is a number"));
    let end = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let started = Instant::now();
    let soak = Soak {
        server: scene.server,
        proxies: scene.proxies(),
        ends_sessions: scene.survives_ended_sessions(),
        end,
        calls: AtomicUsize::new(0),
        wanted: AtomicUsize::new(0),
        pids: Mutex::default(),
        is_over: AtomicBool::new(false),
        tally: Mutex::default(),
    };
    // Before anything goes wrong.
    let sessions: Vec<_> = (0..BACKENDS).map(|number| begin(&soak, number)).collect();
    let sessions = std::thread::scope(|scope| {
        let faults = scope.spawn(|| make_faults(&soak));
        let work = |(number, session)| {
            let soak = &soak;
            scope.spawn(move || work(soak, number, session))
        };
        let workers: Vec<_> = sessions.into_iter().enumerate().map(work).collect();
        let sessions: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        soak.is_over.store(true, SeqCst);
        faults.join().expect("no panic in who makes the faults");
        sessions.into_iter().map(|session| session.expect("no panic in a session's thread")).collect::<Vec<_>>()
    });
    // Without faults everything is as it was at the beginning.
    let vitals: Vec<_> = sessions.into_iter().flatten().map(|session| settle(&soak, session)).collect();
    let mut tally = soak.tally.into_inner().unwrap();
    // A shard can't know that a call whose connection has vanished is over, and holds its locks.
    (0..SHARDS).for_each(|shard| scene.proxy_mut(shard).heal());
    check_bumps(scene, &mut tally);
    report(&tally, &vitals, started.elapsed());
    assert!(tally.wrong.is_empty(), "{:#?}", tally.wrong);
    let faults: usize = tally.faults.values().sum();
    assert!(faults * 40 > tally.calls, "{faults} faults in {} calls", tally.calls);
    assert!(!tally.errors.is_empty(), "all those faults have had no effect");
    scene.on_shards("truncate public.bumps");
}

/// One of the many sessions.
struct Session {
    client: Client,
    pid: i32,
    /// What its backend held at the beginning.
    before: Vitals,
}

fn begin(soak: &Soak<'_>, number: usize) -> Session {
    let mut client = soak.server.connect(COORDINATOR);
    client.batch_execute("load 'plproxy'; set plproxy.sqlstate = 'precise'; set statement_timeout = '30s'").unwrap();
    let pid = client.query_one("select pg_backend_pid()", &[]).unwrap().get(0);
    for _ in 0..3 {
        probe(&mut client, number);
    }
    soak.pids.lock().unwrap().push(pid);
    Session { client, pid, before: Vitals::of(pid) }
}

/// One session's calls. Returns it, unless it was lost.
fn work(soak: &Soak<'_>, number: usize, mut session: Session) -> Option<Session> {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15 ^ (number as u64 + 1) << 20);
    let mut count = 0;
    while soak.goes_on() {
        count += 1;
        if dice.roll(FAULT_EVERY) == 0 {
            soak.wanted.fetch_add(1, SeqCst);
        }
        let (query, expected) = some_call(&mut dice, &format!("w{number}c{count}"));
        let outcome = texts(&mut session.client, &query);
        soak.tally.lock().unwrap().calls += 1;
        match outcome {
            Ok(answer) if expected.fits(&answer) => {}
            Ok(answer) => soak.wrong(format!("{query}: {answer:?}")),
            Err(error) => match error.as_db_error() {
                Some(error) if EXPECTED.contains(&error.code().code()) => {
                    *soak.tally.lock().unwrap().errors.entry(error.code().code().to_owned()).or_default() += 1;
                }
                Some(error) => soak.wrong(format!("{query}: {error:?}")),
                None => {
                    soak.wrong(format!("{query}: the session has ended: {error}"));
                    return None;
                }
            },
        }
    }
    soak.pids.lock().unwrap().retain(|&other| other != session.pid);
    Some(session)
}

/// What an answer must be.
enum Expected {
    These(Vec<String>),
    EndsWith(String),
}

impl Expected {
    fn fits(&self, answer: &[String]) -> bool {
        match self {
            Expected::These(rows) => rows == answer,
            Expected::EndsWith(text) => answer.len() == 1 && answer[0].ends_with(text),
        }
    }
}

fn some_call(dice: &mut Dice, token: &str) -> (String, Expected) {
    let part = dice.roll(SHARDS as u64);
    let one = |text: String| Expected::These(vec![text]);
    match dice.roll(20) {
        0..7 => (format!("select echo({part}, '{token}')"), one(format!("shard{part}:{token}"))),
        7..10 => {
            let rows = (0..SHARDS).map(|shard| format!("shard{shard}:{token}")).collect();
            (format!("select * from echo_all('{token}')"), Expected::These(rows))
        }
        10..13 => (format!("select bump({part}, '{token}')"), one("1".to_owned())),
        13..15 => (format!("select echo_any('{token}')"), Expected::EndsWith(format!(":{token}"))),
        15..17 => {
            let n = 1 + dice.roll(2000);
            let query = format!("select count(*) || ' ' || sum(n) from numbers_all({n}) n");
            (query, one(format!("{} {}", 4 * n, 2 * n * (n + 1))))
        }
        17 => {
            let width = 1 + dice.roll(300_000);
            let query = format!("select count(*) || ' ' || sum(length(w)) from wide({part}, 3, {width}) w");
            (query, one(format!("3 {}", 3 * width)))
        }
        18 => {
            let length = 1 + dice.roll(300_000);
            (format!("select swallow({part}, repeat('x', {length}))"), one(length.to_string()))
        }
        _ => (format!("select rest({part}, 0.01)"), one("rested".to_owned())),
    }
}

fn texts(client: &mut Client, query: &str) -> Result<Vec<String>, Error> {
    let rows = client.simple_query(query)?.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
        _ => None,
    });
    Ok(rows.collect())
}

/// All shards answer, each for itself and together. Whatever went wrong before may be noticed by the first calls.
fn probe(client: &mut Client, number: usize) {
    for part in 0..SHARDS {
        let answer = texts(client, &format!("select echo({part}, 'probe{number}')")).expect("a healthy shard answers");
        assert_eq!(answer, [format!("shard{part}:probe{number}")]);
    }
    assert_eq!(texts(client, "select * from echo_all('x')").expect("healthy shards answer").len(), SHARDS);
}

/// Makes the faults that are wanted, one after the other, and takes them back after a while.
fn make_faults(soak: &Soak<'_>) {
    let mut rig = soak.server.connect(COORDINATOR);
    let mut dice = Dice(7319);
    let mut made = 0;
    let mut there: Vec<(Instant, usize, Fault)> = Vec::new();
    while !soak.is_over.load(SeqCst) {
        while made < soak.wanted.load(SeqCst) {
            made += 1;
            let (name, fault) = make_fault(soak, &mut rig, &mut dice);
            *soak.tally.lock().unwrap().faults.entry(name).or_default() += 1;
            there.extend(fault.map(|(proxy, fault)| (Instant::now() + FAULT_LASTS, proxy, fault)));
        }
        let now = Instant::now();
        there.retain(|(end, proxy, fault)| {
            let is_over = *end <= now;
            if is_over {
                soak.proxies[*proxy].take_back(fault);
                soak.proxies[*proxy].close_vanished();
            }
            !is_over
        });
        std::thread::sleep(Duration::from_millis(5));
    }
    for (_, proxy, fault) in there {
        soak.proxies[proxy].take_back(&fault);
    }
}

/// Makes some fault: at once, or when a proxy next meets some message.
fn make_fault(soak: &Soak<'_>, rig: &mut Client, dice: &mut Dice) -> (&'static str, Option<(usize, Fault)>) {
    let proxy = dice.roll(SHARDS as u64) as usize;
    let when = match dice.roll(6) {
        0 => When::to_server(b'B'),
        1 => When::to_server(b'S'),
        2 => When::from_server(b'C'),
        3 => When::from_server(b'Z'),
        _ => When::from_server(b'D'),
    };
    let when = when.nth(1 + dice.roll(3) as usize);
    let (name, action) = match dice.roll(10) {
        0 | 1 => ("connection closed", Action::Kill),
        2 | 3 => ("connection reset", Action::Reset),
        4 => ("stalled", Action::Stall),
        5 => ("vanished", Action::Vanish),
        6 => ("trickled", Action::Trickle(Duration::from_millis(20))),
        7 => ("cut", Action::Cut(dice.roll(30) as usize)),
        8 => {
            let pids = soak.pids.lock().unwrap().clone();
            if let Some(pid) = pids.get(dice.roll(BACKENDS as u64) as usize) {
                rig.execute("select pg_cancel_backend($1)", &[pid]).unwrap();
            }
            return ("cancelled", None);
        }
        _ if !soak.ends_sessions => ("connection closed", Action::Kill),
        _ => {
            let sql = "select pg_terminate_backend(pid) from pg_stat_activity
                        where datname = $1 and application_name <> 'rig' order by random() limit 1";
            rig.execute(sql, &[&shard_database(proxy)]).unwrap();
            return ("shard's session ended", None);
        }
    };
    (name, Some((proxy, soak.proxies[proxy].on(when, action))))
}

/// What a session's backend held at the beginning and holds at the end.
fn settle(soak: &Soak<'_>, session: Session) -> (Vitals, Vitals) {
    let Session { mut client, pid, before } = session;
    // A connection whose fault is only noticed now may cost a call its success, and so may a cancel that came late.
    for _ in 0..SHARDS {
        let _ = texts(&mut client, "select * from echo_all('settle')");
    }
    probe(&mut client, 0);
    let after = Vitals::of(pid);
    if (after.sockets, after.temporary) != (before.sockets, before.temporary) || after.anonymous > before.anonymous + 1
    {
        soak.wrong(format!("descriptors: {before:?} has become {after:?}"));
    }
    if after.memory > before.memory + 32 * 1024 {
        soak.wrong(format!("memory: {before:?} has become {after:?}"));
    }
    (before, after)
}

/// Nothing has run twice, whatever became of its call.
fn check_bumps(scene: &Scene, tally: &mut Tally) {
    for shard in 0..SHARDS {
        let mut client = scene.server.connect(&shard_database(shard));
        for row in client.query("select token from bumps group by token having count(*) > 1", &[]).unwrap() {
            tally.wrong.push(format!("call {} has run more than once on shard {shard}", row.get::<_, String>(0)));
        }
    }
}

fn report(tally: &Tally, vitals: &[(Vitals, Vitals)], taken: Duration) {
    let mut text = String::new();
    let errors: usize = tally.errors.values().sum();
    let faults: usize = tally.faults.values().sum();
    let sum = |figure: fn(&Vitals) -> usize| {
        let of = |side: fn(&(Vitals, Vitals)) -> &Vitals| vitals.iter().map(|pair| figure(side(pair))).sum::<usize>();
        format!("{} before, {} after", of(|pair| &pair.0), of(|pair| &pair.1))
    };
    let _ = writeln!(text, "{} calls of {BACKENDS} sessions in {} s", tally.calls, taken.as_secs());
    let _ = writeln!(text, "{errors} errors: {:?}", tally.errors);
    let _ = writeln!(text, "{faults} faults: {:?}", tally.faults);
    let _ = writeln!(text, "wrong answers, unexpected errors, sessions lost, calls run twice: {}", tally.wrong.len());
    let _ = writeln!(text, "sockets: {}", sum(|vitals| vitals.sockets));
    let _ = writeln!(text, "other descriptors: {}", sum(|vitals| vitals.anonymous + vitals.temporary));
    let _ = writeln!(text, "memory in kB: {}", sum(|vitals| vitals.memory));
    println!("{text}");
}
