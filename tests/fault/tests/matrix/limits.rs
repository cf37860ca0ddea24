//! Values and reports that a row, an array or the backend's memory has no room for: row 16, and row 18 where only a server that
//! lies can send them.

use crate::memory::{limit_memory, peak, status};
use crate::scripted::{self, Scripted, answer, serve};
use plproxy_fault::cases;
use plproxy_fault::expect::expect_error;
use plproxy_fault::scene::Scene;
use plproxy_fault::wire::data_row;

// What counts is the backend's memory, and between us and a server that lies a pooler changes nothing.
cases! {
    case_18_more_columns_than_a_row_may_have: direct;
    case_18_arrays_beyond_the_limits: direct;
    case_16_no_memory_for_a_value: direct;
    case_16_no_memory_for_a_report: direct;
    case_16_no_memory_for_an_argument: direct;
    case_27_notices_take_no_memory: direct;
}

fn case_18_more_columns_than_a_row_may_have(scene: &mut Scene) {
    scripted::begin(scene);
    let out = |count: usize| (0..count).map(|n| format!("out c{n} text")).collect::<Vec<_>>().join(", ");
    for (count, fields) in [(1664, None), (1665, None), (1801, None), (1990, None), (3000, Some(&b"x"[..]))] {
        for (function, returns) in [("columns", "record"), ("rows_of_columns", "setof record")] {
            let scripted = Scripted::new(scene, move |_, peer| {
                peer.log_in()?;
                peer.hear_request()?;
                peer.say(&answer(&[data_row(&vec![fields; count])]))
            });
            scene.on_coordinator(&format!(
                "drop function if exists scene.{function};
                 create function scene.{function}({}) returns {returns} language plproxy as $$ cluster 'fake'; run on 0; $$",
                out(count)
            ));
            let result = scene.text(&format!("select length(f::text)::text from scene.{function}() f"));
            if count <= 1664 {
                assert_eq!(result.unwrap(), "1665"); // commas and parentheses
                continue;
            }
            let text = format!("number of columns ({count}) exceeds limit (1664)");
            expect_error(result, "54011", &[&text]);
            // It was clear before anything was sent.
            assert_eq!(scripted.server.sessions(), 0);
        }
    }
    Scripted::new(scene, |_, peer| {
        peer.log_in()?;
        serve(peer, "good")
    });
    scene.run("select plproxy_disconnect()");
}

fn case_18_arrays_beyond_the_limits(scene: &mut Scene) {
    scripted::begin(scene);
    scene.on_coordinator(
        "create function scene.array() returns int4[] language plproxy as $$ cluster 'fake'; run on 0; $$;
         create function scene.arrays() returns setof int4[] language plproxy as $$ cluster 'fake'; run on 0; $$",
    );
    // As array_recv says it.
    let cases: [(&[i32], &str, &str); 7] = [
        (&[7, 0, 23], "54000", "number of array dimensions (7) exceeds the maximum allowed (6)"),
        (&[-1, 0, 23], "22P03", "invalid number of dimensions: -1"),
        (&[1, 0, 23, 134_217_728, 1], "54000", "array size exceeds the maximum allowed (134217727)"),
        (&[2, 0, 23, 65536, 1, 65536, 1], "54000", "array size exceeds the maximum allowed (134217727)"),
        (&[1, 0, 23, -1, 1], "54000", "array size exceeds the maximum allowed (134217727)"),
        (&[1, 0, 23, 2, i32::MAX - 1, -1, -1], "54000", "array lower bound is too large: 2147483646"),
        (&[1, 0, 23, 134_217_727, 1], "22P03", "it ends too early"),
    ];
    for (numbers, sqlstate, text) in cases {
        for function in ["array", "arrays"] {
            let value: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
            let _scripted = Scripted::new(scene, move |_, peer| {
                peer.log_in()?;
                peer.hear_request()?;
                peer.say(&answer(&[data_row(&[Some(&value)])]))
            });
            expect_error(scene.text(&format!("select scene.{function}()::text")), sqlstate, &[text]);
            scene.run("select plproxy_disconnect()");
        }
    }
}

/// How many bytes the values have that there isn't always memory for. Of so many the C library gives back what is freed; of
/// less than 32 MB it keeps some, which the next query finds.
const SIZE: usize = 36_000_000;

/// The same for reports, which end up in the server's log.
const REPORT: usize = 4_000_000;

/// Runs the query with so much memory that it fails, and with more, until it succeeds. In between it fails as queries do that
/// find no memory, and the session goes on.
fn expect_out_of_memory(
    scene: &mut Scene,
    size: usize,
    query: &str,
    succeeds: impl Fn(&Result<String, postgres::Error>) -> bool,
) {
    let pid = scene.pid();
    let (mut failures, mut is_over) = (0, false);
    for megabytes in (1..50).map(|step| step * size / 2_000_000) {
        limit_memory(scene, &((status(pid, "VmSize") + megabytes * 1024) * 1024).to_string());
        let result = scene.text(query);
        limit_memory(scene, "unlimited");
        if succeeds(&result) {
            is_over = true;
            break;
        }
        let error = result.expect_err("no other result");
        assert_eq!(error.code().map(|code| code.code()), Some("53200"), "with {megabytes} MB, {query}: {error:?}");
        failures += 1;
        assert_eq!(scene.text("select echo(1, 'still here')").unwrap(), "shard1:still here");
        scene.take_notices();
    }
    assert!(is_over && failures > 0, "{query}: {failures} failures");
}

fn case_16_no_memory_for_a_value(scene: &mut Scene) {
    // What the C library keeps of smaller pieces.
    scene.allow_memory(64 * 1024);
    scene.on_coordinator(
        "create function scene.json(n int) returns setof json language plproxy as $$
             cluster 'shards'; run on 1; select to_json(repeat('x', n)); $$;
         create function scene.nulls(n int) returns setof int8[] language plproxy as $$
             cluster 'shards'; run on 1; select array_fill(null::int8, array[n]); $$;
         create function scene.texts(n int) returns setof text[] language plproxy as $$
             cluster 'shards'; run on 1; select array[repeat('x', n)]; $$;
         create function scene.bits(n int) returns varbit language plproxy as $$
             cluster 'shards'; run on 1; select repeat('10', n)::varbit; $$;
         create domain scene.long as text;
         create function scene.long(n int) returns scene.long language plproxy as $$
             cluster 'shards'; run on 1; select repeat('x', n); $$",
    );
    for query in [
        format!("select length(w)::text from wide(1, 1, {SIZE}) w"),
        format!("select length(scene.json({SIZE})::text)::text"),
        format!("select cardinality(scene.nulls({}))::text", SIZE / 4),
        format!("select length(t[1])::text from scene.texts({SIZE}) t"),
        format!("select length(scene.bits({SIZE}))::text"),
        format!("select length(scene.long({SIZE}))::text"),
    ] {
        expect_out_of_memory(scene, SIZE, &query, |result| result.is_ok());
    }
}

fn case_16_no_memory_for_a_report(scene: &mut Scene) {
    scene.on_shards(
        "create function scene.say(level text, what text, n int) returns int language plpgsql as $$ begin
             case level
                 when 'error' then raise '%', repeat(what, n);
                 when 'detail' then raise 'short' using detail = repeat(what, n);
                 else raise notice '%', repeat(what, n);
             end case;
             return 1;
         end $$",
    );
    scene.on_coordinator(
        "create function scene.say(level text, what text, n int) returns int language plproxy as $$
             cluster 'shards'; run on 1; $$",
    );
    for level in ["error", "detail"] {
        expect_out_of_memory(scene, REPORT, &format!("select scene.say('{level}', 'x', {REPORT})::text"), |result| {
            result.as_ref().is_err_and(|error| error.code().is_some_and(|code| code.code() == "P0001"))
        });
    }
    expect_out_of_memory(scene, REPORT, &format!("select scene.say('notice', 'x', {REPORT})::text"), |result| {
        result.is_ok()
    });
}

fn case_16_no_memory_for_an_argument(scene: &mut Scene) {
    scene.on_shards("create function scene.size(v anyelement) returns int language sql as 'select pg_column_size(v)'");
    scene.on_coordinator(
        "create function scene.size(v text) returns int language plproxy as $$ cluster 'shards'; run on 1; $$;
         create function scene.size(v json) returns int language plproxy as $$ cluster 'shards'; run on 1; $$;
         create function scene.size(v int8[]) returns int language plproxy as $$ cluster 'shards'; run on 1; $$;
         create function scene.size(v bytea[]) returns int language plproxy as $$ cluster 'shards'; run on 1; $$",
    );
    for argument in [
        format!("repeat('x', {SIZE})"),
        format!("to_json(repeat('x', {SIZE}))"),
        format!("array_fill(1::int8, array[{}])", SIZE / 8),
        format!("array[''::bytea, repeat('x', {SIZE})::bytea] || array_fill(null::bytea, array[1000000])"),
    ] {
        expect_out_of_memory(scene, SIZE, &format!("select scene.size({argument})::text"), |result| result.is_ok());
    }
}

fn case_27_notices_take_no_memory(scene: &mut Scene) {
    scene.on_shards(
        "create function scene.noisy(n int, len int) returns int language plpgsql as $$ begin
             for i in 1 .. n loop raise notice '%', repeat('x', len); end loop;
             return n;
         end $$",
    );
    scene.on_coordinator(
        "create function scene.noisy(n int, len int) returns int language plproxy as $$ cluster 'shards'; run on 1; $$",
    );
    for level in ["error", "notice"] {
        scene.run(&format!("set client_min_messages = {level}"));
        for (count, length) in [(1000, 50_000), (50_000, 10)] {
            let pid = scene.pid();
            let (result, peak) = peak(pid, || scene.text(&format!("select scene.noisy({count}, {length})::text")));
            assert_eq!(result.unwrap(), count.to_string());
            assert_eq!(scene.take_notices().len(), if level == "notice" { count } else { 0 });
            assert!(peak < 4 * 1024, "{peak} kB at the peak, of {count} notices of {length} bytes");
        }
    }
    scene.run("reset client_min_messages");
}
