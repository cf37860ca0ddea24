--
-- Names of tables, functions and other objects (regclass and its like) mean the same object on both sides, or are an error.
--
set client_min_messages = warning;
create schema object_names;
create schema "Other schema";
set search_path = object_names, public;
\set objects 'create table object_names.thing (id integer); create table "Other schema"."Thing" (id integer); create table "Other schema".pg_class (id integer); create function object_names.f(object_names.thing) returns integer language sql as \'select 1\'; create function object_names.f(integer) returns integer language sql as \'select 1\'; create function object_names.g() returns integer language sql as \'select 1\'; create operator object_names.##@ (rightarg = object_names.thing, procedure = object_names.f); create domain object_names.name_of as regclass; create domain object_names.names as regclass[]; create type object_names.pair as (c regclass, t regtype, n integer); create text search configuration object_names.english (copy = pg_catalog.english);'
:objects
create table public.thing (id integer);
\set home :DBNAME
drop database if exists plproxy_names with (force);
create database plproxy_names template template0;
alter database plproxy_names set search_path = pg_catalog;
\c plproxy_names
set client_min_messages = warning;
create schema object_names;
create schema "Other schema";
:objects
create table public.thing (id integer);
create function object_names.echo(x anyelement) returns anyelement language sql as 'select x';
-- What it is there.
create function object_names.shown(x anyelement) returns text language plpgsql set search_path = pg_catalog as $$ begin return x::text; end $$;
-- What is written there is what this session there calls it.
create function object_names.unqualified() returns regclass language plpgsql as $$
begin
    set local search_path = public;
    return 'public.thing'::regclass;
end $$;
create function object_names.qualified() returns regclass language sql set search_path = '' as $$ select 'object_names.thing'::regclass $$;
create function object_names.route() returns text language sql as $$ select current_setting('search_path') $$;
create function object_names.route(x regclass) returns text language sql as $$ select current_setting('search_path') $$;
\c :home
set client_min_messages = warning;
set search_path = object_names, public;
select from add_cluster('names', connstr('plproxy_names'));

create table samples (type text, value text);
insert into samples values
    ('regclass', 'object_names.thing'), ('regclass', 'public.thing'), ('regclass', '"Other schema"."Thing"'), ('regclass', 'pg_catalog.pg_class'),
    ('regclass', '"Other schema".pg_class'),
    ('regproc', 'object_names.g'), ('regproc', 'pg_catalog.now'), ('regprocedure', 'object_names.f(object_names.thing)'), ('regprocedure', 'object_names.f(integer)'),
    ('regprocedure', 'pg_catalog.lower(text)'), ('regoper', 'object_names.##@'), ('regoperator', 'object_names.##@(none,object_names.thing)'),
    ('regoperator', 'pg_catalog.+(integer,integer)'), ('regtype', 'object_names.thing'), ('regtype', '"Other schema"."Thing"'), ('regtype', 'integer'),
    ('regtype', 'timestamp with time zone[]'), ('regtype', 'object_names.names'), ('regconfig', 'object_names.english'), ('regconfig', 'pg_catalog.english'),
    ('regdictionary', 'pg_catalog.simple'), ('regcollation', 'pg_catalog."C"'), ('regnamespace', '"Other schema"'), ('regrole', 'pg_monitor'),
    ('regclass[]', '{object_names.thing,NULL,"\"Other schema\".pg_class"}'), ('regprocedure[]', '{"object_names.f(object_names.thing)"}'),
    ('name_of', 'object_names.thing'), ('name_of[]', '{object_names.thing}'), ('names', '{object_names.thing,public.thing}'),
    ('pair', '(object_names.thing,"\"Other schema\".\"Thing\"",1)'), ('pair[]', '{"(object_names.thing,public.thing,)"}');

-- Sends each as an argument, under several settings here, and gets it back; and has it shown there, with all schemas.
create function check_names(type text, value text, out path text, out there text, out here text) returns setof record language plpgsql as $$
declare
    old_path text := current_setting('search_path');
    called text := case when type ~ '^(name_of|names|pair)' then 'object_names.' || type else type end;
    expected text;
begin
    execute format('create function shown(x %s) returns text language plproxy as %L', type, 'cluster ''names''; run on 0;');
    execute format('create function echo(x %1$s) returns %1$s language plproxy as %2$L', type, 'cluster ''names''; run on 0;');
    foreach path in array array['object_names, public', 'public, object_names', '"Other schema", object_names, pg_catalog', 'pg_catalog'] loop
        begin
            perform set_config('search_path', 'pg_catalog', true);
            execute format('select $1::%s::text', called) into expected using value;
            perform set_config('search_path', path, true);
            execute format('select object_names.shown($1::%1$s), object_names.echo($1::%1$s) is not distinct from $1::%1$s', called)
               into there, here using value;
            if there <> expected or here <> 'true' then
                return next;
            end if;
        exception when others then
            there := sqlerrm;
            return next;
        end;
    end loop;
    perform set_config('search_path', old_path, true);
    execute format('drop function shown(%s)', called);
    execute format('drop function echo(%s)', called);
end $$;
select type, value, c.* from samples, check_names(type, value) c order by 1, 2, 3;

-- A name that is written there without its schema isn't looked up in this session's.
create function unqualified() returns regclass language plproxy as $$ cluster 'names'; run on 0; target object_names.unqualified; $$;
create function unqualified_set() returns setof regclass language plproxy as $$ cluster 'names'; run on 0; target object_names.unqualified; $$;
create function unqualified_row(out n integer, out c regclass) language plproxy as $$
    cluster 'names'; run on 0; select 1 as n, object_names.unqualified() as c;
$$;
create function qualified() returns regclass language plproxy as $$ cluster 'names'; run on 0; target object_names.qualified; $$;
select unqualified();
select unqualified_set();
select * from unqualified_row();
select qualified();
select plproxy_disconnect() > 0 as disconnected;
select qualified();

-- No code of the user's runs under another search_path: here a domain's check, there the function.
create function is_known(c regclass) returns boolean language sql as $$ select exists (select from thing) or c is null or true $$;
create domain checked as regclass check (is_known(value)) check (value <> 'public.thing'::regclass);
create function to_checked(x regclass) returns checked language plproxy as $$ cluster 'names'; run on 0; select x; $$;
create function to_checked_set(x regclass) returns setof checked language plproxy as $$ cluster 'names'; run on 0; select x; $$;
create domain required as regclass not null;
create function to_required(x regclass) returns required language plproxy as $$ cluster 'names'; run on 0; select x; $$;
create function route() returns text language plproxy as $$ cluster 'names'; run on 0; target object_names.route; $$;
create function route(x regclass) returns text language plproxy as $$ cluster 'names'; run on 0; target object_names.route; $$;
select to_checked('object_names.thing') = 'object_names.thing'::regclass as same;
select to_checked_set(null);
\set SHOW_CONTEXT never
select to_checked('public.thing');
select to_required(null);
\set SHOW_CONTEXT errors
select route(), route('thing'::regclass);
show search_path;

select plproxy_disconnect() > 0 as disconnected;
drop database plproxy_names with (force);
