--
-- What is checked when a function is created, and what only when it is called.
--
\set VERBOSITY terse
create schema validator;
set search_path = validator, public;

-- volatility and arguments
create function f(int) returns int language plproxy stable as 'cluster ''shards'';';
create function f(int) returns int language plproxy immutable as 'cluster ''shards'';';
create function f(variadic int[]) returns int language plproxy as 'cluster ''shards'';';
create function f(int, variadic text[]) returns int language plproxy stable as 'cluster ''shards'';';
-- changed later, they are noticed when called
create function f(int) returns int language plproxy as 'cluster ''shards''; select 1;';
select f(1);
alter function f(int) stable;
select f(1);
alter function f(int) volatile;
select f(1);

-- pseudo-types: arguments when created, return types when called
create function pseudo(cstring) returns int language plproxy as 'cluster ''shards'';';
create function pseudo(int, anyelement) returns int language plproxy as 'cluster ''shards'';';
create function pseudo(int, anyarray) returns int language plproxy as 'cluster ''shards'';';
create function pseudo(int, record) returns int language plproxy as 'cluster ''shards'';';
create function pseudo(internal) returns int language plproxy as 'cluster ''shards'';';
create function pseudo() returns cstring language plproxy as 'cluster ''shards'';';
select pseudo();
create function pseudo_set(int) returns setof cstring language plproxy as 'cluster ''shards'';';
select pseudo_set(1);
create function pseudo_trigger() returns trigger language plproxy as 'cluster ''shards'';';
create function pseudo_event() returns event_trigger language plproxy as 'cluster ''shards'';';
create function pseudo_void(int) returns void language plproxy as 'cluster ''shards''; select $1;';
select pseudo_void(1) is null as is_null, pseudo_void(1)::text = '' as is_empty;

-- polymorphic ones, wherever they are
create function pseudo(anyelement) returns anyelement language plproxy as 'cluster ''shards'';';
create function pseudo(int, anyarray) returns setof anyarray language plproxy as 'cluster ''shards'';';
create function pseudo(inout a anyelement) language plproxy as 'cluster ''shards'';';
create function pseudo(a anyelement, out b anyarray, out c int) language plproxy as 'cluster ''shards'';';
create function pseudo(a int, b anycompatible) returns table (c anycompatible) language plproxy as 'cluster ''shards'';';
create function pseudo("any") returns int language plproxy as 'cluster ''shards'';';
set check_function_bodies = off;
create function pseudo(anyelement) returns anyelement language plproxy as 'cluster ''shards'';';
reset check_function_bodies;
select pseudo(1);
-- a result that nothing can have
create function pseudo_any() returns "any" language plproxy as 'cluster ''shards'';';
select pseudo_any();

-- triggers
create table watched (a int);
create trigger t before insert on watched for each row execute function pseudo_trigger();
insert into watched values (1);
drop table watched;
-- nor event triggers, known by what they return
create event trigger validator_event on ddl_command_start when tag in ('CREATE CONVERSION') execute function pseudo_event();
create conversion validator.c for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8;
drop event trigger validator_event;

-- RUN ON ALL
create function on_all() returns int language plproxy as 'cluster ''shards''; run on all;';
create function on_all() returns void language plproxy as 'cluster ''shards''; run on all;';
create function on_all(out a int, out b int) language plproxy as 'cluster ''shards''; run on all;';
create function on_all(out a int, out b int) returns setof record language plproxy as 'cluster ''shards''; run on all;';
create function on_all(int) returns table (a int) language plproxy as 'cluster ''shards''; run on all;';

-- dynamic records
create function dynamic() returns setof record language plproxy as 'cluster ''shards''; select 1;';
create function dynamic() returns record language plproxy as 'connect ''x''; select 1, 2;';
create function dynamic() returns setof record language plproxy as 'cluster ''shards''; run on all;';
create function dynamic(int) returns record language plproxy as 'cluster ''shards'';';

-- nothing that the body uses need exist
create function free(a text) returns text language plproxy as
    'cluster no_name(a); run on no_hash(a); target no_schema.no_function;';
create function free(a int) returns text language plproxy as 'connect no_connstr(a);';
create function free(a date) returns text language plproxy as 'cluster ''no_cluster''; run on 1000000;';
create function free(a time) returns text language plproxy as 'connect ''no connstr'';';

-- check_function_bodies = off: a dump is restored. All that the body may have wrong waits for the call
set check_function_bodies = off;
create function unchecked() returns int language plproxy as 'nonesuch';
create function unchecked(int) returns int language plproxy as 'cluster ''shards''; run on all;';
create function unchecked(int, int) returns setof record language plproxy as 'cluster ''shards''; select 1;';
create function unchecked_pseudo(cstring) returns int language plproxy as 'cluster ''shards'';';
create type validator.later;
set client_min_messages = warning;
create function unchecked(later) returns later language plproxy as 'cluster ''shards'';';
reset client_min_messages;
create function unchecked_stable() returns int language plproxy stable as 'cluster ''shards'';';
create function unchecked_variadic(variadic int[]) returns int language plproxy as 'cluster ''shards'';';
reset check_function_bodies;
select unchecked();
select unchecked(1);
select * from unchecked(1, 1) as (a int);
select unchecked_pseudo('x');
-- a new body is checked again
create or replace function unchecked() returns int language plproxy as 'nonesuch';
create or replace function unchecked() returns int language plproxy as 'cluster ''shards''; select 5;';
select unchecked();

-- the validator is for those who may use the function
set client_min_messages = warning;
drop role if exists regress_validator;
reset client_min_messages;
create role regress_validator;
grant usage on schema validator to regress_validator;
revoke execute on function unchecked() from public;
set role regress_validator;
do $$
begin
    perform plproxy_validator('validator.unchecked()'::regprocedure);
exception when others then
    raise notice '%', sqlstate;
end
$$;
reset role;
select plproxy_validator('validator.unchecked()'::regprocedure);
-- and not for functions of another language
do $$
begin
    perform plproxy_validator('validator.nonesuch'::regproc);
exception when others then
    raise notice '%', sqlstate;
end
$$;
create function other() returns int language sql as 'select 1';
do $$
begin
    perform plproxy_validator('validator.other()'::regprocedure);
exception when others then
    raise notice '%', sqlstate;
end
$$;
set client_min_messages = warning;
drop schema validator cascade;
drop role regress_validator;
