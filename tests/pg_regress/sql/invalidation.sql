--
-- What changes in the catalogs takes effect at the next call of the same session: made there, in a transaction, undone, or
-- made by another session.
--
\set VERBOSITY terse
set client_min_messages = warning;
drop role if exists regress_inval_a, regress_inval_b, regress_inval_c;
create role regress_inval_a login;
create role regress_inval_b login;
create schema inval;
grant usage on schema inval to public;
set search_path = inval, public;
select from on_shards($x$
    create schema inval;
    create type inval.pair as (a int, b text);
    create type inval.mood as enum ('sad', 'happy');
    create domain inval.small as int;
    create table inval.t (a int, b text);
    insert into inval.t values (1, 'one');
$x$);
create type pair as (a int, b text);
create type mood as enum ('sad', 'happy');
create domain small as int;
create table t (a int, b text);
-- Another session on this database, in which each statement is a transaction.
select format('%s user=%L', connstr(current_database()), session_user) as home \gset
create function exec(sql text) returns void language plpgsql as $$ begin execute sql; end $$;
create function elsewhere(connstr text, sql text) returns void language plproxy as $$ connect connstr; select inval.exec(sql); $$;
select connstr('plproxy_shard0') as shard0, connstr('plproxy_shard1') as shard1 \gset

-- SERVER and USER MAPPING
create server inval foreign data wrapper plproxy options (p0 :'shard0');
create user mapping for public server inval options ("user" 'regress_inval_a');
create function whence() returns text language plproxy as $$ cluster 'inval'; run on 0; select session_user || ' on ' || current_database(); $$;
grant usage on foreign server inval to public;
set role regress_inval_b;
select whence();
reset role;
begin;
alter server inval options (set p0 :'shard1');
alter user mapping for public server inval options (set "user" 'regress_inval_b');
select whence();
savepoint s;
alter server inval options (set p0 :'shard0');
select whence();
rollback to s;
select whence();
rollback;
select whence();
select elsewhere(:'home', format('alter server inval options (set p0 %L)', :'shard1'));
select whence();
select elsewhere(:'home', 'alter user mapping for public server inval options (set "user" ''regress_inval_b'')');
select whence();
select elsewhere(:'home', 'create user mapping for current_user server inval options ("user" ''regress_inval_a'')');
select whence();
select elsewhere(:'home', 'revoke usage on foreign server inval from public');
set role regress_inval_b;
select whence();
reset role;
select whence();
select elsewhere(:'home', 'alter server inval rename to inval_old');
select whence();
select elsewhere(:'home', 'alter server inval_old rename to inval');
select whence();
select elsewhere(:'home', 'drop server inval cascade');
select whence();

-- FUNCTION
create function f() returns int language plproxy as $$ cluster 'shards'; run on 0; select 1; $$;
select f();
begin;
create or replace function f() returns int language plproxy as $$ cluster 'shards'; run on 0; select 2; $$;
select f();
savepoint s;
create or replace function f() returns int language plproxy as $$ cluster 'shards'; run on 0; select 3; $$;
select f();
rollback to s;
select f();
rollback;
select f();
select elsewhere(:'home', $$create or replace function inval.f() returns int language plproxy as 'cluster ''shards''; run on 0; select 4;'$$);
select f();
prepare p as select f();
execute p;
select elsewhere(:'home', $$create or replace function inval.f() returns int language plproxy as 'cluster ''shards''; run on 0; select 5;'$$);
execute p;
drop function f();
create function f() returns text language plproxy as $$ cluster 'shards'; run on 0; select 'six'; $$;
select f();
-- one that raises errors when compiled is compiled again
select elsewhere(:'home', $$set check_function_bodies = off; create or replace function inval.f() returns text language plproxy as 'nonsense'$$);
select f();
select elsewhere(:'home', $$create or replace function inval.f() returns text language plproxy as 'cluster ''shards''; run on 0; select ''seven'';'$$);
select f();
-- a local hash function
create function h() returns int language sql as 'select 1';
create function by_h() returns text language plproxy as $$ cluster 'shards'; run on h(); select right(current_database(), 1); $$;
select by_h();
create or replace function h() returns int language sql as 'select 2';
select by_h();
drop function h();
select by_h();
create function h() returns int8 language sql as 'select 3::int8';
select by_h();
create function by_h(a int[]) returns setof text language plproxy as $$ cluster 'shards'; split a; run on h(a); select right(current_database(), 1) || ': ' || a::text; $$;
create function h(int) returns int language sql as 'select $1';
select by_h('{1, 2}');
set search_path = public;
select inval.by_h('{1, 2}');
set search_path = inval, public;
select by_h('{1, 2}');
drop function h(int);
select by_h('{1, 2}');
create function h(int) returns int8 language sql as 'select $1 + 1::int8';
select by_h('{1, 2}');

-- TYPE: a composite, as argument and as result
select from on_shards($x$
    create function inval.swap(inout p inval.pair) language sql as 'select row($1.a + 1, $1.b || ''!'')::inval.pair';
    create function inval.pairs() returns setof inval.pair language sql as 'select 1, ''one''';
$x$);
create function swap(inout p pair) language plproxy as $$ cluster 'shards'; run on 0; $$;
create function pairs() returns setof pair language plproxy as $$ cluster 'shards'; run on 0; $$;
select swap((1, 'x')), pairs();
-- renamed here: the shards don't know it
alter type pair rename to couple;
select swap((1, 'x'));
select * from pairs();
select from on_shards($x$
    alter type inval.pair rename to couple;
    create or replace function inval.swap(inout p inval.couple) language sql as 'select row($1.a + 1, $1.b || ''!'')::inval.couple';
$x$);
select swap((1, 'x')), pairs();
-- an attribute renamed, added, dropped
alter type couple rename attribute b to c;
select * from pairs();
select from on_shards('alter type inval.couple rename attribute b to c');
select * from pairs();
alter type couple add attribute d date cascade;
select * from pairs();
select from on_shards($x$
    alter type inval.couple add attribute d date;
    create or replace function inval.swap(inout p inval.couple) language sql as 'select row(coalesce($1.a, 0) + 1, $1.c || ''!'', $1.d + 1)::inval.couple';
    create or replace function inval.pairs() returns setof inval.couple language sql as 'select 1, ''one'', null::date'
$x$);
select * from pairs();
select swap((1, 'x', '2001-01-31'));
alter type couple drop attribute a;
select * from pairs();
begin;
alter type couple add attribute a int8;
select * from pairs();
rollback;
select * from pairs();
select elsewhere(:'home', 'alter type inval.couple rename attribute c to b');
select * from pairs();
select elsewhere(:'home', 'alter type inval.couple rename attribute b to c');
select * from pairs();
-- to another schema
create schema inval2;
alter type couple set schema inval2;
select swap(row('x', null)::inval2.couple);
select from on_shards('create schema inval2; alter type inval.couple set schema inval2; alter type inval2.couple drop attribute a;
    create or replace function inval.swap(inout p inval2.couple) language sql as ''select row($1.c || ''''?'''', $1.d + 1)::inval2.couple''');
select swap(row('x', null)::inval2.couple);
-- an enum
create function moods(inout m mood[]) language plproxy as $$ cluster 'shards'; run on 0; select m; $$;
select moods('{sad, happy}');
alter type mood add value 'angry' before 'sad';
select moods('{sad}');
select moods('{angry}');
select from on_shards('alter type inval.mood add value ''angry''');
select moods('{angry, happy}');
alter type mood rename value 'angry' to 'furious';
select moods('{furious}');
select from on_shards('alter type inval.mood rename value ''angry'' to ''furious''');
select moods('{furious}');
select elsewhere(:'home', 'alter type inval.mood rename value ''happy'' to ''glad''');
create function any_mood(text) returns mood language plproxy as $$ cluster 'shards'; run on 0; select $1; $$;
select any_mood('happy');
select any_mood('glad');
alter type mood rename to temper;
select moods('{sad}');
alter type temper rename to mood;
select moods('{sad}');
-- a type that is made anew
drop type mood cascade;
create type mood as (x int);
create function moods(inout m mood) language plproxy as $$ cluster 'shards'; run on 0; select (1, 2)::text; $$;
select moods(null);
alter type mood add attribute y int;
select moods(null);

-- DOMAIN: its constraints
create function smalls(int) returns setof small language plproxy as $$ cluster 'shards'; run on 0; select $1; $$;
create function small_columns(int, out a small, out b text) language plproxy as $$ cluster 'shards'; run on 0; select $1 as a, 'x' as b; $$;
create function in_array(int) returns small[] language plproxy as $$ cluster 'shards'; run on 0; select array[$1]; $$;
select smalls(100), small_columns(100), in_array(100);
alter domain small add constraint limited check (value < 100);
select smalls(100);
select small_columns(100);
select in_array(100);
select smalls(99), small_columns(99), in_array(99);
begin;
alter domain small drop constraint limited;
select smalls(100), small_columns(100), in_array(100);
alter domain small add check (value > 100);
select smalls(101);
rollback;
select smalls(100);
select smalls(null), small_columns(null), in_array(null);
alter domain small set not null;
\set VERBOSITY sqlstate
select smalls(null);
select small_columns(null);
select in_array(null);
\set VERBOSITY terse
alter domain small drop not null;
select smalls(null), small_columns(null), in_array(null);
select elsewhere(:'home', 'alter domain inval.small drop constraint limited');
select smalls(100), small_columns(100), in_array(100);
-- a constraint that calls a function that changes
create function is_small(int) returns boolean language plpgsql as 'begin return $1 < 10; end';
alter domain small add constraint judged check (inval.is_small(value));
select smalls(9);
select smalls(10);
create or replace function is_small(int) returns boolean language plpgsql as 'begin return $1 < 20; end';
select smalls(10);
-- one over a composite type
create domain checked as inval2.couple check ((value).c <> 'bad');
create function get_checked(text) returns checked language plproxy as $$ cluster 'shards'; run on 0; select $1 as c, null as d; $$;
select get_checked('good');
select get_checked('bad');
alter domain checked drop constraint checked_check;
select get_checked('bad');
alter domain checked add check ((value).c <> 'good');
select get_checked('good');

-- TABLE
select from on_shards($x$ create function inval.rows() returns setof inval.t language sql as 'select * from inval.t' $x$);
create function rows() returns setof t language plproxy as $$ cluster 'shards'; run on 0; $$;
select * from rows();
alter table t rename column b to c;
select * from rows();
alter table t rename column c to b;
select * from rows();
alter table t alter a type text;
select * from rows();
begin;
alter table t drop column a;
select * from rows();
rollback;
select * from rows();
select elsewhere(:'home', 'alter table inval.t drop column a, add column a int8');
select * from rows();
alter table t rename to t2;
select * from rows();
alter table t2 set schema inval2;
select * from rows();
create temp table mine as select * from rows();
create table inval2.other as select 1 as a;
drop table inval2.t2 cascade;
select * from rows();
create function rows() returns setof inval2.other language plproxy as $$ cluster 'shards'; run on 0; select 5 as a; $$;
select * from rows();

-- SCHEMA: of a function, of a type
create function inval2.here() returns text language plproxy as $$ cluster 'shards'; run on 0; $$;
create function typed(inval2.couple) returns text language plproxy as $$ cluster 'shards'; run on 0; select $1::text; $$;
select from on_shards($x$
    create function inval2.here() returns text language sql as 'select ''here''::text';
$x$);
select inval2.here(), typed(row('x', null));
alter schema inval2 rename to inval3;
select inval3.here();
select typed(row('x', null));
select from on_shards('alter schema inval2 rename to inval3');
select inval3.here(), typed(row('x', null));
begin;
alter schema inval3 rename to inval4;
select typed(row('x', null));
rollback;
select inval3.here(), typed(row('x', null));
select elsewhere(:'home', 'alter schema inval3 rename to inval2');
select inval2.here();
select elsewhere(:'home', 'alter schema inval2 rename to inval3');
select inval3.here();
-- the one that the messages name
create function fails() returns int language plproxy as $$ cluster 'shards'; run on 0; select 1/0; $$;
select fails();
alter function fails() rename to "Fails";
select "Fails"();
alter function "Fails"() set schema inval3;
select inval3."Fails"();

-- ROLE: the name that connections are for
create function who() returns text language plproxy as $$ cluster 'shards'; run on 0; select session_user; $$;
create function definer() returns text language plproxy security definer as $$ cluster 'shards'; run on 0; select session_user; $$;
alter function definer() owner to regress_inval_a;
set role regress_inval_a;
select who();
reset role;
select definer();
alter role regress_inval_a rename to regress_inval_c;
select definer();
set role regress_inval_c;
select who();
reset role;
begin;
alter role regress_inval_c rename to regress_inval_a;
rollback;
select definer();
select elsewhere(:'home', 'alter role regress_inval_c rename to regress_inval_a');
select definer();
-- another role by an old name
alter role regress_inval_a rename to regress_inval_c;
alter role regress_inval_b rename to regress_inval_a;
select definer();
alter function definer() owner to regress_inval_a;
select definer();
drop owned by regress_inval_a;
drop role regress_inval_a;
create role regress_inval_a login;
grant usage on schema inval to regress_inval_a;
set role regress_inval_a;
select who();
reset role;

drop schema inval, inval3 cascade;
drop role regress_inval_a, regress_inval_c;
