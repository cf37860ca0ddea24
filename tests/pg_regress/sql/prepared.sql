--
-- Prepared statements: when there are some, and what becomes of them when the shard changes.
--
\set VERBOSITY terse
create schema prepared;
set search_path = prepared, public;
select add_cluster('prepared', connstr('plproxy_shard0') || ' application_name=prepared');
\set home :DBNAME
\c plproxy_shard0
create schema prepared;
create table prepared.t (a int, b text);
insert into prepared.t values (1, 'x');
create sequence prepared.runs;
create function prepared.double(i int) returns int language sql as 'select 2 * i';
-- what is prepared in the session that answers, by the beginning of its text
create function prepared.statements() returns setof text language sql as
    $$ select substr(statement, 1, 32) from pg_prepared_statements where statement !~ 'statements' order by 1 $$;
create function prepared.fails(code text) returns int language plpgsql as
    $$ begin perform nextval('prepared.runs'); raise sqlstate '26000' using message = 'mine'; end $$;
\c :home
set search_path = prepared, public;
set client_min_messages = warning;
create function double(i int) returns int language plproxy as $$ cluster 'prepared'; run on 0; $$;
create function statements() returns setof text language plproxy as $$ cluster 'prepared'; run on 0; $$;
create function rows() returns table (a int, b text) language plproxy as $$ cluster 'prepared'; run on 0; select * from prepared.t; $$;
create function fails(code text) returns int language plproxy as $$ cluster 'prepared'; run on 0; $$;
create function run(sql text) returns void language plproxy as $$ cluster 'prepared'; run on 0; target public.run; $$;

-- auto: the second query of a connection finds out whether statements may be prepared, those after it are
show plproxy.prepared_statements;
select double(1);
select * from statements();
select double(2);
select * from rows();
select * from statements();
-- off, and on again: what is prepared stays
set plproxy.prepared_statements = off;
create function triple(i int) returns int language plproxy as $$ cluster 'prepared'; run on 0; select 3 * i; $$;
select triple(1), triple(2), triple(3);
select double(3);
select * from statements();
reset plproxy.prepared_statements;
-- the cluster's option comes first
insert into plproxy.options values ('prepared', 'prepared_statements', 'off');
select touch_cluster('prepared');
select triple(1), triple(2), triple(3);
update plproxy.options set val = 'on' where cluster = 'prepared';
select touch_cluster('prepared');
set plproxy.prepared_statements = off;
select triple(1);
select * from statements();
reset plproxy.prepared_statements;
delete from plproxy.options where cluster = 'prepared';
select touch_cluster('prepared');
set plproxy.prepared_statements = maybe;

-- a table gets other columns (0A000)
select * from rows();
select run('alter table prepared.t alter a type int8');
select * from rows();
select run('alter table prepared.t alter a type int4, alter b type varchar(3)');
select * from rows();
select run('alter table prepared.t rename a to c; alter table prepared.t rename b to a; alter table prepared.t rename c to b');
select run('update prepared.t set a = 7');
select * from rows();
select run('alter table prepared.t drop a; alter table prepared.t add a int default 5');
select * from rows();
select * from rows();
select run('alter table prepared.t add c int');
select * from rows();
select * from rows();
select run('alter table prepared.t drop c');
select * from rows();
select run('drop table prepared.t');
select * from rows();
select run('create table prepared.t as select 1 as a, text ''new'' as b');
select * from rows();
select * from rows();
-- a function is replaced, and made anew with another type
select run('create or replace function prepared.double(i int) returns int language sql as ''select 20 * i''');
select double(1);
select run('drop function prepared.double; create function prepared.double(i int) returns text language sql as ''select (200 * i)::text''');
select double(1), double(2);
select run('drop function prepared.double');
select double(1);
select double(1);
select run('create function prepared.double(i int) returns int language sql as ''select 2 * i''');
select double(1);
-- they are gone (26000)
select double(1);
select run('deallocate all');
select double(1);
select double(1);
select count(*) from statements();

-- an error of the function's own isn't taken for one of the statement, and nothing runs twice
select fails('26000');
select fails('26000');
select fails('26000');
create function runs() returns int8 language plproxy as $$ cluster 'prepared'; run on 0; select last_value from prepared.runs; $$;
select runs();

-- a connection keeps only so many
create function record() returns record language plproxy as $$ cluster 'prepared'; run on 0; target prepared.record; $$;
select run('create function prepared.record() returns record language sql as ''select 1''');
do $$ begin for i in 1 .. 300 loop execute format('select c%1$s from record() as (c%1$s int)', i); end loop; end $$;
select count(*) between 200 and 256 as not_too_many from statements();
