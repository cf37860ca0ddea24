--
-- The names in what plproxy itself writes and runs here. Whatever search_path a caller has, his functions, operators and
-- aggregates don't get in the way, neither in a SECURITY DEFINER function nor in the functions behind the views.
--
\set VERBOSITY terse
set client_min_messages = warning;
drop role if exists regress_names;
reset client_min_messages;
create role regress_names;
create schema names;
create schema shadows authorization regress_names;
grant usage on schema names to regress_names;
select format('create server names foreign data wrapper plproxy options (p0 %L, p1 %L)',
              connstr('plproxy_shard0'), connstr('plproxy_shard1')) as sql \gset
:sql;
select session_user as me \gset
create user mapping for public server names options (user :'me');
grant usage on foreign server names to regress_names;
-- Hash functions that take a query of their own under SPLIT: sets, with arguments and without.
create function names.h(v int) returns setof int language plpgsql as $$ begin return next v; end $$;
create function names.one() returns setof int language plpgsql as $$ begin return next 1; end $$;
create function names.put(v int[]) returns setof text language plproxy security definer as $$
    cluster 'names'; split v; run on names.h(v); select pg_catalog.current_database()::text || v::text;
$$;
create function names.put_one(v int[]) returns setof text language plproxy security definer as $$
    cluster 'names'; split v; run on names.one(); select pg_catalog.current_database()::text || v::text;
$$;
create function names.get(v int, w text default 'x') returns text language plproxy security definer as $$
    cluster 'names'; run on v; select pg_catalog.current_database()::text || w;
$$;
-- For a cluster by functions: the site's own, which leave their names to search_path.
create function names.typo() returns text language plproxy as $$ cluster 'names nonesuch'; run on 0; select 'x'; $$;

-- A caller's own functions, operators and aggregates, for as many of PostgreSQL's as can be: who calls one is told so.
set check_function_bodies = off;
set client_min_messages = warning;
do $$
declare
    this record;
begin
    for this in
        select p.oid::regprocedure as name, p.proname, p.prokind, pg_get_function_identity_arguments(p.oid) as arguments,
               pg_get_function_result(p.oid) as result
        from pg_proc p
        where p.pronamespace = 'pg_catalog'::regnamespace and p.prokind in ('f', 'a') and p.provariadic = 0 and not exists (
            select from unnest(p.proargtypes) argument join pg_type t on t.oid = argument
            where t.typtype = 'p' and t.typname !~ '^any'
        )
    loop
        begin
            if this.prokind = 'a' then
                execute format('create function shadows.%I(text%s) returns text language plpgsql as ''begin raise ''''shadow of %s''''; end''',
                               'of_' || this.proname, case this.arguments when '' then '' else ', ' || this.arguments end, this.name);
                execute format('create aggregate shadows.%I(%s) (sfunc = shadows.%I, stype = text, initcond = '''')',
                               this.proname, case this.arguments when '' then '*' else this.arguments end, 'of_' || this.proname);
            else
                execute format('create function shadows.%I(%s) returns %s language plpgsql as ''begin raise ''''shadow of %s''''; end''',
                               this.proname, this.arguments, this.result, this.name);
            end if;
        exception when others then null;
        end;
    end loop;
    for this in select oprname, oprleft::regtype, oprright::regtype, oprresult::regtype from pg_operator
                where oprnamespace = 'pg_catalog'::regnamespace and oprkind = 'b' loop
        begin
            execute format('create or replace function shadows.operator(%s, %s) returns %s language plpgsql as ''begin raise ''''shadow of an operator''''; end''',
                           this.oprleft, this.oprright, this.oprresult);
            execute format('create operator shadows.%s (leftarg = %s, rightarg = %s, function = shadows.operator)',
                           this.oprname, this.oprleft, this.oprright);
        exception when others then null;
        end;
    end loop;
end $$;
reset client_min_messages;
reset check_function_bodies;
select count(*) > 1000 as are_many, bool_or(proname = 'generate_series') as generate_series, bool_or(proname = 'unnest') as unnest,
       bool_or(proname = 'count') as count
from pg_proc where pronamespace = 'shadows'::regnamespace;
select count(*) > 500 as are_many from pg_operator where oprnamespace = 'shadows'::regnamespace;

\set VERBOSITY terse
set role regress_names;
set search_path = shadows, pg_catalog, public;
select 1 = 1;
select * from names.put('{1,2,3}');
select * from names.put_one('{1,2,3}');
select names.get(1);
select partition from plproxy_route('names', 2);
select cluster, source from plproxy_clusters;
select state, in_use from plproxy_connections;
select function from plproxy_functions where calls operator(pg_catalog.=) 1;
select reachable from plproxy_ping('names');
select plproxy_explain('names.get(1, pg_catalog.lower(''X''))', true) operator(pg_catalog.~) 'nonesuch' as analyzed;
select line from plproxy_explain('names.get(1)') line where line operator(pg_catalog.~) 'Destination';
\set VERBOSITY sqlstate
select names.typo();
\set VERBOSITY terse
select plproxy_disconnect('names') operator(pg_catalog.>) 0 as closed;
reset search_path;
reset role;

set client_min_messages = warning;
drop server names cascade;
drop schema names cascade;
drop schema shadows cascade;
drop role regress_names;
