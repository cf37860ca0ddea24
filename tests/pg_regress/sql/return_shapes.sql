--
-- What a function may return, and where it may be called.
--
-- Scalars, void, NULL.
select from on_shards($$
    create type pair as (a integer, b text);
    create domain positive as integer check (value > 0);
    create domain good_pair as pair check ((value).a > 0);
    create function s_int(i integer) returns integer language sql as 'select i + 1';
    create function s_null() returns text language sql as 'select null::text';
    create function s_void() returns void language sql as '';
    create function s_text(n integer) returns setof text language sql as 'select ''row '' || g from generate_series(1, n) g';
    create function s_domain(i integer) returns integer language sql as 'select i';
    create function c_pair(i integer) returns pair language sql as 'select i, ''p'' || i';
    create function c_null() returns pair language sql as 'select null::pair';
    create function c_nulls() returns pair language sql as 'select null::integer, null::text';
    create function c_pairs(n integer) returns setof pair language sql as
        'select g, case when g % 2 = 1 then ''odd'' end from generate_series(1, n) g';
    create function c_good(i integer) returns pair language sql as 'select i, ''x''';
    create function o_one(i integer, out j integer) language sql as 'select i * 2';
    create function o_two(i integer, out j integer, out k text) language sql as 'select i * 2, ''k''';
    create function o_inout(inout i integer, inout t text, out n integer) language sql as 'select i + 1, t || ''!'', length(t)';
    create function o_inout_one(inout i integer) language sql as 'select i + 1';
    create function t_table(n integer) returns table (g integer, t text) language sql as
        'select g, repeat(''x'', g) from generate_series(1, n) g';
    create function t_one_column(n integer) returns table (g integer) language sql as 'select generate_series(1, n)';
    create function o_set(n integer, out j integer, out k text) returns setof record language sql as
        'select g, ''k'' || g from generate_series(1, n) g';
    create function o_set_one(n integer, out j integer) returns setof integer language sql as 'select generate_series(1, n)'
$$);

create type pair as (a integer, b text);
create domain positive as integer check (value > 0);
create domain good_pair as pair check ((value).a > 0);

create function s_int(i integer) returns integer language plproxy as $$ cluster 'shards'; run on 1; $$;
select s_int(41);
select * from s_int(41);
select * from s_int(41) as f(x);
select s_int(s_int(s_int(1)));
select s_int(null) is null as null_result;
create function s_null() returns text language plproxy as $$ cluster 'shards'; run on 0; $$;
select s_null() is null as null_result;
select * from s_null();
create function s_void() returns void language plproxy as $$ cluster 'shards'; run on 0; $$;
select s_void();
select s_void() is null as is_null, s_void()::text = '' as is_empty;
select * from s_void();
do $$ begin perform s_void(); end $$;
create function v_of_int(i integer) returns void language plproxy as $$ cluster 'shards'; run on 0; select 1 from s_int(i); $$;
select v_of_int(1);
create function v_set(n integer) returns setof void language plproxy as $$
    cluster 'shards'; run on 0; select null::text from generate_series(1, n);
$$;
select count(*) from v_set(3);
select v_set(2);
select * from v_set(0);
create function v_all() returns setof void language plproxy as $$ cluster 'shards'; run on all; target s_void; $$;
select count(*), count(v_all) from v_all();

-- Sets of scalars.
create function s_text(n integer) returns setof text language plproxy as $$ cluster 'shards'; run on 2; $$;
select * from s_text(3);
select s_text(2), s_text(3);
select * from s_text(0);
create function s_all(i integer) returns setof integer language plproxy as $$ cluster 'shards'; run on all; target s_int; $$;
select * from s_all(1);
create function s_setof_null() returns setof text language plproxy as $$ cluster 'shards'; run on all; target s_null; $$;
select count(*), count(s) from s_setof_null() s;

-- A domain over a scalar: its constraint is checked here.
create function s_domain(i integer) returns positive language plproxy as $$ cluster 'shards'; run on 0; select s_domain(i); $$;
create function s_domain_there(i integer) returns positive language plproxy as $$ cluster 'shards'; run on 0; target s_domain; $$;
select s_domain(5);
select s_domain(-5);
select s_domain_there(5);
select s_domain_there(-5);
create function s_domain_set(n integer) returns setof positive language plproxy as $$
    cluster 'shards'; run on 0; select g from generate_series(n, 1) g order by 1 desc;
$$;
select * from s_domain_set(1);
select * from s_domain_set(0);
create domain needed as text not null;
create function s_needed() returns needed language plproxy as $$ cluster 'shards'; run on 0; select null::text; $$;
select s_needed();
-- It need not exist there.
create domain local_only as text check (value <> 'bad');
create function s_local_only(t text) returns local_only language plproxy as $$ cluster 'shards'; run on 0; select t; $$;
select s_local_only('good');
select s_local_only('bad');
-- What comes is text for the local type's input function, whatever type it is there.
create function s_as_int(t text) returns integer language plproxy as $$ cluster 'shards'; run on 0; select t::numeric; $$;
select s_as_int('12');
select s_as_int('1.5');
select s_as_int('3000000000');
create function s_bool_as_text(b boolean) returns text language plproxy as $$ cluster 'shards'; run on 0; select b; $$;
select s_bool_as_text(true);
create function s_blanks(t text) returns text language plproxy as $$ cluster 'shards'; run on 0; select t::character(5); $$;
select '"' || s_blanks('ab') || '"' as blanks;
create function s_row_as_text(a integer, b text) returns text language plproxy as $$ cluster 'shards'; run on 0; select row(a, b)::pair; $$;
select s_row_as_text(1, 'x'), s_row_as_text(null, null);

-- Composites.
create function c_pair(i integer) returns pair language plproxy as $$ cluster 'shards'; run on 3; $$;
select c_pair(1);
select * from c_pair(1);
select (c_pair(1)).b, (c_pair(2)).*;
select a + 1 as a1, row_to_json(p) from c_pair(7) p;
create function c_null() returns pair language plproxy as $$ cluster 'shards'; run on 3; $$;
select c_null() is null as is_null;
select * from c_null();
create function c_nulls() returns pair language plproxy as $$ cluster 'shards'; run on 3; $$;
select c_nulls(), c_nulls() is null as is_null;
create function c_pairs(n integer) returns setof pair language plproxy as $$ cluster 'shards'; run on 3; $$;
select * from c_pairs(3);
select c_pairs(2), (c_pairs(3)).a;
select c_pairs(0);
select count(*), count(p), count(p.a), count(p.b) from c_pairs(4) p;
-- As one column of text, which the row type's input function reads, it would be another function's result.
create function c_as_text(i integer) returns pair language plproxy as $$ cluster 'shards'; run on 3; select c_pair(i); $$;
select c_as_text(1);

-- A domain over a composite, checked here.
create function c_good(i integer) returns good_pair language plproxy as $$ cluster 'shards'; run on 0; $$;
select c_good(1);
select * from c_good(1);
select c_good(-1);
select * from c_good(-1);
create function c_goods(i integer) returns setof good_pair language plproxy as $$
    cluster 'shards'; run on 0; select * from c_pairs(3) union all select i, 'last' order by a desc;
$$;
select * from c_goods(4);
select c_goods(4);
select * from c_goods(-4);
select c_goods(-4);

-- OUT, INOUT, TABLE.
create function o_one(i integer, out j integer) language plproxy as $$ cluster 'shards'; run on 0; $$;
select o_one(4);
select * from o_one(4);
create function o_two(i integer, out j integer, out k text) language plproxy as $$ cluster 'shards'; run on 0; $$;
select o_two(4);
select * from o_two(4);
select (o_two(4)).k;
create function o_inout(inout i integer, inout t text, out n integer) language plproxy as $$ cluster 'shards'; run on 0; $$;
select o_inout(1, 'abc');
select * from o_inout(1, null);
create function o_inout_one(inout i integer) language plproxy as $$ cluster 'shards'; run on i; $$;
select o_inout_one(2);
create function t_table(n integer) returns table (g integer, t text) language plproxy as $$ cluster 'shards'; run on 0; $$;
select t_table(2);
select * from t_table(2);
create function t_one_column(n integer) returns table (g integer) language plproxy as $$ cluster 'shards'; run on 0; $$;
select t_one_column(2);
select * from t_one_column(2);
create function o_set(n integer, out j integer, out k text) returns setof record language plproxy as $$ cluster 'shards'; run on 0; $$;
select * from o_set(2);
select o_set(2);
create function o_set_one(n integer, out j integer) returns setof integer language plproxy as $$ cluster 'shards'; run on 0; $$;
select * from o_set_one(2);
-- Columns are matched by name, in any order.
create function o_swapped(out k text, out j integer) language plproxy as $$ cluster 'shards'; run on 0; select 1 as j, 'x' as k; $$;
select * from o_swapped();
create function o_quoted(out "Odd Name" integer, out "select" text, out "a""b" integer) language plproxy as $$
    cluster 'shards'; run on 0; select 1 as "Odd Name", 'x' as "select", 3 as "a""b";
$$;
select * from o_quoted();
create function o_missing(out j integer, out z text) language plproxy as $$ cluster 'shards'; run on 0; select 1 as j, 'x' as k; $$;
select * from o_missing();
create function o_few(out j integer, out k text) language plproxy as $$ cluster 'shards'; run on 0; select 1 as j; $$;
select * from o_few();
create function o_many(out j integer, out k text) language plproxy as $$ cluster 'shards'; run on 0; select 1 as j, 'x' as k, 2 as l; $$;
select * from o_many();
create function s_many() returns integer language plproxy as $$ cluster 'shards'; run on 0; select 1, 2; $$;
select s_many();
create function s_no_column() returns integer language plproxy as $$ cluster 'shards'; run on 0; select from s_void(); $$;
select s_no_column();
-- The whole check comes before anything has run.
select from on_shards($$ create table ran (what text); create function runs() returns void language sql as 'insert into ran values (1)' $$);
create function r_few(out j integer, out k text) language plproxy as $$ cluster 'shards'; run on 0; select 1 as j from runs(); $$;
select * from r_few();
create function r_count() returns setof bigint language plproxy as $$ cluster 'shards'; run on all; select count(*) from ran; $$;
select sum(r_count) from r_count();

-- Tables as row types, with dropped columns; changes are noticed.
select from on_shards($$
    create function w_wide(i integer, out b text, out c integer, out d integer) language sql as 'select ''b'', i, i + 1'
$$);
create table wide (a integer, b text, c integer);
alter table wide drop column a;
create function w_wide(i integer) returns wide language plproxy as $$ cluster 'shards'; run on 0; select 'b'::text as b, i as c; $$;
create function w_wides(i integer) returns setof wide language plproxy as $$ cluster 'shards'; run on all; select i as c, 'b'::text as b; $$;
select w_wide(1);
select * from w_wide(1);
select * from w_wides(1);
select w_wides(1) limit 1;
create function w_default(i integer) returns setof wide language plproxy as $$ cluster 'shards'; run on 0; target w_wide; $$;
select * from w_default(1);
alter table wide add column d integer;
select * from w_default(1);
select w_wide(1);
alter table wide drop column d;
select * from w_default(1);
select w_wide(1);
alter table wide drop column c;
alter table wide add column c integer;
select * from w_default(1);
alter table wide rename column c to d;
select * from w_default(1);
select w_wide(1);
alter table wide alter column d type text using 'x';
select *, pg_typeof(d) from w_default(1);
alter type pair add attribute c integer;
select c_pair(1);
alter type pair drop attribute c;
select c_pair(1);

-- Wrong numbers of rows.
create function n_rows(n integer) returns integer language plproxy as $$ cluster 'shards'; run on 0; select generate_series(1, n); $$;
create function n_pairs(n integer) returns pair language plproxy as $$ cluster 'shards'; run on 0; select g as a, 'b' as b from generate_series(1, n) g; $$;
create function n_void(n integer) returns void language plproxy as $$ cluster 'shards'; run on 0; select generate_series(1, n); $$;

\set VERBOSITY sqlstate
select n_rows(0);
select n_rows(2);
select n_pairs(0);
select n_pairs(3);
select n_void(0);
select n_void(2);
\set VERBOSITY default
select n_rows(0);
select n_rows(1);
select n_rows(2);
select * from n_rows(100000);
select n_pairs(0);
select n_pairs(1);
select n_pairs(3);
select n_void(0);
select n_void(1);
select n_void(2);
do $$
begin
    perform n_rows(0);
exception when no_data_found then
    raise notice 'none: %', sqlerrm;
end $$;
do $$
begin
    perform n_rows(2);
exception when too_many_rows then
    raise notice 'several: %', sqlerrm;
end $$;

create function t_many(n integer) returns table (g integer, t text) language plproxy as $$
    cluster 'shards'; run on 0; select g, 'row ' || g as t from generate_series(1, n) g;
$$;

-- Where it may be called: in WHERE and JOIN, LATERAL, with ordinality, LIMIT, in a view, in subqueries.
create table numbers (i integer);
insert into numbers select generate_series(1, 4);
select i from numbers where s_int(i) > 3 order by i;
select i, t.* from numbers, lateral t_table(i) t where i < 4 order by i, g;
select i, (select max(g) from t_table(i)) from numbers order by i;
select i, c.* from numbers left join lateral c_pairs(i - 1) c on true where i <= 3 order by i, a;
select * from s_text(3) with ordinality;
select * from t_table(2) with ordinality as t (g, t, n);
select * from rows from (t_table(2), s_text(3), generate_series(1, 1)) with ordinality;
select x.g, y.t from t_table(3) x join t_table(3) y using (g) order by 1;
select x.g, y.g from t_table(2) x, t_table(2) y order by 1, 2;
select * from t_many(100000) limit 2;
select g from (select (t_table(3)).g) x where g > 1;
create view tables as select g, t, s_int(g) from t_table(3);
select * from tables where g <> 2;
select exists (select from t_table(1)), exists (select from t_table(0)), 2 in (select g from t_table(3));
select array(select g from t_table(3)), array_agg(g order by g desc), sum(g) from t_table(4);
with t as materialized (select * from t_table(2)) select * from t union all select * from t;
with recursive r as (select 1 as i union all select s_int(i) from r where i < 4) select * from r;
insert into numbers select g + 10 from t_table(2) returning i;
update numbers set i = s_int(i) where i > 10 returning i;
select case when i < 3 then s_int(i) else 0 end from numbers order by i;
select coalesce(s_null(), 'default');
select s_text(2) order by 1 desc;
select count(distinct s_text) from s_text(5);
select s_int(i), count(*) from numbers group by 1 order by 1;
select generate_series(1, 3), s_text(2);

-- Where a set is not accepted.
\set VERBOSITY terse
select i from numbers where s_text(1) = 'x';
select case when true then s_text(1) end;
update numbers set i = t_one_column(2);
insert into numbers values (1), (t_one_column(1));
do $$ declare t text; begin t := s_text(1); raise notice '%', t; end $$;
do $$ declare t text; begin t := s_text(2); end $$;
\set VERBOSITY default

-- Cursors.
begin;
declare c scroll cursor for select * from t_table(4);
fetch 2 from c;
fetch backward 1 from c;
fetch last from c;
fetch backward all from c;
fetch absolute 3 from c;
move first in c;
fetch relative 1 from c;
commit;
begin;
declare c cursor with hold for select g from t_table(3);
fetch 1 from c;
commit;
select s_int(1);
fetch all from c;
close c;
begin;
declare c scroll cursor for select t_one_column(3);
fetch all from c;
fetch backward 2 from c;
rollback;

-- PL/pgSQL, prepared statements, subtransactions.
do $$
declare
    r record;
    p pair;
    i integer;
begin
    for r in select * from t_table(3) loop
        raise notice 'row %', r;
        exit when r.g = 2;
    end loop;
    p := c_pair(5);
    raise notice 'pair % %', p, p.a;
    select * into p from c_pair(6);
    raise notice 'pair %', p;
    i := s_int(7);
    raise notice 'int %', i;
    select j into strict i from o_two(4);
    raise notice 'out %', i;
    foreach i in array array(select s_all(1)) loop
        raise notice 'of all %', i;
    end loop;
    begin
        perform n_rows(0);
    exception when others then
        raise notice 'caught %', sqlstate;
    end;
    begin
        perform s_domain(-1);
    exception when check_violation then
        raise notice 'caught %', sqlerrm;
    end;
    raise notice 'and on: %', s_int(1);
end $$;
create function returns_query(n integer) returns setof pair language plpgsql as $$
begin
    return query select * from c_pairs(n);
    return next c_pair(9);
    return query execute 'select * from c_pairs($1)' using 1;
end $$;
select * from returns_query(2);
prepare p (integer) as select s_int($1), t.* from t_table($1) t;
execute p (1);
execute p (2);
deallocate p;
prepare p as select s_int(1);
execute p;
execute p;
create or replace function s_int(i integer) returns integer language plproxy as $$ cluster 'shards'; run on 1; select i + 100; $$;
execute p;
begin;
select s_int(1);
savepoint a;
select n_rows(0);
rollback to a;
select s_int(2);
release a;
commit;
