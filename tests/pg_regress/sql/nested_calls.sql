--
-- Calls inside calls, and calls that take turns.
--
select add_cluster('nest', connstr('plproxy_shard0') || ' application_name=plproxy_nest',
                   connstr('plproxy_shard1') || ' application_name=plproxy_nest',
                   connstr('plproxy_shard2') || ' application_name=plproxy_nest',
                   connstr('plproxy_shard3') || ' application_name=plproxy_nest');
select from on_shards($$
    create function nest_rows(n integer) returns setof text language sql as
        'select right(current_database(), 1) || '':'' || g from generate_series(1, n) g';
    create function nest_add(i integer) returns integer language sql as 'select i + 1';
    create function nest_fail(i integer) returns integer language plpgsql as 'begin raise exception ''no %'', i; end'
$$);
create function nest_rows(n integer) returns setof text language plproxy as $$ cluster 'nest'; run on 1; $$;
create function nest_rows_all(n integer) returns setof text language plproxy as $$ cluster 'nest'; run on all; target nest_rows; $$;
create function nest_add(i integer) returns integer language plproxy as $$ cluster 'nest'; run on i; $$;
create function nest_fail(i integer) returns integer language plproxy as $$ cluster 'nest'; run on 2; $$;
-- How many connections this session has now. (None of another session bears the name.)
create function nest_connections() returns bigint language plpgsql as $$
begin
    perform pg_stat_clear_snapshot();
    return (select count(*) from pg_stat_activity where application_name = 'plproxy_nest');
end $$;

-- Two sets in one target list: each column has its own rows.
select nest_rows(2), nest_rows(3);
select nest_rows(3) as a, nest_rows_all(1) as b, nest_rows(1) as c;
select x, nest_rows(x), nest_rows(4 - x) from generate_series(1, 3) x;
select nest_rows(nest_add(length(nest_rows(1))));
select * from nest_rows(2) a, nest_rows_all(1) b order by a, b;
select * from rows from (nest_rows(2), nest_rows(3), nest_rows_all(1));
-- A call in an argument of a call of the same function, on the same partition.
select nest_add(nest_add(nest_add(nest_add(0))));
select * from nest_rows(nest_add(1));
select nest_add((select count(*)::integer from nest_rows_all(nest_add(1))));

-- RUN ON a function that itself calls the cluster, so that two connections to one shard are needed at once.
create function nest_hash(i integer) returns integer language plproxy as $$ cluster 'nest'; run on 1; select i; $$;
create function nest_by_hash(i integer) returns text language plproxy as $$ cluster 'nest'; run on nest_hash(i); select current_database(); $$;
select i, nest_by_hash(i) from generate_series(0, 4) i;
create function nest_hashes(n integer) returns setof integer language plproxy as $$ cluster 'nest'; run on all; select right(current_database(), 1)::integer from generate_series(1, n); $$;
create function nest_by_hashes(n integer) returns setof text language plproxy as $$ cluster 'nest'; run on nest_hashes(n); select current_database(); $$;
select * from nest_by_hashes(2);
-- CLUSTER and CONNECT by such functions, and a hash function in PL/pgSQL that fails inside and goes on.
create function nest_name(i integer) returns text language plproxy as $$ cluster 'nest'; run on i; select 'nest'::text; $$;
create function nest_by_name(i integer) returns text language plproxy as $$ cluster nest_name(i); run on i; select current_database(); $$;
select i, nest_by_name(i) from generate_series(0, 3) i;
create function nest_connstr(i integer) returns text language plpgsql as $$ begin return connstr('plproxy_shard' || nest_add(i) - 1); end $$;
create function nest_by_connstr(i integer) returns text language plproxy as $$ connect nest_connstr(i); select current_database(); $$;
select i, nest_by_connstr(i) from generate_series(0, 3) i;
create function nest_careful_hash(i integer) returns integer language plpgsql as $$
begin
    perform nest_fail(i);
    return 0;
exception when raise_exception then
    return nest_hash(i);
end $$;
create function nest_by_careful_hash(i integer) returns text language plproxy as $$ cluster 'nest'; run on nest_careful_hash(i); select current_database(); $$;
select i, nest_by_careful_hash(i) from generate_series(0, 3) i;

-- A call while the rows of another one arrive: the result's domain asks a shard.
create domain nest_checked as integer check (nest_add(value) > 2);
create function nest_checked(n integer) returns setof nest_checked language plproxy as $$ cluster 'nest'; run on all; select generate_series(n, 4); $$;
select sum(nest_checked), count(*) from nest_checked(2);
select * from nest_checked(1);
select sum(nest_checked), count(*) from nest_checked(3);
-- One that calls the very function it is checked in.
create function nest_recursive_check(i integer) returns boolean language plpgsql as $$ begin return i < 1 or exists (select from nest_recursive(i - 1)); end $$;
create domain nest_deep as integer check (nest_recursive_check(value));
create function nest_recursive(n integer) returns setof nest_deep language plproxy as $$ cluster 'nest'; run on 0; select n; $$;
select * from nest_recursive(5);
-- Recursion in PL/pgSQL.
create function nest_factorial(n integer) returns bigint language plpgsql as $$
begin
    return case when n = 0 then 1 else (select nest_add(n - 1) * nest_factorial(n - 1) from nest_rows(1)) end;
end $$;
select nest_factorial(10);
-- A shard that calls its way back to where it was called from.
create function nest_ping(way_back text, n integer) returns integer language plproxy as $$
    connect way_back; select case when n = 0 then 0 else 1 + nest_ping(way_back, n - 1) end;
$$;
select nest_ping(connstr(current_database()), 3);

-- Cursors that take turns, and are left unread.
begin;
declare a cursor for select * from nest_rows_all(2);
declare b cursor for select * from nest_rows(5);
declare c cursor for select nest_rows(3), nest_rows_all(1);
fetch 1 from a;
fetch 2 from b;
fetch 1 from c;
fetch 2 from a;
fetch 1 from b;
select nest_add(41);
fetch 2 from c;
fetch all from a;
close a;
savepoint s;
select nest_fail(1);
rollback to s;
fetch 1 from b;
fetch 1 from c;
commit;
select * from nest_rows(100000) limit 1;
select (select nest_rows(50000) limit 1), nest_add(1);
select nest_rows(100000) limit 2;
do $$
declare
    r text;
    s text;
begin
    for r in select * from nest_rows(2) loop
        for s in select * from nest_rows(2) loop
            raise notice '% % %', r, s, nest_add(1);
        end loop;
    end loop;
end $$;

-- Triggers.
create table nest_table (i integer, j integer);
create function nest_trigger() returns trigger language plpgsql as $$ begin new.j := nest_add(new.i); return new; end $$;
create trigger t before insert or update on nest_table for each row execute function nest_trigger();
insert into nest_table select i from generate_series(1, 3) i;
insert into nest_table select nest_add(i) + 10 from generate_series(1, 2) i;
update nest_table set i = (select count(*) from nest_rows_all(i)) where i < 3;
select * from nest_table order by 1;
create function nest_trigger_all() returns trigger language plpgsql as $$
begin
    raise notice '% rows, % in all', (select count(*) from new_rows), (select count(*) from nest_rows_all(2));
    return null;
end $$;
create trigger s after insert on nest_table referencing new table as new_rows for each statement execute function nest_trigger_all();
insert into nest_table select length(r) from nest_rows_all(1) r;
alter table nest_table add constraint asks check (nest_add(i) > 0);
insert into nest_table values (-5);
create index on nest_table (i);

-- A thousand calls, a thousand failing calls.
do $$
declare
    total bigint := 0;
    failed integer := 0;
begin
    for i in 1 .. 1000 loop
        total := total + nest_add(i);
    end loop;
    raise notice 'total %', total;
    for i in 1 .. 1000 loop
        begin
            perform nest_fail(i);
        exception when raise_exception then
            failed := failed + 1;
        end;
    end loop;
    raise notice 'failed %', failed;
    for i in 1 .. 100 loop
        begin
            perform nest_rows_all(1), nest_fail(i);
        exception when raise_exception then
            failed := failed + 1;
        end;
        begin
            perform 1 / (nest_add(i) - i - 1) from nest_rows_all(2);
        exception when division_by_zero then
            failed := failed + 1;
        end;
    end loop;
    raise notice 'failed %', failed;
end $$;
-- Nested calls needed more connections than one for each shard, but a thousand calls no more than those.
select nest_connections() < 30 as bounded;
select sum(nest_add(i)) from generate_series(1, 2000) i;
