-- Calls of everything in proxy.sql, and how some fail.
\set ECHO all
\pset null null
set timezone = 'UTC';
set client_min_messages = warning; -- the C version tells of connections that it drops
select id, get_name(id), get_mood(id), (get_user(id)).* from generate_series(0, 12) id;
select * from list_names() order by 1;
select *, longitude + 1 as more from list_homes() order by longitude;
select * from users order by id;
select sum(count_all) from count_all();
select * from twice(3);
select place_of(n), connect_by_call(n), connect_by_argument('dbname=shard' || n) from generate_series(0, 3) n;
select place_2(), connect_here(), get_hidden_name(7);
select * from places_of(1) order by 1;
select * from rename('{5,2,9,4,3}', '{five,two,nine,null,three}', '!') order by 1;
select * from rename_all('{5,2}', '{five,two}', null);
select * from rename_all('{}', '{}', '!');
select * from find_users('{user 3,user 4,user 8,other}', 4) order by id;
select nothing(3);
select * from echo(true, '\x00ff', '2024-02-29 12:00:00.5+02', 'NaN', '{a,NULL,"b c"}', '{"k": [1, null]}',
                   '5b1f4b6c-6a0e-4f8e-9d0a-3b1f4b6c6a0e', '[1,5)', '-infinity');
select * from echo(null, null, null, 1e-30, '{}', 'null', null, 'empty', 0.1);
select * from run_query('select count(*), min(name) from users') as (n int8, first text) order by first;
select * from run_query('select id from users where id > 9') as (id int8) order by id;
insert into log default values;
select * from log;
delete from log;

-- As others, through the server's user mappings.
select * from who() order by 1;
set role caller;
select * from who() order by 1;
select * from who_definer() order by 1;
select get_hidden_name(2);
set role worker;
select * from who() order by 1;
select get_hidden_name(2);
reset role;

-- Errors.
select fail('on purpose');
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
select missing();
\echo :LAST_ERROR_SQLSTATE
select no_cluster();
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
select place_of(null);
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY sqlstate
select connect_by_argument('dbname=nowhere');
\set VERBOSITY default
select list_homes() from rename('{1,2}', '{one}', '');
\echo :LAST_ERROR_SQLSTATE
alter server med options (add partition_3 'dbname=shard3');
\echo :LAST_ERROR_SQLSTATE

-- What can't be created: the same words, with SQLSTATEs that say more than the C version's XX000.
alter server med options (add nonsense '1');
create function bad() returns text language plproxy as $$ cluster 'shards'; run on all; $$;
create function bad() returns text language plproxy as $$ run on 1; $$;
\set ECHO none
