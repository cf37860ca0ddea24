-- What the examples of docs/operations.md, security.md and performance.md take for granted: the cluster "users" of two
-- partitions, configured by functions that read tables.
create role app login;
create database shard0;
\c shard0
create table users (username text primary key, email text not null);
create function get_email(i_username text) returns text language sql as
    $$ select email from users where username = i_username $$;
create function put_users(usernames text[], emails text[]) returns setof int4 language sql as $$
    insert into users select * from unnest(usernames, emails) returning 1
$$;
\c proxy
create database shard1 template shard0;
create extension plproxy;
create schema plproxy;
create table clusters (cluster text primary key, version int not null);
create table cluster_partitions (cluster text references clusters, number int, connstr text not null, primary key (cluster, number));
insert into clusters values ('users', 1);
insert into cluster_partitions values ('users', 0, 'dbname=shard0'), ('users', 1, 'dbname=shard1');
create function plproxy.get_cluster_version(cluster text) returns int language sql as
    $$ select version from public.clusters c where c.cluster = $1 $$;
create function plproxy.get_cluster_config(cluster text, out key text, out val text) returns setof record language sql as
    $$ values ('query_timeout', '20') $$;
create function plproxy.get_cluster_partitions(cluster text) returns setof text language sql as
    $$ select connstr from public.cluster_partitions p where p.cluster = $1 order by number $$;
create function get_email(i_username text) returns text language plproxy as $$
    cluster 'users';
    run on hashtext(i_username);
$$;
