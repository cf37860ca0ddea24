--
-- For whom a connection is.
--
\set VERBOSITY terse
set client_min_messages = warning;
drop role if exists regress_plproxy_a, regress_plproxy_b, regress_plproxy_c, "regress plproxy 'd\ =";
reset client_min_messages;
create role regress_plproxy_a login;
create role regress_plproxy_b login;
create role regress_plproxy_c login;
create schema users;
grant usage on schema users to public;
set search_path = users, public;
select add_cluster('users', connstr('plproxy_shard0'));
select add_cluster('users as c', connstr('plproxy_shard0') || ' user=regress_plproxy_c');
select add_cluster('users by session', connstr('plproxy_shard0'));
insert into plproxy.options values ('users by session', 'default_user', 'session_user');
create function who() returns name language plproxy as $$ cluster 'users'; select session_user; $$;
create function pid() returns int language plproxy as $$ cluster 'users'; select pg_backend_pid(); $$;
create function who_as_c() returns name language plproxy as $$ cluster 'users as c'; select session_user; $$;
create function pid_as_c() returns int language plproxy as $$ cluster 'users as c'; select pg_backend_pid(); $$;
create function who_by_session() returns name language plproxy as $$ cluster 'users by session'; select session_user; $$;
create function pid_by_session() returns int language plproxy as $$ cluster 'users by session'; select pg_backend_pid(); $$;
create function who_by_connect(connstr text) returns name language plproxy as $$ connect connstr; select session_user; $$;
create table seen (label text, pid int);
grant select, insert on seen to public;

-- the role by name
select who() = session_user as mine;
set role regress_plproxy_a;
select who(), who_as_c(), who_by_session() = session_user as sessions;
set role regress_plproxy_b;
select who(), who_as_c(), who_by_session() = session_user as sessions;
reset role;
select who() = session_user as mine;
set session authorization regress_plproxy_a;
select who(), who_as_c(), who_by_session();
reset session authorization;
grant regress_plproxy_b to regress_plproxy_a;
set session authorization regress_plproxy_a;
set role regress_plproxy_b;
select who(), who_as_c(), who_by_session();
reset role;
reset session authorization;
select who() = session_user as mine;

-- a function that runs as its owner
create function definer() returns text[] language plpgsql security definer as
    $$ begin return array[who(), who_as_c()]; end $$;
alter function definer() owner to regress_plproxy_b;
select definer();
set role regress_plproxy_a;
select definer(), who();
reset role;
create function definer_proxy() returns name language plproxy security definer as $$ cluster 'users'; select session_user; $$;
alter function definer_proxy() owner to regress_plproxy_a;
select definer_proxy();
set role regress_plproxy_b;
select definer_proxy(), who(), definer_proxy();
reset role;

-- The code of a table's owner that PostgreSQL runs on its own account, as the table's owner: the session isn't his.
create function told(n integer) returns integer immutable language plpgsql as
    $$ begin raise notice 'the owner: %', users.who_by_session() = 'regress_plproxy_a'; return n; end $$;
grant create on schema users to regress_plproxy_a;
create table owned (n integer);
insert into owned values (1);
alter table owned owner to regress_plproxy_a;
create index owned_told on owned (told(n));
analyze owned;
reindex table owned;
create materialized view owned_view as select users.told(n) from owned;
alter materialized view owned_view owner to regress_plproxy_a;
refresh materialized view owned_view;
-- What a statement of the session's own evaluates is the session's.
insert into owned values (2);

-- CONNECT
select connstr('plproxy_shard0') as shard \gset
select who_by_connect(:'shard') = session_user as mine, who_by_connect(:'shard' || ' user=regress_plproxy_c');
-- (as a superuser: what others may connect to is another matter)
alter role regress_plproxy_a superuser;
set role regress_plproxy_a;
select who_by_connect(:'shard'), who_by_connect(:'shard' || ' user=regress_plproxy_c');
reset role;
alter role regress_plproxy_a nosuperuser;

-- no connection is shared between roles, even if the remote user is the same; each is found again
insert into seen select 'own', pid();
insert into seen select 'own as c', pid_as_c();
insert into seen select 'own by session', pid_by_session();
set role regress_plproxy_a;
insert into seen select 'a', pid();
insert into seen select 'a as c', pid_as_c();
insert into seen select 'own by session', pid_by_session();
set role regress_plproxy_b;
insert into seen select 'b', pid();
insert into seen select 'b as c', pid_as_c();
insert into seen select 'own by session', pid_by_session();
reset role;
insert into seen select 'own', pid();
insert into seen select 'own as c', pid_as_c();
set role regress_plproxy_a;
insert into seen select 'a', pid();
insert into seen select 'a as c', pid_as_c();
reset role;
select label, count(distinct pid) as connections, count(*) as calls from seen group by label order by label;
-- Two names for "own": the cluster by session has the same connection string and the same role.
select string_agg(distinct label, ' = ') as labels from seen group by pid order by 1;

-- a role with a name that needs quoting
create role "regress plproxy 'd\ =" login;
set role "regress plproxy 'd\ =";
select who();
reset role;
-- one that may not connect
alter role regress_plproxy_b nologin;
\c
set search_path = users, public;
\set VERBOSITY sqlstate
set role regress_plproxy_b;
select who();
select who_as_c();
reset role;

set client_min_messages = warning;
drop schema users cascade;
drop role regress_plproxy_a, regress_plproxy_b, regress_plproxy_c, "regress plproxy 'd\ =";
