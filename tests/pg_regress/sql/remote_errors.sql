--
-- Errors and notices from shards.
--
select from on_shards($$
    create table t (i integer primary key, needed text not null, check (i < 100));
    create type color as enum ('red');
    create function fail(kind text) returns integer language plpgsql as $f$
    begin
        case kind
            when 'none' then return 1;
            when 'full' then
                raise exception 'the message, 100%% of it' using errcode = 'XY123', detail = 'the "detail"', hint = 'the hint: žluť';
            when 'lines' then raise exception E'two\nlines' using detail = E'two more\nlines';
            when 'empty' then raise exception '';
            when 'unique' then insert into t values (1, 'x'), (1, 'y');
            when 'check' then insert into t values (100, 'x');
            when 'null' then insert into t values (1, null);
            when 'zero' then return 1 / 0;
            when 'color' then perform 'green'::color;
            when 'internal' then execute 'select 1 + nonesuch';
            when 'assert' then assert false, 'no';
            when 'privilege' then raise insufficient_privilege;
            when 'success' then raise exception 'odd' using errcode = '00001';
            when 'terminate' then perform pg_terminate_backend(pg_backend_pid()), pg_sleep(600);
        end case;
        return 2;
    end $f$;
    create function noise(kind text) returns integer language plpgsql as $f$
    begin
        raise debug 'debug %', kind;
        raise log 'log %', kind;
        raise notice 'notice %', kind using detail = 'more', hint = 'idea';
        raise info 'info %', kind;
        raise warning 'warning %', kind using errcode = '01S01';
        raise notice 'notice with an error''s code' using errcode = '22012';
        raise warning 'warning with a code of success' using errcode = '00000';
        return 1;
    end $f$;
    create function noisy(i integer) returns integer language plpgsql as $f$
    begin
        raise notice 'row %', i;
        if i = 3 then
            raise exception 'at row 3';
        end if;
        return i;
    end $f$
$$);
create function fail(kind text) returns integer language plproxy as $$ cluster 'shards'; run on 1; $$;
create function pid_of(part integer) returns integer language plproxy as $$ cluster 'shards'; run on part; select pg_backend_pid(); $$;
create function pids() returns setof integer language plproxy as $$ cluster 'shards'; run on all; select pg_backend_pid(); $$;
select array_agg(p order by n) as pids from pids() with ordinality as t (p, n)
\gset

-- Message, detail, hint and context are passed on, and so is the SQLSTATE.
\set VERBOSITY default
select fail('none');
select fail('full');
select fail('lines');
select fail('empty');
select fail('unique');
select fail('check');
\set SHOW_CONTEXT never
select fail('null');
select fail('zero');
select fail('color');
select fail('assert');
select fail('privilege');
select fail('success');
\set VERBOSITY sqlstate
select fail('none');
select fail('full');
select fail('unique');
select fail('zero');
select fail('privilege');
select fail('success');
\set VERBOSITY default
\set SHOW_CONTEXT errors
-- Internal query and position.
select fail('internal');
do $$
declare
    state text; message text; detail text; hint text; context text; col text; con text; tab text;
    kind text;
begin
    foreach kind in array array['full', 'unique', 'zero', 'internal'] loop
        begin
            perform fail(kind);
        exception when others then
            get stacked diagnostics state = returned_sqlstate, message = message_text, detail = pg_exception_detail,
                hint = pg_exception_hint, context = pg_exception_context, col = column_name, con = constraint_name, tab = table_name;
            raise notice E'%\nmessage %\ndetail %\nhint %\ncontext %\nnames <%> <%> <%>', state, message, detail, hint,
                (regexp_split_to_array(context, E'\n'))[1], col, con, tab;
        end;
    end loop;
    begin
        perform fail('zero');
    exception when division_by_zero then
        raise notice 'divided';
    end;
    begin
        perform fail('full');
    exception when sqlstate 'XY123' then
        raise notice 'caught XY123';
    end;
    begin
        perform fail('unique');
    exception when integrity_constraint_violation then
        raise notice 'caught class 23';
    end;
end $$;
-- After all that the connections are the same.
select array_agg(p order by n) = :'pids'::integer[] as kept from pids() with ordinality as t (p, n);

-- A position is counted on the text that was written, in characters.
\set VERBOSITY terse
create function p_syntax() returns integer language plproxy as $$ cluster 'shards'; run on 0; select 1 fromm pg_class where; $$;
select p_syntax();
create function p_column(i integer) returns integer language plproxy as $$ cluster 'shards'; run on 0; select nonesuch from pg_class where oid = i; $$;
select p_column(1);
create function p_utf8(t text) returns text language plproxy as $$ cluster 'shards'; run on 0; select 'žluťoučký', nonesuch; $$;
select p_utf8('x');
create function p_call(i integer) returns integer language plproxy as $$ cluster 'shards'; run on 0; target no.such; $$;
select p_call(1);
-- Also when the error comes after the first call, on which the shard was asked for the columns.
create function p_gone() returns setof bigint language plproxy as $$ cluster 'shards'; run on all; select count(*) from gone; $$;
select from on_shards('create table gone ()');
select * from p_gone();
select from on_shards('drop table gone');
select * from p_gone();
select from on_shards('create table gone ()');
select * from p_gone();
\set VERBOSITY default
select p_column(1);

-- Notices and warnings, whatever they are there.
create function noise(kind text) returns integer language plproxy as $$ cluster 'shards'; run on 2; $$;
\set SHOW_CONTEXT never
select noise('one');
\set VERBOSITY sqlstate
select noise('two');
\set VERBOSITY default
set client_min_messages = warning;
select noise('three');
set client_min_messages = error;
select noise('four');
reset client_min_messages;
-- They come while rows do, and before an error.
create function noisy(n integer) returns setof integer language plproxy as $$ cluster 'shards'; run on 3; select noisy(g) from generate_series(1, n) g; $$;
select * from noisy(2);
select * from noisy(5);
create function noisy_void() returns void language plproxy as $$ cluster 'shards'; run on 0; select noisy(7); $$;
select noisy_void();
-- From all shards, one row each.
create function noise_all(i integer) returns setof integer language plproxy as $$ cluster 'shards'; run on all; select noisy(i + right(current_database(), 1)::integer * 10); $$;
set client_min_messages = warning;
select * from noise_all(1);
reset client_min_messages;
do $$
begin
    perform noisy(3);
exception when raise_exception then
    raise notice 'caught %', sqlerrm;
end $$;
\set SHOW_CONTEXT errors
select array_agg(p order by n) = :'pids'::integer[] as kept from pids() with ordinality as t (p, n);

-- One of several shards fails: the others are cancelled, and all connections are kept.
create function wait_or_fail(kind text) returns setof integer language plproxy as $$
    cluster 'shards'; run on all;
    select case when right(current_database(), 1) = '2' then fail(kind) else (select 1 from pg_sleep(600)) end;
$$;
\set VERBOSITY terse
select * from wait_or_fail('zero');
select * from wait_or_fail('full');
select array_agg(p order by n) = :'pids'::integer[] as kept from pids() with ordinality as t (p, n);
create function fail_late() returns setof integer language plproxy as $$
    cluster 'shards'; run on all;
    select case when g < 20000 or right(current_database(), 1) <> '3' then g else g / 0 end from generate_series(1, 20000) g;
$$;
select count(*) from fail_late();
select array_agg(p order by n) = :'pids'::integer[] as kept from pids() with ordinality as t (p, n);
-- The local side fails on a value while more rows are on their way.
create function bad_value() returns setof integer language plproxy as $$
    cluster 'shards'; run on all; select case g when 10 then 'x' else g::text end from generate_series(1, 100000) g;
$$;
select count(*) from bad_value();
select array_agg(p order by n) = :'pids'::integer[] as kept from pids() with ordinality as t (p, n);

-- A shard's backend that ends during a call: an ERROR here. The next call has a new connection.
select fail('terminate');
select pid_of(1) <> (:'pids'::integer[])[2] as replaced, pid_of(0) = (:'pids'::integer[])[1] as kept;
do $$
begin
    perform fail('terminate');
exception when admin_shutdown then
    raise notice 'caught %: %', sqlstate, sqlerrm;
end $$;
select fail('none');
select * from wait_or_fail('terminate');
select count(*) from pids();

-- One that ends between two calls is replaced without a word.
create function terminate(pid integer) returns boolean language plproxy as $$ cluster 'shards'; run on 3; select pg_terminate_backend(pid); $$;
create function is_gone(pid integer) returns boolean language plpgsql as $$
begin
    for attempt in 1 .. 600 loop
        perform pg_stat_clear_snapshot();
        if not exists (select from pg_stat_activity a where a.pid = is_gone.pid) then
            return true;
        end if;
        perform pg_sleep(0.1);
    end loop;
    return false;
end $$;
select array_agg(p order by n) as pids from pids() with ordinality as t (p, n)
\gset
select terminate((:'pids'::integer[])[1]), is_gone((:'pids'::integer[])[1]);
select pid_of(0) <> (:'pids'::integer[])[1] as replaced;
select array_agg(p order by n) as pids from pids() with ordinality as t (p, n)
\gset
select terminate((:'pids'::integer[])[1]), terminate((:'pids'::integer[])[3]);
select is_gone((:'pids'::integer[])[1]), is_gone((:'pids'::integer[])[3]);
select array_agg(p = (:'pids'::integer[])[n] order by n) as kept from pids() with ordinality as t (p, n);
