--
-- The query that a shard gets when the function has none of its own, and TARGET.
--
\set VERBOSITY terse
\pset format unaligned
\pset tuples_only on
create schema default_query;
create schema "Odd ""schema";
set search_path = default_query, public;

-- On the shard each function gives the query that it is called by, without the last cast that only concerns transport.
select from on_shards($x$
    create schema default_query;
    create schema "Odd ""schema";
    create function default_query.received() returns text language sql as
        'select regexp_replace(current_query(), ''(::[^ :,]+)::text(?=,? )'', ''\1'', ''g'')';
    create function default_query.plain(a int, b text) returns text language sql as 'select default_query.received()';
    create function default_query.nullary() returns text language sql as 'select default_query.received()';
    create function "Odd ""schema"."Odd func"(int) returns text language sql as 'select default_query.received()';
    create function "Odd ""schema"."select"(int) returns varchar language sql as 'select default_query.received()';
    create function "Odd ""schema".plain(int) returns text language sql as 'select default_query.received()';
$x$);
create function plain(a int, b text) returns text language plproxy as $$ cluster 'shards'; run on 0; $$;
select plain(1, 'b');
create function nullary() returns text language plproxy as $$ cluster 'shards'; run on 0; $$;
select nullary();
create function "Odd ""schema"."Odd func"(int) returns text language plproxy as $$ cluster 'shards'; run on 0; $$;
select "Odd ""schema"."Odd func"(1);
create function "Odd ""schema"."select"(int) returns varchar language plproxy as $$ cluster 'shards'; run on 0; $$;
select "Odd ""schema"."select"(1);

-- TARGET is taken as it is written
create function target1(int) returns text language plproxy as $$ cluster 'shards'; run on 0; target "Odd ""schema".plain; $$;
create function target2(int, text) returns text language plproxy as $$ cluster 'shards'; run on 0; target Default_Query . PLAIN; $$;
select target2(1, 'x');
create function target3(text) returns text language plproxy as $$ cluster 'shards'; run on 0; target upper; $$;
select target3('upper');
create function target4(text) returns text language plproxy as $$ cluster 'shards'; run on 0; target nonesuch; $$;
select target4('x');

-- the types of arguments and results, as any database knows them
select from on_shards($x$
    create domain default_query.word as text check (value <> 'bad');
    create domain "Odd ""schema"."Odd word" as varchar(10);
    create type default_query.mood as enum ('sad', 'happy');
    create type default_query.pair as (a int, "B c" text);
    create type default_query."char" as (a int);
    create function default_query.char_types("char", char, char(5), varchar(3), bit, bit(3), bit varying, name) returns text
        language sql as 'select default_query.received() || E''\n'' || concat_ws(''|'', $1, $2, $3, $4, $5, $6, $7, $8)';
    create function default_query.number_types(int2, int4, int8, float4, float8, numeric(10, 2), oid, money) returns text
        language sql as 'select default_query.received()';
    create function default_query.other_types(boolean, date, time, timetz, timestamp, timestamptz(0), interval, bytea, jsonb, uuid, xml, inet) returns text
        language sql as 'select default_query.received()';
    create function default_query.array_types(int[], text[][], "char"[], char(3)[], bit[], default_query.word[], default_query.pair[]) returns text
        language sql as 'select default_query.received()';
    create function default_query.own_types(default_query.word, "Odd ""schema"."Odd word", default_query.mood, default_query.pair, default_query."char") returns text
        language sql as 'select default_query.received()';
$x$);
create domain default_query.word as text check (value <> 'bad');
create domain "Odd ""schema"."Odd word" as varchar(10);
create type default_query.mood as enum ('sad', 'happy');
create type default_query.pair as (a int, "B c" text);
create type default_query."char" as (a int);
create function char_types("char", char, char(5), varchar(3), bit, bit(3), bit varying, name) returns text language plproxy as $$ cluster 'shards'; run on 0; $$;
select char_types('ab', 'abc', 'a ', 'abcd', b'1', b'101', b'1010', 'name');
create function number_types(int2, int4, int8, float4, float8, numeric(10, 2), oid, money) returns text language plproxy as $$ cluster 'shards'; run on 0; $$;
select number_types(1::int2, 1, 1, 1, 1, 1, 1, 1::money);
create function other_types(boolean, date, time, timetz, timestamp, timestamptz(0), interval, bytea, jsonb, uuid, xml, inet) returns text language plproxy as $$ cluster 'shards'; run on 0; $$;
select other_types(null, null, null, null, null, null, null, null, null, null, null, null);
create function array_types(int[], text[][], "char"[], char(3)[], bit[], default_query.word[], default_query.pair[]) returns text language plproxy as $$ cluster 'shards'; run on 0; $$;
select array_types(null, null, null, null, null, null, null);
create function own_types(default_query.word, "Odd ""schema"."Odd word", default_query.mood, default_query.pair, default_query."char") returns text language plproxy as $$ cluster 'shards'; run on 0; $$;
select own_types(null, null, null, null, null);

-- the same as results
select from on_shards($x$
    create table default_query.log (query text);
    create function default_query.log() returns void language sql as 'insert into default_query.log values (default_query.received())';
    create function default_query.r_char() returns "char" language sql as $$ select default_query.log(); select 'c'::"char" $$;
    create function default_query.r_bpchar() returns char(5) language sql as $$ select default_query.log(); select 'ab '::char(5) $$;
    create function default_query.r_bit() returns bit(3) language sql as $$ select default_query.log(); select b'101' $$;
    create function default_query.r_word() returns default_query.word language sql as $$ select default_query.log(); select 'word'::default_query.word $$;
    create function default_query.r_mood() returns default_query.mood language sql as $$ select default_query.log(); select 'happy'::default_query.mood $$;
    create function default_query.r_pairs() returns setof default_query.pair language sql as $$ select default_query.log(); select 1, 'one' union all select 2, 'two' $$;
    create function default_query.r_array() returns int[] language sql as $$ select default_query.log(); select array[1, null, 3] $$;
    create function default_query.r_void(int) returns void language sql as $$ select default_query.log(); $$;
    create function default_query.r_out(a int, out "B c" text, out "select" int, inout d int) language sql as $$ select default_query.log(); select 'x'::text, a, d $$;
    create function default_query.r_table() returns table ("B c" text, a int) language sql as $$ select default_query.log(); values ('one', 1), ('two', 2) $$;
$x$);
create function r_char() returns "char" language plproxy as $$ cluster 'shards'; run on 0; $$;
create function r_bpchar() returns char(5) language plproxy as $$ cluster 'shards'; run on 0; $$;
create function r_bit() returns bit(3) language plproxy as $$ cluster 'shards'; run on 0; $$;
create function r_word() returns word language plproxy as $$ cluster 'shards'; run on 0; $$;
create function r_mood() returns mood language plproxy as $$ cluster 'shards'; run on 0; $$;
create function r_pairs() returns setof pair language plproxy as $$ cluster 'shards'; run on 0; $$;
create function r_array() returns int[] language plproxy as $$ cluster 'shards'; run on 0; $$;
create function r_void(int) returns void language plproxy as $$ cluster 'shards'; run on 0; $$;
create function r_out(a int, out "B c" text, out "select" int, inout d int) language plproxy as $$ cluster 'shards'; run on 0; $$;
-- other names in another order than there, and not all of them
create function r_table() returns table (a int8, "B c" varchar) language plproxy as $$ cluster 'shards'; run on 0; $$;
select r_char(), '[' || r_bpchar() || ']', r_bit(), r_word(), r_mood(), r_array(), r_void(1);
select * from r_pairs();
select * from r_out(1, 2);
select * from r_table();
create function log() returns setof text language plproxy as $$ cluster 'shards'; run on 0; select query from default_query.log; $$;
select log();
-- one OUT argument is a scalar
create function target6(a int, b text, out c text) language plproxy as $$ cluster 'shards'; run on 0; target default_query.plain; $$;
select target6(1, 'b');

\pset tuples_only off
\pset format aligned
set client_min_messages = warning;
drop schema default_query, "Odd ""schema" cascade;
