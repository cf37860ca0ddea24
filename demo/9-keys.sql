-- Last, speed. pgbench looks up zones by random keys, with four connections, for ten seconds. It takes the keys from a
-- table of names beside the functions:

create table bench_key as
select row_number() over () as number, name from pg_timezone_names;
alter table bench_key add primary key (number);
