--
-- Hash functions that never change, the mappings from hash values to partitions, and asking where a hash value goes.
--
\set VERBOSITY terse
create schema hashes;
set search_path = hashes, public;

-- Values of the reference implementation (xxHash's XXH3_64bits). If one of these changes, rows are lost.
create table reference (value text, hash int8);
insert into reference values
    ('', 3244421341483603138), ('a', -1817709641818812897), ('b', 6294355645245719615), ('ab', -6308573737569127588),
    ('abc', 8696274497037089104), ('Ünïcödé', 3557030621975710648), ('馬 🐎', 2116179020879284299),
    ('0123456789abcdef', 7224786756799439149), ('0123456789abcdefg', -3249840995370574798),
    (repeat('x', 128), 5522396673332862231), (repeat('x', 129), -1947397678627412004), (repeat('x', 240), 4473985974101920616),
    (repeat('x', 241), 1502687544462699037), (repeat('x', 1000), -4565375157376599422), (repeat('x', 1024), -263839022706387382),
    (repeat('x', 1025), -7146402979892385951), (repeat('x', 1000000), -1224153696873327719);
\pset format unaligned
select left(value, 20) as value, length(value), plproxy_xxh3(value), plproxy_xxh3(value) = hash as correct from reference order by length(value), value collate "C";
\pset format aligned
-- text is its UTF-8
select count(*) from reference where plproxy_xxh3(value) <> plproxy_xxh3(convert_to(value, 'UTF8'));
select value, plproxy_xxh3(value), plproxy_xxh3(value) = hash as correct
from (values ('\x'::bytea, 3244421341483603138), ('\x61', -1817709641818812897), ('\x00', -4302098779834749733), ('\xff00ff', 3340369158743569807),
             ('\xdc6eef63f664e9', -1561590118687909442)) v (value, hash);
select plproxy_xxh3(decode(string_agg(lpad(to_hex(i), 2, '0'), '' order by i), 'hex')) = -7779787747613135503 as correct from generate_series(0, 255) i;
select value, plproxy_xxh3(value), plproxy_xxh3(value) = hash as correct
from (values (0::int8, -4072596861322023719), (1, 3439722301264460078), (-1, 5841669975847748627), (42, -3051478158665635896),
             (4294967296, -1248814493762008485), (-4294967297, 8627675516240240562), (9223372036854775807, -6758830778922508474),
             ('-9223372036854775808'::int8, -9038965835861193121)) v (value, hash);
select value, plproxy_xxh3(value), plproxy_xxh3(value) = hash as correct
from (values ('00112233-4455-6677-8899-aabbccddeeff'::uuid, -4220754513561010282), ('00000000-0000-0000-0000-000000000000', -3411922682318255768),
             ('ffffffff-ffff-ffff-ffff-ffffffffffff', 8226423055709418259), ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 6187780171734267751)) v (value, hash);
-- NULL
select plproxy_xxh3(null::text) is null as text, plproxy_xxh3(null::bytea) is null as bytea, plproxy_xxh3(null::int8) is null as int8, plproxy_xxh3(null::uuid) is null as uuid;
-- other types by way of these
select plproxy_xxh3(42) = plproxy_xxh3(42::int8) as int4, plproxy_xxh3(42::int2) = plproxy_xxh3(42::int8) as int2,
       plproxy_xxh3('abc'::varchar) = plproxy_xxh3('abc'::text) as varchar, plproxy_xxh3('abc') = plproxy_xxh3('abc'::text) as literal;
-- compressed and out-of-line values, short and long headers
create table stored (t text, b bytea);
alter table stored alter b set storage external;
insert into stored select value, convert_to(value, 'UTF8') from reference;
select count(*) from stored where plproxy_xxh3(t) = plproxy_xxh3(b);
select count(*) from stored join reference on hash = plproxy_xxh3(b) where value = t;
-- what PostgreSQL may assume of them
select oid::regprocedure, provolatile, proisstrict, proparallel from pg_proc where proname = 'plproxy_xxh3' order by oid::regprocedure::text collate "C";
create index on reference (plproxy_xxh3(value));
create table generated (value text, hash int8 generated always as (plproxy_xxh3(value)) stored);
insert into generated select value from reference;
select count(*) from generated join reference using (value, hash);
create table by_hash (value text) partition by range (plproxy_xxh3(value));
-- a value more or less
select count(distinct plproxy_xxh3(i)), count(distinct plproxy_xxh3(i::text)), count(distinct plproxy_xxh3(i) & 3) from generate_series(1, 10000) i;

-- in RUN ON, also for elements
create function place(name text) returns text language plproxy as $$ cluster 'shards'; run on plproxy_xxh3(name); select right(current_database(), 1); $$;
select count(*), count(distinct place(value)) from reference where place(value) = (hash & 3)::text;
create function places(ids int8[]) returns setof text language plproxy as
    $$ cluster 'shards'; split ids; run on plproxy_xxh3(ids); select right(current_database(), 1) || ': ' || ids::text; $$;
select * from places('{0, 1, -1, 42, 4294967296}');
select plproxy_xxh3(i) & 3 as part, array_agg(i order by n) as ids from unnest('{0, 1, -1, 42, 4294967296}'::int8[]) with ordinality u (i, n) group by 1 order by min(n);

-- where a hash value goes, over configuration functions
create function add(name text, partitions int, mapping text) returns void language sql as $$
    insert into plproxy.clusters values ($1, 1);
    insert into plproxy.partitions select $1, n, 'host=db' || n || ' dbname=x' from generate_series(0, $2 - 1) n;
    insert into plproxy.options select $1, 'partition_mapping', $3 where $3 <> '';
$$;
select count(add('hashes ' || mapping || n, n, mapping)) from unnest('{mask, modulo, jump}'::text[]) mapping, unnest('{1, 2, 3, 4, 5, 8, 1000}'::int[]) n;
select * from plproxy_route('hashes jump8', 1);
select endpoint from plproxy_route('hashes jump8', 1);
select partition from plproxy_route('hashes mask8', -1);
select partition from plproxy_route('hashes modulo5', -7);
select plproxy_route('shards', 6) is not null as answer, (plproxy_route('shards', 6)).partition;
select * from plproxy_route(null, 1);
select * from plproxy_route('shards', null);
select * from plproxy_route('hashes nonesuch', 1);
-- for many values at once
select h, partition from unnest('{0, 1, 2, 3, -1, -2, 9223372036854775807, -9223372036854775808}'::int8[]) h, plproxy_route('hashes mask4', h);
select h, partition from unnest('{0, 1, 2, 3, -1, -2, 9223372036854775807, -9223372036854775808}'::int8[]) h, plproxy_route('hashes modulo3', h);
-- it is what a call does
create function part(h int8) returns int language plproxy as $$ cluster 'shards'; run on h; select right(current_database(), 1)::int; $$;
select count(*) from generate_series(-20, 20) h, plproxy_route('shards', h) where partition = part(h);

-- jump consistent hash, by the reference implementation
create function jumps(partitions int, hashes int8[]) returns int[] language sql as $$
    select array_agg((plproxy_route('hashes jump' || $1, h)).partition order by n) from unnest($2) with ordinality u (h, n)
$$;
select n, jumps(n, '{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, -1, -2, 9223372036854775807, -9223372036854775808, 1234567890123456789}') = expected as correct
from (values (1, '{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}'::int[]),
             (2, '{0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 0, 1, 1}'),
             (3, '{0, 0, 0, 2, 1, 1, 2, 0, 0, 2, 2, 2, 2, 1, 2, 1, 2}'),
             (4, '{0, 0, 3, 3, 1, 1, 2, 0, 0, 2, 2, 2, 2, 3, 2, 3, 3}'),
             (5, '{0, 0, 3, 3, 1, 4, 2, 0, 4, 2, 2, 2, 2, 3, 2, 4, 3}'),
             (8, '{0, 6, 6, 3, 1, 4, 5, 0, 4, 7, 7, 5, 7, 3, 7, 5, 3}'),
             (1000, '{0, 549, 338, 961, 172, 231, 421, 97, 191, 254, 751, 664, 313, 382, 972, 453, 888}')) v (n, expected);
select n, jumps(n, (select array_agg(plproxy_xxh3(i) order by i) from generate_series(1, 10) i)) = expected as correct
from (values (2, '{1, 1, 0, 1, 1, 0, 1, 0, 0, 0}'::int[]), (3, '{1, 1, 2, 2, 1, 2, 1, 0, 2, 2}'), (4, '{3, 1, 2, 2, 1, 2, 1, 0, 2, 3}'),
             (5, '{3, 4, 2, 4, 1, 2, 1, 0, 4, 3}'), (8, '{3, 4, 2, 4, 5, 6, 1, 5, 7, 3}'), (1000, '{611, 836, 548, 383, 353, 465, 169, 180, 235, 244}')) v (n, expected);
-- with one partition more, rows move only there, and about as many as it should have
create table moves as
    select h, (plproxy_route('hashes jump4', h)).partition as before, (plproxy_route('hashes jump5', h)).partition as after
    from (select plproxy_xxh3(i) from generate_series(1, 10000) i) x (h);
select count(*) from moves where before <> after and after <> 4;
select after, count(*), count(*) filter (where before <> after) as moved from moves group by after order by after;

-- what partition_mapping can be
create function try(mapping text, modular text, partitions int) returns text language plpgsql as $$
declare
    cluster text := concat_ws(' ', 'hashes try', coalesce(mapping, 'null'), coalesce(modular, 'null'), partitions);
begin
    insert into plproxy.clusters values (cluster, 1);
    insert into plproxy.partitions select cluster, n, 'dbname=' || n from generate_series(0, partitions - 1) n;
    insert into plproxy.options select cluster, k, v from (values ('partition_mapping', mapping), ('modular_mapping', modular)) o (k, v) where v is not null;
    return (select string_agg(partition::text, '' order by h) from generate_series(-4, 8) h, plproxy_route(cluster, h));
exception when others then
    return sqlerrm;
end
$$;
select mapping, modular, partitions, try(mapping, modular, partitions)
from (values (null, null, 4), ('mask', null, 4), ('MASK', '0', 4), ('modulo', null, 4), ('modulo', null, 3), ('Modulo', '0', 3), ('jump', null, 4), ('jump', '1', 3),
             ('mask', '1', 4), (null, '1', 4), (null, '1', 3), (null, '0', 4), ('', '1', 3), ('', null, 4),
             (null, null, 3), ('mask', null, 3), ('mask', '1', 3), (null, '0', 3), (null, '', 3),
             ('hash', null, 4), ('jump hash', null, 4), (' jump', null, 4), ('1', null, 4)) v (mapping, modular, partitions);

-- over servers
create server hashes foreign data wrapper plproxy options (p0 'host=a dbname=x', p1 'host=b dbname=x', p2 'host=c dbname=x', partition_mapping 'jump');
create user mapping for current_user server hashes options ("user" 'someone', password 'secret');
select h, r.* from generate_series(0, 4) h, plproxy_route('hashes', h) r;
alter server hashes options (set partition_mapping 'modulo');
select h, r.* from generate_series(-1, 4) h, plproxy_route('hashes', h) r;
alter server hashes options (drop partition_mapping, add modular_mapping '1');
select h, r.* from generate_series(-1, 4) h, plproxy_route('hashes', h) r;
alter server hashes options (add partition_mapping 'hash');
alter server hashes options (add partition_mapping 'mask');
create server hashes2 foreign data wrapper plproxy options (p0 'a', p1 'b', p2 'c', partition_mapping 'mask');
-- who may not use the server learns nothing of it; where there is a function, it decides
set client_min_messages = warning;
drop role if exists regress_hashes;
create role regress_hashes;
grant usage on schema hashes to regress_hashes;
set role regress_hashes;
select * from plproxy_route('hashes', 0);
select * from plproxy_route('hashes jump2', 0);
reset role;
grant usage on foreign server hashes to regress_hashes;
set role regress_hashes;
\set VERBOSITY sqlstate
select * from plproxy_route('hashes', 0);
\set VERBOSITY terse
reset role;
create user mapping for public server hashes options (password 'secret');
set role regress_hashes;
select * from plproxy_route('hashes', 0);
reset role;
drop server hashes cascade;
-- no secret is shown
insert into plproxy.clusters values ('hashes secrets');
insert into plproxy.partitions values
    ('hashes secrets', 0, 'host=a dbname=x user=u password=verysecret'),
    ('hashes secrets', 1, 'password = ''very \''secret'' host=a port=6432 dbname=''x y'' '),
    ('hashes secrets', 2, 'postgresql://u:verysecret@a:6432/x?application_name=app'),
    ('hashes secrets', 3, 'postgres://a/x?password=verysecret&user=u'),
    ('hashes secrets', 4, 'host=a sslpassword=verysecret sslkey=/k sslmode=require'),
    ('hashes secrets', 5, 'postgresql://u:v%65rysecret@a,b:5433/?sslpassword=verysecret&target_session_attrs=any'),
    ('hashes secrets', 6, ''),
    ('hashes secrets', 7, 'passfile=/p service=s host=/tmp');
select h, r.* from generate_series(0, 7) h, plproxy_route('hashes secrets', h) r;
-- not even of a connection string that is wrong
update plproxy.partitions set connstr = 'password=verysecret nonesuch=verysecret' where cluster = 'hashes secrets' and number = 0;
update plproxy.partitions set connstr = 'postgresql://u:verysecret@[a/x' where cluster = 'hashes secrets' and number = 1;
update plproxy.partitions set connstr = 'host=a password=''verysecret' where cluster = 'hashes secrets' and number = 2;
select touch_cluster('hashes secrets');
select * from plproxy_route('hashes secrets', 0);
select * from plproxy_route('hashes secrets', 1);
select * from plproxy_route('hashes secrets', 2);

set client_min_messages = warning;
drop schema hashes cascade;
drop role regress_hashes;
