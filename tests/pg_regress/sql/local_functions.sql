--
-- The functions that RUN ON, CLUSTER and CONNECT call are ordinary ones, of any language and declaration; and what changes
-- between two calls counts at the next.
--
\set VERBOSITY terse
create schema local_functions;
create schema local_functions_too;
set search_path = local_functions, public;
create function where_to(a int) returns int language plproxy as $$
    cluster 'shards'; run on hash(a); select right(current_database(), 1)::int;
$$;

-- replaced, dropped and created again, another language
create function hash(int) returns int language sql immutable as 'select $1';
select where_to(1), where_to(2);
create or replace function hash(int) returns int language sql immutable as 'select $1 + 1';
select where_to(1), where_to(2);
drop function hash(int);
select where_to(1);
create function hash(int) returns int8 language plpgsql as $$ begin return 3; end $$;
select where_to(1), where_to(2);
drop function hash(int);
create function hash(int) returns setof int language sql as 'select unnest(array[0, 1])';
select where_to(1);
drop function hash(int);
create function hash(int) returns int2 language internal immutable strict as 'i4toi2';
select where_to(1), where_to(2);
select where_to(null);
-- a better match than the one that was there
create function local_functions_too.hash(int) returns int language sql as 'select 3';
select where_to(1);
set search_path = local_functions_too, local_functions, public;
select where_to(1);
reset search_path;
select local_functions.where_to(1);
set search_path = local_functions, public;
select where_to(1);

-- NULL passed on, NULL returned
create or replace function hash(int) returns int2 language plpgsql as $$ begin return coalesce($1, 2); end $$;
select where_to(null), where_to(1);
create or replace function hash(int) returns int2 language plpgsql as $$ begin return null; end $$;
select where_to(1);

-- named and omitted arguments, overloaded, polymorphic, nested, VARIADIC, a domain
create function many(a int, b int default 1, c int default 0) returns int language plpgsql immutable as $$ begin return 100 * a + 10 * b + c; end $$;
create function many(a text) returns int language sql as 'select 2';
create function named(i int) returns int language plproxy as $$ cluster 'shards'; run on many(c => i, a => 0); select right(current_database(), 1)::int; $$;
create function omitted(a int) returns int language plproxy as $$ cluster 'shards'; run on many(a); select right(current_database(), 1)::int; $$;
create function overloaded(a text) returns int language plproxy as $$ cluster 'shards'; run on many(a); select right(current_database(), 1)::int; $$;
select named(1), omitted(1), overloaded('1');
create function same(anyelement) returns anyelement language plpgsql as $$ begin return $1; end $$;
create function polymorphic(a int) returns int language plproxy as $$ cluster 'shards'; run on same(same(a)); select right(current_database(), 1)::int; $$;
select polymorphic(1), polymorphic(2);
create function total(variadic int[]) returns int language plpgsql as $$ begin return (select sum(i) from unnest($1) i); end $$;
create function together(a int) returns int language plproxy as $$ cluster 'shards'; run on total(a, 1, length(a::text)); select right(current_database(), 1)::int; $$;
select together(1), together(12);
create domain number as int check (value < 10);
create function domained(int) returns number language sql as 'select $1';
create function by_domain(a int) returns int language plproxy as $$ cluster 'shards'; run on domained(a); select 1; $$;
select by_domain(1);
create function takes_domain(number) returns int language plpgsql as $$ begin return $1; end $$;
create function with_domain(a int) returns int language plproxy as $$ cluster 'shards'; run on takes_domain(a::number); select right(current_database(), 1)::int; $$;
select with_domain(3);
select with_domain(30);
alter domain number drop constraint number_check;
select with_domain(30);
create function by_collation(a text) returns int language plproxy as $$ cluster 'shards'; run on position(lower(a) in 'xabc'); select right(current_database(), 1)::int; $$;
select by_collation('A'), by_collation('B');

-- SECURITY DEFINER, SET
create role local_functions_definer;
create role local_functions_caller;
grant usage on schema local_functions to public;
grant create on schema local_functions to local_functions_definer;
set role local_functions_definer;
create function whoami() returns int language sql security definer set search_path = pg_catalog as
    $$ select case when current_user = 'local_functions_definer' and current_schemas(false) = '{pg_catalog}' then 2 else 0 end $$;
reset role;
create function by_definer() returns int language plproxy as $$ cluster 'shards'; run on whoami(); select right(current_database(), 1)::int; $$;
select by_definer(), by_definer(), current_user = session_user as same;

-- EXECUTE is asked for at each call, of the role of this call
create function guarded(int) returns int language plpgsql as $$ begin return $1; end $$;
create function by_guarded(a int) returns int language plproxy as $$
    connect guarded_connstr(a); select right(current_database(), 1)::int;
$$;
create function guarded_connstr(a int) returns text language plpgsql security definer as
    $$ begin return public.connstr('plproxy_shard' || a) || format(' user=%I', session_user); end $$;
set role local_functions_caller;
select by_guarded(1);
reset role;
revoke execute on function guarded_connstr from public;
select by_guarded(2);
set role local_functions_caller;
select by_guarded(1);
reset role;
grant execute on function guarded_connstr to local_functions_definer;
set role local_functions_caller;
select by_guarded(1);
reset role;
grant local_functions_definer to local_functions_caller;
set role local_functions_caller;
select by_guarded(1);
reset role;
revoke local_functions_definer from local_functions_caller;
set role local_functions_caller;
select by_guarded(1);
\set VERBOSITY default
select by_guarded(1);
\set VERBOSITY terse
reset role;

-- an ERROR says where it is from, and the next call is as good as the first
create or replace function hash(int) returns int2 language plpgsql as
    $$ begin if $1 > 3 then raise exception 'no % here', $1; end if; return $1; end $$;
\set VERBOSITY default
select where_to(1);
select where_to(4);
select where_to(1);
create function fails(int) returns int language sql as 'select 1 / $1';
create function by_fails(a int) returns int language plproxy as $$ cluster 'shards'; run on fails(a); select 1; $$;
select by_fails(0);
select by_fails(0);
create or replace function fails(int) returns int language sql as 'select count(*)::int / $1 from pg_class where oid = 0';
select by_fails(0);
\set VERBOSITY terse
drop function fails;
select by_fails(0);
begin;
savepoint s;
select where_to(5);
rollback to s;
select where_to(2);
commit;
create function caught(a int) returns int language plpgsql as
    $$ begin return where_to(a); exception when raise_exception then return -a; end $$;
select caught(n) from generate_series(2, 5) n;

-- it may call the same function again
create or replace function hash(int) returns int2 language plpgsql as
    $$ begin if $1 > 0 then return where_to($1 - 1) + 1; end if; return 0; end $$;
select where_to(n) from generate_series(0, 3) n;
-- and replace itself
create or replace function hash(int) returns int2 language plpgsql as $body$ begin
    execute $x$ create or replace function local_functions.hash(int) returns int2 language sql as 'select 3::int2' $x$;
    return 1;
end $body$;
select where_to(n) from generate_series(1, 2) n;

-- it sees what its query sees
create table state (n int);
insert into state values (0);
create or replace function hash(int) returns int2 language sql stable as 'select n::int2 from local_functions.state';
create function next_state() returns int language sql as 'update local_functions.state set n = n + 1 returning n';
select next_state(), where_to(1), next_state();
select where_to(1);
begin;
select next_state();
select where_to(1);
rollback;
select where_to(1);
create or replace function hash(int) returns int2 language sql volatile as 'update local_functions.state set n = n - 1 returning n::int2';
select where_to(1), where_to(1);

-- calls are counted
create or replace function hash(int) returns int2 language plpgsql as $$ begin return $1; end $$;
set track_functions = 'pl';
begin;
select where_to(1), where_to(2);
select pg_stat_get_xact_function_calls('hash(int)'::regprocedure);
commit;
reset track_functions;

-- CLUSTER and CONNECT: text, and nothing else
create function cluster_name(a int) returns text language plpgsql as $$ begin return case a when 1 then 'shards' when 2 then 'nonesuch' end; end $$;
create function by_name(a int) returns text language plproxy as $$ cluster cluster_name(a); run on 1; select current_database(); $$;
select by_name(1);
select by_name(2);
select by_name(3);
create or replace function cluster_name(a int) returns text language sql as $$ select 'shards'::text $$;
select by_name(3);
drop function cluster_name;
create function cluster_name(a int) returns varchar language sql as $$ select 'shards'::varchar $$;
select by_name(3);
drop function cluster_name;
create function cluster_name(a int) returns setof text language sql as $$ select 'shards' union all select 'shards' $$;
select by_name(3);

-- SPLIT: for each element
create or replace function hash(int) returns int2 language plpgsql strict as
    $$ begin if $1 > 8 then raise exception 'no % here', $1; end if; return $1; end $$;
create function parts(a int[], b int) returns table (part text, elements int[]) language plproxy as
    $$ cluster 'shards'; split a; run on hash(a); select current_database()::text as "part", a as "elements"; $$;
select * from parts('{1, 2, 5, 3, 2}', 0);
select * from parts('{1, null}', 0);
\set VERBOSITY default
select * from parts('{1, 9}', 0);
\set VERBOSITY terse
select * from parts('{6, 1}', 0);
drop function hash(int);
select * from parts('{1, 2}', 0);
create function hash(int) returns setof int language sql as 'select unnest(array[$1, $1 + 1])';
select * from parts('{1, 2}', 0);
drop function hash(int);
create function hash(int) returns int language sql as 'select $1 + 2';
select * from parts('{1, 2}', 0);
select count(*), sum(cardinality(elements)) from parts(array(select generate_series(1, 20000)), 0);
create function parts_by_both(a int[], b int) returns table (part text, elements int[]) language plproxy as
    $$ cluster 'shards'; split a; run on int4pl(a, b); select current_database()::text as "part", a as "elements"; $$;
select * from parts_by_both('{1, 2}', 1);
select * from parts_by_both('{1, 2}', null);

set client_min_messages = warning;
drop schema local_functions, local_functions_too cascade;
drop role local_functions_caller, local_functions_definer;
