-- The database "proxy", which applications connect to, has no table. It knows where the shards are. One function gives
-- the list; another its version, asked at each call, so that a change of the list is noticed; the third, settings.
-- All five databases live on one server here, so their names are enough. In earnest each line has its own machine:
-- 'host=db1 dbname=shard0'.

create extension plproxy;
create schema plproxy;

create function plproxy.get_cluster_version(cluster text) returns integer
language sql as $$ select 1 $$;

create function plproxy.get_cluster_partitions(cluster text) returns setof text
language sql as $$ values ('dbname=shard0'), ('dbname=shard1'), ('dbname=shard2'), ('dbname=shard3') $$;

create function plproxy.get_cluster_config(cluster text, out key text, out val text) returns setof record
language sql as $$ values ('query_timeout', '10') $$;
