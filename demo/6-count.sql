-- How the hash has spread the rows:

select * from count_zones() order by shard;
