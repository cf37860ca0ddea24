--
-- RUN ON in all its forms.
--
\set VERBOSITY terse
create schema run_on;
set search_path = run_on, public;
select from on_shards('create schema run_on;
    create function run_on.part() returns int language sql as ''select right(current_database(), 1)::int''');

-- ANY, and nothing, is one partition at random
create function part() returns int language plproxy as $$ cluster 'shards'; run on any; $$;
create function part_default() returns int language plproxy as $$ cluster 'shards'; target run_on.part; $$;
create function part_of_set() returns setof int language plproxy as $$ cluster 'shards'; run on any; target run_on.part; $$;
select min(part) as first, max(part) as last, count(distinct part) as parts, count(*)
from (select part() from generate_series(1, 200)) x;
select min(part) as first, max(part) as last, count(distinct part) as parts, count(*)
from (select part_default() as part from generate_series(1, 200)) x;
select min(part) as first, max(part) as last, count(distinct part) as parts, count(*)
from (select part_of_set() as part from generate_series(1, 200)) x;

-- ALL, in the order of the partitions
create function all_parts() returns setof int language plproxy as $$ cluster 'shards'; run on all; target run_on.part; $$;
select all_parts();
create function all_rows(n int) returns table (part int, line int) language plproxy as
    $$ cluster 'shards'; run on all; select run_on.part() as "part", generate_series(1, n) as "line"; $$;
select * from all_rows(2);
select * from all_rows(0);
-- even if a later one is done first
create function slow_first() returns setof int language plproxy as
    $$ cluster 'shards'; run on all; select run_on.part() from pg_sleep((3 - run_on.part()) * 0.02); $$;
select slow_first();

-- a number is a partition, not a hash value
create function on_2() returns int language plproxy as $$ cluster 'shards'; run on 2; target run_on.part; $$;
create function on_03() returns int language plproxy as $$ cluster 'shards'; run on 03; target run_on.part; $$;
create function on_4() returns int language plproxy as $$ cluster 'shards'; run on 4; target run_on.part; $$;
create function on_many() returns setof int language plproxy as $$ cluster 'shards'; run on 99999999999999999999; target run_on.part; $$;
select on_2(), on_03();
select on_4();
select on_many();

-- a function of any integer type
create function hash2(int) returns int2 language sql as 'select $1::int2';
create function hash4(int) returns int4 language sql as 'select $1';
create function hash8(int) returns int8 language sql as 'select $1 + 4000000000';
create function by2(a int) returns text language plproxy as $$ cluster 'shards'; run on hash2(a); select run_on.part() || ' for ' || a; $$;
create function by4(a int) returns text language plproxy as $$ cluster 'shards'; run on hash4($1); select run_on.part() || ' for ' || a; $$;
create function by8(a int) returns text language plproxy as $$ cluster 'shards'; RUN ON run_on . hash8 (A); select run_on.part() || ' for ' || a; $$;
select by2(a), by4(a), by8(a) from unnest(array[0, 1, 2, 3, 4, 7, -1, -4, 32767, -32768]) a;
create function by_expression(a text) returns int language plproxy as
    $$ cluster 'shards'; run on length(a || ')' /* ; */ || 'b') ; select run_on.part(); $$;
select by_expression('abc');
create function by_int() returns int language plproxy as $$ cluster 'shards'; run on now_part(); target run_on.part; $$;
create function now_part() returns int language sql as 'select 3';
select by_int();

-- several values: all the partitions that they select, once each, in the order in which they were first selected
create function hashes(int[]) returns setof int language sql as 'select unnest($1)';
create function by_hashes(a int[]) returns setof int language plproxy as $$ cluster 'shards'; run on hashes(a); select run_on.part(); $$;
select by_hashes('{3, 0, 2}');
select by_hashes('{2, 6, -2, 1, 5, 2}');
select by_hashes('{1}');
select by_hashes('{}');
create function by_hashes_rows(a int[]) returns table (part int, line int) language plproxy as
    $$ cluster 'shards'; run on hashes(a); select run_on.part() as "part", generate_series(1, 2) as "line"; $$;
select * from by_hashes_rows('{3, 1}');
-- for one row only one value will do
create function by_one_hash(a int[]) returns int language plproxy as $$ cluster 'shards'; run on hashes(a); select run_on.part(); $$;
select by_one_hash('{3}');
select by_one_hash('{}');
select by_one_hash('{1, 2}');
select by_one_hash('{1, 1}');
create function by_one_hash_void(a int[]) returns void language plproxy as $$ cluster 'shards'; run on hashes(a); select run_on.part(); $$;
select by_one_hash_void('{}');
-- only the first column counts
create function two_columns(int, out int, out text) language sql as $$ select $1, 'x' $$;
create function by_two(a int) returns int language plproxy as $$ cluster 'shards'; run on two_columns(a); select run_on.part(); $$;
select by_two(2);

-- an argument
create function by_argument(a int2, b int4, c int8) returns text language plproxy as $$ cluster 'shards'; run on b; select run_on.part(); $$;
create function by_number(a int2, int4, int8) returns text language plproxy as $$ cluster 'shards'; run on $3; select run_on.part(); $$;
create function by_first(a int2) returns setof text language plproxy as $$ cluster 'shards'; run on A; select run_on.part(); $$;
select by_argument(1::int2, -2, 3), by_number(1::int2, 2, -3000000001), by_first(7::int2);
-- an argument can have a statement's name
create function by_all(any_ int, "all" int) returns int language plproxy as $$ cluster 'shards'; run on $2; select run_on.part(); $$;
select by_all(1, 2);

-- NULL
select by2(null);
select by_hashes('{1, null}');
select by_argument(1::int2, null, 3);
select by_first(null);

-- other types
create function by_text(a text) returns int language plproxy as $$ cluster 'shards'; run on a; select run_on.part(); $$;
select by_text('1');
create function by_numeric(a int) returns int language plproxy as $$ cluster 'shards'; run on power(a, 2); select run_on.part(); $$;
select by_numeric(1);
create function by_bool(a int) returns setof int language plproxy as $$ cluster 'shards'; run on int4eq(a, 1); select run_on.part(); $$;
select by_bool(1);
create function by_oid(a oid) returns int language plproxy as $$ cluster 'shards'; run on a; select run_on.part(); $$;
select by_oid(1);
create domain positive as int check (value > 0);
create function by_domain(a positive) returns int language plproxy as $$ cluster 'shards'; run on a; select run_on.part(); $$;
select by_domain(1);

-- what a hash function raises passes, with the position in its call; nothing has run anywhere
create function bad(int) returns int language plpgsql as $$ begin raise 'no hash for %', $1 using errcode = 'P1234', hint = 'none'; end $$;
create function by_bad(a int) returns int language plproxy as $$ cluster 'shards'; run on bad(a); select run_on.part(); $$;
\set VERBOSITY default
\set SHOW_CONTEXT never
select by_bad(5);
\set VERBOSITY terse
create function by_none(a int) returns int language plproxy as $$ cluster 'shards'; run on nonesuch(a); select run_on.part(); $$;
select by_none(1);
create function by_username(a int) returns int language plproxy as $$ cluster 'shards'; run on hash4(username); select run_on.part(); $$;
select by_username(1);
create function by_typo(a int) returns int language plproxy as $$ cluster 'shards'; run on username; select run_on.part(); $$;
select by_typo(1);

-- a hash function sees the tables as the calling query does
create table place as select 1 as part;
create function place() returns int language sql as 'select part from place';
create function by_place() returns int language plproxy as $$ cluster 'shards'; run on place(); select run_on.part(); $$;
select by_place();
begin;
update place set part = 2;
select by_place();
rollback;
select by_place();
-- and can't change them
create function change() returns int language sql as 'update place set part = 3 returning part';
create function by_change() returns int language plproxy as $$ cluster 'shards'; run on change(); select run_on.part(); $$;
select by_change();

set client_min_messages = warning;
drop schema run_on cascade;
