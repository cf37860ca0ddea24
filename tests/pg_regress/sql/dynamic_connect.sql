--
-- CONNECT with a connection string that is an argument: what callers need who aren't superusers.
--
\set VERBOSITY terse
set client_min_messages = warning;
drop role if exists regress_plproxy_caller, regress_plproxy_other;
reset client_min_messages;
create role regress_plproxy_caller login password 'correct';
create role regress_plproxy_other login superuser;
create schema dynamic;
grant usage on schema dynamic to public;
set search_path = dynamic, public;
create function at(connstr text) returns name language plproxy as $$ connect connstr; select session_user; $$;
create function at_number(connstr text) returns name language plproxy as $$ connect $1; select session_user; $$;
create function fixed(text) returns text language sql security definer as $$ select public.connstr('plproxy_shard0') $$;
create function at_fixed(a text) returns name language plproxy as $$ connect fixed(a); select session_user; $$;
create function at_definer(connstr text) returns name language plproxy security definer as $$ connect connstr; select session_user; $$;
alter function at_definer(text) owner to regress_plproxy_other;
select connstr('plproxy_shard0') as shard
\gset
-- As at(), or what went wrong, without the directory of this server's socket.
create function try(connstr text) returns text language plpgsql as $$
begin
    return dynamic.at(connstr);
exception when others then
    return sqlstate || ': ' || regexp_replace(sqlerrm, 'socket ".*?"', 'socket "…"');
end $$;

-- a superuser
select at(:'shard') = session_user as own;
select at(:'shard' || ' user=regress_plproxy_caller');

-- others: no password
set role regress_plproxy_caller;
select at(:'shard');
select at_number(:'shard' || ' password=''''');
\set VERBOSITY default
select at(:'shard');
\set VERBOSITY terse
do $$
begin
    perform dynamic.at('dbname=x');
exception when sqlstate '2F003' then
    raise notice 'caught';
end $$;
-- a password for which the server doesn't ask
select try(:'shard' || ' password=correct');
-- what belongs to the server
select at(:'shard' || ' password=correct service=x');
select at(:'shard' || ' password=correct passfile=/dev/null');
select at(:'shard' || ' password=correct sslcert=/dev/null');
select at(:'shard' || ' password=correct sslkey=/dev/null');
select at(:'shard' || ' password=correct sslpassword=x');
select at(:'shard' || ' password=correct sslkeylogfile=/dev/null');
-- nor what would tell which files there are
select at(:'shard' || ' password=correct sslrootcert=/etc/passwd');
select at(:'shard' || ' password=correct sslrootcert=/nonexistent');
select at(:'shard' || ' password=correct sslcrl=/etc/passwd');
select at(:'shard' || ' password=correct sslcrldir=/etc');
-- the system's authorities are for everybody
select try(:'shard' || ' password=correct sslmode=verify-full sslrootcert=system');
-- functions of the site's, and functions that run as a superuser
select at_fixed('x');
select at_definer(:'shard');
-- only a superuser can change that
set plproxy.dynamic_connect = 'any';
reset role;
set plproxy.dynamic_connect = 'any';
set role regress_plproxy_caller;
select at(:'shard');
reset role;
reset plproxy.dynamic_connect;
set role regress_plproxy_caller;
-- the connection that was allowed isn't there for what isn't
select at(:'shard');
reset role;

-- where the server asks
create function read_hba() returns text language sql as $$ select pg_read_file(current_setting('hba_file')) $$;
select read_hba() as hba
\gset
create temporary table hba (line text);
insert into hba values ('local plproxy_shard1 regress_plproxy_caller scram-sha-256'), ('local plproxy_shard2 regress_plproxy_caller md5'),
    ('local plproxy_shard3 regress_plproxy_caller password');
insert into hba select regexp_split_to_table(:'hba', '\n');
select format('copy hba to %L', current_setting('hba_file')) as write_hba
\gset
:write_hba;
select pg_reload_conf();
create function hba_is_loaded() returns boolean language plpgsql as $$
begin
    -- The postmaster needs a moment.
    for attempt in 1 .. 100 loop
        begin
            perform dynamic.at(public.connstr('plproxy_shard1') || ' user=regress_plproxy_caller');
        exception when others then
            return true;
        end;
        perform pg_sleep(0.1);
    end loop;
    return false;
end $$;
set client_min_messages = error;
select hba_is_loaded();
reset client_min_messages;
select connstr('plproxy_shard1') as shard1, connstr('plproxy_shard2') as shard2, connstr('plproxy_shard3') as shard3
\gset
set role regress_plproxy_caller;
select try(:'shard1' || ' password=correct');
select try(:'shard2' || ' password=correct');
select try(:'shard3' || ' password=correct');
select try(:'shard1' || ' password=wrong');
select try(:'shard1' || ' password=correct require_auth=none');
select try(:'shard3' || ' password=correct require_auth=!password');
reset role;
truncate hba;
insert into hba select regexp_split_to_table(btrim(:'hba', E'\n'), '\n');
:write_hba;
select pg_reload_conf();
drop table hba;
