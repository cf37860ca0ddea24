--
-- What the other tests stand on: the extension, four shard databases on this server, and clusters that are rows of
-- tables, so that a test can make its own and change them.
--
set client_min_messages = warning;
create extension plproxy;
create schema plproxy;
grant usage on schema plproxy to public;

drop database if exists plproxy_shard0 with (force);
drop database if exists plproxy_shard1 with (force);
drop database if exists plproxy_shard2 with (force);
drop database if exists plproxy_shard3 with (force);
create database plproxy_shard0 template template0;
create database plproxy_shard1 template template0;
create database plproxy_shard2 template template0;
create database plproxy_shard3 template template0;

-- The connection string of a database of this server. Only for superusers: others can't read where the sockets are.
create function connstr(dbname text) returns text language sql stable as $$
    select format('host=''%s'' port=%s dbname=%s',
                  btrim(split_part(current_setting('unix_socket_directories'), ',', 1)), current_setting('port'), dbname)
$$;

create table plproxy.clusters (
    name    text primary key,
    version integer default 1
);
create table plproxy.partitions (
    cluster text,
    number  integer,
    connstr text,
    primary key (cluster, number)
);
create table plproxy.options (
    cluster text,
    key     text,
    val     text
);
grant select on all tables in schema plproxy to public;

create function plproxy.get_cluster_version(cluster text) returns integer language sql as $$
    select c.version from plproxy.clusters c where c.name = $1
$$;
create function plproxy.get_cluster_config(cluster text, out key text, out val text) returns setof record language sql as $$
    select o.key, o.val from plproxy.options o where o.cluster = $1
$$;
create function plproxy.get_cluster_partitions(cluster text) returns setof text language sql as $$
    select p.connstr from plproxy.partitions p where p.cluster = $1 order by p.number
$$;

-- Makes a cluster of these connection strings, in their order: add_cluster('name', connstr('db0'), connstr('db1')).
create function add_cluster(name text, variadic connstrs text[]) returns void language sql as $$
    insert into plproxy.clusters values ($1);
    insert into plproxy.partitions select $1, ordinality - 1, connstr from unnest($2) with ordinality as p (connstr);
$$;

-- Makes the changes to a cluster known.
create function touch_cluster(name text) returns void language sql as $$
    update plproxy.clusters c set version = version + 1 where c.name = $1
$$;

select add_cluster('shards', connstr('plproxy_shard0'), connstr('plproxy_shard1'),
                   connstr('plproxy_shard2'), connstr('plproxy_shard3'));

-- How many connections are open that go by this name. Closed ones are given time to be gone, at most a minute.
create function open_connections(application_name text, expected bigint) returns text language plpgsql as $$
declare
    found bigint;
begin
    for attempt in 1 .. 600 loop
        perform pg_stat_clear_snapshot();
        select count(*) into found from pg_stat_activity a where a.application_name = $1;
        if found = expected then
            return 'as expected';
        end if;
        perform pg_sleep(0.1);
    end loop;
    return found || ' instead of ' || expected;
end $$;

-- It works: the database that each partition is.
create function whereami(part integer) returns text language plproxy as $$
    cluster 'shards'; run on part; select current_database();
$$;
select part, whereami(part) from generate_series(0, 3) part;

-- What a test needs on all the shards: select from on_shards('create …'). By \c it can also go to one.
\set home :DBNAME
\set run 'create function run(sql text) returns void language plpgsql as $$ begin execute sql; end $$'
\c plproxy_shard0
:run;
\c plproxy_shard1
:run;
\c plproxy_shard2
:run;
\c plproxy_shard3
:run;
\c :home
create function on_shards(sql text) returns setof void language plproxy as $$
    cluster 'shards'; run on all; target public.run;
$$;
select from on_shards('select 1');
