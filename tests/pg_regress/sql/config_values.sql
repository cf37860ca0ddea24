--
-- What PL/Proxy 2 takes for a version and for a number, and sites therefore have. They are in a database of their own, because
-- there is only one of each function.
--
\set home :DBNAME
\set VERBOSITY default
\set SHOW_CONTEXT never
select connstr('plproxy_shard0') as shard0, connstr('plproxy_shard1') as shard1, connstr('plproxy_shard2') as shard2 \gset
set client_min_messages = warning;
drop database if exists plproxy_values with (force);
create database plproxy_values template template0;
\c plproxy_values
set client_min_messages = warning;
create extension plproxy;
create schema plproxy;
create table state (version text, partitions text[], key text, val text);
insert into state values ('1', array[:'shard0']);
create function plproxy.get_cluster_partitions(text) returns setof text language sql as 'select unnest(partitions) from state';
create function plproxy.get_cluster_config(text, out key text, out val text) returns setof record language sql as
    $$ select key, val from state where key is not null $$;
create function f() returns text language plproxy as $$ cluster 'a'; run on 0; select current_database(); $$;

-- A version of any type: all that counts is whether it is another one.
create domain whole as int;
create domain word as text;
create type versioned as (version int8, since date);
create type color as enum ('red', 'green');
create function try(type text, one text, other text) returns text language plpgsql as $$
declare
    results text[];
begin
    execute format('create function plproxy.get_cluster_version(text) returns %s language sql as %L', type,
        format('select version::%s from state', type));
    update state set version = one, partitions = array[replace(partitions[1], 'shard1', 'shard0')];
    results := array[f()];
    update state set partitions = array[replace(partitions[1], 'shard0', 'shard1')];
    results := results || f(); -- the same version
    update state set version = other;
    results := results || f();
    execute 'drop function plproxy.get_cluster_version(text)';
    return array_to_string(results, ' ');
end $$;
select type, try(type, one, other) from (values
    ('int2', '1', '2'), ('int4', '3', '-4'), ('int8', '5', '4294967301'), ('whole', '7', '8'), ('oid', '9', '4294967295'),
    ('numeric', '10', '10.5'), ('text', '11', '12'), ('text', 'a', 'b'), ('text', 'q', ''), ('word', 'c', 'd'), ('varchar', 'e', 'f'), ('name', 'g', 'h'),
    ('float8', '1.25', '1e100'), ('bool', 'false', 'true'), ('date', '2001-02-03', '2001-02-04'),
    ('timestamptz', '2001-02-03 04:05:06+00', '2001-02-03 04:05:06.000001+00'), ('uuid', '00000000-0000-0000-0000-000000000000', '00000000-0000-0000-0000-000000000001'),
    ('color', 'red', 'green'), ('int[]', '{1,2}', '{2,1}'), ('versioned', '(1,2001-02-03)', '(2,2001-02-03)')) o (type, one, other);
-- what a session has read, if it is a number that the view has room for
create function plproxy.get_cluster_version(text) returns text language sql as 'select version from state';
update state set version = '0012';
select f();
select version from plproxy_clusters;
select * from plproxy_explain('f()') e where e ~ 'Cluster:';
update state set version = 'twelve';
select f();
select version from plproxy_clusters;
select * from plproxy_explain('f()') e where e ~ 'Cluster:';
select plproxy_explain('f()', format => 'json')::json -> 'cluster' ->> 'version' as version;
-- NULL is still none
update state set version = null;
select f();
drop function plproxy.get_cluster_version;
create function plproxy.get_cluster_version(text) returns int language sql as 'select version::int from state';

-- Numbers as they come, with one warning for each version.
update state set version = '1', key = 'query_timeout', val = '1h';
select f();
select f();
-- for each, also with the same words
update state set version = '2';
select f(), f();
-- and none when they have been put right
update state set version = '3', val = '3600';
select f();
create function try(key text, val text) returns text language plpgsql as $$
begin
    update state set version = version::int + 1, key = $1, val = $2;
    return f();
end $$;
select try('query_timeout', val) from unnest(array['', '0', ' 5 ', '+5', e'\t5\n', '010', '2147483647']) val;
select try('connection_lifetime', val) from unnest(array['-1', '1.5', 'on', '0x10', '1e3', '5 s', '2147483648', '4294967297', '99999999999', '18446744073709551617']) val;
select try('disable_binary', val) from unnest(array['on', '-1', '4294967296']) val;
select try('statement_timeout', '5min');
select try('default_user', '');
-- nothing is wrong with what isn't one
select try('nonesuch', '1h');
-- all of them are in one warning
create or replace function plproxy.get_cluster_config(text, out key text, out val text) returns setof record language sql as
    $$ values ('connection_lifetime', '1h'), ('query_timeout', '10 min'), ('modular_mapping', 'off'), ('disable_binary', '0') $$;
update state set version = '100';
select f(), f();

-- Routes are what they were.
create or replace function plproxy.get_cluster_config(text, out key text, out val text) returns setof record language sql as
    $$ select key, val from state where key is not null $$;
create function hashed(hash int) returns text language plproxy as $$ cluster 'a'; run on hash; select current_database(); $$;
update state set partitions = array[:'shard0', :'shard1', :'shard2'];
set client_min_messages = error;
create function try_routes(val text) returns text language plpgsql as $$
begin
    update state set version = version::int + 1, key = 'modular_mapping', val = $1;
    return (select string_agg(right(hashed(hash), 1), '' order by hash) from generate_series(-3, 6) hash);
exception when others then
    return sqlerrm;
end $$;
select val, try_routes(val) from unnest(array['1', '-1', '2', '1.5', '1x', '4294967297', '18446744073709551616', '0', 'on', 'x1', '0x1', '4294967296', '']) val;
reset client_min_messages;

-- Servers: what is written must be digits, as it had to be. If they are too many it is taken, as it was.
create server s foreign data wrapper plproxy options (p0 'x', query_timeout '1h');
create server s foreign data wrapper plproxy options (p0 'x', query_timeout '-1');
create server s foreign data wrapper plproxy options (p0 'x', modular_mapping 'on');
create server s foreign data wrapper plproxy options (p0 'x', default_user '');
alter foreign data wrapper plproxy options (query_timeout '1h');
create server s foreign data wrapper plproxy options (p0 'x', p1 'y', p2 'z', modular_mapping '99999999999', query_timeout '4294967296');
alter server s options (set query_timeout '5');
alter foreign data wrapper plproxy options (query_timeout '99999999999999999999');
alter foreign data wrapper plproxy options (drop query_timeout);
drop server s;
create server s foreign data wrapper plproxy options (p '', "p 1" 'x', "partition_+2" 'x', partition_03 'x');
drop server s;
-- What is there already, from a time without a validator, is no less taken.
alter foreign data wrapper plproxy no validator;
create server a foreign data wrapper plproxy options (p :'shard2', query_timeout '1h', default_user '', modular_mapping 'yes');
create user mapping for public server a;
grant usage on foreign server a to public;
select f();
select f();
-- only a change of these options is worth another warning
create server other foreign data wrapper plproxy options (p0 'x');
select f();
alter server a options (set query_timeout '2h');
select f();
alter server a options (set query_timeout '7200', drop default_user, drop modular_mapping);
select f();

\c :home
drop database plproxy_values with (force);
