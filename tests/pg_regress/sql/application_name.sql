--
-- plproxy.application_name: how connections are named on the shards.
--
\set VERBOSITY terse
create schema names;
set search_path = names, public;
\set owner :USER
select connstr('plproxy_shard0') as shard \gset
-- A connection of its own for each connection string.
create function name_of(connstr text) returns text language plproxy as $$ connect connstr; select current_setting('application_name'); $$;
create function name_there(connstr text) returns text language plproxy as $$ connect connstr;
    select application_name from pg_stat_activity where pid = pg_backend_pid();
$$;

-- By default: who it is, and from where.
show plproxy.application_name;
select name_of(:'shard') = format('plproxy:%s:%s', current_database(), pg_backend_pid()) as ours, name_there(:'shard') = name_of(:'shard') as shown;
-- An open connection keeps its name; the next one gets the new one.
set plproxy.application_name = 'new';
select name_of(:'shard') = format('plproxy:%s:%s', current_database(), pg_backend_pid()) as kept, name_of(:'shard' || ' ');

-- The escapes.
create function named(format text, distinct_by int) returns text language plpgsql as $$
begin
    perform set_config('plproxy.application_name', format, false);
    return names.name_of(public.connstr('plproxy_shard0') || repeat(' ', distinct_by));
end $$;
set application_name = 'an application';
select named('%%, %a, %%a', 2);
select named('%p', 3) = pg_backend_pid()::text as pid, named('%d', 4) = current_database() as database,
       named('%u', 5) = session_user as "user", named('<%C>', 6) = '<' || current_setting('cluster_name') || '>' as cluster;
select named('%c', 7) = (select to_hex(floor(extract(epoch from backend_start))::bigint) || '.' || to_hex(pid)
                           from pg_stat_activity where pid = pg_backend_pid()) as session;
-- What is no escape is left out; a value isn't looked at for escapes.
select named('a%xb%', 8), named('%', 9) = '' as nothing;
set application_name = '%p';
select named('%a', 10);
reset application_name;
-- Servers take 63 bytes, of printable ASCII characters.
select length(named(repeat('long ', 100), 11)), named('ä', 12) in ('??', '\xc3\xa4') as replaced;

-- A name in the connection string comes first, even an empty one; so does one for want of another.
set plproxy.application_name = 'the setting';
select name_of(:'shard' || ' application_name=own'), name_of(:'shard' || ' application_name=''''') = '' as nothing,
       name_of(:'shard' || ' fallback_application_name=fallback');
-- An empty setting: no name.
set plproxy.application_name = '';
select name_of(:'shard' || repeat(' ', 13)) = '' as nothing;

-- Everybody may set it. %u is who has logged in, whoever the connection is for.
create role regress_names login;
grant usage on schema names to public;
create function shard_name() returns text language plproxy as $$ cluster 'shards'; run on 0; select current_setting('application_name'); $$;
create function other_name() returns text language sql security definer as 'select names.shard_name()';
\c - regress_names
set plproxy.application_name = 'for %u';
select names.shard_name(), names.other_name();
\c - :owner
set client_min_messages = warning;
drop schema names cascade;
drop role regress_names;
