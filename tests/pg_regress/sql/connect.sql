--
-- CONNECT: by a literal, a function, an argument.
--
\set home :DBNAME
\set VERBOSITY terse
create schema connect;
set search_path = connect, public;
create function shard(number int) returns text language sql as $$ select connstr('plproxy_shard' || number) $$;

-- a literal
do $$
begin
    execute format('create function literal(a int) returns text language plproxy as %L',
                   format('connect %L; select current_database() || a;', shard(2)));
end
$$;
select literal(5);
-- with quotes and backslashes in it, of which the language knows only the doubled quote
do $$
begin
    execute format('create function quoted() returns text language plproxy as %L',
                   'CONNECT ''' || replace(shard(1) || ' application_name=''it\''s \\ it''', '''', '''''')
                   || '''; select current_setting(''application_name'');');
end
$$;
select quoted();
-- as an address
do $$
begin
    execute format('create function uri() returns text language plproxy as %L',
                   format('connect ''postgresql:///plproxy_shard3?host=%s&port=%s''; select current_database();',
                          replace(btrim(split_part(current_setting('unix_socket_directories'), ',', 1)), '/', '%2F'),
                          current_setting('port')));
end
$$;
select uri();

-- a function, of arguments or none
create function called(n int) returns text language plproxy as $$ connect shard(n); select current_database(); $$;
select n, called(n) from generate_series(0, 3) n;
create function called(n int, unused text) returns text language plproxy as $$ connect connect . shard ( $1 + 1 ); select current_database(); $$;
select called(0, 'x');
create function shard_0() returns text language sql as 'select shard(0)';
create function called() returns text language plproxy as $$ connect shard_0(); select current_database(); $$;
select called();
-- one row is expected, of text
create table list (number int, connstr text);
insert into list select n, shard(n) from generate_series(0, 1) n;
create function lookup(int) returns setof text language sql as $$ select connstr from list where number >= $1 order by 1 $$;
create function looked_up(n int) returns text language plproxy as $$ connect lookup(n); select current_database(); $$;
select looked_up(1);
select looked_up(0);
select looked_up(2);
insert into list values (3, null);
select looked_up(3);
create function number_of(int) returns int language sql as 'select $1';
create function looked_up_number(n int) returns text language plproxy as $$ connect number_of(n); select 1; $$;
select looked_up_number(1);
create function varchar_of(int) returns varchar language sql as 'select shard($1)';
create function looked_up_varchar(n int) returns text language plproxy as $$ connect varchar_of(n); select 1; $$;
select looked_up_varchar(1);
create function two_of(int, out text, out text) language sql as 'select shard($1), shard(0)';
create function looked_up_two(n int) returns text language plproxy as $$ connect two_of(n); select current_database(); $$;
select looked_up_two(1);
-- what the function raises passes
create function fails() returns text language plpgsql as $$ begin raise 'no database' using errcode = 'P1234', detail = 'the detail'; end $$;
create function looked_up_fails() returns text language plproxy as $$ connect fails(); select 1; $$;
\set VERBOSITY default
\set SHOW_CONTEXT never
select looked_up_fails();
\set VERBOSITY terse
create function looked_up_nowhere(n int) returns text language plproxy as $$ connect nonesuch(n); select 1; $$;
select looked_up_nowhere(1);
create function looked_up_badly(n int) returns text language plproxy as $$ connect number_of(n, username); select 1; $$;
select looked_up_badly(1);
-- it sees the tables as the calling query does
create function counted() returns text language sql as $$ select shard(count(*)::int - 3) from list $$;
create function by_count() returns text language plproxy as $$ connect counted(); select current_database(); $$;
select by_count();
begin;
insert into list values (4, null);
select by_count();
rollback;
select by_count();

-- an argument, by name or number
create function named(a int, connstr text) returns text language plproxy as $$ connect connstr; select current_database() || a; $$;
create function numbered(a int, text) returns text language plproxy as $$ connect $2; select current_database() || a; $$;
select named(1, shard(2)), numbered(1, shard(3));
select named(1, null);
select numbered(1, null);
create function wrong_type(a int) returns text language plproxy as $$ connect a; select 1; $$;
select wrong_type(1);
create function wrong_type(a varchar) returns text language plproxy as $$ connect $1; select 1; $$;
select wrong_type('x'::varchar);
create function no_argument(a int) returns text language plproxy as $$ connect b; select 1; $$;
select no_argument(1);

-- the namesake
\c plproxy_shard1
create schema connect;
create function connect.namesake(a text) returns text language sql as 'select current_database() || $1';
\c :home
\set VERBOSITY terse
set search_path = connect, public;
create function namesake(a text) returns text language plproxy as $$ connect shard_1(); $$;
create function shard_1() returns text language sql as 'select shard(1)';
select namesake(' it is');
-- what isn't a connection string
create function string(connstr text) returns text language plproxy as $$ connect connstr; select current_database(); $$;
select string('nonesuch=1');
select string('dbname');
select string('dbname=''x');
-- the last of several counts
select string(shard(0) || ' dbname=plproxy_shard1');
-- and sets
create function set_of(a text) returns setof int language plproxy as $$ connect a; select generate_series(1, 3); $$;
select * from set_of(shard(0));
create function set_of_all(a text) returns setof int language plproxy as $$ connect a; run on all; select 1; $$;

set client_min_messages = warning;
drop schema connect cascade;
