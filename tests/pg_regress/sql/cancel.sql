--
-- Cancelled and timed-out calls: nothing of them is left running, and the connections remain.
--
-- The connections of these tests can be told by their name.
select add_cluster('cancels', connstr('plproxy_shard0') || ' application_name=plproxy_cancels',
                   connstr('plproxy_shard1') || ' application_name=plproxy_cancels',
                   connstr('plproxy_shard2') || ' application_name=plproxy_cancels',
                   connstr('plproxy_shard3') || ' application_name=plproxy_cancels');
-- Whether, within a minute, no connection named so is doing anything.
create function is_quiet(name text) returns boolean language plpgsql as $$
begin
    for attempt in 1 .. 600 loop
        perform pg_stat_clear_snapshot();
        if not exists (select from pg_stat_activity where application_name = name and state <> 'idle') then
            return true;
        end if;
        perform pg_sleep(0.1);
    end loop;
    return false;
end $$;
create function connections(name text) returns bigint language sql as $$
    select count(*) from pg_stat_activity where application_name = name
$$;
create function cancel_pids() returns setof integer language plproxy as $$ cluster 'cancels'; run on all; select pg_backend_pid(); $$;
create function sleep_on(part integer, seconds float8) returns text language plproxy as $$
    cluster 'cancels'; run on part; select 'slept' from pg_sleep(seconds);
$$;
create function sleep_on_all(seconds float8) returns setof text language plproxy as $$
    cluster 'cancels'; run on all; select 'slept' from pg_sleep(seconds);
$$;
create function pg_sleep(seconds float8) returns void language plproxy as $$ cluster 'cancels'; run on 1; target pg_catalog.pg_sleep; $$;
create function cancel_one() returns integer language plproxy as $$ cluster 'cancels'; run on 1; select 1; $$;
select sleep_on(0, 0), count(*) from sleep_on_all(0);
select array_agg(p order by n) as pids from cancel_pids() with ordinality as t (p, n)
\gset

-- statement_timeout.
set statement_timeout = '300ms';
select sleep_on(0, 600);
select * from sleep_on_all(600);
select public.pg_sleep(600);
reset statement_timeout;
select is_quiet('plproxy_cancels');
select array_agg(p order by n) = :'pids'::integer[] as kept, connections('plproxy_cancels') from cancel_pids() with ordinality as t (p, n);
select sleep_on(0, 0), public.pg_sleep(0), count(*) from sleep_on_all(0);

-- While rows are on their way, to a cursor, and inside a function.
create function endless() returns setof integer language plproxy as $$
    cluster 'cancels'; run on all; select g from generate_series(1, 2000000000) g;
$$;
set statement_timeout = '500ms';
select count(*) from endless();
begin;
declare c cursor for select * from endless();
fetch 1 from c;
rollback;
do $$
begin
    perform endless();
exception when query_canceled then
    raise notice 'caught %: %', sqlstate, sqlerrm;
end $$;
reset statement_timeout;
select is_quiet('plproxy_cancels');
select array_agg(p order by n) = :'pids'::integer[] as kept, connections('plproxy_cancels') from cancel_pids() with ordinality as t (p, n);
select count(*) from pg_ls_tmpdir();

-- Caught, and gone on with, in the same transaction.
set statement_timeout = '5s';
do $$
declare
    i integer := 0;
begin
    set local statement_timeout = '1s';
    begin
        perform sleep_on_all(600);
    exception when query_canceled then
        raise notice 'caught %', sqlerrm;
    end;
    raise notice 'and one more is %', cancel_one() + 1;
end $$;
reset statement_timeout;

-- pg_cancel_backend, by a shard that the call itself asks to do it.
create function cancel_me(pid integer) returns text language plproxy as $$
    cluster 'cancels'; run on 2; select 'cancelled: ' || pg_cancel_backend(pid) from pg_sleep(600 * pg_cancel_backend(pid)::integer);
$$;
create function cancel_me_all(pid integer) returns setof text language plproxy as $$
    cluster 'cancels'; run on all;
    select 'slept' from (select right(current_database(), 1) = '3' and pg_cancel_backend(pid)) x, pg_sleep(600);
$$;
select cancel_me(pg_backend_pid());
select * from cancel_me_all(pg_backend_pid());
do $$
begin
    perform cancel_me(pg_backend_pid());
exception when query_canceled then
    raise notice 'caught %', sqlerrm;
end $$;
do $$
begin
    for i in 1 .. 20 loop
        begin
            perform cancel_me_all(pg_backend_pid());
            raise notice 'not cancelled';
        exception when query_canceled then
        end;
        if (select count(*) from cancel_pids()) <> 4 then
            raise notice 'not four';
        end if;
    end loop;
end $$;
select is_quiet('plproxy_cancels');
select array_agg(p order by n) = :'pids'::integer[] as kept, connections('plproxy_cancels') from cancel_pids() with ordinality as t (p, n);

-- A remote cancel, timeout or lock timeout is the shard's error.
select from on_shards($$
    create function remote_timeout() returns integer language plpgsql as $f$
    begin
        perform pg_cancel_backend(pg_backend_pid());
        perform pg_sleep(600);
        return 1;
    end $f$;
    create function wait_for_lock() returns integer language plpgsql set lock_timeout = '100ms' as $f$
    begin
        perform pg_advisory_lock(20);
        return 1;
    end $f$
$$);
create function remote_timeout() returns integer language plproxy as $$ cluster 'cancels'; run on 1; $$;
create function wait_for_lock() returns integer language plproxy as $$ cluster 'cancels'; run on 1; $$;
create function take_lock() returns void language plproxy as $$ cluster 'shards'; run on 1; select pg_advisory_lock(20); $$;
create function drop_lock() returns boolean language plproxy as $$ cluster 'shards'; run on 1; select pg_advisory_unlock(20); $$;
\set SHOW_CONTEXT never
select remote_timeout();
select take_lock();
select wait_for_lock();
do $$
begin
    perform wait_for_lock();
exception when lock_not_available then
    raise notice 'caught %', sqlstate;
end $$;
select drop_lock();
select wait_for_lock();
select array_agg(p order by n) = :'pids'::integer[] as kept, connections('plproxy_cancels') from cancel_pids() with ordinality as t (p, n);

-- query_timeout closes the connection, and leaves nothing running either.
insert into plproxy.options values ('cancels', 'query_timeout', '1');
select touch_cluster('cancels');
select sleep_on(0, 600);
select is_quiet('plproxy_cancels');
select p[1] <> (:'pids'::integer[])[1] as replaced, p[2:4] = (:'pids'::integer[])[2:4] as kept
  from (select array_agg(p order by n) from cancel_pids() with ordinality as t (p, n)) t (p);
select * from sleep_on_all(600);
select is_quiet('plproxy_cancels');
select bool_or(p = any (:'pids'::integer[])) as kept, count(*), connections('plproxy_cancels') from cancel_pids() p;
set plproxy.sqlstate = 'precise';
\set VERBOSITY sqlstate
select sleep_on(0, 600);
reset plproxy.sqlstate;
select sleep_on(0, 600);
\set VERBOSITY default
do $$
begin
    perform sleep_on(0, 600);
exception when internal_error then
    raise notice 'caught %', sqlerrm;
end $$;
select sleep_on(0, 0);
delete from plproxy.options where cluster = 'cancels';
select touch_cluster('cancels');
select sleep_on(0, 1.5);

-- Cancelled when a shard is asked, for the first time, what a SELECT's columns are, and can't answer.
create table locked (i integer);
select add_cluster('itself', connstr(current_database()) || ' application_name=plproxy_itself');
create function of_locked() returns setof integer language plproxy as $$ cluster 'itself'; run on all; select i from locked; $$;
begin;
lock table locked;
savepoint s;
set local statement_timeout = '500ms';
select * from of_locked();
rollback to s;
select is_quiet('plproxy_itself');
rollback;
insert into plproxy.options values ('itself', 'query_timeout', '1');
select touch_cluster('itself');
begin;
lock table locked;
savepoint s;
select * from of_locked();
rollback to s;
select is_quiet('plproxy_itself');
rollback;
insert into locked values (1);
select * from of_locked();
begin;
lock table locked;
savepoint s;
select * from of_locked();
rollback to s;
select is_quiet('plproxy_itself');
rollback;
select * from of_locked();
