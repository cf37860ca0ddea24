--
-- The keys of a cluster's configuration.
--
\set VERBOSITY terse
create schema config_options;
set search_path = config_options, public;
select add_cluster('options', connstr('plproxy_shard0'), connstr('plproxy_shard1'));
create function f() returns text language plproxy as $$ cluster 'options'; run on 1; select current_database(); $$;
create function wait(seconds float8) returns text language plproxy as $$ cluster 'options'; run on 0; select 'waited' from pg_sleep(seconds); $$;
-- Calls with one key set.
create function try(key text, val text) returns text language plpgsql as $$
begin
    delete from plproxy.options where cluster = 'options';
    insert into plproxy.options values ('options', key, val);
    perform touch_cluster('options');
    return f();
exception when others then
    return sqlerrm;
end
$$;
select try('modular_mapping', '1');
select try('connection_lifetime', '600');
select try('query_timeout', '600');
select try('connect_timeout', '600');
select try('disable_binary', '1');
select try('default_user', 'current_user');
select try('default_user', 'session_user');
select try('statement_timeout', '1');
select try('keepalive_idle', '0');
select try('keepalive_interval', '');
select try('keepalive_count', '0');
-- empty or 0 is none, in any case; config_values.sql has what else is taken for a number
select try('default_user', '');
select key, try(key, ''), try(key, '0'), try(upper(key), '0')
from unnest(array['modular_mapping', 'connection_lifetime', 'query_timeout', 'connect_timeout', 'disable_binary', 'statement_timeout']) key;

-- what isn't a key, or isn't a value
select try('nonesuch', '1');
select try('', '1');
select try('query timeout', '1');
select try('query_timeout ', '1');
select try(null, '1');
select try('query_timeout', null);
select try('default_user', 'postgres');
select try('default_user', 'SESSION_USER');
-- the last of several counts
delete from plproxy.options where cluster = 'options';
insert into plproxy.options values ('options', 'default_user', 'current_user'), ('options', 'default_user', 'session_user'), ('options', 'query_timeout', '600');
select touch_cluster('options');
select f();

-- a positive keepalive warns, once in a session
select try('keepalive_idle', '10');
select try('keepalive_interval', '10');
\c
\set VERBOSITY terse
set search_path = config_options, public;
select try('keepalive_interval', '10');
select try('keepalive_count', '10');

-- query_timeout ends a query, and the connection
create function pid() returns int language plproxy as $$ cluster 'options'; run on 0; select pg_backend_pid(); $$;
select try('query_timeout', '600');
select pid() as pid \gset
select wait(0);
select pid() = :pid as same;
select try('query_timeout', '1');
select wait(600);
\set VERBOSITY sqlstate
select wait(600);
set plproxy.sqlstate = 'precise';
select wait(600);
reset plproxy.sqlstate;
\set VERBOSITY terse
-- a changed one counts for the next call
select try('query_timeout', '0');
select wait(1.1);
select pid() = :pid as same;

-- connection_lifetime: a connection that isn't as old is kept
select try('connection_lifetime', '600');
select pid() as pid \gset
select pid() = :pid as same;
-- one that is older is replaced
select try('connection_lifetime', '1');
select pid() as pid \gset
select from pg_sleep(1.1);
select pid() = :pid as same;
-- its end doesn't come in the middle of a call
select wait(1.1);

-- disable_binary changes no value
create function data() returns table (a int, b numeric, c timestamptz, d bytea, e int[], f text, g bool, h float8) language plproxy as
    $$ cluster 'options'; run on 0;
       select 1 as "a", 2.50 as b, timestamptz '2001-02-03 04:05:06+00' as c, '\x00ff'::bytea as d, '{1,null}'::int[] as e, 'x' as f, true as g, 0.1::float8 as h; $$;
select try('disable_binary', '0');
select * from data();
select try('disable_binary', '1');
select * from data();

set client_min_messages = warning;
drop schema config_options cascade;
