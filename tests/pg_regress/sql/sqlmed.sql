--
-- Clusters that are foreign servers: options, user mappings, privileges, and how they go with the configuration functions.
--
\set VERBOSITY terse
set client_min_messages = warning;
drop role if exists regress_sqlmed_a, regress_sqlmed_b, regress_sqlmed_c, "regress sqlmed 'd\ =";
create role regress_sqlmed_a login;
create role regress_sqlmed_b login;
create role regress_sqlmed_c login;
create schema sqlmed;
grant usage on schema sqlmed to public;
set search_path = sqlmed, public;
select connstr('plproxy_shard0') as shard0, connstr('plproxy_shard1') as shard1, connstr('plproxy_shard2') as shard2, connstr('plproxy_shard3') as shard3 \gset

create function place(part int) returns text language plproxy as $$ cluster 'sqlmed'; run on part; select current_database(); $$;
create function who() returns text language plproxy as $$ cluster 'sqlmed'; run on 0; select session_user; $$;
create function pid() returns int language plproxy as $$ cluster 'sqlmed'; run on 0; select pg_backend_pid(); $$;

-- no server, no cluster
select place(0);
-- a server, but no user mapping
create server sqlmed foreign data wrapper plproxy options (p0 :'shard0', p1 :'shard1', p2 :'shard2', p3 :'shard3');
\set VERBOSITY sqlstate
select place(0);
\set VERBOSITY terse
create user mapping for current_user server sqlmed;
select h, place(h) from generate_series(-1, 5) h;
-- a mapping without a user is the role's own name
select who() = session_user as mine;

-- partitions by other names, in any order; numbers as people write them
create server sqlmed_names foreign data wrapper plproxy options (partition_03 :'shard3', p001 :'shard1', partition_0 :'shard0', p2 :'shard2');
create user mapping for public server sqlmed_names;
create function names() returns setof text language plproxy as $$ cluster 'sqlmed_names'; run on all; select current_database(); $$;
select names();
-- more than ten: by number, not by name
select format('create server sqlmed_many foreign data wrapper plproxy options (%s)',
              string_agg(format('p%s %L', i, :'shard0' || ' application_name=' || i), ', ' order by i::text)) as sql from generate_series(0, 15) i \gset
:sql;
create user mapping for public server sqlmed_many;
create function many() returns setof text language plproxy as $$ cluster 'sqlmed_many'; run on all; select current_setting('application_name'); $$;
select string_agg(many, ' ') from many();
drop server sqlmed_many cascade;
-- several hosts for a partition: the first one that answers
create server sqlmed_hosts foreign data wrapper plproxy options (p0 'host=/nonesuch,/neither dbname=x');
create user mapping for public server sqlmed_hosts;
create function hosts() returns text language plproxy as $$ cluster 'sqlmed_hosts'; select current_database(); $$;
select format('host=''/nonesuch,%s'' port=1,%s dbname=plproxy_shard2', btrim(split_part(current_setting('unix_socket_directories'), ',', 1)), current_setting('port')) as hosts \gset
alter server sqlmed_hosts options (set p0 :'hosts');
select hosts();
drop server sqlmed_hosts cascade;
-- partitions with the same connection string
create server sqlmed_shared foreign data wrapper plproxy options (p0 :'shard1', p1 :'shard2', p2 :'shard1', p3 :'shard2');
create user mapping for public server sqlmed_shared;
create function shared() returns setof text language plproxy as $$ cluster 'sqlmed_shared'; run on all; select current_database(); $$;
select shared();
drop server sqlmed_shared cascade;

-- mappings
alter server sqlmed_names options (add modular_mapping '1', add partition_mapping 'jump');
create function jump(h int8) returns text language plproxy as $$ cluster 'sqlmed_names'; run on h; select right(current_database(), 1); $$;
select string_agg(jump(h), '' order by h) from generate_series(0, 20) h;
alter server sqlmed_names options (drop partition_mapping, drop partition_03);
select string_agg(jump(h), '' order by h) from generate_series(-3, 20) h;
alter server sqlmed_names options (set modular_mapping '0');
alter server sqlmed_names options (drop modular_mapping);
alter server sqlmed_names options (drop modular_mapping, drop p2);
select string_agg(jump(h), '' order by h) from generate_series(-3, 20) h;
alter server sqlmed_names options (add p2 :'shard2', add partition_mapping 'modulo');
select string_agg(jump(h), '' order by h) from generate_series(-3, 20) h;

-- the wrapper's options are the defaults of all servers
alter foreign data wrapper plproxy options (add partition_mapping 'jump');
create server sqlmed_defaults foreign data wrapper plproxy options (p0 :'shard0', p1 :'shard1', p2 :'shard2', p3 :'shard3');
create user mapping for public server sqlmed_defaults;
create function defaults(h int8) returns text language plproxy as $$ cluster 'sqlmed_defaults'; run on h; select right(current_database(), 1); $$;
select string_agg(defaults(h), '' order by h) from generate_series(0, 20) h;
alter server sqlmed_defaults options (add partition_mapping 'modulo');
select string_agg(defaults(h), '' order by h) from generate_series(-3, 17) h;
alter foreign data wrapper plproxy options (drop partition_mapping);
select string_agg(defaults(h), '' order by h) from generate_series(-3, 17) h;
alter server sqlmed_defaults options (drop partition_mapping);
select string_agg(defaults(h), '' order by h) from generate_series(-3, 17) h;
create function defaults_who() returns text language plproxy as $$ cluster 'sqlmed_defaults'; run on 0; select session_user; $$;
grant usage on foreign server sqlmed_defaults to public;
set role regress_sqlmed_a;
select defaults_who();
reset role;
alter foreign data wrapper plproxy options (add default_user 'session_user');
set role regress_sqlmed_a;
select defaults_who() = session_user as sessions;
reset role;
alter server sqlmed_defaults options (add default_user 'current_user');
set role regress_sqlmed_a;
select defaults_who();
reset role;
alter foreign data wrapper plproxy options (drop default_user);
drop server sqlmed_defaults cascade;

-- user mappings: one's own before that for all
create user mapping for public server sqlmed options ("user" 'regress_sqlmed_c');
grant usage on foreign server sqlmed to public;
select who() = session_user as mine;
set role regress_sqlmed_a;
select who();
set role regress_sqlmed_b;
select who();
reset role;
create user mapping for regress_sqlmed_a server sqlmed options ("user" 'regress_sqlmed_b', password 'it''s "a" \ pass=word ');
set role regress_sqlmed_a;
select who();
set role regress_sqlmed_b;
select who();
reset role;
alter user mapping for regress_sqlmed_a server sqlmed options (drop "user");
set role regress_sqlmed_a;
select who();
reset role;
alter user mapping for regress_sqlmed_a server sqlmed options (add "user" 'regress_sqlmed_c', set password '');
set role regress_sqlmed_a;
select who();
reset role;
drop user mapping for regress_sqlmed_a server sqlmed;
alter user mapping for public server sqlmed options (set "user" 'regress_sqlmed_b');
set role regress_sqlmed_a;
select who();
reset role;
drop user mapping for public server sqlmed;
set role regress_sqlmed_a;
\set VERBOSITY sqlstate
select who();
\set VERBOSITY terse
reset role;
create user mapping for public server sqlmed;
set role regress_sqlmed_a;
select who();
reset role;
-- a user in the connection string comes first
select :'shard0' || ' user=regress_sqlmed_c' as shard0_as_c \gset
alter server sqlmed options (set p0 :'shard0_as_c');
set role regress_sqlmed_a;
select who();
reset role;
alter server sqlmed options (set p0 :'shard0');
-- a name that needs quoting
create role "regress sqlmed 'd\ =" login;
alter user mapping for public server sqlmed options (add "user" 'regress sqlmed ''d\ =', add password '''\');
set role regress_sqlmed_a;
select who();
reset role;
alter user mapping for public server sqlmed options (drop "user", drop password);
drop role "regress sqlmed 'd\ =";

-- USAGE is looked at in every call
revoke usage on foreign server sqlmed from public;
select who() = session_user as mine;
set role regress_sqlmed_a;
select who();
reset role;
grant usage on foreign server sqlmed to regress_sqlmed_a;
set role regress_sqlmed_a;
select who();
select who();
set role regress_sqlmed_b;
select who();
set role regress_sqlmed_a;
select who();
reset role;
begin;
revoke usage on foreign server sqlmed from regress_sqlmed_a;
set local role regress_sqlmed_a;
select who();
rollback;
set role regress_sqlmed_a;
select who();
reset role;
-- also by way of a group
create role regress_sqlmed_group;
grant usage on foreign server sqlmed to regress_sqlmed_group;
grant regress_sqlmed_group to regress_sqlmed_b;
set role regress_sqlmed_b;
select who();
reset role;
revoke regress_sqlmed_group from regress_sqlmed_b;
set role regress_sqlmed_b;
select who();
reset role;
drop owned by regress_sqlmed_group;
drop role regress_sqlmed_group;
-- SECURITY DEFINER: it is the owner's privilege and the owner's mapping
create function definer() returns text language plpgsql security definer as $$ begin return sqlmed.who(); end $$;
create function definer_itself() returns text language plproxy security definer as $$ cluster 'sqlmed'; run on 0; select session_user; $$;
alter function definer() owner to regress_sqlmed_a;
alter function definer_itself() owner to regress_sqlmed_a;
set role regress_sqlmed_b;
select definer(), definer_itself();
select who();
reset role;
alter function definer() owner to regress_sqlmed_b;
select definer();
-- default_user: the session's
alter server sqlmed options (add default_user 'session_user');
set role regress_sqlmed_b;
select who() = session_user as sessions;
reset role;
select definer() = session_user as sessions, definer_itself() = session_user as sessions;
set session authorization regress_sqlmed_a;
select who();
select definer(), definer_itself();
reset session authorization;
set session authorization regress_sqlmed_b;
select definer_itself();
select who();
reset session authorization;
alter server sqlmed options (set default_user 'current_user');
set role regress_sqlmed_b;
select who();
reset role;
-- without it, a mapping is of no use
create user mapping for regress_sqlmed_b server sqlmed options (password 'secret');
set role regress_sqlmed_b;
select who();
select * from plproxy_route('sqlmed', 0);
reset role;

-- connections: kept when something else changes, closed when what they were made with does
create table seen (label text, pid int);
grant select, insert on seen to public;
-- Whether it is another connection than the last one with this label.
create function changed(label text, now int) returns boolean language plpgsql as $$
declare
    before int;
begin
    delete from sqlmed.seen s where s.label = $1 returning s.pid into before;
    insert into sqlmed.seen values ($1, $2);
    return before <> $2;
end
$$;
grant delete on seen to public;
grant usage on foreign server sqlmed to public;
drop user mapping for regress_sqlmed_b server sqlmed;
create user mapping for regress_sqlmed_a server sqlmed options ("user" 'regress_sqlmed_c');
select changed('own', pid());
set role regress_sqlmed_a; select changed('a', pid()); set role regress_sqlmed_b; select changed('b', pid()); reset role;
-- nothing
select changed('own', pid());
set role regress_sqlmed_a; select changed('a', pid()); set role regress_sqlmed_b; select changed('b', pid()); reset role;
-- an unrelated server, its mapping, the wrapper, another option of the server
create server sqlmed_other foreign data wrapper plproxy options (p0 'dbname=x');
create user mapping for regress_sqlmed_a server sqlmed_other options ("user" 'x');
alter server sqlmed_other options (set p0 'dbname=y');
alter user mapping for regress_sqlmed_a server sqlmed_other options (set "user" 'y');
drop server sqlmed_other cascade;
alter foreign data wrapper plproxy options (add query_timeout '1000');
alter foreign data wrapper plproxy options (drop query_timeout);
alter server sqlmed options (add query_timeout '1000');
alter server sqlmed options (set p3 :'shard2');
create role regress_sqlmed_unrelated;
drop role regress_sqlmed_unrelated;
select changed('own', pid());
set role regress_sqlmed_a; select changed('a', pid()); set role regress_sqlmed_b; select changed('b', pid()); reset role;
-- a mapping of one role
alter user mapping for regress_sqlmed_a server sqlmed options (add password 'x');
select changed('own', pid());
set role regress_sqlmed_a; select changed('a', pid()); set role regress_sqlmed_b; select changed('b', pid()); reset role;
-- the mapping of all who have none
alter user mapping for public server sqlmed options (add password 'x');
select changed('own', pid());
set role regress_sqlmed_a; select changed('a', pid()); set role regress_sqlmed_b; select changed('b', pid()); reset role;
-- one of the role's own takes the place of that
create user mapping for regress_sqlmed_b server sqlmed options (password 'y');
set role regress_sqlmed_a; select changed('a', pid()); set role regress_sqlmed_b; select changed('b', pid()); reset role;
drop user mapping for regress_sqlmed_b server sqlmed;
set role regress_sqlmed_a; select changed('a', pid()); set role regress_sqlmed_b; select changed('b', pid()); reset role;
-- none: the connection can't be used any more
drop user mapping for regress_sqlmed_a server sqlmed;
drop user mapping for public server sqlmed;
set role regress_sqlmed_a;
\set VERBOSITY sqlstate
select pid();
\set VERBOSITY terse
reset role;
-- what was changed and then undone has changed nothing
begin;
alter user mapping for current_user server sqlmed options (add password 'z');
rollback;
select changed('own', pid());

-- the server comes before the configuration functions, which step in when it isn't there, in one session
select add_cluster('sqlmed', :'shard3');
select place(0);
alter server sqlmed rename to sqlmed_old;
select place(0);
alter server sqlmed_old rename to sqlmed;
select place(0);
begin;
drop server sqlmed cascade;
select place(0);
rollback;
select place(0);
drop server sqlmed cascade;
select place(0);
begin;
create server sqlmed foreign data wrapper plproxy options (p0 :'shard1');
create user mapping for current_user server sqlmed;
select place(0);
rollback;
select place(0);
-- a server of another wrapper is no cluster
create foreign data wrapper regress_sqlmed;
create server sqlmed foreign data wrapper regress_sqlmed options (p0 'dbname=nonesuch');
select place(0);
drop server sqlmed;
create server sqlmed foreign data wrapper plproxy options (p0 :'shard2');
create user mapping for current_user server sqlmed;
select place(0);
-- even without mapping or privilege, the server is the cluster
drop user mapping for current_user server sqlmed;
\set VERBOSITY sqlstate
select place(0);
set role regress_sqlmed_a;
select place(0);
reset role;
\set VERBOSITY terse
drop server sqlmed;
drop foreign data wrapper regress_sqlmed cascade;
select touch_cluster('sqlmed');
select place(0);
delete from plproxy.clusters where name = 'sqlmed';
select place(0);
-- names are taken as they are
create server "Sqlmed, ""odd"" näme" foreign data wrapper plproxy options (p0 :'shard1');
create user mapping for current_user server "Sqlmed, ""odd"" näme";
create function odd(name text) returns text language plproxy as $$ cluster text(name); select current_database(); $$;
select odd('Sqlmed, "odd" näme');
select odd('sqlmed, "odd" näme');

set client_min_messages = warning;
drop server "Sqlmed, ""odd"" näme" cascade;
drop server sqlmed_names cascade;
drop schema sqlmed cascade;
drop role regress_sqlmed_a, regress_sqlmed_b, regress_sqlmed_c;
