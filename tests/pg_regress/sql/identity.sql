--
-- Connection settings of somebody who isn't a superuser: user mappings that he makes, and servers that he owns.
--
\set VERBOSITY terse
set client_min_messages = warning;
drop role if exists regress_identity, regress_identity_owner;
reset client_min_messages;
create role regress_identity login password 'correct';
create role regress_identity_owner login;
create schema identity;
grant usage on schema identity to public;
grant create on schema identity to regress_identity;
select connstr('plproxy_shard0') as shard, connstr('plproxy_shard1') as asking, session_user as me \gset
select format('create server identity foreign data wrapper plproxy options (p0 %L)', :'shard') as sql \gset
:sql;
select format('create server identity_asking foreign data wrapper plproxy options (p0 %L)', :'asking') as sql \gset
:sql;
grant usage on foreign server identity, identity_asking to regress_identity;
create function identity.who() returns text language plproxy as $$ cluster 'identity'; select session_user; $$;
create function identity.who_asking() returns text language plproxy as $$ cluster 'identity_asking'; select session_user; $$;
create function identity.who_evil() returns text language plproxy as $$ cluster 'identity_evil'; select session_user; $$;
-- A call's result, or what went wrong, without the directory of this server's socket.
create function identity.try(call text) returns text language plpgsql as $$
declare
    result text;
begin
    execute 'select ' || call into result;
    return result;
exception when others then
    return sqlstate || ': ' || regexp_replace(sqlerrm, 'socket ".*?"', 'socket "…"');
end $$;

-- What a superuser makes is free.
create user mapping for regress_identity server identity options (user :'me');
set role regress_identity;
select identity.try('identity.who()') = :'me' as without_password;
reset role;
alter user mapping for regress_identity server identity options (add password 'unasked');
set role regress_identity;
select identity.try('identity.who()') = :'me' as with_password;
reset role;
drop user mapping for regress_identity server identity;

-- Others have to bring a password, and to say that the server must have asked for it.
set role regress_identity;
\set VERBOSITY default
create user mapping for regress_identity server identity options (user :'me');
create user mapping for regress_identity server identity options (user :'me', password '', password_required 'true');
create user mapping for regress_identity server identity options (user :'me', password 'junk');
create user mapping for regress_identity server identity options (user :'me', password 'junk', password_required 'false');
create user mapping for regress_identity server identity options (user :'me', password_required 'false');
\set VERBOSITY terse
create user mapping for regress_identity server identity options (user :'me', password 'junk', password_required 'true');
select identity.try('identity.who()');
select regexp_replace(error, 'socket ".*?"', 'socket "…"') as error from plproxy_ping('identity');
-- Neither can they take away what makes it so, nor change one that is lifted.
alter user mapping for regress_identity server identity options (drop password);
alter user mapping for regress_identity server identity options (drop password_required);
alter user mapping for regress_identity server identity options (set password_required 'off');
alter user mapping for regress_identity server identity options (set password 'other');
select identity.try('identity.who()');
reset role;
alter user mapping for regress_identity server identity options (set password_required 'false');
set role regress_identity;
select identity.try('identity.who()') = :'me' as lifted;
alter user mapping for regress_identity server identity options (set password 'junk');
reset role;
alter user mapping for regress_identity server identity options (set password_required 'true', drop password);
set role regress_identity;
\set VERBOSITY default
select identity.who();
\set VERBOSITY terse
reset role;
drop user mapping for regress_identity server identity;
-- A superuser's mapping that another one changes is that one's.
create user mapping for regress_identity server identity options (user :'me');
set role regress_identity;
alter user mapping for regress_identity server identity options (set user 'postgres');
alter user mapping for regress_identity server identity options (set user 'postgres', add password 'junk');
select identity.try('identity.who()') = :'me' as as_it_was;
reset role;
-- The option is a boolean, in any case.
alter user mapping for regress_identity server identity options (add password_required 'perhaps');
alter user mapping for regress_identity server identity options (add "PASSWORD_REQUIRED" 'NO');
alter user mapping for regress_identity server identity options (add nonesuch '');
\set VERBOSITY default
alter user mapping for regress_identity server identity options (add nonesuch '');
\set VERBOSITY terse
drop user mapping for regress_identity server identity;
-- It is none of connection strings.
select identity.try($$plproxy_route('identity options', 0)$$) from add_cluster('identity options', 'dbname=x password_required=false');

-- Where the server asks.
create function read_hba() returns text language sql as $$ select pg_read_file(current_setting('hba_file')) $$;
select read_hba() as hba \gset
create temporary table hba (line text);
insert into hba values ('local plproxy_shard1 regress_identity scram-sha-256');
insert into hba select regexp_split_to_table(:'hba', '\n');
select format('copy hba to %L', current_setting('hba_file')) as write_hba \gset
:write_hba;
select pg_reload_conf();
create user mapping for public server identity_asking options (user 'regress_identity');
create function hba_is_loaded() returns boolean language plpgsql as $$
begin
    -- The postmaster needs a moment.
    for attempt in 1 .. 100 loop
        if identity.try('identity.who_asking()') ~ 'no password' then
            return true;
        end if;
        perform plproxy_disconnect(), pg_sleep(0.1);
    end loop;
    return false;
end $$;
select hba_is_loaded();
drop user mapping for public server identity_asking;
set role regress_identity;
create user mapping for regress_identity server identity_asking options (password 'correct', password_required 'true');
select identity.try('identity.who_asking()');
alter user mapping for regress_identity server identity_asking options (set password 'wrong');
select identity.try('identity.who_asking()');
reset role;

--
-- A server whose owner isn't a superuser: its connection strings are his.
--
grant usage on foreign data wrapper plproxy to regress_identity;
set role regress_identity;
select format('create server identity_evil foreign data wrapper plproxy options (p0 %L)',
              :'shard' || ' sslkeylogfile=/nonesuch/key.log') as sql \gset
:sql;
create user mapping for public server identity_evil options (user :'me');
create user mapping for public server identity_evil options (user :'me', password 'junk', password_required 'true');
\set VERBOSITY default
select identity.who_evil();
\set VERBOSITY terse
select format('alter server identity_evil options (set p0 %L)', :'shard' || ' passfile=/nonesuch/passfile') as sql \gset
:sql;
select error from plproxy_ping('identity_evil');
select format('alter server identity_evil options (set p0 %L)', :'shard') as sql \gset
:sql;
select identity.try('identity.who_evil()');
reset role;
-- Who is connected is another matter: the settings are his.
select identity.try('identity.who_evil()');
-- A superuser can give a login there, with a password, or lift the rule.
create user mapping for regress_identity server identity_evil options (user :'me');
set role regress_identity;
\set VERBOSITY default
select identity.who_evil();
\set VERBOSITY terse
reset role;
alter user mapping for regress_identity server identity_evil options (add password_required 'false');
set role regress_identity;
select identity.try('identity.who_evil()') = :'me' as lifted;
reset role;
alter user mapping for regress_identity server identity_evil options (drop password_required);
set role regress_identity;
select identity.try('identity.who_evil()');
reset role;
-- Another owner, other rules, at the next call; also if he is a superuser no more.
alter server identity_evil owner to :"me";
grant usage on foreign server identity_evil to regress_identity;
set role regress_identity;
select identity.try('identity.who_evil()') = :'me' as of_a_superuser;
reset role;
alter server identity_evil owner to regress_identity_owner;
set role regress_identity;
select identity.try('identity.who_evil()');
reset role;
alter role regress_identity_owner superuser;
set role regress_identity;
select identity.try('identity.who_evil()') = :'me' as of_a_superuser;
reset role;
alter role regress_identity_owner nosuperuser;
set role regress_identity;
select identity.try('identity.who_evil()');
reset role;

truncate hba;
insert into hba select regexp_split_to_table(btrim(:'hba', E'\n'), '\n');
:write_hba;
select pg_reload_conf();
drop table hba;
set client_min_messages = warning;
drop function read_hba();
drop function hba_is_loaded();
drop server identity, identity_asking, identity_evil cascade;
drop schema identity cascade;
revoke usage on foreign data wrapper plproxy from regress_identity;
drop role regress_identity, regress_identity_owner;
delete from plproxy.clusters where name = 'identity options';
delete from plproxy.partitions where cluster = 'identity options';
