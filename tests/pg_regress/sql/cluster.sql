--
-- CLUSTER: by name and by call.
--
\set VERBOSITY terse
create schema cluster;
set search_path = cluster, public;
select add_cluster('cluster one', connstr('plproxy_shard1'));
select add_cluster('Cluster', connstr('plproxy_shard2'));

create function named() returns text language plproxy as $$ cluster 'cluster one'; select current_database(); $$;
select named();
-- case matters
create function case_matters() returns text language plproxy as $$ cluster 'Cluster'; select current_database(); $$;
select case_matters();
create function case_matters2() returns text language plproxy as $$ cluster 'cluster'; select current_database(); $$;
select case_matters2();
create function quoted() returns text language plproxy as $$ cluster 'it''s \'; select 1; $$;
select quoted();
select add_cluster('it''s \', connstr('plproxy_shard3'));
create or replace function quoted() returns text language plproxy as $$ cluster 'it''s \'; select current_database(); $$;
select quoted();
create function empty() returns text language plproxy as $$ cluster ''; select 1; $$;
select empty();

-- a call
create function name_of(part text) returns text language sql as $$ select 'cluster ' || part $$;
create function called(part text, unused int) returns text language plproxy as $$ cluster name_of(part); select current_database(); $$;
select called('one', 1);
select called('two', 1);
create function called2(unused int, part text) returns text language plproxy as $$ CLUSTER cluster.name_of($2); select current_database(); $$;
select called2(1, 'one');
create function called3(part text) returns text language plproxy as $$ cluster lower($1 || 'STER ONE'); select current_database(); $$;
select called3('CLU');
-- one row is expected, of text
create function names(int) returns setof text language sql as $$ select text 'cluster one' from generate_series(1, $1) $$;
create function many(n int) returns text language plproxy as $$ cluster names(n); select current_database(); $$;
select many(1);
select many(0);
select many(2);
create function many2(n int) returns text language plproxy as $$ cluster   names
 ( $1 /* x */ -- y
 + 1 )  ; select current_database(); $$;
select many2(1);
create function is_null() returns text language plproxy as $$ cluster name_of(null); select 1; $$;
select is_null();
create function wrong_type(n int) returns text language plproxy as $$ cluster abs(n); select 1; $$;
select wrong_type(1);
create function wrong_varchar() returns text language plproxy as $$ cluster varchar_name(); select 1; $$;
create function varchar_name() returns varchar language sql as $$ select varchar 'cluster one' $$;
select wrong_varchar();
create function wrong_name() returns text language plproxy as $$ cluster current_name(); select 1; $$;
create function current_name() returns name language sql as $$ select name 'cluster one' $$;
select wrong_name();
-- what it raises passes, with the position in the call
create function fails(n int) returns text language plpgsql as $$ begin raise 'no cluster %', n using errcode = 'P1234', hint = 'the hint'; end $$;
create function failing(n int) returns text language plproxy as $$ cluster fails(n); select 1; $$;
\set VERBOSITY default
\set SHOW_CONTEXT never
select failing(7);
\set VERBOSITY terse
create function missing(n int) returns text language plproxy as $$ cluster nonesuch(n); select 1; $$;
select missing(1);
create function missing2(n int) returns text language plproxy as $$ cluster fails(n, username); select 1; $$;
select missing2(1);
-- it may change from call to call
create table current_cluster as select 'cluster one' as name;
create function current_cluster() returns text language sql as $$ select name from current_cluster $$;
create function current() returns text language plproxy as $$ cluster current_cluster(); select current_database(); $$;
select current();
begin;
update current_cluster set name = 'Cluster';
select current();
rollback;
select current();

-- what the cluster's functions say of an unknown one
create function unknown() returns text language plproxy as $$ cluster 'unknown'; select 1; $$;
select unknown();

set client_min_messages = warning;
drop schema cluster cascade;
