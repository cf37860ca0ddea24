--
-- plproxy_ping: whether the servers of a cluster are there.
--
\set VERBOSITY terse
create schema ping;
grant usage on schema ping to public;
set search_path = ping, public;
create function marked(dbname text) returns text language sql as $$ select connstr(dbname) || ' application_name=plproxy_ping' $$;
-- What can be shown of it: not where the sockets are, nor what took how long.
create function shown(cluster text, out partition int, out host text, out port text, out database text, out reachable boolean,
                      out latency text, out version text, out in_recovery boolean, out error text)
returns setof record language sql as $$
    select p.partition, replace(p.host, btrim(split_part(current_setting('unix_socket_directories'), ',', 1)), 'DIR'),
           case p.port when current_setting('port')::int then 'PORT' else p.port::text end, p.database, p.reachable,
           case when p.latency > 0 and p.latency < 60000 then 'some' else p.latency::text end,
           case p.server_version when current_setting('server_version') then 'VERSION' else p.server_version end,
           p.in_recovery, regexp_replace(p.error, '"/[^"]*/\.s\.PGSQL\.\d+"', '"SOCKET"', 'g')
      from plproxy_ping(cluster) p
$$;
select add_cluster('ping', marked('plproxy_shard0'), marked('plproxy_shard1'), marked('plproxy_shard2'), marked('plproxy_shard3'));
create function pids() returns setof int language plproxy as $$ cluster 'ping'; run on all; select pg_backend_pid(); $$;

-- All is well; the connections are kept for calls, and those of calls are used.
select * from shown('ping');
select open_connections('plproxy_ping', 4);
select cluster, partition, database, state, calls, prepared_statements from plproxy_connections order by partition;
select array_agg(p order by n) as pids from pids() with ordinality as t (p, n)
\gset
select * from shown('ping');
select array_agg(p order by n) = :'pids'::int[] as kept from pids() with ordinality as t (p, n);
select open_connections('plproxy_ping', 4);
select count(*), count(distinct (p).partition) from (select plproxy_ping('ping') as p) p;
-- A connection that has died meanwhile is replaced.
select count(pg_terminate_backend(pid, 60000)) from pg_stat_activity where application_name = 'plproxy_ping' and datname = 'plproxy_shard2';
select partition, reachable from shown('ping');
select p[1:2] = (:'pids'::int[])[1:2] as kept, p[3] = (:'pids'::int[])[3] as kept
  from (select array_agg(p order by n) from pids() with ordinality as t (p, n)) t (p);

-- Partitions that have one server: it is asked once.
select add_cluster('ping_shared', marked('plproxy_shard1') || ' ', marked('plproxy_shard0') || ' ',
                   marked('plproxy_shard1') || ' ', marked('plproxy_shard1') || ' ');
select partition, database, reachable from shown('ping_shared');
select open_connections('plproxy_ping', 6);
select count(distinct latency) <= 2 as one_answer from plproxy_ping('ping_shared');

-- Servers that aren't there, and one that is.
select add_cluster('ping_bad', connstr('plproxy_nonesuch'), connstr('plproxy_shard0'),
                   regexp_replace(connstr('plproxy_shard1'), 'port=\d+', 'port=1'), 'host=/nonesuch port=5432 dbname=d user=u',
                   connstr('plproxy_shard0') || ' user=plproxy_nonesuch password=sesame', 'dbname password=sesame',
                   'postgresql://user:sesame@/d?host=/nonesuch,/nowhere&port=5431,5432', 'port=x dbname=d password=sesame');
\pset format unaligned
select * from shown('ping_bad');
\pset format aligned
-- The reason is that of a call.
create function bad(part int) returns int language plproxy as $$ cluster 'ping_bad'; run on part; select 1; $$;
create function reason(part int) returns text language plpgsql as $$
begin
    perform ping.bad(part);
    return 'none';
exception when others then
    return replace(sqlerrm, 'PL/Proxy function ping.bad(1): ', '');
end $$;
select partition, error is not distinct from nullif(reason(partition), 'none') as same from plproxy_ping('ping_bad');
-- Several hosts: which of them it is.
select add_cluster('ping_hosts', regexp_replace(connstr('plproxy_shard0'), 'host=''([^'']*)''', 'host=''/nonesuch,\1'''));
select host, port, reachable from shown('ping_hosts');

-- What isn't about a server is an error; and no cluster is none.
select * from plproxy_ping('ping_nonesuch');
select * from plproxy_ping(null);
select plproxy_ping(null);
insert into plproxy.options values ('ping_shared', 'nonesuch', '1');
select touch_cluster('ping_shared');
\set VERBOSITY default
select * from plproxy_ping('ping_shared');
\set VERBOSITY terse

-- Whose connections they are: those of the role, with its user mapping.
create role regress_ping_a login;
create role regress_ping_b login;
select marked('plproxy_shard0') as shard0 \gset
create server ping_server foreign data wrapper plproxy options (p0 :'shard0', query_timeout '60');
create function who() returns text language plproxy as $$ cluster 'ping_server'; run on 0; select session_user; $$;
\set VERBOSITY sqlstate
select plproxy_ping('ping_server');
\set VERBOSITY terse
create user mapping for regress_ping_a server ping_server options (user 'regress_ping_b');
set role regress_ping_a;
select plproxy_ping('ping_server');
reset role;
grant usage on foreign server ping_server to regress_ping_a;
set role regress_ping_a;
select partition, database, reachable, error from plproxy_ping('ping_server');
reset role;
select usename from pg_stat_activity where application_name = 'plproxy_ping' and usename ~ '^regress';
set role regress_ping_a;
select who();
reset role;
select count(*) from pg_stat_activity where application_name = 'plproxy_ping' and usename ~ '^regress';
drop server ping_server cascade;

-- More servers than there may be connections: the rest is asked when the first ones have answered.
\c -
\set VERBOSITY terse
set search_path = ping, public;
select open_connections('plproxy_ping', 0);
set plproxy.max_connections = 2;
select partition, reachable, error from shown('ping');
select open_connections('plproxy_ping', 2);
-- One that is in use while the ping is made, and all that there may be.
create function look(value int) returns boolean language plpgsql as $$
begin
    raise notice '%', (select string_agg(distinct error, ', ') || ': ' || count(*) from plproxy_ping('ping'));
    return true;
end $$;
create domain looked_at as int check (ping.look(value));
create function looking() returns looked_at language plproxy as $$ cluster 'ping'; run on 0; select 1; $$;
set plproxy.max_connections = 1;
select looking();
reset plproxy.max_connections;

-- A server that doesn't let anybody in: only who isn't connected waits for it, and no longer than may be. (A new session
-- reads this table, and waits for the lock.)
\c -
\set VERBOSITY terse
set search_path = ping, public;
select open_connections('plproxy_ping', 0);
create function one(part int) returns int language plproxy as $$ cluster 'ping'; run on part; select pg_backend_pid(); $$;
select one(0) > 0, one(2) > 0;
begin;
lock table pg_catalog.pg_db_role_setting;
select partition, reachable, error from shown('ping');
rollback;
insert into plproxy.options values ('ping', 'connect_timeout', '1');
select touch_cluster('ping');
begin;
lock table pg_catalog.pg_db_role_setting;
select partition, reachable, error from shown('ping');
-- Cancelled meanwhile.
savepoint s;
set local statement_timeout = '300ms';
select * from plproxy_ping('ping');
rollback to s;
select one(0) > 0;
rollback;
select partition, reachable, error from shown('ping');
select open_connections('plproxy_ping', 4);

set client_min_messages = warning;
drop schema ping cascade;
drop role regress_ping_a, regress_ping_b;
