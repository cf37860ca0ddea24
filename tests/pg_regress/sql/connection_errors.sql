--
-- Connections that can't be had: what is said of it, and what is not.
--
-- Runs a query and shows how it fails, with the sockets' directory left out.
create function outcome(query text, out state text, out message text, out more text) language plpgsql as $$
begin
    execute query;
    state := '00000';
exception when others then
    get stacked diagnostics state = returned_sqlstate, message = message_text, more = pg_exception_detail;
    more := nullif(more, '');
    message := regexp_replace(message, '"/[^"]*/\.s\.PGSQL\.\d+"', '"SOCKET"', 'g');
end $$;
create function plain(connstr text) returns text language plproxy as $$ connect connstr; select current_database(); $$;
create function good_pids() returns setof integer language plproxy as $$ cluster 'shards'; run on all; select pg_backend_pid(); $$;
select array_agg(p order by n) as pids from good_pids() with ordinality as t (p, n)
\gset
\pset format unaligned

select plain(connstr('plproxy_shard0'));
create table bad (name text, connstr text);
insert into bad values
    ('unknown database', connstr('plproxy_nonesuch')),
    ('unknown user', connstr('plproxy_shard0') || ' user=plproxy_nonesuch'),
    ('no socket there', 'host=/nonesuch port=5432 dbname=d'),
    ('nobody listens', regexp_replace(connstr('d'), 'port=\d+', 'port=1')),
    ('no such address', 'host=127.0.0.1 port=1 dbname=d'),
    ('bad port', 'host=127.0.0.1 port=x dbname=d'),
    ('port out of range', 'host=127.0.0.1 port=123456 dbname=d'),
    ('unknown key', connstr('plproxy_shard0') || ' nonesuch=1'),
    ('no equals sign', 'dbname'),
    ('unfinished quote', 'dbname=''x'),
    ('bad uri', 'postgresql://host:port:/x'),
    ('bad option', connstr('plproxy_shard0') || ' options=''-c nonesuch_setting=1'''),
    ('bad value', connstr('plproxy_shard0') || ' sslmode=nonesuch'),
    ('two hosts', 'host=/nonesuch,/nonesuch2 port=5432 dbname=d');
select name, o.* from bad, outcome(format('select plain(%L)', connstr)) o order by name;
set plproxy.sqlstate = 'precise';
select name, o.state from bad, outcome(format('select plain(%L)', connstr)) o order by name;
reset plproxy.sqlstate;
set plproxy.sqlstate = 'nonesuch';
do $$
begin
    perform plain(connstr('plproxy_nonesuch'));
exception when sqlstate 'XX000' then
    raise notice 'caught as ever';
end $$;

-- A password is in none of it.
select name, o.message
  from bad, outcome(format('select plain(%L)', connstr || ' password=sesame')) o
 where connstr !~ '^postgresql:' and (concat(o.message, o.more) ~ 'sesame' or o.state = '00000');
insert into bad values
    ('in a bad string', 'password=sesame dbname'),
    ('in a bad string', 'password=''sesame'),
    ('in a bad string', 'password = sesame nonesuch=1'),
    ('in a bad string', 'dbname=x password=''sesame'' x'),
    ('in a bad string', 'password=sesame port=sesam'),
    ('in a uri', 'postgresql://user:sesame@/d?host=/nonesuch'),
    ('in a bad uri', 'postgresql://user:sesame@host:port/d'),
    ('in a bad uri', 'postgresql://user:sesame@host/d?nonesuch=1'),
    ('in a bad uri', 'postgresql://user:sesame@[::1/d'),
    ('in a bad uri', 'postgresql://user:ses%ame@host/d?password=sesame'),
    ('in a parameter of a uri', 'postgresql:///d?host=/nonesuch&password=sesame');
select name, connstr, o.message from bad, outcome(format('select plain(%L)', connstr)) o
 where name like 'in a%' and (concat(o.message, o.more) ~ 'sesame' or o.state = '00000');

-- In a cluster: nothing has run anywhere if one partition can't be reached, and the others' connections are kept.
select add_cluster('half', connstr('plproxy_shard0'), connstr('plproxy_nonesuch'));
select from on_shards('create table ran_it (i integer); create function run_it() returns integer language sql as ''insert into ran_it values (1) returning i''');
create function run_it() returns setof integer language plproxy as $$ cluster 'half'; run on all; $$;
create function ran_it() returns setof bigint language plproxy as $$ cluster 'shards'; run on all; select count(*) from ran_it; $$;
select * from outcome('select run_it()');
select sum(ran_it) from ran_it();
create function half(i integer) returns text language plproxy as $$ cluster 'half'; run on i; select current_database(); $$;
select half(0);
select * from outcome('select half(1)');
select half(2);
-- Once it can, it is.
create database plproxy_nonesuch template template0;
select half(1);
select * from outcome('select run_it()');
-- Gone again, while we are connected.
drop database plproxy_nonesuch with (force);
select * from outcome('select half(1)');
select half(0);
-- Syntax errors are found when the connection is to be opened.
select add_cluster('wrong', connstr('plproxy_shard0'), 'nonesuch=1');
create function wrong(i integer) returns text language plproxy as $$ cluster 'wrong'; run on i; select current_database(); $$;
select wrong(0);
select * from outcome('select wrong(1)');

-- RUN ON ANY finds a partition that can be connected; a cluster without one has an error.
select add_cluster('somewhere', connstr('plproxy_nonesuch'), connstr('plproxy_nonesuch2'), 'host=/nonesuch dbname=plproxy_nonesuch3',
                   connstr('plproxy_shard0'));
select add_cluster('nowhere', connstr('plproxy_nonesuch'), connstr('plproxy_nonesuch'));
create function somewhere() returns text language plproxy as $$ cluster 'somewhere'; run on any; select current_database(); $$;
create function somewhere_by_default() returns text language plproxy as $$ cluster 'somewhere'; select current_database(); $$;
create function nowhere() returns text language plproxy as $$ cluster 'nowhere'; run on any; select current_database(); $$;
select distinct somewhere(), somewhere_by_default() from generate_series(1, 50);
select * from outcome('select nowhere()');
-- what is wrong with the query is wrong everywhere
create function any_wrong() returns text language plproxy as $$ cluster 'somewhere'; run on any; select nonesuch; $$;
select * from outcome('select any_wrong()');

-- A server that doesn't let us in: its own words.
create role plproxy_nologin nologin;
select * from outcome(format('select plain(%L)', connstr('plproxy_shard0') || ' user=plproxy_nologin'));
drop role plproxy_nologin;
alter database plproxy_shard3 connection limit 0;
create role plproxy_guest login;
select * from outcome(format('select plain(%L)', connstr('plproxy_shard3') || ' user=plproxy_guest'));
alter database plproxy_shard3 connection limit -1;
select plain(connstr('plproxy_shard3') || ' user=plproxy_guest');

-- All the while the good connections were not touched.
select array_agg(p order by n) = :'pids'::integer[] as kept from good_pids() with ordinality as t (p, n);
\c -
drop role plproxy_guest;
