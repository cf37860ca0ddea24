--
-- Connections: how many there are, whose they are, how long they live.
--
select add_cluster('keep', connstr('plproxy_shard0') || ' application_name=plproxy_keep',
                   connstr('plproxy_shard1') || ' application_name=plproxy_keep');
create function keep_pids() returns setof integer language plproxy as $$ cluster 'keep'; run on all; select pg_backend_pid(); $$;
create function keep_pid(part integer) returns integer language plproxy as $$ cluster 'keep'; run on part; select pg_backend_pid(); $$;
create function keep_user(part integer) returns text language plproxy as $$ cluster 'keep'; run on part;
    select case when rolsuper then 'superuser' else rolname end || ' at ' || current_database() from pg_roles where rolname = session_user;
$$;

-- None before the first use, then one for each partition, kept from call to call and from transaction to transaction.
select open_connections('plproxy_keep', 0);
select keep_pid(0) > 0;
select open_connections('plproxy_keep', 1);
select array_agg(p order by n) as pids from keep_pids() with ordinality as t (p, n)
\gset
select open_connections('plproxy_keep', 2);
begin;
select array_agg(p order by n) = :'pids'::integer[] as kept from keep_pids() with ordinality as t (p, n);
savepoint s;
select keep_pid(0) = (:'pids'::integer[])[1] as kept, keep_pid(1) = (:'pids'::integer[])[2] as kept;
rollback to s;
select 1 / 0;
rollback;
select array_agg(p order by n) = :'pids'::integer[] as kept from keep_pids() with ordinality as t (p, n);
select open_connections('plproxy_keep', 2);

-- Functions, clusters and CONNECT share them if their connection strings are equal.
select add_cluster('keep_too', connstr('plproxy_shard1') || ' application_name=plproxy_keep');
create function keep_too() returns integer language plproxy as $$ cluster 'keep_too'; run on 0; select pg_backend_pid(); $$;
create function keep_connect(c text) returns integer language plproxy as $$ connect c; select pg_backend_pid(); $$;
select keep_too() = (:'pids'::integer[])[2] as shared,
       keep_connect(connstr('plproxy_shard0') || ' application_name=plproxy_keep') = (:'pids'::integer[])[1] as shared,
       keep_connect(connstr('plproxy_shard0') || '  application_name=plproxy_keep') = (:'pids'::integer[])[1] as other_text;
select open_connections('plproxy_keep', 3);

-- One for each role.
create role plproxy_alice login;
create role plproxy_bob login;
select keep_user(0);
set role plproxy_alice;
select keep_user(0), keep_pid(0) = (:'pids'::integer[])[1] as shared;
reset role;
set role plproxy_bob;
select keep_user(0), keep_user(1);
reset role;
select open_connections('plproxy_keep', 6);
select keep_user(0), keep_pid(0) = (:'pids'::integer[])[1] as kept;
set role plproxy_alice;
select keep_user(0);
reset role;
select open_connections('plproxy_keep', 6);
-- In a SECURITY DEFINER function it is that one's owner.
create function keep_definer() returns text language sql security definer as 'select keep_user(0)';
alter function keep_definer() owner to plproxy_alice;
select keep_user(0), keep_definer(), keep_user(0);
select open_connections('plproxy_keep', 6);
-- default_user.
insert into plproxy.options values ('keep', 'default_user', 'session_user');
select touch_cluster('keep');
set role plproxy_alice;
select keep_user(0), keep_pid(0) = (:'pids'::integer[])[1] as kept;
reset role;
delete from plproxy.options where cluster = 'keep';
select touch_cluster('keep');
set role plproxy_alice;
select keep_user(0);
reset role;
-- user= in the connection string is for everybody, but each role has its own connection.
update plproxy.partitions set connstr = connstr || ' user=plproxy_bob' where cluster = 'keep' and number = 1;
select touch_cluster('keep');
select keep_user(1), keep_pid(1) as pid
\gset
set role plproxy_alice;
select keep_user(1), keep_pid(1) = :pid as shared;
reset role;
select keep_user(1), keep_pid(1) = :pid as kept;

-- After a change of the configuration, connections that no cluster has any more are closed.
\c -
set client_min_messages = warning;
select count(*) from keep_pids();
select open_connections('plproxy_keep', 2);
select array_agg(p order by n) as pids from keep_pids() with ordinality as t (p, n)
\gset
update plproxy.partitions set connstr = connstr('plproxy_shard2') || ' application_name=plproxy_keep' where cluster = 'keep' and number = 1;
select keep_user(1);
select touch_cluster('keep');
select keep_user(1);
select open_connections('plproxy_keep', 2);
select keep_pid(0) = (:'pids'::integer[])[1] as kept;
-- What another cluster has too stays.
select keep_too() as pid
\gset
update plproxy.partitions set connstr = connstr('plproxy_shard1') || ' application_name=plproxy_keep' where cluster = 'keep';
select touch_cluster('keep');
select keep_pid(0) = :pid as shared, count(*) from keep_pids();
select open_connections('plproxy_keep', 1);
delete from plproxy.partitions where cluster = 'keep';
insert into plproxy.partitions select 'keep', n, connstr('plproxy_shard' || n) || ' application_name=plproxy_keep' from generate_series(0, 3) n;
select touch_cluster('keep');
select count(*) from keep_pids();
select open_connections('plproxy_keep', 4);
-- A new version with the same partitions keeps them all.
select array_agg(p order by n) as pids from keep_pids() with ordinality as t (p, n)
\gset
select touch_cluster('keep');
select array_agg(p order by n) = :'pids'::integer[] as kept from keep_pids() with ordinality as t (p, n);

-- connection_lifetime.
insert into plproxy.options values ('keep', 'connection_lifetime', '3600');
select touch_cluster('keep');
select array_agg(p order by n) = :'pids'::integer[] as kept from keep_pids() with ordinality as t (p, n);
update plproxy.options set val = '1' where cluster = 'keep';
select touch_cluster('keep');
select pg_sleep(1.2);
select bool_or(p = any (:'pids'::integer[])) as kept, count(*) from keep_pids() p;
select open_connections('plproxy_keep', 4);
update plproxy.options set val = '0' where cluster = 'keep';
select touch_cluster('keep');
select array_agg(p order by n) as pids from keep_pids() with ordinality as t (p, n)
\gset
select pg_sleep(1.2);
select array_agg(p order by n) = :'pids'::integer[] as kept from keep_pids() with ordinality as t (p, n);

-- What a session leaves is closed with it.
\c -
select open_connections('plproxy_keep', 0);
-- Databases can be dropped when the sessions that used them are gone, or by force.
create database plproxy_spare template template0;
do $do$
begin
    execute format('create function keep_spare() returns text language plproxy as %L',
                   format('connect %L; select current_database();', connstr('plproxy_spare') || ' application_name=plproxy_keep'));
end $do$;
select keep_spare();
drop database plproxy_spare with (force);
create database plproxy_spare template template0;
select keep_spare();
\c -
select open_connections('plproxy_keep', 0);
drop database plproxy_spare;
-- DISCARD ALL and a failed transaction change nothing.
select array_agg(p order by n) as pids from keep_pids() with ordinality as t (p, n)
\gset
discard all;
select array_agg(p order by n) = :'pids'::integer[] as kept from keep_pids() with ordinality as t (p, n);

drop owned by plproxy_alice, plproxy_bob;
drop role plproxy_alice, plproxy_bob;
