-- What a database that uses plproxy has: clusters of both kinds, and functions with every statement of the language. The
-- extension is there already. A dump makes functions in the order of their names: some of these need others that come
-- later, and none of what they need on the shards has to exist when they are made.
create schema plproxy;
create function plproxy.get_cluster_version(cluster text) returns int4 language sql as 'select 1';
create function plproxy.get_cluster_config(cluster text, out key text, out val text) returns setof record
    language sql as $$ values ('connection_lifetime', '3600'), ('query_timeout', '60') $$;
create function plproxy.get_cluster_partitions(cluster text) returns setof text
    language sql as $$ select 'dbname=shard' || n from generate_series(0, 3) n where cluster = 'shards' $$;

create server med foreign data wrapper plproxy options (
    connection_lifetime '3600', partition_0 'dbname=shard0', partition_1 'dbname=shard1');
create user mapping for public server med options (user 'worker');
create user mapping for caller server med options (user 'caller');
grant usage on foreign server med to caller;
comment on server med is 'two of the shards';

create type mood as enum ('low', 'high');
create type place as (name text, longitude numeric(6, 3));

create function route(id int8) returns int4 language sql immutable as 'select id::int4 & 3';
create function routes(id int8) returns setof int4 language sql immutable as 'values (id::int4 & 3), (3)';
create function which_cluster(id int8) returns text language sql stable as $$ select 'shards'::text $$;
create function where_to(n int4) returns text language sql stable as $$ select 'dbname=shard' || n $$;

create function get_name(id int8) returns text language plproxy as $$
    cluster 'shards'; run on id;
$$;
create function get_mood(id int8) returns mood language plproxy as $$
    -- both are functions of this database
    CLUSTER which_cluster(id); RUN ON route(id);
$$;
create function get_user(id int8, out name text, out mood mood) language plproxy as $$
    cluster 'shards'; run on route($1);
$$;
create function list_names() returns setof text language plproxy as $$
    cluster 'shards'; run on all;
$$;
create function list_homes() returns setof place language plproxy as $$
    cluster 'shards'; run on all;
$$;
create function list_users() returns table (id int8, name text, mood mood, home place) language plproxy as $$
    cluster 'shards'; run on all;
$$;
create function count_all() returns setof int8 language plproxy as $$
    cluster 'shards'; run on all; target count_users;
$$;
create function twice(inout x int4, out y numeric) language plproxy as $$
    cluster 'shards';
$$;
create function place_of(partition int4) returns text language plproxy as $$
    cluster 'shards'; run on $1; select place();
$$;
create function place_2() returns text language plproxy as $$
    cluster 'shards'; run on 2; select place();
$$;
create function places_of(id int8) returns setof text language plproxy as $$
    cluster 'shards'; run on routes(id); select place();
$$;
create function rename(ids int8[], names text[], suffix text) returns setof text language plproxy as $$
    cluster 'shards'; split ids, names; run on route(ids);
$$;
create function rename_all(ids int8[], names text[], suffix text) returns setof text language plproxy as $$
    cluster 'shards'; split all; run on ids; target rename;
$$;
create function connect_here() returns text language plproxy as $$
    connect 'dbname=shard1'; target public.place;
$$;
create function connect_by_call(n int4) returns text language plproxy as $$
    connect where_to(n); select place();
$$;
create function connect_by_argument(connstr text) returns text language plproxy as $$
    connect connstr; select place();
$$;
create function get_hidden_name(id int8) returns text language plproxy as $$
    cluster 'shards'; run on id; target hidden.get_name;
$$;
create function find_users(names text[], first_id int8) returns table (id int8, name text) language plproxy as $$
    cluster 'shards'; run on all;
    select u.id, u.name /* of these */ from users u where u.id >= first_id and u.name = any (names) order by u.id;
$$;
create function nothing(id int8) returns void language plproxy as $$
    cluster 'shards'; run on id;
$$;
create function echo(inout a bool, inout b bytea, inout c timestamptz, inout d numeric, inout e text[], inout f jsonb,
                     inout g uuid, inout h int4range, inout i float8) language plproxy as $$
    cluster 'shards'; run on any;
$$;
create function run_query(query text) returns setof record language plproxy as $$
    cluster 'shards'; run on all;
$$;
create function who() returns setof text language plproxy as $$
    cluster 'med'; run on all;
$$;
create function who_definer() returns setof text language plproxy security definer as $$
    cluster 'med'; run on all; target who;
$$;
create function fail(message text) returns text language plproxy as $$
    cluster 'shards'; run on 0;
$$;
create function missing() returns text language plproxy as $$
    cluster 'shards'; run on 0;
$$;
create function no_cluster() returns text language plproxy as $$
    cluster 'nowhere';
$$;
comment on function get_name(int8) is 'goes where the number leads';
revoke execute on function get_hidden_name(int8) from public;
grant execute on function get_hidden_name(int8) to caller;

create view users as select * from list_users();
create table log (place text default place_of(1));
