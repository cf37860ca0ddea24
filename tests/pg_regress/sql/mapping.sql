--
-- From hash values to partitions, and from partitions to connections.
--
\set VERBOSITY terse
create schema mapping;
set search_path = mapping, public;

-- a mask, for a power of two; a modulus for any count
create function add(name text, partitions int, modular boolean) returns void language sql as $$
    insert into plproxy.clusters values ($1, 1);
    insert into plproxy.partitions select $1, n, connstr('plproxy_shard0') || ' application_name=' || n from generate_series(0, $2 - 1) n;
    insert into plproxy.options select $1, 'modular_mapping', '1' where $3;
$$;
create function part(cluster_name text, hash int8) returns int language plproxy as
    $$ cluster text(cluster_name); run on hash; select current_setting('application_name')::int; $$;
select count(add(kind || n, n, kind = 'modulo ')) from generate_series(1, 5) n, (values ('mask '), ('modulo ')) k (kind);
select part('mask 1', h) as mask_1, part('modulo 1', h) as modulo_1, part('mask 2', h) as mask_2, part('modulo 2', h) as modulo_2,
       part('modulo 3', h) as modulo_3, part('mask 4', h) as mask_4, part('modulo 4', h) as modulo_4, part('modulo 5', h) as modulo_5, h
from unnest(array[0, 1, 2, 3, 4, 5, 17, 2147483647, 2147483648, 4294967299, 9223372036854775807,
                  -1, -2, -3, -4, -5, -17, -2147483648, -2147483649, -9223372036854775807, '-9223372036854775808']::int8[]) h;
select part('mask 3', 0);
select part('mask 5', 0);
-- int2 and int4 are sign-extended
create function part2(cluster_name text, hash int2) returns int language plproxy as
    $$ cluster text(cluster_name); run on hash; select current_setting('application_name')::int; $$;
create function part4(cluster_name text, hash int4) returns int language plproxy as
    $$ cluster text(cluster_name); run on hash; select current_setting('application_name')::int; $$;
select h, part2('modulo 5', h::int2) as int2, part4('modulo 5', h::int4) as int4, part('modulo 5', h) as int8,
          part2('mask 4', h::int2) as int2_mask, part4('mask 4', h::int4) as int4_mask, part('mask 4', h) as int8_mask
from unnest(array[7, -7, 32767, -32768]::int8[]) h;
-- other values of the option
update plproxy.options set val = '0' where cluster = 'modulo 4';
select touch_cluster('modulo 4');
select part('modulo 4', -1);
update plproxy.options set val = '' where cluster = 'modulo 4';
select touch_cluster('modulo 4');
select part('modulo 4', -1);
update plproxy.options set val = '2' where cluster = 'modulo 4';
select touch_cluster('modulo 4');
select part('modulo 4', -1);
-- without it again
delete from plproxy.options where cluster = 'modulo 3';
select touch_cluster('modulo 3');
select part('modulo 3', 1);

-- partitions with equal connection strings share one connection, on which a call runs once
select add_cluster('doubles', connstr('plproxy_shard0'), connstr('plproxy_shard1'), connstr('plproxy_shard0'), connstr('plproxy_shard1'));
create function on_all() returns setof text language plproxy as $$ cluster 'doubles'; run on all; select current_database(); $$;
select on_all();
create function hashes(int[]) returns setof int language sql as 'select unnest($1)';
create function on_some(parts int[]) returns setof text language plproxy as $$ cluster 'doubles'; run on hashes(parts); select current_database(); $$;
select on_some('{3, 2, 1, 0}');
select on_some('{2, 0}');
create function pid(part int) returns int language plproxy as $$ cluster 'doubles'; run on part; select pg_backend_pid(); $$;
select pid(0) = pid(2) as same_0, pid(1) = pid(3) as same_1, pid(0) = pid(1) as across;
-- and so do clusters, and CONNECT
select add_cluster('doubles 2', connstr('plproxy_shard1'));
create function pid_2() returns int language plproxy as $$ cluster 'doubles 2'; select pg_backend_pid(); $$;
create function pid_connect(connstr text) returns int language plproxy as $$ connect connstr; select pg_backend_pid(); $$;
select pid_2() = pid(1) as same, pid_connect(connstr('plproxy_shard1')) = pid(3) as same;
-- strings that differ are different, even if they mean the same
select pid_connect(connstr('plproxy_shard1') || ' ') = pid(1) as same;

set client_min_messages = warning;
drop schema mapping cascade;
