--
-- What a role is shown of what its session has done as other roles, and what it may close.
--
\set VERBOSITY terse
\pset null '<null>'
set client_min_messages = warning;
drop role if exists regress_privileges, regress_privileges_definer, regress_privileges_member;
reset client_min_messages;
create role regress_privileges login;
create role regress_privileges_definer login;
create role regress_privileges_member login in role regress_privileges_definer;
create schema privileges;
grant usage on schema privileges to public;
select connstr('plproxy_shard0') as shard, session_user as me \gset
-- Clusters by functions whose tables only some may read: in place of EXECUTE, which is everybody's here.
select add_cluster('privileges', 'dbname=plproxy_shard0 options=''-c app.token=geheim''');
select add_cluster('privileges callers', 'dbname=plproxy_shard1');
revoke select on plproxy.clusters from public;
grant select on plproxy.clusters to regress_privileges_definer;
create function privileges.definers() returns text language plproxy security definer as $$ cluster 'privileges'; select 'x'; $$;
create function privileges.strings() returns text language sql as $$ select 'dbname=plproxy_shard2' $$;
create function privileges.connects() returns text language plproxy security definer as $$ connect privileges.strings(); select 'x'; $$;
create function privileges.literal() returns text language plproxy security definer as $$ connect 'dbname=plproxy_shard2'; select 'x'; $$;
create function privileges.own() returns text language plproxy as $$ cluster 'privileges callers'; select 'x'; $$;
alter function privileges.definers() owner to regress_privileges_definer;
alter function privileges.connects() owner to regress_privileges_definer;
alter function privileges.literal() owner to regress_privileges_definer;

\c
\set VERBOSITY terse
\pset null '<null>'
set role regress_privileges;
select privileges.definers();
select privileges.connects();
-- That there are such, but not where they lead.
select * from plproxy_clusters;
select cluster, partition, host, port, database, role, remote_user, remote_pid, state, in_use, age > '0' as age, idle_time > '0' as idle_time,
       tls, prepared_statements, calls, bytes_in, bytes_out
from plproxy_connections;
select plproxy_explain('privileges.definers()');
select plproxy_explain('privileges.definers()', format => 'json')::jsonb #> '{partitions,0,connection_string}' as json;
select line from plproxy_explain('privileges.definers()', true) line where line ~ 'Partition';
select line from plproxy_explain('privileges.connects()') line where line ~ '->';
select line from plproxy_explain('privileges.literal()') line where line ~ '->';
select plproxy_route('privileges', 0);
select reachable from plproxy_ping('privileges');
-- Nor may they be closed.
select plproxy_disconnect(), count(*) from plproxy_connections;
select plproxy_disconnect('privileges'), count(*) from plproxy_connections;
reset role;
-- Those who have the role's privileges see it all, and so do superusers.
set role regress_privileges_member;
select * from plproxy_clusters;
select cluster, partition, database, role, calls from plproxy_connections;
select line from plproxy_explain('privileges.definers()') line where line ~ '->';
select line from plproxy_explain('privileges.connects()') line where line ~ '->';
reset role;
select * from plproxy_clusters;
select cluster, partition, database, role, calls from plproxy_connections;
-- Who may read statistics sees what others' connections do, but no connection strings.
grant pg_read_all_stats to regress_privileges;
set role regress_privileges;
select cluster, partition, database, role, calls from plproxy_connections;
select cluster, partitions from plproxy_clusters;
reset role;
revoke pg_read_all_stats from regress_privileges;
set role regress_privileges_member;
select plproxy_disconnect('privileges'), count(*) from plproxy_connections;
select plproxy_disconnect(), count(*) from plproxy_connections;
reset role;

-- Who uses a cluster himself sees it, as long as the functions are his to call.
grant select on plproxy.clusters to regress_privileges;
set role regress_privileges;
select privileges.own();
select cluster, partitions from plproxy_clusters order by cluster;
select * from plproxy_route('privileges callers', 0);
reset role;
-- That he uses one that another role has read is enough; but a right to the functions that he doesn't have isn't made up for.
revoke execute on function plproxy.get_cluster_partitions(text) from public;
set role regress_privileges;
select privileges.own();
select cluster, partitions from plproxy_clusters order by cluster;
select * from plproxy_route('privileges callers', 0);
select line from plproxy_explain('privileges.own()') line where line ~ '->';
reset role;
grant execute on function plproxy.get_cluster_partitions(text) to public;
revoke usage on schema plproxy from public;
set role regress_privileges;
select cluster, partitions from plproxy_clusters order by cluster;
reset role;
grant usage on schema plproxy to public;
select plproxy_disconnect(), count(*) from plproxy_connections;

-- Configuration functions run as their callers. So for a superuser the schema must be the work of a superuser or the
-- database's owner: of no role that may create schemas otherwise, be it directly or through a role that it is a member of.
create role regress_privileges_maker;
alter schema plproxy owner to regress_privileges_definer;
select privileges.own();
select format('grant create on database %I to regress_privileges_maker', current_database()) as sql \gset
:sql;
select privileges.own();
grant regress_privileges_definer to regress_privileges_maker;
\set VERBOSITY default
select privileges.own();
\set VERBOSITY terse
select reachable from plproxy_ping('privileges callers');
alter schema plproxy owner to regress_privileges_maker;
select privileges.own();
-- Others are let, as they always were.
grant usage on schema plproxy to regress_privileges;
set role regress_privileges;
select privileges.own();
reset role;
revoke usage on schema plproxy from regress_privileges;
-- What gives the schema to somebody whom one trusts mends it.
revoke regress_privileges_definer from regress_privileges_maker;
alter schema plproxy owner to regress_privileges_definer;
select privileges.own();
-- The schema's owner says what is connected to. To ping a server takes no function of a superuser's, so then it is with a
-- password of his own. Calls are as they have always been.
grant usage on schema plproxy to regress_privileges;
set role regress_privileges;
select privileges.own();
select error from plproxy_ping('privileges callers');
reset role;
select reachable from plproxy_ping('privileges callers');
alter schema plproxy owner to :"me";
select format('revoke create on database %I from regress_privileges_maker', current_database()) as sql \gset
:sql;
drop role regress_privileges_maker;
set role regress_privileges;
select reachable from plproxy_ping('privileges callers');
reset role;

-- A server's options are there for everybody to read.
select format('create server privileges_server foreign data wrapper plproxy options (p0 %L)', 'dbname=plproxy_shard3') as sql \gset
:sql;
create user mapping for public server privileges_server;
create function privileges.servers() returns text language plproxy security definer as $$ cluster 'privileges_server'; select 'x'; $$;
set role regress_privileges;
select privileges.servers();
select cluster, partitions from plproxy_clusters where source = 'server';
select line from plproxy_explain('privileges.servers()') line where line ~ '->';
select role = :'me' as own, cluster from plproxy_connections where role <> current_user;
reset role;

set client_min_messages = warning;
drop server privileges_server cascade;
drop schema privileges cascade;
revoke select on plproxy.clusters from regress_privileges, regress_privileges_definer;
grant select on plproxy.clusters to public;
revoke usage on schema plproxy from regress_privileges;
drop role regress_privileges_member, regress_privileges, regress_privileges_definer;
delete from plproxy.clusters where name in ('privileges', 'privileges callers');
delete from plproxy.partitions where cluster in ('privileges', 'privileges callers');
