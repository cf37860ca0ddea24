--
-- plproxy_functions: the functions that a session has compiled, and what their calls add up to.
--
\set VERBOSITY terse
\pset null '<null>'
create schema view_functions;
set search_path = view_functions, public;
select * from plproxy_functions;
create function place(part integer) returns text language plproxy as $$
    cluster 'shards'; run on part; select current_database();
$$;
create function add(a integer, b integer) returns integer language plproxy as $$
    cluster 'shards'; run on int4pl(a, $2); target pg_catalog.int4pl;
$$;
create function cut(ids integer[]) returns setof integer language plproxy as $$
    cluster lower('SHARDS'); split ids; run on ids; target pg_catalog.unnest;
$$;
create function rows(n integer) returns setof record language plproxy as $$
    connect 'dbname=plproxy_nonesuch'; target pg_catalog.generate_series;
$$;
create function unused() returns text language plproxy as $$ cluster 'shards'; run on any; $$;
select place(0), place(1), place(2);
select place(4);
select place(null);
select add(1, 2);
select cut(array[1, 2, 3]);
\set VERBOSITY sqlstate
select * from rows(1) as (n integer);
\set VERBOSITY terse
select function, destination, remote_sql, calls, errors from plproxy_functions;
-- Times are milliseconds.
select function, total_time between max_time and max_time * calls as total_time, max_time > 0 as max_time from plproxy_functions;
create function sleep() returns text language plproxy as $$ cluster 'shards'; run on 0; select pg_sleep(0.2)::text; $$;
select sleep();
select total_time >= 200 as total_time, max_time >= 200 as max_time from plproxy_functions where function = 'sleep()'::regprocedure;

-- An ERROR of this side counts, too: a domain's, and a cancelled call.
create domain never as text check (false);
create function never() returns never language plproxy as $$ cluster 'shards'; run on 0; select 'x'; $$;
select never();
set statement_timeout = '100ms';
select sleep();
reset statement_timeout;
select function, calls, errors from plproxy_functions where errors > 0 order by function::text;

-- One that is replaced goes on counting; one that is dropped is gone.
create or replace function place(part integer) returns text language plproxy as $$
    cluster 'shards'; run on 0; select current_database();
$$;
select place(3);
drop function add(integer, integer);
select function, destination, calls, errors from plproxy_functions order by function::text;

-- What a connection string has to hide, or may have, isn't shown.
create function hidden() returns text language plproxy as $$ connect 'dbname=plproxy_nonesuch password=geheim'; $$;
create function unreadable() returns text language plproxy as $$ connect 'dbname=plproxy_nonesuch host= password=geheim'; $$;
\set VERBOSITY sqlstate
select hidden();
select unreadable();
\set VERBOSITY terse
select function, destination from plproxy_functions where function::text in ('hidden()', 'unreadable()') order by function::text;
select count(*) from plproxy_functions f where f::text like '%geheim%';

set client_min_messages = warning;
drop schema view_functions cascade;
select * from plproxy_functions;
