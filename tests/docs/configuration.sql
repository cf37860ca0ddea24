-- The four shards that the examples of docs/configuration.md configure.
create database shard0;
create database shard1;
create database shard2;
create database shard3;
