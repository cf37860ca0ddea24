-- Who answered? The shards have counted the calls of find_zone (their track_functions is "all"); a query that runs on
-- all of them collects the numbers, and here each becomes a bar. The zones are how many rows each has to find them among.

create function lookups() returns table (shard text, zones bigint, calls bigint)
language plproxy as $$
    cluster 'demo';
    run on all;
    select current_database()::text as shard, (select count(*) from zone) as zones, calls
    from pg_stat_user_functions where funcname = 'find_zone';
$$;

select shard, zones, calls, round(100 * calls / sum(calls) over (), 1) as percent,
       repeat('█', (40 * calls / max(calls) over ())::int) as calls_as_bar
from lookups() order by shard;
