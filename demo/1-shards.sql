-- A shard is an ordinary database with ordinary tables and functions: the data, and the only code that touches it.
-- Here are four, shard0 to shard3. Each gets a table of time zones, and three functions.

create table zone (
    name       text primary key,
    abbrev     text not null,
    utc_offset interval not null,
    is_dst     boolean not null
);

create function add_zone(name text, abbrev text, utc_offset interval, is_dst boolean) returns void
language sql as $$
    insert into zone values ($1, $2, $3, $4)
$$;

create function find_zone(name text)
returns table (shard text, abbrev text, utc_offset interval, is_dst boolean)
language sql as $$
    select current_database(), z.abbrev, z.utc_offset, z.is_dst from zone z where z.name = $1
$$;

create function zones_by_offset() returns table (utc_offset interval, zones bigint)
language sql as $$
    select z.utc_offset, count(*) from zone z group by z.utc_offset
$$;
