--
-- SELECT in a body: the query is the user's, and its result is matched with what the function returns.
--
\set VERBOSITY terse
create schema select_query;
set search_path = select_query, public;
create type pair as (a int, b text);
create type odd as ("B c" text, "select" int, "A" int, a int);

-- columns are found by name
create function in_order() returns pair language plproxy as $$ cluster 'shards'; run on 0; select 1 as a, 'x' as b; $$;
create function in_other_order() returns setof pair language plproxy as $$ cluster 'shards'; run on 0; select 'x' as b, 1 as a; $$;
create function in_other_order_out(out a int, out b text) language plproxy as $$ cluster 'shards'; run on 0; select 'x' as b, 1 as a; $$;
create function in_other_order_table() returns table (a int, b text) language plproxy as $$ cluster 'shards'; run on 0; select 'x' as b, 1 as a union all select 'y', 2; $$;
select * from in_order();
select * from in_other_order();
select * from in_other_order_out();
select * from in_other_order_table();
create function quoted() returns odd language plproxy as $$ cluster 'shards'; run on 0; select 1 as "A", 2 as a, 3 as "select", 'x' as "B c"; $$;
select * from quoted();

-- too few, too many, other names
create function too_few() returns pair language plproxy as $$ cluster 'shards'; run on 0; select 1 as a; $$;
select * from too_few();
create function too_many() returns setof pair language plproxy as $$ cluster 'shards'; run on 0; select 1 as a, 2 as b, 3 as c; $$;
select * from too_many();
create function misnamed() returns pair language plproxy as $$ cluster 'shards'; run on 0; select 1 as a, 2 as c; $$;
select * from misnamed();
create function misnamed_case() returns odd language plproxy as $$ cluster 'shards'; run on 0; select 'x' as "b C", 1 as "A", 2 as a, 3 as "select"; $$;
select * from misnamed_case();
create function unnamed() returns table (a int, b text) language plproxy as $$ cluster 'shards'; run on 0; select 1, 'x'; $$;
select * from unnamed();
create function twice() returns table (a int, b int) language plproxy as $$ cluster 'shards'; run on 0; select 1 as a, 2 as a; $$;
select * from twice();
create function no_columns() returns int language plproxy as $$ cluster 'shards'; run on 0; select ; $$;
select no_columns();
-- all this is said before the query has run
select from on_shards('create schema select_query; create table select_query.effects (a int);
    create function select_query.effect() returns int language sql as ''insert into select_query.effects values (1) returning a''');
create function effect_and_too_few() returns setof pair language plproxy as $$ cluster 'shards'; run on all; select select_query.effect() as a; $$;
select * from effect_and_too_few();
create function effects() returns setof int8 language plproxy as $$ cluster 'shards'; run on all; select count(*) from select_query.effects; $$;
select effects();
create function effect() returns setof int language plproxy as $$ cluster 'shards'; run on all; select select_query.effect(); $$;
select effect();
select effects();

-- a scalar is the only column, whatever its name
create function scalar() returns int language plproxy as $$ cluster 'shards'; run on 0; select 7 as "any name"; $$;
select scalar();
create function scalar_out(out a int) language plproxy as $$ cluster 'shards'; run on 0; select 7 as b; $$;
select * from scalar_out();
create function scalar_record() returns int language plproxy as $$ cluster 'shards'; run on 0; select 1, 2; $$;
select scalar_record();
create function scalar_record_set() returns setof text language plproxy as $$ cluster 'shards'; run on all; select 1 as a, 2 as b; $$;
select scalar_record_set();

-- the shard's values are read by their text
create function types() returns table (int8_as_int4 int, int4_as_text text, bool_as_text text, char_as_text text, text_as_int int,
                                       inet_as_text text, null_as_text text, date_as_text varchar, bool_as_bool bool, char_as_char char(3)) language plproxy as
    $$ cluster 'shards'; run on 0; select int8 '1' as int8_as_int4, 2 as int4_as_text, true as bool_as_text, 'x'::char(3) as char_as_text,
       '5'::text as text_as_int, inet '10.0.0.1' as inet_as_text, null::bool as null_as_text, date '2001-02-03' as date_as_text, false as bool_as_bool, 'x'::char(3) as char_as_char; $$;
select *, char_as_text || '|' as with_end from types();
create function bad_int() returns int language plproxy as $$ cluster 'shards'; run on 0; select 'x'::text; $$;
select bad_int();
create function bad_int2() returns int2 language plproxy as $$ cluster 'shards'; run on 0; select 40000; $$;
select bad_int2();
create function bad_float() returns int language plproxy as $$ cluster 'shards'; run on 0; select 1.5; $$;
select bad_float();
-- types needn't exist there
create domain small as int check (value < 10);
create type mood as enum ('sad', 'happy');
create function local_domain(a int) returns small language plproxy as $$ cluster 'shards'; run on 0; select a; $$;
select local_domain(9);
select local_domain(10);
create function local_enum() returns mood language plproxy as $$ cluster 'shards'; run on 0; select 'happy'; $$;
select local_enum();
create function local_pair() returns setof pair[] language plproxy as $$ cluster 'shards'; run on 0; select array[row(1, 'x'), row(2, null)]; $$;
select local_pair();
-- nor here
select from on_shards('create type select_query.remote_mood as enum (''up'', ''down'');
    create type select_query.remote_pair as (x int, y select_query.remote_mood)');
create function remote_enum() returns text language plproxy as $$ cluster 'shards'; run on 0; select 'up'::select_query.remote_mood; $$;
select remote_enum();
create function remote_pair() returns setof text language plproxy as
    $$ cluster 'shards'; run on 0; select row(1, 'up')::select_query.remote_pair union all select row(null, null)::select_query.remote_pair union all select null; $$;
select remote_pair(), remote_pair() is null as is_null;
-- void takes anything, once
create function as_void(a int) returns void language plproxy as $$ cluster 'shards'; run on 0; select a; $$;
select as_void(1) is null as is_null, as_void(1)::text = '' as is_empty;
create function as_void_none() returns void language plproxy as $$ cluster 'shards'; run on 0; select 1 where false; $$;
select as_void_none();

-- arguments
create function arguments(a int, "B c" text, c numeric) returns text language plproxy as
    $$ cluster 'shards'; run on 0; select $2 || '/' || A || '/' || c || '/' || $3 || '/' || 'a $1 c' || "x"."a" from (values ('xa')) x ("a"); $$;
select arguments(1, 'B', 2.50);
select arguments(null, 'B', 2.50) is null as is_null;
create function limited(n int, o int) returns setof int language plproxy as $$ cluster 'shards'; run on 0; select generate_series(1, 10) offset o limit n; $$;
select limited(2, 3);
create function listed(a int[]) returns setof int language plproxy as $$ cluster 'shards'; run on 0; select x from unnest(a) x where x = any((a)[1:2]); $$;
select listed('{5, 6, 7}');
-- an argument that isn't used isn't sent, and one that is used twice is sent once
create function unused(a int, b text, c int) returns text language plproxy as $$ cluster 'shards'; run on 0; select c || ',' || c; $$;
select unused(1, 'x', 3);

-- comments and white space, also at the end
create function commented(a int) returns table (x int, y text) language plproxy as $$
    cluster 'shards'; run on 0;
    select -- the first; 'one'
        a as x, /* the
        second; */ 'a -- b' as y
    -- the end
    ;
$$;
select * from commented(3);
create function with_query(a int) returns setof int language plproxy as
    $$ cluster 'shards'; run on 0; select x from (with w as (select a as x union all select a + 1) select * from w) w order by x desc; $$;
select with_query(1);

-- errors: positions are those of the text as it was sent, with $1::type for a reference
create function misspelt(a int) returns int language plproxy as $$ cluster 'shards'; run on 0; select a + nonesuch; $$;
select misspelt(1);
create function misspelt_row(a int) returns pair language plproxy as $$ cluster 'shards'; run on 0; select a as "a", nonesuch as b; $$;
select misspelt_row(1);
create function syntax(a int) returns int language plproxy as $$ cluster 'shards'; run on 0; select a from; $$;
select syntax(1);
create function closes(a int) returns int language plproxy as $$ cluster 'shards'; run on 0; select a) x; $$;
select closes(1);
-- also when the query has run before
create function flips() returns int language plproxy as $$ cluster 'shards'; run on 0; select a from select_query.flips; $$;
select from on_shards('create table select_query.flips as select 1 as a, 2 as b');
select flips();
select from on_shards('alter table select_query.flips rename a to c');
select flips();
select from on_shards('alter table select_query.flips rename c to a');
select flips();

-- the columns may change places while the session lasts
create function places() returns setof pair language plproxy as $$ cluster 'shards'; run on all; select * from select_query.places; $$;
select from on_shards('create table select_query.places as select 1 as a, text ''x'' as b');
select * from places();
select from on_shards('drop table select_query.places; create table select_query.places as select text ''y'' as b, 2 as a');
select * from places();

set client_min_messages = warning;
drop schema select_query cascade;
