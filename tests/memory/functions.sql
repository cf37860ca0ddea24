-- What the test of memory needs in its database, which is coordinator and shards in one.
create extension plproxy;
create schema plproxy;
create schema shard;

create function shard.echo(t text) returns text language sql as 'select t';
create function shard.ticket() returns table (number int, name text) language sql as $$ select 1, 'one' $$;
create function shard.many(count int) returns table (number int, name text) language sql as
    $$ select i, 'row ' || i from generate_series(1, count) i $$;
create function shard.fail(t text) returns text language plpgsql as
    $$ begin raise exception 'refused: %', t using detail = 'detail', hint = 'hint'; end $$;
create function shard.server() returns int language sql as 'select pg_backend_pid()';
create function shard.leave() returns void language plpgsql as
    $$ begin perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(60); end $$;

-- A cluster of four connections. Settings are its version, and a part of the first partition's connection string.
create function connstr(part int, version text) returns text language sql stable as $$
    select format('host=''%s'' port=%s dbname=%s application_name=part%s_%s', current_setting('unix_socket_directories'),
                  current_setting('port'), current_database(), part, version)
$$;
create function plproxy.get_cluster_version(cluster text) returns int language sql as
    $$ select current_setting('test.version')::int $$;
create function plproxy.get_cluster_partitions(cluster text) returns setof text language sql as
    $$ select connstr(part, case part when 0 then current_setting('test.place') else 'kept' end)
       from generate_series(0, 3) part $$;
create function plproxy.get_cluster_config(cluster text, out key text, out val text) returns setof record language sql as
    $$ select 'query_timeout', '100' $$;

create type ticket as (number int, name text);
create function echo(t text) returns text language plproxy as $$ cluster 'c'; run on 0; target shard.echo; $$;
create function ticket() returns ticket language plproxy as $$ cluster 'c'; run on 0; target shard.ticket; $$;
create function gather(count int) returns setof ticket language plproxy as
    $$ cluster 'c'; run on all; target shard.many; $$;
create function fail(t text) returns text language plproxy as $$ cluster 'c'; run on 0; target shard.fail; $$;
create function unread(t text) returns int language plproxy as $$ cluster 'c'; run on 0; select t; $$;
create function nowhere(part int) returns text language plproxy as $$ cluster 'c'; run on part; select 'x'; $$;
create function unreached() returns text language plproxy as $$ connect 'host=/nonesuch dbname=x'; select 'x'; $$;
create function server() returns int language plproxy as $$ cluster 'c'; run on 0; target shard.server; $$;
create function leave() returns void language plproxy as $$ cluster 'c'; run on 0; target shard.leave; $$;

-- What the caller says is the cluster's name.
create function named(cluster text) returns text language plproxy as $$ cluster pg_catalog.lower(cluster); run on 0; select 'x'; $$;
create function connected(connstr text) returns text language plproxy as $$ connect connstr; select 'x'; $$;
create function leave(connstr text) returns void language plproxy as $$ connect connstr; select shard.leave(); $$;
create function padded(number int) returns text language sql stable as $$
    select format('%s options=''-c padded.setting=%s''', connstr(0, 'padded'), repeat('x', 2000) || number)
$$;

-- The same with SQL/MED.
select format('create server mapped foreign data wrapper plproxy options (p0 %L)', connstr(0, 'mapped')) as sql \gset
:sql;
create user mapping for current_user server mapped options (user 'nobody', password 'x');
create function mapped() returns text language plproxy as $$ cluster 'mapped'; select session_user; $$;
create role memory_0 login superuser;
create role memory_1 login superuser;
