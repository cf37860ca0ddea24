--
-- The three functions that configure clusters: what they may return, and when they are asked.
--
-- They are in a database of their own, because there is only one of each.
\set home :DBNAME
\set VERBOSITY terse
select connstr('plproxy_shard0') as shard0, connstr('plproxy_shard1') as shard1 \gset
set client_min_messages = warning;
drop database if exists plproxy_config with (force);
create database plproxy_config template template0;
\c plproxy_config
set client_min_messages = warning;
create extension plproxy;
reset client_min_messages;
create function f() returns text language plproxy as $$ cluster 'a'; select current_database(); $$;

-- without the functions there is no cluster
select f();
create schema plproxy;
select f();
create function plproxy.get_cluster_version(text) returns int language sql as 'select 1';
select f();
create function plproxy.get_cluster_partitions(text) returns setof text language sql as 'select null::text limit 0';
select f();
create function plproxy.get_cluster_config(text, out key text, out val text) returns setof record language sql as 'select text '''', text '''' limit 0';
-- now there is
select f();

-- partitions
create or replace function plproxy.get_cluster_partitions(text) returns setof text language sql as 'select null::text';
select f();
create or replace function plproxy.get_cluster_partitions(text) returns setof text language sql as $$ values ('x'), (null) $$;
select f();
create or replace function plproxy.get_cluster_partitions(text) returns setof text language sql as $$ values ('x'), ('y'), ('z') $$;
select f();
create or replace function plproxy.get_cluster_partitions(text) returns setof text language plpgsql as $$ begin raise 'no partitions of %', $1 using errcode = 'P1234'; end $$;
select f();
drop function plproxy.get_cluster_partitions;
create function plproxy.get_cluster_partitions(text) returns setof int language sql as 'values (1)';
select f();
drop function plproxy.get_cluster_partitions;
create table calls (n serial, function text, cluster text);
create table state (version int, connstr text, key text, val text);
create function plproxy.get_cluster_partitions(cluster text) returns setof text language plpgsql as
    $$ begin insert into calls (function, cluster) values ('partitions', cluster); return query select connstr from state; end $$;
insert into state values (1, :'shard0');
select f();

-- version
create or replace function plproxy.get_cluster_version(text) returns int language sql as 'select null::int';
select f();
drop function plproxy.get_cluster_version(text);
create function plproxy.get_cluster_version(text) returns setof int language sql as 'select 1 limit 0';
select f();
create or replace function plproxy.get_cluster_version(text) returns setof int language sql as 'values (1), (2)';
select f();
drop function plproxy.get_cluster_version(text);
create function plproxy.get_cluster_version(text) returns text language sql as $$ select '1'::text $$;
select f();
drop function plproxy.get_cluster_version(text);
create function plproxy.get_cluster_version(cluster text) returns int language plpgsql as
    $$ begin raise 'no version of %', $1 using errcode = 'P1234', detail = 'the detail'; end $$;
\set VERBOSITY default
\set SHOW_CONTEXT never
select f();
\set VERBOSITY terse
create or replace function plproxy.get_cluster_version(cluster text) returns int language plpgsql as
    $$ begin insert into calls (function, cluster) values ('version', cluster); return (select version from state limit 1); end $$;
select f();

-- configuration
create function asked() returns table (function text, cluster text) language sql as
    $$ with gone as (delete from calls returning *) select function, cluster from gone order by n $$;
create or replace function plproxy.get_cluster_config(text, out key text, out val text) returns setof record language sql as $$ select text 'x', null::text $$;
update state set version = version + 1;
select f();
create or replace function plproxy.get_cluster_config(text, out key text, out val text) returns setof record language sql as $$ select null::text, text 'x' $$;
update state set version = version + 1;
select f();
create or replace function plproxy.get_cluster_config(text, out key text, out val text) returns setof record language sql as $$ select text 'nonesuch', text 'x' $$;
update state set version = version + 1;
select f();
create or replace function plproxy.get_cluster_config(text, out key text, out val text) returns setof record language plpgsql as $$ begin raise 'no config of %', $1 using errcode = 'P1234'; end $$;
update state set version = version + 1;
select f();
drop function plproxy.get_cluster_config;
create function plproxy.get_cluster_config(text, out key text, out val text, out more text) returns setof record language sql as $$ select text 'a', text 'b', text 'c' $$;
update state set version = version + 1;
select f();
drop function plproxy.get_cluster_config;
create function plproxy.get_cluster_config(text) returns setof text language sql as $$ select text 'a' $$;
update state set version = version + 1;
select f();
drop function plproxy.get_cluster_config;
create function plproxy.get_cluster_config(text, out key int, out val text) returns setof record language sql as $$ select 1, text 'b' $$;
update state set version = version + 1;
select f();
drop function plproxy.get_cluster_config;
create function plproxy.get_cluster_config(text, out key text, out val int) returns setof record language sql as $$ select text 'a', 1 $$;
update state set version = version + 1;
select f();
drop function plproxy.get_cluster_config;
-- the version is the same again: the good configuration was never given up
update state set version = 1;
select f();
create function plproxy.get_cluster_config(cluster text, out key text, out val text) returns setof record language plpgsql as
    $$ begin insert into calls (function, cluster) values ('config', cluster); return query select s.key, s.val from state s where s.key is not null; end $$;

-- when they are asked: the version always, the others when it is another
truncate calls;
select f();
select * from asked();
update state set connstr = :'shard1';
select f();
select * from asked();
update state set version = 2;
select f(), f();
select * from asked();
-- any other, also a smaller one
update state set version = -5, connstr = :'shard0';
select f();
select * from asked();
-- another cluster is another
create function g() returns text language plproxy as $$ cluster 'b'; select current_database(); $$;
select f(), g();
select * from asked();
-- a new session has nothing
\c
\set VERBOSITY terse
select f();
select * from asked();
-- a bad new configuration: an error at each call, until it is mended or the old version is back
update state set version = 3, connstr = :'shard1', key = 'nonesuch', val = '1';
select f();
select f();
update state set version = -5;
select f();
update state set version = 3;
select f();
update state set key = 'query_timeout', val = '60';
select f();

-- in one transaction
begin;
update state set version = 4, connstr = :'shard0';
select f();
rollback;
select f();
begin;
update state set version = 5, connstr = :'shard0';
savepoint s;
update state set version = 6, connstr = :'shard1';
select f();
rollback to s;
select f();
commit;
select f();
-- in one statement
create function next_version(int) returns int language sql as 'update state set version = version + 1 returning version';
truncate calls;
select next_version(n) > 0 as changed, f() from generate_series(1, 2) n;
select count(*), function from calls group by function order by function;
-- a connection that the new version wants too is kept
create function pid() returns int language plproxy as $$ cluster 'a'; select pg_backend_pid(); $$;
select pid() as pid \gset
update state set version = 100;
select pid() = :pid as same;

-- whatever its language and volatility, it sees what was done before
create function next_version_of_f() returns text language plpgsql as $$ begin
    update state set version = version + 1, connstr = case when connstr like '%shard0' then replace(connstr, 'shard0', 'shard1') else replace(connstr, 'shard1', 'shard0') end;
    return f();
end $$;
update state set connstr = :'shard0';
create or replace function plproxy.get_cluster_version(cluster text) returns int language sql stable as $$ select version from state $$;
select next_version_of_f(), next_version_of_f(), f();
create or replace function plproxy.get_cluster_version(cluster text) returns int language plpgsql stable as $$ begin return (select version from state); end $$;
select next_version_of_f(), next_version_of_f(), f();
begin;
update state set version = version + 1, connstr = :'shard0';
select f();
update state set version = version + 1, connstr = :'shard1';
select f();
rollback;
select f();
create or replace function plproxy.get_cluster_version(cluster text) returns int language sql immutable strict as $$ select 7 $$;
update state set connstr = :'shard0';
select f(), f();
-- a set of one row will do
drop function plproxy.get_cluster_version;
create function plproxy.get_cluster_version(cluster text) returns setof int language sql stable as $$ select version from state $$;
select next_version_of_f(), next_version_of_f(), f();
insert into state select * from state;
select f();
delete from state where ctid <> (select min(ctid) from state);
select f();
drop function plproxy.get_cluster_version;
create function plproxy.get_cluster_version(cluster text, more int default 1, out int8) language sql as $$ select more $$;
select f();

-- the functions themselves may call plproxy functions
drop function plproxy.get_cluster_version;
create or replace function plproxy.get_cluster_version(cluster text) returns int language plpgsql as
    $$ begin if cluster = 'nested' then return length(f()); end if; return 1; end $$;
create function nested() returns text language plproxy as $$ cluster 'nested'; select current_database(); $$;
select nested();

-- whose configuration it is that is wrong
\set VERBOSITY default
\set SHOW_CONTEXT errors
create or replace function plproxy.get_cluster_version(cluster text) returns int language plpgsql as
    $$ begin raise 'no version today' using hint = 'Try tomorrow.'; end $$;
select nested();
create or replace function plproxy.get_cluster_version(cluster text) returns int language sql as 'select null::int';
select nested();
create or replace function plproxy.get_cluster_version(cluster text) returns int language sql as 'select 1';
update state set connstr = 'port=x';
create function misdirected() returns text language plproxy as $$ cluster 'misdirected'; select current_database(); $$;
select misdirected();

\c :home
drop database plproxy_config with (force);
