--
-- plproxy_explain: what a call would do, and what it does.
--
\set VERBOSITY terse
\pset null '<null>'
\pset format unaligned
\pset tuples_only on
set client_min_messages = warning;
drop role if exists regress_explain;
reset client_min_messages;
create schema explain;
set search_path = explain, public;
-- Connection strings that look the same everywhere; sockets and ports are in the server's surroundings, or it isn't reached.
select add_cluster('explain', 'dbname=plproxy_shard0 password=geheim', 'dbname=plproxy_shard1', 'dbname=plproxy_shard2', 'dbname=plproxy_shard3');
create function ran() returns integer language plpgsql as $$ begin raise notice 'ran'; return 1; end $$;

create function get(key text, n integer default ran(), out id bigint, out name text, out "Kind" point) returns setof record
    language plproxy as $$ cluster 'explain'; run on length(key); $$;
select plproxy_explain($$get('abc', 7)$$);
-- Arguments are computed, and so are defaults, as for a call.
select plproxy_explain($$get(n => 2 + ran(), key => (select 'a' || 'b'))$$);
select plproxy_explain($$get(upper('a'))$$);
select plproxy_explain($$explain.get('abc', null::integer) as g$$);
-- CLUSTER f(), RUN ON in all its forms
create function everywhere() returns setof text language plproxy as $$ cluster lower('EXPLAIN'); run on all; select current_database(); $$;
select plproxy_explain('everywhere()');
create function numbered(n integer) returns text language plproxy as $$ cluster 'explain'; run on 3; $$;
select plproxy_explain('numbered(5)');
create function by_argument(n integer) returns text language plproxy as $$ cluster 'explain'; run on n; target other.name; $$;
select plproxy_explain('by_argument(5)');
create function anywhere() returns void language plproxy as $$ cluster 'explain'; run on any; $$;
select regexp_replace(line, '\d: dbname=plproxy_shard\d', 'N', 'g') from plproxy_explain('anywhere()') line;
create function cut(keys text[], vals integer[], rest text) returns setof integer language plproxy as $$
    cluster 'explain'; split keys, vals; run on length(keys);
$$;
select plproxy_explain($$cut(array['a', 'bb', 'cc', ''], array[1, 2, 3, 4], 'x')$$);
select plproxy_explain($$cut('{}', '{}', 'x')$$);
create function rec(n integer) returns setof record language plproxy as $$ cluster 'explain'; run on n; $$;
select plproxy_explain('rec(2) as (a integer, b text)');
select plproxy_explain('rec(2)');
-- CONNECT
create function to_string(connstr text) returns text language plproxy as $$ connect connstr; select 1; $$;
select plproxy_explain($$to_string('dbname=plproxy_nonesuch password=geheim')$$);
select plproxy_explain($$to_string('no connection string: geheim')$$);
-- Options
insert into plproxy.options values ('explain', 'disable_binary', '1'), ('explain', 'prepared_statements', 'off');
select touch_cluster('explain');
select plproxy_explain($$get('abc', 7)$$);
delete from plproxy.options where cluster = 'explain';
select touch_cluster('explain');
create server explain foreign data wrapper plproxy options (p0 'dbname=plproxy_shard2');
create user mapping for public server explain;
select plproxy_explain($$get('abc', 7)$$);
drop server explain cascade;
-- STRICT
create function strict(n integer) returns integer strict language plproxy as $$ cluster 'explain'; run on n; $$;
select plproxy_explain('strict(null)');
select plproxy_explain('strict(null)', "analyze" => true);
select plproxy_explain('strict(null)', format => 'json');
-- JSON, for tools.
select plproxy_explain($$get('abc', 7)$$, format => 'json');
select e -> 'partitions' from plproxy_explain($$cut(array['a', 'bb'], array[1, 2], 'x')$$, format => 'JSON') as t (j), lateral (select j::json as e) e;

-- Nothing has run, here or elsewhere.
select count(*) from plproxy_connections;
select calls from plproxy_functions where calls > 0;

--
-- With analyze it runs.
--
select add_cluster('analyze', connstr('plproxy_shard0'), connstr('plproxy_shard1'), connstr('plproxy_shard2'), connstr('plproxy_nonesuch'));
create function place(part integer) returns text language plproxy as $$ cluster 'analyze'; run on part; select current_database(); $$;
create function counted(n integer) returns setof integer language plproxy as $$ cluster 'analyze'; run on n; select generate_series(1, n); $$;
create function split(n integer[]) returns setof integer language plproxy as $$ cluster 'analyze'; run on n; split n; target pg_catalog.unnest; $$;
create function slow(n integer) returns integer language plproxy as $$ cluster 'analyze'; run on n; select 1 from (select pg_sleep(0.1)) s; $$;
-- What is the same everywhere: not where sockets are, not the times, and not the bytes of a first call.
create function masked(explanation text) returns text language sql as $$
    select regexp_replace(regexp_replace(regexp_replace($1, '(host|port)=\S+ ', '', 'g'), '[\d.]+ ms', 'N ms', 'g'), '\d+ bytes', 'N bytes', 'g')
$$;
select masked(line) from plproxy_explain('place(1)', true) line;
select masked(line) from plproxy_explain('place(1)', true) line;
select masked(line) from plproxy_explain('counted(2)', true) line;
select masked(line) from plproxy_explain('split(array[1, 2, 5, 9])', true) line;
select masked(line) from plproxy_explain($$split('{}')$$, true) line;
-- Calls in arguments, also of the same function, aren't meant.
select masked(line) from plproxy_explain('counted((select max(n) from counted(length(place(0)) - 12) n))', true) line;
-- Times are milliseconds, in the order in which things happen.
select (e ->> 'total_time')::float8 >= (p ->> 'last_row')::float8 as total_time,
       (p ->> 'last_row')::float8 >= (p ->> 'first_row')::float8 as last_row,
       (p ->> 'first_row')::float8 >= 100 + (p ->> 'sent')::float8 as first_row,
       (p ->> 'sent')::float8 >= (p ->> 'connect_time')::float8 as sent, p -> 'failed' as failed, p -> 'rows' as rows,
       (p ->> 'bytes_in')::integer > 0 as bytes_in, (p ->> 'bytes_out')::integer > 0 as bytes_out
from plproxy_explain('slow(2)', true, 'json') j, lateral (select j::json e) e, lateral json_array_elements(e -> 'partitions') p;
-- One that fails fails as the call does.
\set VERBOSITY sqlstate
select plproxy_explain('place(3)', true);
select plproxy_explain('place(null)', true);
\set VERBOSITY terse
-- RUN ON ANY goes elsewhere.
create server explain_any foreign data wrapper plproxy options (p0 'host=/nonesuch');
create user mapping for public server explain_any;
create function anywhere_else() returns integer language plproxy as $$ cluster 'explain_any'; run on any; select 1; $$;
select format('alter server explain_any options (add p1 %L)', connstr('plproxy_shard2')) as alter \gset
:alter;
select distinct masked(line) from generate_series(1, 50) n, plproxy_explain('anywhere_else()', n > 0) line where line ~ 'failed';
drop server explain_any cascade;
-- After all this a call is a call again.
select place(0), place(1);

-- It is this call that is explained, and nothing else. What its arguments, its defaults and its hash function call is
-- executed as always, also if it is the same function; and with analyze it is this call that is told of.
create function logged(v text) returns text language plproxy as $$ cluster 'analyze'; run on 0; target explain.log; $$;
select from on_shards('create schema explain');
select from on_shards('create table explain.lines (v text)');
select from on_shards($$create function explain.log(v text) returns text language sql as
    'insert into explain.lines values ($1) returning v'$$);
create function lines() returns setof text language plproxy as $$ cluster 'analyze'; run on 0; select v from explain.lines order by 1; $$;
select masked(line) from plproxy_explain($$logged(logged('argument') || ', outer')$$) line;
select lines();
create function logged_by_default(v text, w text default logged('default')) returns text language plproxy as
    $$ cluster 'analyze'; run on 0; target explain.log2; $$;
select masked(line) from plproxy_explain($$logged_by_default('x')$$) line where line ~ 'Function';
create function logging_hash(v text) returns int language plpgsql as $$ begin
    if v = 'outer' then perform explain.logged('hash'), explain.hashed('inner'); end if; return 0; end $$;
create function hashed(v text) returns text language plproxy as $$ cluster 'analyze'; run on logging_hash(v); target explain.log; $$;
select masked(line) from plproxy_explain($$hashed('outer')$$) line where line ~ 'Function|Remote';
select lines();
-- Nor is a call explained that isn't made.
create function strictly(v text) returns text strict language plproxy as $$ cluster 'analyze'; run on 0; select nullif(v, 'null'); $$;
select plproxy_explain($$strictly(strictly('null'))$$);
select plproxy_explain($$strictly(strictly('null'))$$, true);
select masked(line) from plproxy_explain($$strictly((select string_agg(line, '') from plproxy_explain('place(1)', true) line))$$, true) line
where line ~ 'Function';
-- What is explained after an error is the next one.
do $do$ begin perform plproxy_explain($$logged((1/(length('x') - 1))::text)$$); exception when division_by_zero then null; end $do$;
select logged('after');
select lines();
set client_min_messages = warning;
select from on_shards('drop schema explain cascade');
reset client_min_messages;
-- As whom: a function with SECURITY DEFINER runs as its owner, also here.
create role regress_explain;
grant usage on schema explain to regress_explain;
create server explain_mine foreign data wrapper plproxy options (p0 'dbname=plproxy_shard2');
create user mapping for current_user server explain_mine;
create function definers() returns text security definer language plproxy as $$ cluster 'explain_mine'; run on 0; $$;
create function invokers() returns text language plproxy as $$ cluster 'explain_mine'; run on 0; $$;
create function forbidden() returns text security definer language plproxy as $$ cluster 'explain_mine'; run on 0; $$;
revoke execute on function forbidden() from public;
set role regress_explain;
select plproxy_explain('definers()');
select plproxy_explain('invokers()');
select plproxy_explain('forbidden()');
select plproxy_explain('forbidden()', true);
reset role;

-- What is no call of ours.
select plproxy_explain('now()');
select plproxy_explain('pg_class');
select plproxy_explain('(select 1) x');
select plproxy_explain('numbered(1), numbered(2)');
select plproxy_explain('numbered(1) where true');
select plproxy_explain('numbered(1) limit 1');
select plproxy_explain('numbered(1) union all select 1');
select plproxy_explain('numbered(1); select ran()');
select plproxy_explain('rows from (numbered(1))');
select plproxy_explain('numbered(1) with ordinality');
select plproxy_explain('lateral numbered(1)');
select plproxy_explain('numbered(1) group by ran()');
select plproxy_explain('numbered(1) for update');
select plproxy_explain('');
select plproxy_explain('nonesuch(1)');
select plproxy_explain('numbered(1');
select plproxy_explain('numbered(1)', format => 'yaml');
select plproxy_explain(null);

set client_min_messages = warning;
drop schema explain cascade;
drop server explain_mine cascade;
drop role regress_explain;
delete from plproxy.clusters where name in ('explain', 'analyze');
