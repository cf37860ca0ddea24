-- A row by its key. The column "shard" is what the answering database says its name is.

select name, zone.*
from unnest(array['Europe/London', 'Asia/Kolkata', 'Asia/Tokyo', 'Pacific/Auckland']) as name,
     find_zone(name) as zone;
