--
-- SPLIT: arrays cut into a piece for each partition.
--
\set VERBOSITY terse
create schema split;
set search_path = split, public;
select from on_shards($x$
    create schema split;
    create function split.part() returns int language sql as 'select right(current_database(), 1)::int';
    create function split.ints(a int[]) returns setof text language sql as 'select split.part() || '': '' || a::text';
    create function split.two(a int[], b text[]) returns setof text language sql as
        'select split.part() || '': '' || concat_ws('' '', a, coalesce(b::text, ''null''))';
    create function split.kept(a int[], b text[], c int) returns setof text language sql as
        'select concat_ws('' '', split.part() || '':'', a, b, coalesce(c::text, ''null''))';
    create table split.ran (part int default split.part());
    create function split.counted(a int[]) returns setof int language sql as
        'insert into split.ran default values; select cardinality(a)';
$x$);

-- one array: the elements keep their order, the partitions come as they were first selected
create function ints(a int[]) returns setof text language plproxy as $$ cluster 'shards'; split a; run on a; $$;
select * from ints('{0, 1, 2, 3, 4, 5, 6, 7, -1}');
select * from ints('{6, 1, 5, 2, 1, 9, 2}');
select * from ints('{7}');
select count(*), sum(cardinality(regexp_replace(ints, '.*: ', '')::int[])) from ints(array(select generate_series(1, 1000)));

-- several arrays, all at once, by number, in any case; what isn't split goes everywhere
create function two(a int[], b text[]) returns setof text language plproxy as $$ cluster 'shards'; split A, b; run on a; $$;
create function two_all(a int[], b text[]) returns setof text language plproxy as $$ cluster 'shards'; SPLIT ALL; run on a; target split.two; $$;
create function two_numbers(int[], text[]) returns setof text language plproxy as $$ cluster 'shards'; split $2, $1; run on $1; target split.two; $$;
select * from two('{1, 2, 3, 5}', '{one, two, three, five}');
select * from two_all('{1, 2, 3, 5}', '{one, two, three, five}');
select * from two_numbers('{1, 2, 3, 5}', '{one, two, three, five}');
create function kept(a int[], b text[], c int) returns setof text language plproxy as $$ cluster 'shards'; split a; run on a; $$;
select * from kept('{1, 2, 5}', '{all, of, it}', 7);
select * from kept('{1, 2, 5}', null, null);
create function kept_all(a int[], b text[], c int) returns setof text language plproxy as $$ cluster 'shards'; split all; run on a; target split.kept; $$;
select * from kept_all('{1, 2, 5}', '{x, y, z}', 7);

-- NULL elements stay NULL
select * from two('{1, 2, 3, 5}', '{null, two, null, NULL}');
select * from two('{1, 5}', '{null, null}');
select * from two('{1, 5}', '{"null", ""}');
-- but not as hash values
select * from two('{1, null}', '{a, b}');

-- a NULL array is an empty one: it runs nowhere
select * from ints(null);
select * from ints('{}');
select * from two(null, null);
select * from two('{}', null);
select * from two(null, '{}');
create function nowhere(a int[], b int[]) returns setof int language plproxy as $$ connect 'dbname=nonesuch host=/nonesuch'; split a; $$;
select * from nowhere('{}', '{1}');
create function counted(a int[]) returns setof int language plproxy as $$ cluster 'shards'; split a; run on all; $$;
create function ran() returns setof int language plproxy as $$ cluster 'shards'; run on all; select part from split.ran; $$;
select * from counted('{}');
select * from ran();
select * from counted('{1, 2, 3}');
select * from ran();

-- other lengths, other dimensions
select * from two('{1, 2}', '{a}');
select * from two('{1}', '{a, b}');
select * from two('{1}', null);
select * from two(null, '{a}');
select * from two('{}', '{a}');
select * from two('{{1, 2}, {3, 4}}', '{a, b, c, d}');
select * from two('{1, 2}', '{{a, b}}');
select * from ints('{{1}}');
select * from kept('{1, 2}', '{{not, split}, {so, kept}}', 0);
-- other lower bounds: a piece counts from 1
select * from ints('[5:9]={1, 5, 2, 9, 3}');
select * from ints('[-1:0]={1, 5}');
select * from two('[0:2]={1, 2, 5}', '[7:9]={a, b, c}');
select * from kept('{1}', '[3:4]={x, y}', 0);

-- elements of all kinds
create type split.mood as enum ('sad', 'it''s "ok"', 'naïve');
create type split.pair as (a int, b text);
create type split.nest as (x pair, y pair[], z mood);
create domain split.small as int check (value < 100);
create domain split.ids as int[] check (array_position(value, -1) is null);
select from on_shards($x$
    create type split.mood as enum ('sad', 'it''s "ok"', 'naïve');
    create type split.pair as (a int, b text);
    create type split.nest as (x split.pair, y split.pair[], z split.mood);
    create domain split.small as int check (value < 100);
    create domain split.ids as int[];
$x$);
-- the elements that came back, and where they were
-- (A plproxy function can't be polymorphic, so there is one for each type.)
do $$
declare
    type text;
begin
    foreach type in array array['boolean', 'text', 'varchar', 'bytea', 'numeric', 'float8', 'timestamptz', 'date', 'interval', 'uuid', 'inet',
                                'jsonb', 'int4range', 'point', 'name', '"char"', 'char(4)', 'mood', 'pair', 'nest', 'small']
    loop
        execute format('create function places(n int[], v %1$s[], out part int, out numbers int[], out piece %1$s[]) returns setof record
                        language plproxy as $x$ cluster ''shards''; split all; run on n; select split.part() as part, n as numbers, v as piece; $x$', type);
    end loop;
end
$$;
select * from places('{1, 2, 3, 5}', array[true, false, null, null]);
select * from places('{1, 2, 5}', array['it''s', 'NULL', null]::text[]);
select * from places('{1, 2, 5}', array['{a,b}', '"', '\']::varchar[]);
select * from places('{1, 2, 5}', array['\x00', '\x5c27', '']::bytea[]);
select * from places('{1, 2, 5}', array[1.50, 'NaN', -1e20]::numeric[]);
select * from places('{1, 2, 5}', array[0.1, 'NaN', '-Infinity']::float8[]);
begin;
set local timezone = 'Asia/Kolkata';
set local datestyle = 'SQL, DMY';
select * from places('{1, 2, 5}', array['2024-03-31 02:30:00+00', 'infinity', '1990-01-01 00:00:00+00']::timestamptz[]);
select * from places('{1, 2, 5}', array['2001-02-03', 'infinity', null]::date[]);
commit;
select * from places('{1, 2, 5}', array['1 month -1 day', '0', '01:02:03.4']::interval[]);
select * from places('{1, 2, 5}', array['00112233-4455-6677-8899-aabbccddeeff', null, null]::uuid[]);
select * from places('{1, 2, 5}', array['10.0.0.1', '10.0.0.1/8', '::1']::inet[]);
select * from places('{1, 2, 5}', array['{"a": [1, null]}', 'null', '"x"']::jsonb[]);
select * from places('{1, 2, 5}', array['[1,5)', 'empty', null]::int4range[]);
select * from places('{1, 2, 5}', array['(1,2)', null, '(0.1,-1e300)']::point[]);
select * from places('{1, 2, 5}', array['a', 'B c', '']::name[]);
select * from places('{1, 2, 5}', array['a', '', '\']::"char"[]);
select * from places('{1, 2, 5}', array['a', 'abcd', '']::char(4)[]);
select * from places('{1, 2, 5}', array['sad', 'it''s "ok"', 'naïve']::mood[]);
select * from places('{1, 2, 5}', array[(1, 'one'), null, (null, null)]::pair[]);
select * from places('{1, 2, 5}', array[row((1, 'x'), array[(2, 'y'), null]::pair[], 'sad'), row(null, '{}', null), null]::nest[]);
select * from places('{1, 2, 5}', array[1, 99, null]::small[]);
-- dropped columns of a composite
alter type pair drop attribute a;
alter type pair add attribute c int;
select from on_shards('alter type split.pair drop attribute a; alter type split.pair add attribute c int');
select * from places('{1, 2, 5}', array[('one', 1), null, ('two', 2)]::pair[]);
-- a domain over an array is no array to SPLIT: ALL leaves it whole
create function by_ids(v ids) returns setof text language plproxy as $$ cluster 'shards'; split v; run on v; target split.ints; $$;
create function with_ids(a int[], v ids) returns setof text language plproxy as
    $$ cluster 'shards'; split all; run on a; select split.part() || ' ' || a::text || ' ' || v::text; $$;
select * from with_ids('{1, 2}', '{7, 8, 9}');
-- a vector of the catalogs is one
create function by_vector(v int2vector) returns setof text language plproxy as $$ cluster 'shards'; split v; run on 1; select split.part() || ': ' || v::text; $$;
select * from by_vector('1 2 3');

-- a hash function gets the elements, and other arguments as they are
create function scaled(a int, factor int) returns int language sql as 'select a * factor';
create function by_scaled(a int[], factor int) returns setof text language plproxy as
    $$ cluster 'shards'; split a; run on scaled(a, factor); select split.part() || ': ' || a::text; $$;
select * from by_scaled('{1, 2, 3}', 3);
select * from by_scaled('{1, 2, 3}', 0);
-- several of the arrays, also twice
create function plus(int, int, int) returns int8 language sql as 'select ($1 + $2 + $3)::int8';
create function by_sum(a int[], b int[], c int) returns setof text language plproxy as
    $$ cluster 'shards'; split a, b; run on plus(a, $2, A); select split.part() || ': ' || a::text || b::text; $$;
select * from by_sum('{0, 1, 2, 3}', '{1, 1, 2, 3}', 0);
create function by_other(a int[], b int[], c int) returns setof text language plproxy as
    $$ cluster 'shards'; split a, b; run on plus(0, c, b); select split.part() || ': ' || a::text || b::text; $$;
select * from by_other('{0, 1, 2, 3}', '{1, 1, 2, 3}', 1);
-- an array that isn't split, whole
create function pick(a int, list int[]) returns int language sql as 'select list[a]';
create function by_list(a int[], list int[]) returns setof text language plproxy as
    $$ cluster 'shards'; split a; run on pick(a, list); select split.part() || ': ' || a::text; $$;
select * from by_list('{1, 2, 3}', '{3, 3, 0}');
select * from by_list('{1, 2, 3}', '{3, 3}');
-- only arguments that aren't split, or none: still evaluated for each element
create sequence calls;
create function next_part(int) returns int language sql as 'select (nextval(''split.calls'') - 1 + $1)::int';
create function by_next(a int[], start int) returns setof text language plproxy as
    $$ cluster 'shards'; split a; run on next_part(start); select split.part() || ': ' || a::text; $$;
select * from by_next('{10, 20, 30, 40, 50}', 2);
create function next_part() returns int language sql as 'select (nextval(''split.calls'') - 1)::int';
create function by_next(a int[]) returns setof text language plproxy as
    $$ cluster 'shards'; split a; run on next_part(); select split.part() || ': ' || a::text; $$;
select setval('calls', 1, false);
select * from by_next('{10, 20, 30, 40, 50}');
select nextval('calls');
create function fixed() returns int language sql immutable as 'select 3';
create function by_fixed(a int[]) returns setof text language plproxy as
    $$ cluster 'shards'; split a; run on fixed(); select split.part() || ': ' || a::text; $$;
select * from by_fixed('{10, 20, 30}');
-- in the order of the elements, each once
create function asked(int) returns int language plpgsql as $$ begin raise notice 'asked for %', $1; return $1; end $$;
create function by_asked(a int[]) returns setof text language plproxy as
    $$ cluster 'shards'; split a; run on asked(a); select split.part() || ': ' || a::text; $$;
select * from by_asked('{3, 1, 5, 3}');
-- composite and other elements for the hash function
create function hash_pair(pair) returns int language sql as 'select $1.c';
create function by_pair(v pair[]) returns setof text language plproxy as
    $$ cluster 'shards'; split v; run on hash_pair(v); select split.part() || ': ' || v::text; $$;
select * from by_pair(array[('one', 1), ('two', 2), ('five', 5)]::pair[]);
select * from by_pair(array[('one', 1), null]::pair[]);
create function by_length(v text[]) returns setof text language plproxy as
    $$ cluster 'shards'; split v; run on length(v); select split.part() || ': ' || v::text; $$;
select * from by_length('{a, bb, eeeee, ""}');
select * from by_length('{a, null}');
-- strict or not is the function's matter
create function by_default(v text[]) returns setof text language plproxy as
    $$ cluster 'shards'; split v; run on coalesced(v); select split.part() || ': ' || v::text; $$;
create function coalesced(text) returns int language sql as 'select coalesce(length($1), 2)';
select * from by_default('{a, null, ccc, null}');

-- several hash values for an element: it goes to each of their partitions, once
create function several(int) returns setof int language sql as 'select unnest(array[$1, $1 + 1, $1 + 5])';
create function by_several(a int[]) returns setof text language plproxy as
    $$ cluster 'shards'; split a; run on several(a); select split.part() || ': ' || a::text; $$;
select * from by_several('{1, 2, 4}');
create function upto(int) returns setof int language sql as 'select generate_series(0, $1 - 1)';
create function by_upto(a int[]) returns setof text language plproxy as
    $$ cluster 'shards'; split a; run on upto(a); select split.part() || ': ' || a::text; $$;
-- none for some: they go nowhere
select * from by_upto('{4, 0, 1, 2, 0}');
select * from by_upto('{0, 0}');
create function zero_and_two() returns setof int language sql as 'values (0), (2)';
create function by_zero_and_two(a int[]) returns setof text language plproxy as
    $$ cluster 'shards'; split a; run on zero_and_two(); select split.part() || ': ' || a::text; $$;
select * from by_zero_and_two('{7, 8}');
-- the first column counts
create function two_columns(int, out int, out text) language sql as $$ select $1, 'x' $$;
create function by_two_columns(a int[]) returns setof text language plproxy as
    $$ cluster 'shards'; split a; run on two_columns(a); select split.part() || ': ' || a::text; $$;
select * from by_two_columns('{1, 2, 5}');
create function by_two_of(a int[], b int) returns setof text language plproxy as
    $$ cluster 'shards'; split a; run on two_columns(b); select split.part() || ': ' || a::text; $$;
select * from by_two_of('{1, 2, 5}', 3);

-- RUN ON an argument, split or not
create function by_argument(a int[], b int) returns setof text language plproxy as
    $$ cluster 'shards'; split a; run on b; select split.part() || ': ' || a::text; $$;
select * from by_argument('{1, 2, 3}', 7);
select * from by_argument('{1, 2, 3}', null);
select * from by_argument('{}', null);
create function by_second(a text[], int8[]) returns setof text language plproxy as
    $$ cluster 'shards'; split all; run on $2; select split.part() || ': ' || a::text; $$;
select * from by_second('{a, b, c}', '{4294967299, -1, 0}');
create function by_int2(a int2[]) returns setof text language plproxy as
    $$ cluster 'shards'; split a; run on a; select split.part() || ': ' || a::text; $$;
select * from by_int2('{1, -1, 5}');
-- ANY draws for each element
create function anywhere(a int[]) returns setof text language plproxy as $$ cluster 'shards'; split a; run on any; target split.ints; $$;
create function by_default_anywhere(a int[]) returns setof text language plproxy as $$ cluster 'shards'; split a; target split.ints; $$;
select count(*) as pieces, sum(cardinality(regexp_replace(a, '.*: ', '')::int[])) as elements from anywhere(array(select generate_series(1, 400))) a;
select count(*) as pieces, sum(cardinality(regexp_replace(a, '.*: ', '')::int[])) as elements from by_default_anywhere(array(select generate_series(1, 400))) a;
-- ALL and a number send everything there
create function everywhere(a int[], b text[]) returns setof text language plproxy as $$ cluster 'shards'; split all; run on all; target split.two; $$;
select * from everywhere('{1, 2, 3}', '{a, b, null}');
create function on_2(a int[], b text[]) returns setof text language plproxy as $$ cluster 'shards'; split a; run on 2; target split.two; $$;
select * from on_2('[0:2]={1, 2, 3}', '{a, b}');
create function on_4(a int[]) returns setof text language plproxy as $$ cluster 'shards'; split a; run on 4; target split.ints; $$;
select * from on_4('{1}');

-- NULL and other types from the hash function
create function null_at_3(int) returns int language sql as 'select nullif($1, 3)';
create function by_null_at_3(a int[]) returns setof text language plproxy as
    $$ cluster 'shards'; split a; run on null_at_3(a); select split.part() || ': ' || a::text; $$;
select * from by_null_at_3('{1, 2}');
select * from by_null_at_3('{1, 2, 3, 4}');
create function by_text(v text[]) returns setof text language plproxy as $$ cluster 'shards'; split v; run on v; target split.nonesuch; $$;
select * from by_text('{1}');
create function by_upper(v text[]) returns setof text language plproxy as $$ cluster 'shards'; split v; run on upper(v); target split.nonesuch; $$;
select * from by_upper('{1}');
create function by_kept(a int[], b int[]) returns setof text language plproxy as $$ cluster 'shards'; split a; run on b; target split.nonesuch; $$;
select * from by_kept('{1}', '{1}');
create function by_small(v small[]) returns setof text language plproxy as $$ cluster 'shards'; split v; run on v; target split.nonesuch; $$;
select * from by_small('{1}');

-- a function that returns one row: each element needs one hash value, and all of them the same partition
create function one(a int[]) returns text language plproxy as $$ cluster 'shards'; split a; run on a; target split.ints; $$;
select one('{1, 5, -3}');
select one('{1}');
select one('{1, 2}');
select one('{}');
select one(null);
create function one_by_upto(a int[]) returns text language plproxy as $$ cluster 'shards'; split a; run on upto(a); target split.ints; $$;
select one_by_upto('{1, 1, 1}');
select one_by_upto('{1, 2}');
select one_by_upto('{1, 0}');
select one_by_upto('{0}');
create function one_all(a int[]) returns text language plproxy as $$ cluster 'shards'; split a; run on all; $$;
create function one_on_2(a int[]) returns text language plproxy as $$ cluster 'shards'; split a; run on 2; target split.ints; $$;
select one_on_2('{1, 2, 3}');
create function nothing(a int[]) returns void language plproxy as $$ cluster 'shards'; split a; run on a; select split.part(); $$;
select nothing('{1, 5}') is null;
select nothing('{}');

-- with a SELECT: references to pieces, in any order, twice, not at all
create function pairs(a int[], b text[], c text) returns table (part int, n int, t text) language plproxy as
    $$ cluster 'shards'; split a, b; run on a;
       select u.t || c as t, u.n, split.part() as part from unnest($1, b) u (n, t) where u.n = any (a) order by u.n desc; $$;
select * from pairs('{1, 2, 5, 9, 6}', '{one, two, five, nine, six}', '!');
create function unused(a int[]) returns setof int language plproxy as $$ cluster 'shards'; split a; run on a; select split.part(); $$;
select * from unused('{1, 3, 5}');
-- the default query, with OUT columns
create function summed(a int[], out part int, out total int8) returns setof record language plproxy as $$ cluster 'shards'; split a; run on a; $$;
select from on_shards($x$
    create function split.summed(a int[], out part int, out total int8) returns setof record language sql as
        'select split.part(), sum(n) from unnest(a) n';
$x$);
select * from summed('{1, 2, 3, 5, 7}');
-- a dynamic RECORD
select from on_shards($x$
    create function split.dynamic(a int[]) returns setof record language sql as 'select split.part(), sum(n) from unnest(a) n';
$x$);
create function dynamic(a int[]) returns setof record language plproxy as $$ cluster 'shards'; split a; run on a; $$;
select * from dynamic('{1, 2, 3, 5, 7}') as (part int, total int8);
-- CONNECT: everything goes to the one database
create function connected(connstr text, a int[]) returns setof text language plproxy as $$ connect connstr; split a; select split.part() || ': ' || a::text; $$;
select * from connected(connstr('plproxy_shard2'), '{1, 2, 3}');
select * from connected(connstr('plproxy_shard2'), '{}');
-- CLUSTER with a function of an array
create function first(text[]) returns text language sql as 'select $1[1]';
create function by_first(names text[], a int[]) returns setof text language plproxy as $$ cluster first(names); split a; run on a; select split.part() || ': ' || a::text; $$;
select * from by_first('{shards, other}', '{1, 2}');
-- even of one that is split
create function by_split_name(names text[], a int[]) returns setof text language plproxy as $$ cluster first(names); split all; run on a; select split.part() || ': ' || names::text; $$;
select * from by_split_name('{shards, other}', '{1, 2}');

-- partitions with the same connection string are one
select add_cluster('split shared', connstr('plproxy_shard1'), connstr('plproxy_shard3'), connstr('plproxy_shard1'), connstr('plproxy_shard3'));
create function shared(a int[]) returns setof text language plproxy as $$ cluster 'split shared'; split a; run on a; target split.ints; $$;
select * from shared('{0, 1, 2, 3, 4, 5}');
create function shared_several(a int[]) returns setof text language plproxy as
    $$ cluster 'split shared'; split a; run on upto(a); target split.ints; $$;
select * from shared_several('{4, 1, 3}');
create function shared_one(a int[]) returns text language plproxy as $$ cluster 'split shared'; split a; run on a; target split.ints; $$;
select shared_one('{0, 2, 4}');
create function shared_all(a int[]) returns setof text language plproxy as $$ cluster 'split shared'; split a; run on all; target split.ints; $$;
select * from shared_all('{5, 6}');
-- any number of partitions
select add_cluster('split three', connstr('plproxy_shard0'), connstr('plproxy_shard1'), connstr('plproxy_shard2'));
insert into plproxy.options values ('split three', 'modular_mapping', '1');
create function three(a int[]) returns setof text language plproxy as $$ cluster 'split three'; split a; run on a; target split.ints; $$;
select * from three('{0, 1, 2, 3, 4, 5, -1}');

-- an error shows the user's text and the position in it
create function by_none(a int[]) returns setof text language plproxy as $$ cluster 'shards'; split a; run on none_such(a, 1); target split.ints; $$;
select * from by_none('{1, 2}');
create function by_wrong_type(v text[]) returns setof text language plproxy as $$ cluster 'shards'; split v; run on scaled(v, 1); target split.ints; $$;
select * from by_wrong_type('{1, 2}');
\set VERBOSITY default
\set SHOW_CONTEXT never
create function by_unknown(a int[]) returns setof text language plproxy as $$ cluster 'shards'; split a; run on scaled(a, nonesuch); target split.ints; $$;
select * from by_unknown('{1, 2}');
create function not_five(int) returns int language plpgsql as
    $$ begin if $1 = 5 then raise 'no hash for %', $1 using errcode = 'P1234', hint = 'another'; end if; return $1; end $$;
create function by_not_five(a int[]) returns setof text language plproxy as $$ cluster 'shards'; split a; run on not_five(a); target split.ints; $$;
select * from by_not_five('{1, 2}');
select * from by_not_five('{1, 5}');
-- a shard's error is about the piece
create function divide(a int[]) returns setof int language plproxy as $$ cluster 'shards'; split a; run on a; select 100 / n from unnest(a) n; $$;
select * from divide('{1, 2}');
select * from divide('{1, 2, 0}');
select * from divide('{1, 2}');
\set VERBOSITY terse
-- errors in the declaration are noticed when it is created
create function bad(a int[]) returns setof int language plproxy as $$ cluster 'shards'; split b; run on 0; $$;
create function bad(a int[]) returns setof int language plproxy as $$ cluster 'shards'; split $2; run on 0; $$;
create function bad(a int[], b int) returns setof int language plproxy as $$ cluster 'shards'; split a, b; run on 0; $$;
create function bad(a int[], b int[]) returns setof int language plproxy as $$ cluster 'shards'; split a, b, a; run on 0; $$;
create function bad(a int[], b int[]) returns setof int language plproxy as $$ cluster 'shards'; split a, $1; run on 0; $$;
create function bad(a int[]) returns setof int language plproxy as $$ cluster 'shards'; split a; split a; run on 0; $$;
create function bad(a int[]) returns setof int language plproxy as $$ cluster 'shards'; split; run on 0; $$;
create function bad(a int[]) returns setof int language plproxy as $$ cluster 'shards'; split a,; run on 0; $$;
create function bad(a int[], b int[]) returns setof int language plproxy as $$ cluster 'shards'; split a; split b; run on 0; $$;
create function bad(a int[], b int[]) returns setof int language plproxy as $$ cluster 'shards'; split all; split b; run on 0; $$;
create function bad(a int[], b int[]) returns setof int language plproxy as $$ cluster 'shards'; split a, all; run on 0; $$;
create function bad(a int[]) returns setof int language plproxy as $$ split a; run on 0; $$;
-- ALL of none is none
create function uncut(a int) returns int language plproxy as $$ cluster 'shards'; split all; run on a; select split.part(); $$;
select uncut(2);

-- many elements, compared with what they must be
create function spread(n int[], t text[], h int) returns table (part int, place int8, n int, t text) language plproxy as
    $$ cluster 'shards'; split n, t; run on scaled(n, h);
       select split.part() as "part", u.place, u."n", u."t" from unnest(n, t) with ordinality u ("n", "t", place); $$;
create table input as
    select i, (i * 7919) % 10007 as n, case when i % 11 <> 0 then repeat(chr(97 + i % 26), i % 50) end as t from generate_series(1, 10000) i;
create view expected as
    select (n * 3) & 3 as part, row_number() over (partition by (n * 3) & 3 order by i) as place, n, t from input;
create view received as
    select * from spread((select array_agg(n order by i) from input), (select array_agg(t order by i) from input), 3);
select count(*), count(t), count(distinct part) from received;
select count(*) from (table expected except all table received) x;
select count(*) from (table received except all table expected) x;
-- the same with a piece for each of all partitions
create function spread_all(n int[]) returns table (part int, n int[]) language plproxy as
    $$ cluster 'shards'; split n; run on all; select split.part() as "part", n as "n"; $$;
select part, n = (select array_agg(n order by i) from input) as same from spread_all((select array_agg(n order by i) from input));
-- big elements
select part, cardinality(piece), length(piece[1]) from places('{1, 2, 5}', array[repeat('x', 1000000), 'y', repeat('z', 2000000)]);

-- in a prepared statement and in PL/pgSQL, with other arrays each time
prepare p (int[]) as select * from ints($1);
execute p('{1, 2}');
execute p('{}');
execute p('{3, 2, 1, 5}');
do $$
declare
    line text;
begin
    for i in 1..3 loop
        for line in select * from ints(array(select generate_series(1, i))) loop
            raise notice '% %', i, line;
        end loop;
    end loop;
end
$$;
-- one array for each row
select i, s from (values (1, '{1, 2}'::int[]), (2, null), (3, '{3}')) v (i, a) left join lateral ints(a) s on true;
-- a hash function that calls such a function itself
create function nested(int) returns int language plpgsql as $$ begin return count(*) from split.ints(array[$1, $1 + 1]); end $$;
create function by_nested(a int[]) returns setof text language plproxy as $$ cluster 'shards'; split a; run on nested(a); target split.ints; $$;
select * from by_nested('{1, 2}');
-- a subscript and a cast of an element
create function by_cast(v text[]) returns setof text language plproxy as $$ cluster 'shards'; split v; run on abs(v::int + 1); select split.part() || ': ' || v::text; $$;
select * from by_cast('{1, -3, 4}');

set client_min_messages = warning;
drop schema split cascade;
