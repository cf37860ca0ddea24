-- Now the data: the IANA time zones that PostgreSQL knows. Each row is one call, which goes to the shard of its name.

select count(add_zone(name, abbrev, utc_offset, is_dst)) as calls
from pg_timezone_names;
