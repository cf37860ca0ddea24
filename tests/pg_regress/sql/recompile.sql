--
-- A function is compiled anew when it, or the row type that it returns, has changed: always in the same session here.
--
\set VERBOSITY terse
create schema recompile;
set search_path = recompile, public;

-- the body
create function f(a int) returns text language plproxy as $$ cluster 'shards'; run on 0; select 'first ' || a; $$;
select f(1);
create or replace function f(a int) returns text language plproxy as $$ cluster 'shards'; run on 0; select 'second ' || $1; $$;
select f(1);
-- the name of an argument
drop function f(int);
create function f(b int) returns text language plproxy as $$ cluster 'shards'; run on 0; select 'third ' || b; $$;
select f(1);
-- several times in one transaction, and back
begin;
create or replace function f(b int) returns text language plproxy as $$ cluster 'shards'; run on 0; select 'fourth'; $$;
select f(1);
create or replace function f(b int) returns text language plproxy as $$ cluster 'shards'; run on 0; select 'fifth'; $$;
select f(1);
savepoint s;
create or replace function f(b int) returns text language plproxy as $$ cluster 'shards'; run on 0; select 'sixth'; $$;
select f(1);
drop function f(int);
create function f(b int) returns text language plproxy as $$ cluster 'shards'; run on 0; select 'seventh'; $$;
select f(1);
rollback to s;
select f(1);
rollback;
select f(1);
-- a statement that was prepared before
prepare p as select f(1);
execute p;
create or replace function f(b int) returns text language plproxy as $$ cluster 'shards'; run on 0; select 'eighth'; $$;
execute p;
deallocate p;
-- a bad one is an error at each call, until it is replaced
set check_function_bodies = off;
create or replace function f(b int) returns text language plproxy as $$ cluster $$;
reset check_function_bodies;
select f(1);
select f(1);
create or replace function f(b int) returns text language plproxy as $$ cluster 'shards'; run on 0; select 'ninth'; $$;
select f(1);

-- its name and schema, which are its remote function's too
select from on_shards('create schema recompile; create schema recompile2;
    create function recompile.one() returns text language sql as ''select text ''''one'''''';
    create function recompile.two() returns text language sql as ''select text ''''two'''''';
    create function recompile2.two() returns text language sql as ''select text ''''two of 2''''''');
create function one() returns text language plproxy as $$ cluster 'shards'; $$;
select one();
alter function one() rename to two;
select two();
create schema recompile2;
alter function two() set schema recompile2;
select recompile2.two();
alter schema recompile2 rename to recompile3;
do $$
begin
    perform recompile3.two();
exception when undefined_function or invalid_schema_name then
    raise notice 'asks for recompile3.two()';
end
$$;
alter schema recompile3 rename to recompile2;
select recompile2.two();

-- its owner: a SECURITY DEFINER function runs as that, and so does its connection
create role regress_recompile login;
grant usage on schema recompile to regress_recompile;
create function me() returns text language plproxy security definer as $$ cluster 'shards'; run on 0; select current_user; $$;
select me() = current_user as mine;
alter function me() owner to regress_recompile;
select me();
alter function me() owner to current_user;
select me() = current_user as mine;
set role regress_recompile;
select me() = session_user as owners;
reset role;
alter function me() security invoker;
set role regress_recompile;
select me();
reset role;

-- a composite type: columns added, dropped, added again, renamed, changed
create type pair as (a int, b text);
create function get_pair() returns pair language plproxy as
    $$ cluster 'shards'; run on 0; select 'b' as b, 1 as a; $$;
create function get_pairs() returns setof pair language plproxy as
    $$ cluster 'shards'; run on 0; select 1 as a, 'b' as b union all select 2, 'bb'; $$;
select * from get_pair();
select * from get_pairs();
alter type pair add attribute c numeric;
select * from get_pair();
select * from get_pairs();
create or replace function get_pair() returns pair language plproxy as
    $$ cluster 'shards'; run on 0; select 'b' as b, 1 as a, 1.50 as c; $$;
create or replace function get_pairs() returns setof pair language plproxy as
    $$ cluster 'shards'; run on 0; select 1 as a, 'b' as b, 1.50 as c union all select 2, 'bb', 2.50; $$;
select * from get_pair();
select * from get_pairs();
alter type pair drop attribute a;
select * from get_pair();
create or replace function get_pair() returns pair language plproxy as
    $$ cluster 'shards'; run on 0; select 1.5 as c, 'b' as b; $$;
create or replace function get_pairs() returns setof pair language plproxy as
    $$ cluster 'shards'; run on 0; select 'b' as b, 1.50 as c union all select 'bb', 2.50; $$;
select * from get_pair();
select * from get_pairs();
alter type pair alter attribute c type int;
create or replace function get_pair() returns pair language plproxy as
    $$ cluster 'shards'; run on 0; select 'b' as b, 15 as c; $$;
select * from get_pair();
alter type pair rename attribute c to d;
select * from get_pair();
create or replace function get_pair() returns pair language plproxy as
    $$ cluster 'shards'; run on 0; select 'b' as b, 15 as d; $$;
select * from get_pair();
alter type pair add attribute a date;
create or replace function get_pair() returns pair language plproxy as
    $$ cluster 'shards'; run on 0; select 'b' as b, date '2001-02-03' as a, 15 as d; $$;
select * from get_pair();
-- in the middle of a transaction
begin;
alter type pair drop attribute a;
select * from get_pair();
rollback;
select * from get_pair();

-- a table, with the generated query
select from on_shards('create table recompile.t (a int, b text, c int);
    insert into recompile.t values (1, ''one'', 10), (2, ''two'', 20);
    create function recompile.rows() returns setof recompile.t language sql as ''select * from recompile.t''');
create table t (a int, b text);
create function rows() returns setof t language plproxy as $$ cluster 'shards'; run on 0; $$;
select * from rows();
alter table t drop column a;
select * from rows();
alter table t add column c bigint;
select * from rows();
alter table t add column a smallint, drop column b;
select * from rows();
alter table t add column b text;
select * from rows();
drop function rows();
-- RETURNS TABLE instead, with some of the columns
create function rows() returns table (c int, a text) language plproxy as $$ cluster 'shards'; run on 0; $$;
select * from rows();

set client_min_messages = warning;
drop schema recompile, recompile2 cascade;
drop role regress_recompile;
