-- What the test of poolers needs in its database, which is coordinator and shard in one.
create extension plproxy;
create schema plproxy;
create schema shard;
create function shard.one(i int) returns text language sql as $$ select 'one ' || i $$;
create function shard.two(i int) returns text language sql as $$ select 'two ' || i $$;
-- What the server that answers has prepared, except for what is asked with.
create function shard.prepared() returns setof text language sql as
    $$ select statement from pg_prepared_statements where statement !~ 'prepared' $$;
create function shard.server() returns int language sql as $$ select pg_backend_pid() $$;

create function plproxy.get_cluster_version(cluster text) returns int language sql as 'select 1';
create function plproxy.get_cluster_partitions(cluster text) returns setof text language sql as
    $$ select current_setting('test.connstr') $$;
create function plproxy.get_cluster_config(cluster text, out key text, out val text) returns setof record language sql as
    $$ select 'prepared_statements', current_setting('test.prepare') where current_setting('test.prepare') <> '' $$;

create function one(i int) returns text language plproxy as $$ cluster 'c'; run on 0; target shard.one; $$;
create function two(i int) returns text language plproxy as $$ cluster 'c'; run on 0; target shard.two; $$;
create function prepared() returns setof text language plproxy as $$ cluster 'c'; run on 0; target shard.prepared; $$;
create function server() returns int language plproxy as $$ cluster 'c'; run on 0; target shard.server; $$;
create function chosen(number int) returns table (i int, t text) language plproxy as
    $$ cluster 'c'; run on 0; select number as i, 'chosen ' || number as t; $$;
