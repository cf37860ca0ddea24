--
-- Limits: how many connections, for how long, how deep, how long a message.
--
\set VERBOSITY terse
create schema limits;
set search_path = limits, public;
create function marked(part int) returns text language sql as $$ select connstr('plproxy_shard' || part) || ' application_name=plproxy_limits' $$;
select add_cluster('limits', marked(0), marked(1), marked(2), marked(3));
create function one(part int) returns int language plproxy as $$ cluster 'limits'; run on part; select pg_backend_pid(); $$;
create function every() returns setof int language plproxy as $$ cluster 'limits'; run on all; select pg_backend_pid(); $$;

-- The settings, their units and bounds; who may change them.
select name, setting, unit, context, min_val, max_val from pg_settings
where name like 'plproxy.%' and vartype = 'integer' order by name collate "C";
set plproxy.max_depth = 9;
set plproxy.idle_timeout = '2min';
show plproxy.idle_timeout;
reset plproxy.idle_timeout;
create role limits_user;
set role limits_user;
set plproxy.max_connections = 100;
set plproxy.idle_timeout = 100;
reset role;
reset plproxy.idle_timeout;

-- max_connections: what has been idle longest goes.
\c -
\set VERBOSITY terse
set search_path = limits, public;
set plproxy.max_connections = 2;
select one(0) as zero
\gset
select one(1) as one
\gset
select one(0) = :zero as kept, one(1) = :one as kept, one(0) = :zero as kept;
select one(2) > 0;
select one(0) = :zero as kept;
select open_connections('plproxy_limits', 2);
select one(1) = :one as kept;
-- more at once than there may be
select every();
\set VERBOSITY sqlstate
select every();
\set VERBOSITY terse
-- that has closed what was idle; the rest works
select one(3) > 0;
set plproxy.max_connections = 4;
select count(*) from every();
select open_connections('plproxy_limits', 4);
-- nested calls need one each
create function nested(part int) returns setof int language plproxy as $$ cluster 'limits'; run on all; select part; $$;
select sum(n) from nested((select count(*)::int from every())) n;
create function hash_by_call(int) returns int language sql as $$ select (count(*) - 4)::int + $1 from limits.every() $$;
create function by_call(part int) returns int language plproxy as $$ cluster 'limits'; run on hash_by_call(part); select part; $$;
select by_call(3);
-- a lower limit takes effect at the end of the transaction
set plproxy.max_connections = 1;
select open_connections('plproxy_limits', 1);
set plproxy.max_connections = 0;
select count(*) from every();
select open_connections('plproxy_limits', 4);

-- idle_timeout: also while this session waits for its client; another one looks
set plproxy.idle_timeout = '300ms';
select count(*) from every();
select current_database() as db
\gset
\setenv PGDATABASE :db
\! psql -X -At -c "select open_connections('plproxy_limits', 0)"
-- and after an error, which stops all timers
select count(*) from every();
select 1 / 0;
\! psql -X -At -c "select open_connections('plproxy_limits', 0)"
select count(*) from every();
-- what is used is kept
set plproxy.idle_timeout = '1min';
select one(0) as zero
\gset
select one(0) = :zero as kept;
reset plproxy.idle_timeout;

-- max_depth: functions that lead back to their own database
select add_cluster('loop', connstr(current_database()) || ' application_name=plproxy_limits');
create function loop(n int) returns int language plproxy as $$ cluster 'loop'; $$;
select loop(1);
\set VERBOSITY sqlstate
select loop(1);
\set VERBOSITY default
select loop(1);
\set VERBOSITY terse
-- by way of a query inside of a function, and of a cursor there
create function loop_by_query(n int) returns int language plpgsql as $$
declare r int;
begin
    select limits.loop_query(n + 1) into r;
    return r;
end $$;
create function loop_query(n int) returns int language plproxy as $$ cluster 'loop'; target limits.loop_by_query; $$;
select loop_query(1);
create function loop_by_cursor(n int) returns int language plpgsql as $$
declare r record;
begin
    for r in select limits.loop_cursor(n + 1) as r loop
        return r.r;
    end loop;
end $$;
create function loop_cursor(n int) returns int language plproxy as $$ cluster 'loop'; target limits.loop_by_cursor; $$;
select loop_cursor(1);
begin;
declare c cursor for select loop_cursor(1);
fetch c;
rollback;
-- a depth that isn't too deep
create function down(n int) returns int language plpgsql as $$
begin
    return case when n = 0 then 0 else limits.deeper(n - 1) + 1 end;
end $$;
create function deeper(n int) returns int language plproxy as $$ cluster 'loop'; target limits.down; $$;
select down(4);
select down(5);
set plproxy.max_depth = 2;
select down(2);
reset plproxy.max_depth;

-- max_message_size
create function big(part int, length int) returns text language plproxy as $$ cluster 'limits'; run on part; select repeat('x', length); $$;
create function bigs(length int) returns setof text language plproxy as $$ cluster 'limits'; run on all; select repeat('x', length); $$;
set plproxy.max_message_size = '64kB';
select length(big(0, 65000));
select length(big(0, 66000));
\set VERBOSITY sqlstate
select length(big(0, 66000));
select sum(length(b)) from bigs(66000) b;
\set VERBOSITY terse
select sum(length(b)) from bigs(65000) b;
reset plproxy.max_message_size;
select sum(length(b)) from bigs(3000000) b;
-- rows that come before it is their turn, and are longer than what may be kept in memory
set work_mem = '64kB';
select count(*), sum(length(b)) from bigs(3000000) b;
reset work_mem;

drop role limits_user;
