--
-- Settings of a site's own whose names begin with plproxy., which configuration functions read; and those of ours that are
-- set before the library is there. All of it is the same whether the library is loaded when the server starts or later.
--
\set home :DBNAME
\set owner :USER
\set SHOW_CONTEXT never
select connstr('plproxy_shard0') as shard0, connstr('plproxy_shard1') as shard1 \gset
set client_min_messages = warning;
drop database if exists plproxy_own_settings with (force);
drop role if exists regress_own_settings;
create database plproxy_own_settings template template0;
alter database plproxy_own_settings set plproxy.my_dc = 'north';
create role regress_own_settings login;
\c plproxy_own_settings
set client_min_messages = warning;
create extension plproxy;
create schema plproxy;
grant usage on schema plproxy to public;
create function plproxy.get_cluster_version(text) returns int language sql stable as
    $$ select case current_setting('plproxy.my_dc') when 'north' then 1 else 2 end $$;
create function plproxy.get_cluster_config(text, out key text, out val text) returns setof record language sql as
    $$ select text 'default_user', text 'session_user' $$;
create table plproxy.shards (dc text, connstr text);
grant select on plproxy.shards to public;
insert into plproxy.shards values ('north', :'shard0' || ' user=' || current_user), ('south', :'shard1' || ' user=' || current_user);
create function plproxy.get_cluster_partitions(text) returns setof text language sql as
    $$ select connstr from plproxy.shards where dc = current_setting('plproxy.my_dc') $$;
create function place() returns text language plproxy as $$ cluster 'a'; select current_database(); $$;

-- of the database
\c
select place();
select current_setting('plproxy.my_dc');
-- of the session, after the library has been loaded
set plproxy.my_dc = 'south';
select place();
begin;
set local plproxy.my_dc = 'north';
select place();
rollback;
select place();
reset plproxy.my_dc;
select place();
select set_config('plproxy.My_Dc', 'south', false), place();
-- one that is new to it
set plproxy.another = 'x';
show plproxy.another;
-- of the session, before
\c
set plproxy.my_dc = 'south';
select place();
-- of the connection
\c "dbname=plproxy_own_settings options='-c plproxy.my_dc=south'"
select place();
\c "dbname=plproxy_own_settings options=''"
-- of a role
alter role regress_own_settings set plproxy.my_dc = 'south';
\c - regress_own_settings
select place();
set plproxy.my_dc = 'north';
select place();
-- of the configuration file, if there is one
\c :home :owner
select name, setting, current_setting(name, true) as current from pg_file_settings
where name = 'plproxy.regress_own' and setting is distinct from current_setting(name, true);

-- A name that is nearly one of ours is told of, once in a session. It stays as it is.
\c plproxy_own_settings
\set VERBOSITY default
set plproxy.max_conections = 5;
set plproxy.My_Depth = 'x';
select place();
select place(), plproxy_disconnect() > 0 as disconnected;
select place();
show plproxy.max_conections;
show plproxy.max_connections;
-- nor once more by the workers of a parallel query, which load the library too
alter database plproxy_own_settings set plproxy.max_conections = 5;
\c
select place();
do $$ begin perform set_config(name, 'on', false) from pg_settings where name in ('force_parallel_mode', 'debug_parallel_query'); end $$;
select count(*) > 0 as counted from pg_class;
alter database plproxy_own_settings reset plproxy.max_conections;

-- Ours that only superusers may set can't be smuggled in before the library is there, by whatever way.
create function try(sql text) returns void language plpgsql as $$ begin execute sql; exception when others then null; end $$;
\c - regress_own_settings
set client_min_messages = error;
select try('set plproxy.dynamic_connect = ''any'''), try('set plproxy.max_depth = 8'), try('set plproxy.idle_timeout = ''1min'''),
    try('set plproxy.sqlstate = ''nonesuch''');
select place();
select name, setting from pg_settings where name in ('plproxy.dynamic_connect', 'plproxy.max_depth', 'plproxy.idle_timeout', 'plproxy.sqlstate')
order by name collate "C";
\c
set client_min_messages = error;
select try('alter role regress_own_settings set plproxy.dynamic_connect = ''any''');
select try('alter role regress_own_settings set plproxy.sqlstate = ''precise''');
\c
set client_min_messages = error;
select place();
show plproxy.dynamic_connect;
-- a superuser may
\c - :owner
set client_min_messages = warning;
alter role regress_own_settings set plproxy.dynamic_connect = 'any';
\c - regress_own_settings
select place();
show plproxy.dynamic_connect;

\c :home :owner
set client_min_messages = warning;
drop database plproxy_own_settings with (force);
drop role regress_own_settings;
