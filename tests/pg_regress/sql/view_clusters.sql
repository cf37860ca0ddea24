--
-- plproxy_clusters: the clusters that a session has read.
--
\set VERBOSITY terse
\pset null '<null>'
create schema view_clusters;
set search_path = view_clusters, public;
select * from plproxy_clusters;
select add_cluster('seen b', 'dbname=plproxy_nonesuch password=geheim', 'postgresql://me:geheim@/plproxy_nonesuch');
insert into plproxy.options values ('seen b', 'Query_Timeout', '5'), ('seen b', 'modular_mapping', '0'),
                                   ('seen b', 'query_timeout', '6');
create server "seen a" foreign data wrapper plproxy options (p0 'dbname=plproxy_nonesuch sslpassword=geheim', disable_binary '1');
create user mapping for public server "seen a" options (password 'geheim');
create function a() returns text language plproxy as $$ cluster 'seen a'; run on 7; $$;
create function b() returns text language plproxy as $$ cluster 'seen b'; run on 7; $$;
select a();
select b();
select * from plproxy_clusters;
-- No secret, wherever it is.
select count(*) from plproxy_clusters c where c::text like '%geheim%';

-- A new version, when it has been read.
insert into plproxy.partitions values ('seen b', 2, 'dbname=third'), ('seen b', 3, 'third');
select touch_cluster('seen b');
select version, partitions from plproxy_clusters where cluster = 'seen b';
select b();
select version, partitions from plproxy_clusters where cluster = 'seen b';
-- What isn't a connection string isn't shown: nobody knows what in it is secret.
update plproxy.partitions set connstr = 'host=x geheim' where cluster = 'seen b' and number = 0;
select touch_cluster('seen b');
select b();
select partitions from plproxy_clusters where cluster = 'seen b';

-- A server hides the configuration functions' cluster of its name.
create server "seen b" foreign data wrapper plproxy options (p0 'dbname=fourth');
create user mapping for public server "seen b";
select b();
select * from plproxy_clusters;
drop server "seen b" cascade;
drop server "seen a" cascade;
select b();
select a();
select * from plproxy_clusters();
drop schema view_clusters cascade;
delete from plproxy.clusters where name = 'seen b';
