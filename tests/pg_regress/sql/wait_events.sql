--
-- What a session is seen to wait for while it waits for shards: since PostgreSQL 17 by names of our own.
--
create schema waits;
set search_path = waits, public;
create function named(what text) returns text language sql stable as $$
    select case when current_setting('server_version_num')::int >= 170000 then 'Plproxy' || what else 'Extension' end
$$;
-- Whether, within a minute, the session waits for this.
select from on_shards($$
    create function waits_for(pid int, expected text) returns text language plpgsql as $f$
    declare
        found text;
    begin
        for attempt in 1 .. 600 loop
            perform pg_stat_clear_snapshot();
            select wait_event_type || ': ' || wait_event into found from pg_stat_activity a where a.pid = $1;
            if found = 'Extension: ' || expected then
                return 'as expected';
            end if;
            perform pg_sleep(0.1);
        end loop;
        return found;
    end $f$
$$);

-- A query: the shard looks itself.
create function executing(pid int, expected text) returns text language plproxy as $$
    cluster 'shards'; run on 0; target public.waits_for;
$$;
select executing(pg_backend_pid(), named('Execute'));

-- A shard that is asked to cancel: it looks, once the request has come, and writes down what it has seen.
select from on_shards($$
    create table seen (what text);
    create function stubborn(pid int, executing text, cancelling text) returns void language plpgsql as $f$
    declare
        saw text := public.waits_for(pid, executing);
    begin
        insert into public.seen values (saw);
        loop
            begin
                perform pg_cancel_backend(pid);
                perform pg_sleep(600);
            exception when query_canceled then
                exit;
            end;
        end loop;
        -- The request is repeated, and may come now.
        for attempt in 1 .. 100 loop
            begin
                insert into public.seen values (public.waits_for(pid, cancelling));
                exit;
            exception when query_canceled then
            end;
        end loop;
    end $f$
$$);
create function stubborn(pid int, executing text, cancelling text) returns void language plproxy as $$
    cluster 'shards'; run on 1; target public.stubborn;
$$;
create function seen() returns setof text language plproxy as $$ cluster 'shards'; run on 1; select what from public.seen; $$;
select stubborn(pg_backend_pid(), named('Execute'), named('Cancel'));
select * from seen();

-- A connection that is being opened, and a ping: another session waits for that, which this one keeps from getting on. (A
-- new session on the shard reads the locked table.)
create function other_waits_for(what text) returns text language plpgsql as $$
declare
    found text;
begin
    for attempt in 1 .. 600 loop
        perform pg_stat_clear_snapshot();
        select wait_event_type || ': ' || wait_event into found
          from pg_stat_activity where application_name = 'plproxy_waits';
        if found = what then
            return 'as expected';
        end if;
        perform pg_sleep(0.1);
    end loop;
    return found;
end $$;
select current_database() as db
\gset
\setenv PGDATABASE :db
\setenv PGAPPNAME plproxy_waits
select pg_advisory_lock(3005);
\! psql -X -q -c "select pg_advisory_lock(3005)" -c "select public.whereami(2)" >/dev/null 2>&1 &
select other_waits_for('Lock: advisory');
begin;
lock table pg_catalog.pg_db_role_setting;
select pg_advisory_unlock(3005);
select other_waits_for('Extension: ' || named('Connect'));
rollback;
select open_connections('plproxy_waits', 0);
select pg_advisory_lock(3005);
\! psql -X -q -c "select pg_advisory_lock(3005)" -c "select plproxy_ping('shards')" >/dev/null 2>&1 &
select other_waits_for('Lock: advisory');
begin;
lock table pg_catalog.pg_db_role_setting;
select pg_advisory_unlock(3005);
select other_waits_for('Extension: ' || named('Ping'));
rollback;
select open_connections('plproxy_waits', 0);

select from on_shards('drop table seen; drop function stubborn, waits_for');
set client_min_messages = warning;
drop schema waits cascade;
