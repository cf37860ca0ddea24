-- An aggregate over all shards. Each of them groups its own rows, at the same time; what is left to do here is to add up.

select utc_offset, sum(zones) as zones, count(*) as shards
from zones_by_offset()
group by utc_offset order by zones desc limit 5;
