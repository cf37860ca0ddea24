--
-- Options of the foreign-data wrapper, its servers and user mappings.
--
\set VERBOSITY default
create foreign data wrapper plproxy_test validator plproxy_fdw_validator;
-- Tries one statement and undoes it.
create function try_ddl(sql text) returns text language plpgsql as $$
declare
    text_of_hint text;
begin
    execute sql;
    raise exception using errcode = 'P9999';
exception
when sqlstate 'P9999' then
    return 'works';
when others then
    get stacked diagnostics text_of_hint = pg_exception_hint;
    return concat_ws(e'\n', sqlstate || ' ' || sqlerrm, nullif(text_of_hint, ''));
end
$$;
\pset format unaligned
\pset tuples_only on

-- servers
select try_ddl($$create server s foreign data wrapper plproxy_test options (p0 'dbname=a')$$);
select try_ddl($$create server s foreign data wrapper plproxy_test options (partition_0 'dbname=a')$$);
select try_ddl($$create server s foreign data wrapper plproxy_test options (p0 'a', p1 'b', p2 'c', p3 'd')$$);
select try_ddl($$create server s foreign data wrapper plproxy_test options (p0 'a', partition_1 'b')$$);
select try_ddl($$create server s foreign data wrapper plproxy_test options (p00 'a', p01 'b')$$);
select try_ddl($$create server s foreign data wrapper plproxy_test options (p1 'b', p0 'a', partition_003 'd', p2 'c')$$);
-- (no number is 0)
select try_ddl($$create server s foreign data wrapper plproxy_test options (p 'a')$$);
select try_ddl($$create server s foreign data wrapper plproxy_test options (partition_ 'a')$$);
select try_ddl($$create server s foreign data wrapper plproxy_test options (query_timeout '5', p1 'b', connection_lifetime '', p0 'a', disable_binary '1')$$);
select try_ddl($$create server s foreign data wrapper plproxy_test options (p0 'a', default_user 'session_user', connect_timeout '5', statement_timeout '1',
    keepalive_idle '0', keepalive_interval '0', keepalive_count '0', modular_mapping '0')$$);
select try_ddl($$create server s foreign data wrapper plproxy_test options (p0 'a', p1 'b', p2 'c', modular_mapping '1')$$);
select try_ddl($$create server s foreign data wrapper plproxy_test options (modular_mapping '1', p0 'a', p1 'b', p2 'c', p3 'd', p4 'e')$$);
-- partitions that can't be
select try_ddl($$create server s foreign data wrapper plproxy_test$$);
select try_ddl($$create server s foreign data wrapper plproxy_test options (query_timeout '1')$$);
select try_ddl($$create server s foreign data wrapper plproxy_test options (p0 'a', p1 'b', p2 'c')$$);
select try_ddl($$create server s foreign data wrapper plproxy_test options (p0 'a', p1 'b', p2 'c', modular_mapping '0')$$);
select try_ddl($$create server s foreign data wrapper plproxy_test options (p1 'a')$$);
select try_ddl($$create server s foreign data wrapper plproxy_test options (p1 'a', p2 'b')$$);
select try_ddl($$create server s foreign data wrapper plproxy_test options (p0 'a', p2 'b')$$);
select try_ddl($$create server s foreign data wrapper plproxy_test options (p0 'a', p2 'b', query_timeout '1')$$);
select try_ddl($$create server s foreign data wrapper plproxy_test options (p0 'a', p99999999999999999999 'b')$$);
select try_ddl($$create server s foreign data wrapper plproxy_test options (p0 'a', partition_0 'b')$$);
select try_ddl($$create server s foreign data wrapper plproxy_test options (p0 'a', p00 'b')$$);
-- options that can't be
select try_ddl($$create server s foreign data wrapper plproxy_test options (p0 'a', nonesuch '1')$$);
select try_ddl($$create server s foreign data wrapper plproxy_test options (p0x 'a')$$);
select try_ddl($$create server s foreign data wrapper plproxy_test options (p0 'a', "p-1" 'b')$$);
select try_ddl($$create server s foreign data wrapper plproxy_test options (p0 'a', "P1" 'b')$$);
select try_ddl($$create server s foreign data wrapper plproxy_test options (p0 'a', query_timeout '1h')$$);
select try_ddl($$create server s foreign data wrapper plproxy_test options (p0 'a', query_timeout '-1')$$);
select try_ddl($$create server s foreign data wrapper plproxy_test options (p0 'a', connection_lifetime 'x=y')$$);
select try_ddl($$create server s foreign data wrapper plproxy_test options (p0 'a', default_user 'me')$$);
select try_ddl($$create server s foreign data wrapper plproxy_test options (p0 'a', "user" 'me')$$);
-- changes
create server fdw_validator foreign data wrapper plproxy_test options (p0 'a', p1 'b');
select try_ddl($$alter server fdw_validator options (set p0 'x')$$);
select try_ddl($$alter server fdw_validator options (add p2 'c', add p3 'd')$$);
select try_ddl($$alter server fdw_validator options (add p2 'c')$$);
select try_ddl($$alter server fdw_validator options (add p2 'c', add modular_mapping '1')$$);
select try_ddl($$alter server fdw_validator options (drop p1)$$);
select try_ddl($$alter server fdw_validator options (drop p0)$$);
select try_ddl($$alter server fdw_validator options (add query_timeout 'x')$$);

-- the wrapper: defaults for all its servers
select try_ddl($$alter foreign data wrapper plproxy_test options (add query_timeout '1', add connection_lifetime '2', add default_user 'session_user')$$);
select try_ddl($$alter foreign data wrapper plproxy_test options (add connect_timeout '1', add modular_mapping '1')$$);
select try_ddl($$alter foreign data wrapper plproxy_test options (add query_timeout 'x')$$);
select try_ddl($$alter foreign data wrapper plproxy_test options (add nonesuch '1')$$);
select try_ddl($$alter foreign data wrapper plproxy_test options (add p0 'a')$$);
select try_ddl($$alter foreign data wrapper plproxy_test options (add default_user 'x')$$);

-- user mappings
select try_ddl($$create user mapping for public server fdw_validator$$);
select try_ddl($$create user mapping for public server fdw_validator options ("user" 'me')$$);
select try_ddl($$create user mapping for public server fdw_validator options ("user" 'me', password 'se=cret')$$);
select try_ddl($$create user mapping for public server fdw_validator options (password '')$$);
select try_ddl($$create user mapping for public server fdw_validator options (username 'me')$$);
select try_ddl($$create user mapping for public server fdw_validator options ("user" 'me', host 'x')$$);
select try_ddl($$create user mapping for public server fdw_validator options (password 'secret', p0 'x')$$);

-- foreign tables have no options of ours to check
select try_ddl($$create foreign table t (a int) server fdw_validator options (x 'y')$$);

-- called by hand: nothing crashes
create function try_validator(options text[], catalog regclass) returns text language plpgsql as $$
begin
    return plproxy_fdw_validator(options, catalog);
exception when others then
    return sqlstate || ' ' || sqlerrm;
end
$$;
select catalog, options, try_validator(options, catalog)
from unnest(array['pg_foreign_server', 'pg_foreign_data_wrapper', 'pg_user_mapping', 'pg_class']::regclass[]) catalog,
     (values ('{}'::text[]), ('{p0=a}'), ('{p0=}'), ('{p0}'), ('{user}'), ('{""}'), ('{=}'), ('{null}'), ('{p0=a,null}'), ('{{p0=a,p1=b}}')) o (options);
select try_validator(null, 'pg_foreign_server'), try_validator('{}', null);

-- a server is a cluster, for those who have a user mapping
create server "fdw cluster" foreign data wrapper plproxy options (p0 'a');
create function fdw_cluster() returns int language plproxy as $$ cluster 'fdw cluster'; select 1; $$;
\set VERBOSITY sqlstate
select fdw_cluster();
\set VERBOSITY terse
drop server "fdw cluster";
-- without it, it is the functions' again, in the same session
select add_cluster('fdw cluster', connstr('plproxy_shard0'));
select fdw_cluster();
-- a server of another wrapper is none
create foreign data wrapper fdw_other;
create server "fdw cluster" foreign data wrapper fdw_other;
select fdw_cluster();

set client_min_messages = warning;
\pset tuples_only off
\pset format aligned
drop function fdw_cluster;
drop function try_ddl;
drop function try_validator;
drop foreign data wrapper plproxy_test cascade;
drop foreign data wrapper fdw_other cascade;
