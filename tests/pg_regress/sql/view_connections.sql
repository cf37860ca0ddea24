--
-- plproxy_connections: the session's connections to shards; and plproxy_disconnect.
--
\set VERBOSITY terse
\pset null '<null>'
set client_min_messages = warning;
drop role if exists regress_view_connections;
reset client_min_messages;
create schema view_connections;
set search_path = view_connections, public;
create function place(part integer) returns text language plproxy as $$
    cluster 'shards'; run on part; select current_database();
$$;
create function elsewhere(connstr text) returns text language plproxy as $$
    connect connstr; select current_database();
$$;

-- There are none yet.
select * from plproxy_connections;
select place(0), place(2), place(0), elsewhere(connstr('plproxy_shard3'));
select cluster, partition, database, role = current_user as role, remote_user = current_user as remote_user, state, in_use,
       tls, prepared_statements as prepared, calls
from plproxy_connections;
-- Where they are, and since when.
select distinct host = btrim(split_part(current_setting('unix_socket_directories'), ',', 1)) as host,
       port = current_setting('port')::integer as port, age >= idle_time as age, idle_time >= '0' as idle_time
from plproxy_connections;
-- What travels: another call adds to both.
select bytes_in > 0 as bytes_in, bytes_out > 0 as bytes_out from plproxy_connections where database = 'plproxy_shard2' \gset before_
select :'before_bytes_in' as bytes_in, :'before_bytes_out' as bytes_out;
select bytes_in, bytes_out from plproxy_connections where database = 'plproxy_shard2' \gset before_
select place(2);
select bytes_in > :before_bytes_in as bytes_in, bytes_out > :before_bytes_out as bytes_out
from plproxy_connections where database = 'plproxy_shard2';
-- The processes are those that the server has.
select c.database, a.usename = c.remote_user as remote_user, a.state
from plproxy_connections c join pg_stat_activity a on a.pid = c.remote_pid and a.datname = c.database
order by c.database;

-- While a call has one: seen by a hash function, which is called before, and by a domain's check, which is called inside.
create table seen (step text, database text, state text, in_use boolean, idle boolean);
create function look(step text) returns integer language sql as $$
    insert into seen select step, database, state, in_use, idle_time is not null from plproxy_connections;
    select 0;
$$;
create domain looked_at as text check (look('in a domain check') = 0);
create function looked_at() returns looked_at language plproxy as $$
    cluster 'shards'; run on look('in a hash function'); select current_database();
$$;
select looked_at();
select * from seen order by step desc, database;

-- Another role's are the session's, too.
create role regress_view_connections;
grant usage on schema view_connections to regress_view_connections;
grant select, insert on seen to regress_view_connections;
set role regress_view_connections;
select count(*) from plproxy_connections;
select count(*) from plproxy_connections();
reset role;

--
-- plproxy_disconnect
--
select add_cluster('view_connections', connstr('plproxy_shard1'), connstr('plproxy_shard2'));
create function all_of_them() returns setof text language plproxy as $$
    cluster 'view_connections'; run on all; select current_database();
$$;
-- Of one cluster: all that it can use, whoever has used them.
select all_of_them();
select plproxy_disconnect('view_connections');
select cluster, partition, database from plproxy_connections;
select plproxy_disconnect('view_connections');
-- One that hasn't been used, and one that isn't there.
select add_cluster('view_connections unused', connstr('plproxy_shard0') || ' application_name=unused');
select plproxy_disconnect('view_connections unused');
select plproxy_disconnect('view_connections nonesuch');
select plproxy_disconnect('');
-- All.
select plproxy_disconnect();
select plproxy_disconnect();
select * from plproxy_connections;
-- The next call connects again.
select place(0), calls, prepared_statements as prepared from plproxy_connections right join (values (1)) v on true;
select database, calls from plproxy_connections;
-- One that is in use is closed when its call ends.
create function disconnect() returns integer language sql as $$
    select plproxy_disconnect();
    select look('after disconnecting');
$$;
create domain disconnecting as text check (disconnect() = 0);
create function disconnecting() returns disconnecting language plproxy as $$
    cluster 'shards'; run on 0; select current_database();
$$;
truncate seen;
select disconnecting();
select * from seen;
select * from plproxy_connections;
select place(0);

set client_min_messages = warning;
drop schema view_connections cascade;
drop role regress_view_connections;
