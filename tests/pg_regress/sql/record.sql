--
-- Functions that return a dynamic RECORD: the query that calls them says what columns there are.
--
\set VERBOSITY terse
create schema record;
set search_path = record, public;
select from on_shards($x$
    create schema record;
    create function record.part() returns int language sql as 'select right(current_database(), 1)::int';
    create domain record.short as varchar(5) check (value <> 'bad');
    create type record.mood as enum ('sad', 'happy');
    create type record.pair as (a int, b text);
    -- runs any query
    create function record.run(query text) returns setof record language plpgsql as
        $$ begin return query execute query; end $$;
    create function record.one(query text) returns record language plpgsql as
        $$ declare r record; begin execute query into r; return r; end $$;
    create function record.run(part int, query text) returns setof record language plpgsql as
        $$ begin return query execute query; end $$;
$x$);
create domain record.short as varchar(5) check (value <> 'bad');
create type record.mood as enum ('sad', 'happy');
create type record.pair as (a int, b text);
create function run(query text) returns setof record language plproxy as $$ cluster 'shards'; run on 0; $$;
create function one(query text) returns record language plproxy as $$ cluster 'shards'; run on 0; $$;
create function run_all(query text) returns setof record language plproxy as $$ cluster 'shards'; run on all; target record.run; $$;
create function run(part int, query text) returns setof record language plproxy as $$ cluster 'shards'; run on part; $$;

-- another list on every call: types, names, number, order
select * from run('select 1, ''one''::text') as (a int, b text);
select * from run('select 1, ''one''::text') as (b int, a text);
select b, a from run('select 1, ''one''::text') as x (a int, b text);
select x.a from run('select 1') as x (a int);
select x.a from run('select 1::int8') as x (a int8);
select * from run('select 1, 2, 3, 4, 5') as (e int, d int, c int, b int, a int);
select * from run('values (1, true), (2, null)') as x (id int, "Odd ""name" boolean);
select * from run('select 1, ''one''::text') as (a int, b text);
select x from run('select 1, ''one''::text') as x (a int, b text);
select (x).b, x.a + 1 as "more" from run('select 1, ''one''::text') as x (a int, b text);
select * from run('select 1 where false') as (a int);
select count(*) from run('select i, repeat(''x'', i) from generate_series(1, 1000) i') as (i int, x text) where length(x) = i;
-- one row
select * from one('select 1, ''one''::text') as (a int, b text);
select * from one('select 2.50, null::date') as (n numeric, d date);
select * from one('select null::int, null::text') as (a int, b text);
select (x).* from one('select 1, ''one''::text') as x (a int, b text);
-- a lone column
select * from one('select 1') as (a int);
select a from run('select 1') as a (a int);
-- in each partition
select * from run_all('select record.part(), ''x''::text') as (part int, x text);
select x, count(*) from run_all('select record.part(), generate_series(1, 3)') as (part int, x int) group by x order by x;
-- many columns
do $$
declare
    n int;
    sum int8;
begin
    foreach n in array array[1, 2, 500, 1500] loop
        execute format('select %s from record.run($1) as (%s)',
                       (select string_agg(format('c%s', i), '+') from generate_series(1, n) i),
                       (select string_agg(format('c%s int', i), ',') from generate_series(1, n) i))
        into sum using (select 'select ' || string_agg(i::text, ',') from generate_series(1, n) i);
        raise notice '% columns: %', n, sum;
    end loop;
end
$$;

-- types of all kinds
select * from run($$select 'abc'::record.short, 'happy'::record.mood, (1, 'x')::record.pair, array[1, null], array[(2, 'y')]::record.pair[]$$)
    as (s short, m mood, p pair, a int[], pp pair[]);
select (p).b, pp[1], (pp[1]).a from run($$select (1, 'x')::record.pair, array[(2, 'y')]::record.pair[]$$) as (p pair, pp pair[]);
select * from run($$select 'a'::varchar(10), 'b'::char(3), b'101'::bit(3), 1.5::numeric(5, 2), 'c'::"char"$$)
    as (v varchar(10), c char(3), b bit(3), n numeric(5, 2), x "char");
select * from run($$select '\x00'::bytea, '[1,2]'::jsonb, '[1,5)'::int4range, '00112233-4455-6677-8899-aabbccddeeff'::uuid$$)
    as (b bytea, j jsonb, r int4range, u uuid);
-- the types must be those that the remote function returns
select * from run('select 1') as (a int8);
select * from run('select 1, 2') as (a int);
select * from run('select 1') as (a int, b int);
-- a domain's constraints are checked here too
alter domain short add constraint long check (length(value) > 2);
select * from run($$select 'abc'::record.short$$) as (s short);
select * from run($$select 'ab'::record.short$$) as (s short);
select * from run($$select null::record.short$$) as (s short);

-- after an error the next call is as good as the first
select * from run('select 1, 1/0') as (a int, b int);
select * from run('select 1, 1') as (a int, b int);

-- in joins and subqueries
select * from run('select 1, ''one''::text') as x (a int, b text) join run('select 1, ''uno''::text') as y (a int, c text) using (a);
select * from run('values (1, 2)') as x (a int, b int), run('values (3), (4)') as y (c int) order by c;
select v.i, x.* from (values (1), (2), (3)) v (i) left join run('values (1, ''one''), (3, ''three'')') as x (i int, name text) on x.i = v.i order by 1;
select (select a from run('select 7') as (a int)) + (select b from run('select 1, 2') as (a int, b int));
select 1 where exists (select from run('select 1') as (a int));
with x as (select * from run('select 1, 2') as (a int, b int)), y as materialized (select * from run('select 3') as (a int))
select x.*, y.* from x, y;
select * from (select a * 2 as a2 from run('values (1), (2)') as (a int)) x union all select * from run('select 9') as (a int);
-- LATERAL
select v.i, x.* from generate_series(1, 3) v (i), lateral run(format('select %s, %L::text', v.i * 10, 'n' || v.i)) as x (a int, b text);
select v.i, x.* from generate_series(0, 3) v (i), run(v.i, 'select record.part()') as x (part int);
select v.i, x.* from generate_series(1, 3) v (i) left join lateral run(format('select %s where %s <> 2', v.i, v.i)) as x (a int) on true;
select v.i, x.*, y.* from generate_series(1, 2) v (i), run(format('select %s', v.i)) as x (a int), lateral run(format('select %s::text, %s', x.a, v.i)) as y (b text, c int);
-- WITH ORDINALITY wants ROWS FROM
select * from rows from (run('values (''a''), (''b'')') as (x text)) with ordinality as y (x, n);
select * from rows from (run('values (1, 2), (3, 4)') as (a int, b int), generate_series(1, 3), run('select ''x''::text') as (c text)) as y (a, b, n, c);
-- as rows of a table, of a view, of CREATE TABLE AS
create table t (a int, b text);
insert into t select * from run('values (1, ''one''), (2, ''two'')') as (a int, b text);
select * from t;
create view v as select * from run('select 1, ''v''::text') as (a int, b text);
select * from v;
create table t2 as select * from run('select 1::int8, ''w''::text') as (a int8, b text);
select * from t2;
update t set b = x.b from run('select 2, ''deux''::text') as x (a int, b text) where x.a = t.a;
select * from t order by a;

-- prepared statements, cursors, PL/pgSQL
prepare p1 (text) as select * from run($1) as (a int, b text);
prepare p2 (text) as select * from run($1) as (b text, a int);
execute p1('select 1, ''one''::text');
execute p2('select ''two''::text, 2');
execute p1('select 3, ''three''::text');
execute p2('select ''four''::text, 4');
begin;
declare c1 cursor for select * from run('select i, i * i from generate_series(1, 5) i') as (i int, square int);
declare c2 scroll cursor for select * from run('select i::text from generate_series(1, 3) i') as (i text);
fetch 2 from c1;
fetch 1 from c2;
fetch 2 from c1;
fetch all from c2;
fetch backward 2 from c2;
fetch all from c1;
commit;
create function in_plpgsql() returns setof text language plpgsql as $$
declare
    r record;
    r2 record;
begin
    for r in select * from run('values (1, ''one''), (2, ''two'')') as (a int, b text) loop
        for r2 in select * from run(format('select %L::text', r.b || '!')) as (c text) loop
            return next r.a || r2.c;
        end loop;
    end loop;
    select * into r from one('select now() is not null, 5') as (x boolean, y int);
    return next r::text;
end
$$;
select in_plpgsql();
select in_plpgsql();
create function in_sql(text) returns table (a int, b text) language sql as 'select * from record.run($1) as (x int, y text)';
select * from in_sql('select 1, ''sql''::text');
-- a function of its own that passes the row on
create function passed_on(text) returns setof record language sql as 'select * from record.run($1) as (x int, y text)';
select * from passed_on('select 1, ''on''::text') as (p int, q text);

-- the same function with another list inside of itself
create function inner_sum(text) returns int language sql as 'select sum(n)::int from record.run($1) as (n int)';
select * from run('select ' || inner_sum('values (1), (2)') || ', ''x''::text') as (a int, b text);
create function hash_by_record(text) returns int language sql as 'select n from record.run($1) as (n int, m text)';
create function nested(query text, inside text) returns setof record language plproxy as $$ cluster 'shards'; run on hash_by_record(inside); $$;
select from on_shards($x$
    create function record.nested(query text, inside text) returns setof record language plpgsql as $$ begin return query execute query; end $$;
$x$);
select * from nested('select record.part(), 5::int8', 'select 2, ''''::text') as (part int, five int8);

-- a type in the list is dropped and made again between two calls
create type gone as (a int);
select from on_shards('create type record.gone as (a int)');
select * from run('select row(1)::record.gone') as (g gone);
drop type gone;
create type gone as (a int, b text);
select from on_shards('drop type record.gone; create type record.gone as (a int, b text)');
select * from run('select row(1, ''x'')::record.gone') as (g gone);
alter type gone add attribute c int;
select from on_shards('alter type record.gone add attribute c int');
select * from run('select row(1, ''x'', 3)::record.gone') as (g gone);
alter type gone rename to again;
select from on_shards('alter type record.gone rename to again');
select * from run('select row(1, ''x'', 3)::record.again') as (g again);

-- wrong contexts
select run('select 1');
select one('select 1');
select (one('select 1')).a;
select (one('select 1')).*;
select (run('select 1')).*;
select * from run('select 1');
select * from one('select 1');
select * from one('select 1') as x;
select * from one('select 1') as x (a);
select * from run('select 1') as x, run('select 2') as y;
select coalesce(one('select 1'), null);
select coalesce(one('select 1')::text, 'x');
select one('select 1') is null;
select row(1, one('select 1'));
select array[one('select 1')];
select 1 where one('select 1') is not null;
select case when true then one('select 1') end;
select one('select 1') = one('select 1');
select to_json(one('select 1'));
select * from to_json(one('select 1'));
select json_agg(one('select 1'));
select one('select 1') from generate_series(1, 2);
select 1 from generate_series(1, 2) order by one('select 1');
select 1 limit (one('select 1') is null)::int;
values (one('select 1'));
select (select one('select 1'));
select * from (select run('select 1')) x;
select * from rows from (run('select 1'));
select * from rows from (run('select 1'), run('select 2') as (a int));
select exists (select one('select 1'));
insert into t select one('select 1');
do $$ declare r record; begin r := record.one('select 1'); end $$;
do $$ begin perform record.one('select 1'); end $$;
do $$ begin perform record.run('select 1'); end $$;
do $$ declare r record; begin select record.one('select 1, ''x''::text') into r; end $$;
do $$ declare r record.pair; begin r := record.one('select 1, ''x''::text'); end $$;
select one('select 1')::pair;
select * from one('select 1') as (a int, a int);
select * from one('select 1') as (a nonesuch);
select * from one('select 1') as (a record);
-- a list where the function has its own columns
create function fixed(query text, out a int, out b text) returns setof record language plproxy as $$ cluster 'shards'; run on 0; target record.run; $$;
select * from fixed('select 1, ''x''::text') as (a int, b text);

-- with nothing left over from any of that
select * from run('select 1, ''one''::text') as (a int, b text);

-- RETURNS SETOF RECORD and a SELECT don't go together, as there is nothing to check it against
create function bad() returns setof record language plproxy as $$ cluster 'shards'; run on 0; select 1; $$;
create function bad() returns record language plproxy as $$ cluster 'shards'; run on 0; select 1 as a, 2 as b; $$;
set check_function_bodies = off;
create function bad() returns record language plproxy as $$ cluster 'shards'; run on 0; select 1 as a; $$;
reset check_function_bodies;
select * from bad() as (a int);
select bad();
create function on_all() returns record language plproxy as $$ cluster 'shards'; run on all; $$;
-- CONNECT
create function connected(connstr text, query text) returns setof record language plproxy as $$ connect connstr; $$;
select from on_shards($x$
    create function record.connected(connstr text, query text) returns setof record language plpgsql as $$ begin return query execute query; end $$;
$x$);
select * from connected(connstr('plproxy_shard1'), 'select record.part(), 2') as (part int, two int);
-- one row exactly
create function first(query text) returns record language plproxy as $$ cluster 'shards'; run on 0; target record.run; $$;
select * from first('values (1), (2)') as (a int);
select * from first('select 1 where false') as (a int);
select * from first('values (1)') as (a int);
-- what the shard is asked
\pset format unaligned
\pset tuples_only on
select regexp_replace(q, '(::[^ :,]+)::text(?=,? )', '\1', 'g')
from run('select current_query(), 1, null::char(5), null::"char"[], null::varchar(3)')
    as (q text, "Two ""w" int, "select" char(5), f "char"[], g varchar(3));
\pset tuples_only off
\pset format aligned

set client_min_messages = warning;
drop schema record cascade;
