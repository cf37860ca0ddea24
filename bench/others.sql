-- Owns what plproxy is compared with on the coordinator: functions that go nowhere, dblink and postgres_fdw.

create function empty(key text) returns text language plpgsql as $$
begin
    return key;
end $$;

create function empty_user(key text)
returns table (id int8, name text, email text, created timestamptz, balance numeric) language plpgsql as $$
begin
    return next;
end $$;

create extension dblink;

-- Opens the connections that a session then uses for all its calls: shard0 to shard3.
create function open_dblinks() returns setof text language sql as $$
    select dblink_connect('shard' || n, format('dbname=shard%s host=%s', n, current_setting('unix_socket_directories')))
    from generate_series(0, 3) as n
$$;

-- postgres_fdw at its best: many rows at a time, and all shards at work at once.
create extension postgres_fdw;
select format('create server fdw%s foreign data wrapper postgres_fdw
               options (dbname ''shard%s'', host %L, fetch_size ''10000'', async_capable ''true'')',
              n, n, current_setting('unix_socket_directories')),
       format('create user mapping for public server fdw%s options (password_required ''false'')', n),
       format('create foreign table rows%s (id int4, big int8, label text, at timestamptz, amount float8)
               server fdw%s options (table_name ''rows'')', n, n),
       format('create foreign table numbers%s (number int8) server fdw%s options (table_name ''numbers'')', n, n)
from generate_series(0, 3) as n
\gexec
create view rows as table rows0 union all table rows1 union all table rows2 union all table rows3;
create view numbers as table numbers0 union all table numbers1 union all table numbers2 union all table numbers3;
