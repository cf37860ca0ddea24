--
-- The order of rows, and large results.
--
select from on_shards($$
    create table size (rows integer);
    insert into size select (array[30000, 7, 90000, 0])[1 + right(current_database(), 1)::integer];
    create function series(out part integer, out i integer) returns setof record language sql as
        'select right(current_database(), 1)::integer, generate_series(1, rows) from size';
    create function slow_series(out part integer, out i integer) returns setof record language plpgsql as $f$
    begin
        -- The first ones answer last.
        perform pg_sleep(0.2 * (3 - right(current_database(), 1)::integer));
        return query select s.part, s.i from series() s;
    end $f$;
    create function numbers(n integer) returns setof integer language sql as 'select generate_series(1, n)'
$$);

-- Partition by partition, also when all of it spills to disk.
set work_mem = '64kB';
create function series(out part integer, out i integer) returns setof record language plproxy as $$
    cluster 'shards'; run on all;
$$;
create function slow_series(out part integer, out i integer) returns setof record language plproxy as $$
    cluster 'shards'; run on all;
$$;
select part, count(*), sum(i), min(n), max(n),
       bool_and(i = n - first) as in_order
  from (select part, i, n, min(n) over (partition by part) - 1 as first
          from series() with ordinality as s (part, i, n)) s
 group by part order by part;
select part, count(*), sum(i), min(n), max(n),
       bool_and(i = n - first) as in_order
  from (select part, i, n, min(n) over (partition by part) - 1 as first
          from slow_series() with ordinality as s (part, i, n)) s
 group by part order by part;
select part, count(*), sum(i) from (select (slow_series()).*) s group by part order by part;
select count(*), sum(i), count(distinct part) from slow_series();
reset work_mem;
select count(*), sum(i), count(distinct part) from slow_series();
set work_mem = '64kB';

-- Nothing of it is left on disk when the query is over, or has failed.
select count(*) from pg_ls_tmpdir();
begin;
declare c cursor for select * from slow_series();
fetch 3 from c;
rollback;
select part, i, 1 / (i - 500) from slow_series() where part = 2;
select count(*) from pg_ls_tmpdir();
select * from series() offset 29998 limit 12;

-- Hash values: partitions in the order in which they are first selected, each of them once.
create function named(n integer) returns setof integer language sql as $$ select unnest(array[2, 0, 3, 2, 6, 1, 0]) limit n $$;
create function by_hashes(n integer) returns setof text language plproxy as $$
    cluster 'shards'; run on named(n); select current_database();
$$;
select * from by_hashes(7);
select * from by_hashes(3);
select * from by_hashes(1);
select * from by_hashes(0);
create function rows_by_hashes(n integer, out part integer, out i integer) returns setof record language plproxy as $$
    cluster 'shards'; run on named(n); select part, i from slow_series();
$$;
select part, count(*), min(n), max(n) from rows_by_hashes(4) with ordinality as s (part, i, n) group by part order by min(n);
-- Partitions that are the same database are asked once, at the place of the first.
select add_cluster('twins', connstr('plproxy_shard1'), connstr('plproxy_shard0'),
                   connstr('plproxy_shard1'), connstr('plproxy_shard0'));
create function of_twins() returns setof text language plproxy as $$ cluster 'twins'; run on all; select current_database(); $$;
select * from of_twins();
create function of_twin(n integer) returns text language plproxy as $$ cluster 'twins'; run on n; select current_database(); $$;
select n, of_twin(n) from generate_series(0, 3) n;

-- Large results.
create function numbers(n integer) returns setof integer language plproxy as $$ cluster 'shards'; run on all; $$;
select count(*), sum(numbers), sum(n * numbers) from numbers(100000) with ordinality as s (numbers, n);
select count(*), sum(x) from (select numbers(100000) as x) s;
create function wide_rows(n integer) returns setof text language plproxy as $$
    cluster 'shards'; run on all; select repeat(chr(64 + g), 1000000) from generate_series(1, n) g;
$$;
select count(*), sum(length(w)), md5(string_agg(w, '' order by n)) =
       md5((select string_agg(repeat(chr(64 + g), 1000000), '' order by s, g)
              from generate_series(1, 4) s, generate_series(1, 4) g)) as same
  from wide_rows(4) with ordinality as t (w, n);
select count(*) from pg_ls_tmpdir();
