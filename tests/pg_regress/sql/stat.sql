--
-- plproxy_stat, plproxy_latency: what the calls of all sessions have done to each shard.
--
-- Before PostgreSQL 17 a server whose settings don't load the library at its start has none.
select count(*) >= 0 as has_stat from plproxy_stat
\gset
\if :{?has_stat}
\else
select count(*) from plproxy_latency;
select plproxy_stat_reset();
\quit
\endif

create schema stat;
set search_path = stat, public;
-- Partitions 2 and 3 have the connection strings of 0 and 1.
select add_cluster('stat', connstr('plproxy_shard0'), connstr('plproxy_shard1'),
                   connstr('plproxy_shard0'), connstr('plproxy_shard1'));
create function one(part int) returns int language plproxy as $$ cluster 'stat'; run on part; select 1; $$;
create function every(count int) returns setof int language plproxy as $$
    cluster 'stat'; run on all; select g from generate_series(1, count) g;
$$;
create view counted as
    select cluster, partition, calls, rows, errors, connects, reconnects
    from plproxy_stat where database = current_database() order by cluster collate "C", partition;
create view failures as
    select cluster, partition, calls, errors, remote_errors, connection_errors, timeouts, canceled, other_errors
    from plproxy_stat where database = current_database() order by cluster collate "C", partition;

-- Calls, rows, connections. A call to partitions that share a connection counts for the lowest of them.
select plproxy_stat_reset();
select * from counted;
select one(0), one(2), one(2), one(1);
select count(*) from every(100);
select * from counted;
select bytes_out > 100 * calls and bytes_in > 3 * rows as plausible, connect_time > 0 or connects = 0 as connected,
       role = current_user as mine, stats_reset between now() - interval '1 hour' and clock_timestamp() as reset
from plproxy_stat where cluster = 'stat' order by partition;

-- Times. What a percentile says is never longer than the longest call.
create function nap() returns text language plproxy as $$ cluster 'stat'; run on 3; select 'nap' from pg_sleep(0.1); $$;
select nap(), nap(), nap();
select calls, wait_time >= 300 as waited, max_time >= 100 as longest, p50 >= 96 and p50 <= p95 and p95 <= p99 and p99 <= max_time as ordered
from plproxy_stat where cluster = 'stat' and partition = 3;
select min(up_to) > 100 as long_enough, sum(calls) from plproxy_latency where cluster = 'stat' and partition = 3;
select s.cluster, s.partition, s.calls, sum(l.calls) as timed
from plproxy_stat s join plproxy_latency l using (database, role, cluster, partition)
where cluster = 'stat' group by 1, 2, 3 order by 1, 2;

-- Connections that had to be replaced.
create function kill(part int) returns boolean language plproxy as $$
    cluster 'stat'; run on part;
    select count(pg_terminate_backend(pid, 60000)) > 0 from pg_stat_activity where pid <> pg_backend_pid() and application_name = 'plproxy_stat_victim';
$$;
select add_cluster('stat victim', connstr('plproxy_shard0') || ' application_name=plproxy_stat_victim');
create function victim() returns int language plproxy as $$ cluster 'stat victim'; run on 0; select 1; $$;
select victim(), kill(0), victim(), victim();
select * from counted where cluster = 'stat victim';

-- Failed calls, by what has failed. The other shards of a call that is over have no errors, but are told to cancel.
select plproxy_stat_reset();
\set VERBOSITY terse
create function remote_error(part int) returns int language plproxy as $$ cluster 'stat'; run on part; select 1 / 0; $$;
select remote_error(1);
create function one_fails() returns setof int language plproxy as $$
    cluster 'stat'; run on all;
    select case current_database() when 'plproxy_shard1' then 1 / (select count(*) - count(*) from pg_class)
                                   else (select 1 from pg_sleep(600)) end;
$$;
select one_fails();
select add_cluster('stat nowhere', connstr('plproxy_nowhere'));
create function nowhere() returns int language plproxy as $$ cluster 'stat nowhere'; run on 0; select 1; $$;
\set VERBOSITY sqlstate
select nowhere();
\set VERBOSITY terse
select add_cluster('stat unreadable', 'no connection string');
create function unreadable() returns int language plproxy as $$ cluster 'stat unreadable'; run on 0; select 1; $$;
select unreadable();
select add_cluster('stat late', connstr('plproxy_shard0'), connstr('plproxy_shard1'));
insert into plproxy.options values ('stat late', 'query_timeout', '1');
create function late() returns setof int language plproxy as $$ cluster 'stat late'; run on all; select 1 from pg_sleep(600); $$;
select late();
create function interrupted() returns setof int language plproxy as $$
    cluster 'stat'; run on all; select case current_database() when 'plproxy_shard1' then (select 1 from pg_sleep(600)) end;
$$;
set statement_timeout = '1s';
select interrupted();
reset statement_timeout;
create function bad_value() returns int language plproxy as $$ cluster 'stat'; run on 2; select 'x'; $$;
select bad_value();
create function two_rows() returns int language plproxy as $$ cluster 'stat'; run on 3; select generate_series(1, 2); $$;
select two_rows();
select * from failures;
select cluster, partition, cancels > 0 as told_to_cancel from plproxy_stat
where database = current_database() and (cluster, partition) in (('stat', 0), ('stat', 1), ('stat late', 0), ('stat late', 1))
order by cluster collate "C", partition;
-- Those that did have an answer count as long as it took; the one that was only told to cancel doesn't.
select cluster, partition, sum(calls) from plproxy_latency where database = current_database() group by 1, 2 order by cluster collate "C", partition;
-- What never got as far as a shard isn't there.
create function no_partition() returns int language plproxy as $$ cluster 'stat'; run on 99; select 1; $$;
create function no_cluster() returns int language plproxy as $$ cluster 'stat missing'; run on 0; select 1; $$;
select plproxy_stat_reset();
select no_partition();
select no_cluster();
select * from counted;

-- RUN ON ANY that has to go elsewhere: it counts there, too.
select add_cluster('stat any', connstr('plproxy_nowhere'), connstr('plproxy_shard1'));
create function anywhere() returns int language plproxy as $$ cluster 'stat any'; run on any; select 1; $$;
select sum(anywhere()) from generate_series(1, 30);
select partition, case partition when 0 then calls = connection_errors else calls = 30 and errors = 0 end as as_expected
from plproxy_stat where cluster = 'stat any' order by partition;

-- SPLIT, and CONNECT, which has neither cluster nor partition.
select plproxy_stat_reset();
create function pieces(i int[]) returns setof int language plproxy as $$ cluster 'stat'; split i; run on i; select unnest(i); $$;
select count(*) from pieces(array[3, 2, 1, 0, 3]);
select count(*) from pieces(array[3]);
create function somewhere(connstr text) returns int language plproxy as $$ connect connstr; select 1; $$;
select somewhere(connstr('plproxy_shard0')), somewhere(connstr('plproxy_shard1'));
\set VERBOSITY sqlstate
select somewhere(connstr('plproxy_nowhere'));
\set VERBOSITY terse
select cluster, partition, calls, rows, errors from counted;

-- Long names are cut, but not confused with each other.
select add_cluster(repeat('x', 100) || n, connstr('plproxy_shard0')) from generate_series(1, 2) n;
create function itself(name text) returns text language sql as $$ select $1 $$;
create function by_name(name text) returns int language plproxy as $$ cluster itself(name); run on 0; select 1; $$;
select by_name(repeat('x', 100) || n) from generate_series(1, 2) n;
select cluster = repeat('x', 96) as cut, calls from counted where cluster like 'xx%';

-- Not counted.
select plproxy_stat_reset();
set plproxy.track_stat = off;
select one(0);
reset plproxy.track_stat;
select * from counted;
select name, setting, context from pg_settings where name = 'plproxy.track_stat';

-- Roles see what they have done themselves, or what others have whose privileges they have; readers of all statistics see
-- everything. Only superusers may reset it, and who is granted it.
create role stat_a;
create role stat_b;
create role stat_reader in role pg_read_all_stats;
grant usage on schema stat to public;
grant select on counted to public;
create view roles as select role, calls from plproxy_stat where database = current_database() order by role collate "C";
create function roles() returns table (role text, calls bigint) language sql as
    $$ select s.role, s.calls from plproxy_stat s where s.database = current_database() order by s.role collate "C" $$;
select add_cluster('stat roles', connstr('plproxy_shard0') || ' user=' || current_user);
create function as_role() returns int language plproxy as $$ cluster 'stat roles'; run on 0; select 1; $$;
set role stat_a;
select as_role();
set role stat_b;
select as_role(), as_role();
select * from roles();
select plproxy_stat_reset();
set plproxy.track_stat = off;
set role stat_reader;
select * from roles();
select role, sum(calls) from plproxy_latency where database = current_database() group by role order by role collate "C";
reset role;
select * from roles();
grant stat_a to stat_b;
set role stat_b;
select * from roles();
reset role;
grant execute on function plproxy_stat_reset() to stat_a;
set role stat_a;
select plproxy_stat_reset();
select * from roles();
reset role;
revoke execute on function plproxy_stat_reset() from stat_a;
-- A role that is gone has left its numbers.
set role stat_b;
select as_role();
reset role;
drop role stat_b, stat_a, stat_reader;
select * from roles();

-- Another session counts in the same place.
select plproxy_stat_reset();
select one(0);
\c -
set search_path = stat, public;
select one(0);
select calls, connects from counted;

-- When there is no room any more.
select plproxy_stat_reset();
select add_cluster('stat full', variadic array_fill(connstr('plproxy_shard0'), array[4096]));
create function full_of(part int) returns int language plproxy as $$ cluster 'stat full'; run on part; select 1; $$;
select sum(full_of(n)) from generate_series(1, 2100) n;
select sum(full_of(n)) from generate_series(1, 2048) n;
select count(*), sum(calls) from plproxy_stat;
select plproxy_stat_reset();
select full_of(2100);
select calls from counted;
