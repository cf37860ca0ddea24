--
-- The SQLSTATE of every error that SQL can bring about, as PL/Proxy 2 has it and as plproxy.sqlstate = 'precise' has it.
--
set client_min_messages = warning;
drop schema if exists sqlstates cascade;
drop server if exists "sqlstates server" cascade;
create schema sqlstates;
set search_path = sqlstates, public;
select add_cluster('sqlstates', connstr('plproxy_shard0'), connstr('plproxy_shard1'));
select add_cluster('sqlstates config', connstr('plproxy_shard0'));
create server "sqlstates server" foreign data wrapper plproxy options (p0 'dbname=x');

-- What statements raise, tried one after the other and undone.
create function raised(variadic statements text[]) returns text[] language plpgsql as $$
declare
    statement text;
    found text[];
begin
    foreach statement in array statements loop
        execute statement;
    end loop;
    raise exception using errcode = 'P9999';
exception when query_canceled or others then
    return array[nullif(sqlstate, 'P9999'), nullif(sqlstate, 'P9999') || ' ' || left(sqlerrm, 60)];
end $$;
create table cases (n serial, kind text, statements text[]);
create function a_case(kind text, variadic statements text[]) returns void language sql as
    $$ insert into cases (kind, statements) values (kind, statements) $$;
-- A function of this signature and body, and a call of it.
create function a_function(signature text, body text, call text, variadic before text[] default '{}') returns void language sql as $$
    insert into cases (kind, statements) values (signature || ': ' || body,
        before || array[format('create function sqlstates.f%s language plproxy as %L', signature, body)] || array['select * from sqlstates.f' || call])
$$;

-- This one comes first: once the functions have been used, another error comes.
select a_function('() returns int', $$cluster 'nonesuch';$$, '()', 'drop function plproxy.get_cluster_config');

-- how functions are declared
select a_case('stable', $$create function f() returns int language plproxy stable as 'connect ''x'';'$$);
select a_case('variadic', $$create function f(variadic int[]) returns int language plproxy as 'connect ''x'';'$$);
select a_function('(cstring) returns int', $$connect 'x';$$, '(''x'')');
select a_function('(anyelement) returns int', $$connect 'x';$$, '(1)');
select a_function('(anyelement) returns anyelement', $$connect 'x';$$, '(1)');
select a_function('() returns cstring', $$connect 'x';$$, '()');
select a_case('trigger', $$create function f() returns trigger language plproxy as 'connect ''x'';'$$, 'create table t (a int)',
    'create trigger t before insert on t for each row execute function f()', 'insert into t values (1)');
select a_case('event trigger', $$create function f() returns event_trigger language plproxy as 'connect ''x'';'$$,
    $$create event trigger sqlstates_event on ddl_command_start when tag in ('CREATE CONVERSION') execute function f()$$,
    $$create conversion c for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8$$);
select a_function('() returns int', $$cluster 'sqlstates'; run on all;$$, '()');
select a_function('() returns record', $$connect 'x'; select 1;$$, '() as (a int)');
select a_case('record', $$create function f() returns record language plproxy as 'connect ''x'';'$$, 'select f()');
select a_function('() returns int', $$nonesuch$$, '()');
select a_function('() returns int', $$cluster 'a'; cluster 'b';$$, '()');
select a_function('() returns int', $$run on 0;$$, '()');
select a_function('(a int) returns int', $$cluster 'sqlstates'; split a;$$, '(1)');
select a_function('() returns int', 'nonesuch', '()', 'set check_function_bodies = off');

-- clusters
select a_function('() returns int', $$cluster 'nonesuch';$$, '()');
select a_function('(a text) returns int', $$cluster lower(a);$$, '(null)');
select a_function('(a int) returns int', $$cluster abs(a);$$, '(1)');
select a_function('(a text[]) returns int', $$cluster unnest(a);$$, '(array[''x'', ''y''])');
select a_function('(a text[]) returns int', $$connect unnest(a);$$, '(array[''x'', ''y''])');
select a_function('() returns int', $$cluster 'sqlstates config';$$, '()',
    $$insert into plproxy.options values ('sqlstates config', 'nonesuch', '1')$$, $$select touch_cluster('sqlstates config')$$);
select a_function('() returns int', $$cluster 'sqlstates config';$$, '()',
    $$insert into plproxy.options values ('sqlstates config', 'default_user', 'me')$$, $$select touch_cluster('sqlstates config')$$);
select a_function('() returns int', $$cluster 'sqlstates config';$$, '()',
    $$insert into plproxy.options values ('sqlstates config', null, '1')$$, $$select touch_cluster('sqlstates config')$$);
select a_function('() returns int', $$cluster 'sqlstates config';$$, '()',
    $$insert into plproxy.options values ('sqlstates config', 'query_timeout', null)$$, $$select touch_cluster('sqlstates config')$$);
select a_function('() returns int', $$cluster 'sqlstates config';$$, '()',
    $$update plproxy.partitions set connstr = null where cluster = 'sqlstates config'$$, $$select touch_cluster('sqlstates config')$$);
select a_function('() returns int', $$cluster 'sqlstates config';$$, '()',
    $$delete from plproxy.partitions where cluster = 'sqlstates config'$$, $$select touch_cluster('sqlstates config')$$);
select a_function('() returns int', $$cluster 'sqlstates config';$$, '()',
    $$delete from plproxy.clusters where name = 'sqlstates config'$$);
select a_function('() returns int', $$cluster 'sqlstates server';$$, '()');

-- options of servers and user mappings
select a_case('server', $$create server s foreign data wrapper plproxy$$);
select a_case('server', $$create server s foreign data wrapper plproxy options (p1 'x')$$);
select a_case('server', $$create server s foreign data wrapper plproxy options (p0 'x', p00 'x')$$);
select a_case('server', $$create server s foreign data wrapper plproxy options (p0 'x', p2 'x', query_timeout '1')$$);
select a_case('server', $$create server s foreign data wrapper plproxy options (p0 'x', nonesuch '1')$$);
select a_case('server', $$create server s foreign data wrapper plproxy options (p0 'x', query_timeout '1h')$$);
select a_case('server', $$create server s foreign data wrapper plproxy options (p0 'x', default_user 'me')$$);
select a_case('mapping', $$create user mapping for public server "sqlstates server" options (host 'x')$$);
select a_case('validator', $$select plproxy_fdw_validator('{p0}', 'pg_foreign_server'::regclass)$$);
select a_case('validator', $$select plproxy_fdw_validator('{null}', 'pg_foreign_server'::regclass)$$);

-- routes
select a_function('(a int) returns int', $$cluster 'sqlstates'; run on a;$$, '(null)');
select a_function('(a text) returns int', $$cluster 'sqlstates'; run on a;$$, '(''x'')');
select a_function('(a int) returns int', $$cluster 'sqlstates'; run on generate_series(1, a);$$, '(2)');
select a_function('() returns int', $$cluster 'sqlstates'; run on 2;$$, '()');
select a_function('(a int[], b int[]) returns setof int', $$cluster 'sqlstates'; split a, b;$$, '(array[1], array[1, 2])');
select a_function('(a int[]) returns setof int', $$cluster 'sqlstates'; split a;$$, '(array[[1, 2], [3, 4]])');

-- connections
select a_function('() returns int', $$connect 'nonesuch=1';$$, '()');
select a_function('() returns int', $$connect 'host=/nonexistent dbname=x';$$, '()');
select a_function('(a text) returns int', $$connect a;$$, format('(%L)', connstr('nonesuch')));
select a_function('() returns int', $$cluster 'sqlstates'; run on 0; select pg_terminate_backend(pg_backend_pid())::int;$$, '()');
select a_function('() returns int', $$cluster 'sqlstates config'; select 1 from pg_sleep(600);$$, '()',
    $$insert into plproxy.options values ('sqlstates config', 'query_timeout', '1')$$, $$select touch_cluster('sqlstates config')$$);

-- what comes back
select a_function('() returns int', $$cluster 'sqlstates'; run on 0; select 1 / 0;$$, '()');
select a_function('() returns int', $$cluster 'sqlstates'; run on 0;$$, '()');
select a_function('() returns int', $$cluster 'sqlstates'; run on 0; select 1 limit 0;$$, '()');
select a_function('() returns int', $$cluster 'sqlstates'; run on 0; select generate_series(1, 2);$$, '()');
select a_function('() returns int', $$cluster 'sqlstates'; run on 0; select 1, 2;$$, '()');
select a_function('(out a int, out b int)', $$cluster 'sqlstates'; run on 0; select 1 as a;$$, '()');
select a_function('(out a int, out b int)', $$cluster 'sqlstates'; run on 0; select 1 as a, 2 as b, 3 as c;$$, '()');
select a_function('(out a int, out b int)', $$cluster 'sqlstates'; run on 0; select 1 as a, 2 as c;$$, '()');
select a_function('() returns int', $$cluster 'sqlstates'; run on 0; select 'x'::text;$$, '()');

-- what PL/Proxy 2 doesn't have
select a_case('limit', 'set plproxy.max_connections = 1',
    $$create function f() returns setof int language plproxy as 'cluster ''shards''; run on all; select 1;'$$, 'select f()');
select a_case('explain', $$select plproxy_explain('lower(''x'')')$$);
select a_case('explain', $$select plproxy_explain('whereami(1)', format => 'xml')$$);

\c
set search_path = sqlstates, public;
set plproxy.sqlstate = 'compatible';
select n, (raised(variadic statements)) as raised into compatible from cases;
\c
set search_path = sqlstates, public;
set plproxy.sqlstate = 'precise';
select n, (raised(variadic statements)) as raised into precise from cases;
reset plproxy.sqlstate;
\pset format unaligned
select c.raised[1] as compatible, p.raised[1] as precise, cases.kind, regexp_replace(substr(c.raised[2], 7), '^(user mapping not found).*', '\1') as message
from cases join compatible c using (n) join precise p using (n) order by n;
-- the text is the same
select n from compatible c join precise p using (n) where substr(c.raised[2], 7) is distinct from substr(p.raised[2], 7);

set client_min_messages = warning;
drop schema sqlstates cascade;
drop server "sqlstates server" cascade;
delete from plproxy.clusters where name like 'sqlstates%';
delete from plproxy.partitions where cluster like 'sqlstates%';
