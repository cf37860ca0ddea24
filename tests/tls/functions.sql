-- What the test of TLS needs in its database. Everything takes the connection string to be tried.
create extension plproxy;

-- Whether the connection speaks TLS, and which version.
create function spoken(connstr text) returns text language plproxy as $$
    connect connstr; select concat_ws(' ', case when ssl then 'TLS' else 'plain' end, version) as spoken from pg_stat_ssl where pid = pg_backend_pid();
$$;
create function version(connstr text) returns text language plproxy as $$
    connect connstr; select version as v from pg_stat_ssl where pid = pg_backend_pid();
$$;
-- Its user, by the client certificate that it showed.
create function shown(connstr text) returns text language plproxy as $$
    connect connstr; select coalesce(client_dn, 'none') as dn from pg_stat_ssl where pid = pg_backend_pid();
$$;
create function server(connstr text) returns int language plproxy as $$ connect connstr; select pg_backend_pid() as pid; $$;
create function sleep(connstr text) returns int language plproxy as $$ connect connstr; select 1 as one from pg_sleep(60); $$;
create function sleepers(connstr text) returns int language plproxy as $$
    connect connstr; select count(*)::int as n from pg_stat_activity where query ~ 'pg_sleep' and pid <> pg_backend_pid() and state = 'active';
$$;
create function numbers(connstr text, n int) returns setof bigint language plproxy as $$
    connect connstr; select i as i from generate_series(1, n::bigint) i;
$$;
create function prepared(connstr text) returns bigint language plproxy as $$
    connect connstr; select count(*) as n from pg_prepared_statements where name ~ '^plproxy_';
$$;
create function text_of(connstr text, length int) returns text language plproxy as $$
    connect connstr; select repeat(md5(length::text), length / 32) as t;
$$;
create function hash_of(connstr text, t text) returns text language plproxy as $$ connect connstr; select md5(t) as hash; $$;

-- The answer, or the error in short.
create function try(function text, connstr text) returns text language plpgsql as $$
declare
    answer text;
begin
    execute format('select %I($1)', function) into answer using connstr;
    return answer;
exception when others then
    answer := regexp_replace(sqlerrm, '^PL/Proxy function [^:]*: \[[a-z]*\] ', '');
    answer := regexp_replace(answer, 'connection to server (at "[^"]*"( \([^)]*\))?, port \d+|on socket "[^"]*") failed: ', '', 'g');
    return replace(answer, E'\n', ' | ');
end
$$;
