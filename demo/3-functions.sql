-- And it has a function for each of the shards' functions, with the same name and arguments. Their whole body says where
-- the call goes. hashtext(name) picks the shard that a time zone belongs to; ALL runs on the four of them at once.

create function add_zone(name text, abbrev text, utc_offset interval, is_dst boolean) returns void
language plproxy as $$
    cluster 'demo';
    run on hashtext(name);
$$;

create function find_zone(name text)
returns table (shard text, abbrev text, utc_offset interval, is_dst boolean)
language plproxy as $$
    cluster 'demo';
    run on hashtext(name);
$$;

create function zones_by_offset() returns table (utc_offset interval, zones bigint)
language plproxy as $$
    cluster 'demo';
    run on all;
$$;

-- A function can also bring its own query, instead of calling its namesake.

create function count_zones() returns table (shard text, zones bigint)
language plproxy as $$
    cluster 'demo';
    run on all;
    select current_database()::text as shard, count(*) as zones from zone;
$$;
