-- Owns how the coordinator "config" knows its clusters: by the three functions.

create schema plproxy;

create function plproxy.get_cluster_version(cluster text) returns int4 language plpgsql as $$
begin
    if cluster in ('one', 'four', 'sixteen') then
        return 1;
    end if;
    raise exception 'no cluster %', cluster;
end $$;

create function plproxy.get_cluster_config(cluster text, out key text, out val text) returns setof record
language plpgsql as $$
begin
    key := 'connection_lifetime';
    val := '3600';
    return next;
end $$;

create function plproxy.get_cluster_partitions(cluster text) returns setof text language plpgsql as $$
declare
    size int4 := case cluster when 'one' then 1 when 'four' then 4 when 'sixteen' then 16 end;
begin
    return query
        select format('dbname=shard%s host=%s', number, current_setting('unix_socket_directories'))
        from generate_series(0, size - 1) as number
        order by number;
end $$;
