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

-- Values that travel as text.
create domain day as date;
create domain span as interval;
create function shard.day() returns day language sql as $$ select '2001-02-03'::day $$;
create function shard.span(x span) returns span language sql as $$ select x $$;
create function shard.styles() returns text language sql as
    $$ select concat_ws(' ', current_setting('datestyle'), current_setting('intervalstyle'), current_setting('extra_float_digits')) $$;

create function plproxy.get_cluster_version(cluster text) returns int language sql as 'select 1';
create function plproxy.get_cluster_partitions(cluster text) returns setof text language sql as
    $$ select current_setting('test.connstr') $$;
create function plproxy.get_cluster_config(cluster text, out key text, out val text) returns setof record language sql as
    $$ select 'prepared_statements', current_setting('test.prepare') where current_setting('test.prepare') <> '' $$;

create function one(i int) returns text language plproxy as $$ cluster 'c'; run on 0; target shard.one; $$;
create function two(i int) returns text language plproxy as $$ cluster 'c'; run on 0; target shard.two; $$;
create function prepared() returns setof text language plproxy as $$ cluster 'c'; run on 0; target shard.prepared; $$;
create function server() returns int language plproxy as $$ cluster 'c'; run on 0; target shard.server; $$;
create function day() returns day language plproxy as $$ cluster 'c'; run on 0; target shard.day; $$;
create function span(x span) returns span language plproxy as $$ cluster 'c'; run on 0; target shard.span; $$;
create function today() returns date language plproxy as $$ cluster 'c'; run on 0; select '2001-02-03'::date; $$;
create function third() returns float8 language plproxy as $$ cluster 'c'; run on 0; select 0.1::float8 + 0.2::float8; $$;
create function styles() returns text language plproxy as $$ cluster 'c'; run on 0; target shard.styles; $$;
create function chosen(number int) returns table (i int, t text) language plproxy as
    $$ cluster 'c'; run on 0; select number as i, 'chosen ' || number as t; $$;
