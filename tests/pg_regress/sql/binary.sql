--
-- Values of every type that travels in binary, and of many that don't: edge values and random ones, there and back, in
-- binary and as text, compared with what they are here byte by byte. Printed is how many were compared, and those that
-- differ, of which there are none.
--
set client_min_messages = warning;
create schema binary_test;
set search_path = binary_test, public;
set timezone = 'UTC';
set intervalstyle = 'postgres';
select from on_shards($$
    create schema binary_test;
    set search_path = binary_test;
    create type colour as enum ('red', 'grün', 'it''s "blue"');
    create type pair as (a integer, b text);
    create domain positive as integer check (value > 0);
    create function echo(x anyelement) returns anyelement language sql as 'select x';
    create function twice(x anyelement, out n integer, out y anyelement) returns setof record language sql as
        'values (1, x), (2, x)';
    create function elements(x anyarray, out n integer, out y anyelement) returns setof record language sql as
        'select i, x[i] from generate_subscripts(x, 1) i order by i';
$$);
create type colour as enum ('red', 'grün', 'it''s "blue"');
create type pair as (a integer, b text);
create domain positive as integer check (value > 0);
select add_cluster('binary', connstr('plproxy_shard0'), connstr('plproxy_shard1'));
select add_cluster('text', connstr('plproxy_shard0'), connstr('plproxy_shard1'));
insert into plproxy.options values ('text', 'disable_binary', '1');

-- The types: edge values, and an expression that makes more of them, of a number i.
create table types (type text, maker text, edges text[]);
create function hex(length integer) returns text language sql volatile as $$
    select left(string_agg(md5(random()::text), ''), length) from generate_series(0, length / 32)
$$;
create function digits(length integer) returns text language sql volatile as $$
    select left(string_agg(trunc(1e8 + random() * 8e8)::text, ''), length) from generate_series(0, length / 9)
$$;
create function letters(length integer) returns text language sql volatile as $$
    select coalesce(string_agg(chr((case when random() < 0.7 then 32 + random() * 94 when random() < 0.9 then 161 + random() * 50000
                                    else 66000 + random() * 20000 end)::integer), ''), '')
      from generate_series(1, length)
$$;
create function bits(length integer) returns text language sql volatile as $$
    select coalesce(string_agg(case when random() < 0.5 then '0' else '1' end, ''), '') from generate_series(1, length)
$$;
insert into types values
    ('boolean', 'i % 3 = 0', '{t,f}'),
    ('smallint', '(random() * 65535 - 32768)::integer', '{-32768,-1,0,1,32767}'),
    ('integer', '(random() * 4294967295 - 2147483648)::bigint', '{-2147483648,-1,0,1,2147483647}'),
    ('bigint', '((random() * 2 - 1) * 9.2e18)::bigint', '{-9223372036854775808,-1,0,1,9223372036854775807}'),
    ('oid', '(random() * 4294967295)::bigint', '{0,2147483647,2147483648,4294967295}'),
    ('real', '(random() - 0.5) * 10 ^ (random() * 70 - 35)', '{0,-0,1,3.4028235e38,-3.4028235e38,1e-45,1.17549435e-38,NaN,Infinity,-Infinity,0.1}'),
    ('double precision', '(random() - 0.5) * 10 ^ (random() * 600 - 300)', '{0,-0,1,1.7976931348623157e308,5e-324,2.2250738585072014e-308,NaN,Infinity,-Infinity,0.1,0.30000000000000004}'),
    ('text', 'letters(i % 50)', array['', ' ', 'x', E'\n\t\\''"', 'NULL', '{}', 'ž', '馬🐎', repeat('x', 125), repeat('x', 126), repeat('x', 127),
        repeat('ž', 63), repeat('x', 8190), repeat('ab', 100000), repeat('馬', 100000), hex(50000)]),
    ('character varying', 'letters(i % 200)', array['', '  blanks  ', 'ž', hex(10000)]),
    ('bpchar', 'letters(i % 200)', array['', '  blanks  ', 'ž   ', hex(10000)]),
    ('bytea', 'decode(hex(2 * i), ''hex'')', array['', '\x00', '\xff', '\x5c78', '\x' || hex(252), '\x' || hex(254), '\x' || hex(100000), '\x' || repeat('00', 100000)]),
    ('date', 'date ''2000-01-01'' + ((random() * 2 - 1) * 2400000)::integer',
        '{infinity,-infinity,2000-01-01,1999-12-31,2000-02-29,4714-11-24 BC,0001-01-01 BC,0001-12-31 BC,0001-01-01,5874897-12-31}'),
    ('time', 'time ''0:00'' + random() * interval ''24 hours''', '{00:00,24:00,23:59:59.999999,00:00:00.000001}'),
    ('timestamp', 'timestamp ''2000-01-01'' + (random() * 2 - 1) * interval ''6000 years''',
        '{infinity,-infinity,2000-01-01,1999-12-31 23:59:59.999999,4714-11-24 00:00 BC,294276-12-31 23:59:59.999999,0001-12-31 12:00 BC}'),
    ('timestamp with time zone', 'timestamptz ''2000-01-01 00:00Z'' + (random() * 2 - 1) * interval ''6000 years''',
        '{infinity,-infinity,2000-01-01 00:00Z,4714-11-24 00:00Z BC,294276-12-31 23:59:59.999999Z,2024-03-31 01:30+01}'),
    ('uuid', 'hex(32)::uuid', '{00000000-0000-0000-0000-000000000000,ffffffff-ffff-ffff-ffff-ffffffffffff}'),
    ('numeric', 'concat(case when random() < 0.5 then ''-'' end, digits(1 + i % 70), ''.'', digits(i % 50))::numeric',
        array['0', '0.0', '-0.000', '1', '10000', '0.0001', '-1.50', '1e100', '1e-100', 'NaN', 'Infinity', '-Infinity', '1e131071', '1e-16383', '0e-16383',
        repeat('9', 5000) || '.' || repeat('10', 5000)]),
    ('interval', '(random() * 2 - 1) * make_interval(1000, 500, 0, 1000, 1000, 1000, 1000)',
        ('{0,1 month -1 day 00:00:00.000001,-1 month 1 day -00:00:00.000001,-178000000 years,178000000 years,2147483647 days,-2147483648 days,'
        -- PostgreSQL 14 reads no more hours than an integer holds.
        || case when current_setting('server_version_num')::integer < 150000 then '2147483647:59:59.999999' else '2562047788:00:54.775807' end || '}')::text[]),
    ('time with time zone', 'format(''%s%s:31:07'', time ''0:00'' + random() * interval ''24 hours'', to_char((random() * 28 - 14)::integer, ''SG00''))',
        '{00:00Z,24:00+15:59:59,24:00-15:59:59,12:34:56.789+05:30}'),
    ('inet', 'set_masklen(inet ''0.0.0.0'' + (random() * 4294967295)::bigint, i % 33)',
        '{0.0.0.0/0,255.255.255.255,1.2.3.4/24,::/0,::1,::ffff:1.2.3.4,2001:db8::1/64,ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff}'),
    ('cidr', 'network(set_masklen(inet ''2001:db8::'' + (random() * 4e18)::bigint, i % 129))', '{0.0.0.0/0,10.0.0.0/8,1.2.3.4/32,::/0,2001:db8::/32}'),
    ('macaddr', 'hex(12)::macaddr', '{00:00:00:00:00:00,ff:ff:ff:ff:ff:ff}'),
    ('macaddr8', 'hex(16)::macaddr8', '{00:00:00:00:00:00:00:00,ff:ff:ff:ff:ff:ff:ff:ff}'),
    ('"bit"', 'bits(i)', array['', '0', '1', '10000000', '100000001', bits(5000)]),
    ('bit varying', 'bits(i)', array['', '0', '1', '11111111', bits(5000)]),
    ('int4range', 'int4range((random() * 1e6)::integer, (1e6 + random() * 1e6)::integer)', '{empty,"(,)","[1,)","(,1)","[-2147483648,2147483647)"}'),
    ('int8range', 'int8range((random() * 1e18)::bigint, (1e18 + random() * 1e18)::bigint)', '{empty,"(,)","[1,)","(,1)"}'),
    ('numrange', 'numrange(-digits(i % 20 + 1)::numeric, digits(i % 30 + 1)::numeric, ''(]'')', '{empty,"(,)","[1.50,1.500]","(,NaN]","[-Infinity,1e100)"}'),
    ('daterange', 'daterange(date ''2000-01-01'' + i, date ''2000-01-01'' + 3 * i, ''[]'')', '{empty,"(,)","[-infinity,infinity)","[4714-11-24 BC,)"}'),
    ('tsrange', 'tsrange(now()::timestamp, now()::timestamp + i * interval ''1.1 hours'', ''()'')', '{empty,"(,)","[-infinity,infinity]"}'),
    ('tstzrange', 'tstzrange(now(), now() + i * interval ''1.1 hours'', ''(]'')', '{empty,"(,)","[-infinity,infinity]"}'),
    -- and these as text
    ('name', 'letters(15)', array['', 'a name']),
    ('"char"', 'chr(32 + i % 90)', array['', 'x', '\']),
    ('json', 'to_json(letters(i))', array['null', '{"a": 1,  "a":"ž\u0041\n" }']),
    ('jsonb', 'jsonb_build_object(letters(5), letters(i), ''n'', random())', array['null', '{"b": [1, 2.50, null], "a": "it''s \\ \" 馬"}']),
    ('money', '(random() * 1e6)::numeric', '{0,-1.50}'),
    ('point', 'point(random() * 1e300, -random())', '{"(0,-0)"}'),
    ('regtype', '''integer''', '{text,0}'),
    ('xid', 'i::text', '{0,4294967295}'),
    ('pg_lsn', '''0/'' || hex(8)', '{FFFFFFFF/FFFFFFFF}'),
    ('tsvector', 'to_tsvector(''simple'', letters(i))', '{a:1A}'),
    ('int4multirange', 'int4multirange(int4range(0, i), int4range(2 * i, 3 * i))', '{"{}"}'),
    ('colour', '(enum_range(null::colour))[i % 3 + 1]', '{red,grün}'),
    ('positive', 'i', '{1,2147483647}');

-- Arrays of them: of one dimension and more, of other lower bounds, with NULLs, of all values, empty.
create function arrays_of(type text) returns setof text language plpgsql as $$
declare
    all_values text;
begin
    execute format('select array_agg(x order by n)::text from vals where n %% 5 <> 0') into all_values;
    return next all_values;
    return query execute format('select y::text from (select array[[[x, null]], [[x, x]]] y from vals where n %% 20 = 1) y');
    return query execute 'select ''[0:1][-7:-6]='' || array[[a.x, b.x], [b.x, a.x]]::text from vals a join vals b on b.n = a.n + 1 where a.n % 20 = 2';
    return query execute 'select ''[2147483646:2147483646]='' || array[x]::text from vals where n % 20 = 3 and x is not null';
    return query execute 'select array[x]::text from vals where n % 10 = 4 limit 5';
    return query execute 'select array_fill(x, array[1, 1, 2, 1, 3, 1], array[-2147483648, 0, 1, 2, 3, 4])::text from vals where n = 1';
    return query values ('{}'), ('{NULL}'), ('{NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL}'), (null);
end $$;

create table differences (type text, cluster text, form text, value text);

-- Sends all values in all ways; returns how many values there were. They come from a table, so that some are short, some
-- compressed, some stored elsewhere.
create function check_values(type text, with_arrays boolean) returns bigint language plpgsql as $$
declare
    cluster text;
    form text;
    query text;
begin
    foreach cluster in array array['binary', 'text'] loop
        foreach form in array array['target', 'select', 'set', 'array', 'split'] loop
            continue when form in ('array', 'split') and not with_arrays;
            query := format('cluster %L; %s run on 1; ', cluster, case when form = 'split' then 'split x;' end);
            case form
            when 'target' then
                execute format('create function trip(x %1$s) returns %1$s language plproxy as %2$L', type, query || 'target binary_test.echo;');
            when 'select' then
                execute format('create function trip(x %1$s) returns %1$s language plproxy as %2$L', type, query || 'select x;');
            when 'set' then
                execute format('create function trip(x %1$s, out n integer, out y %1$s) returns setof record language plproxy as %2$L',
                               type, query || 'target binary_test.twice;');
            else
                execute format('create function trip(x %1$s[], out n integer, out y %1$s) returns setof record language plproxy as %2$L',
                               type, query || 'target binary_test.elements;');
            end case;
            begin
                case
                when form in ('target', 'select') then
                    insert into differences
                        select type, cluster, form, left(x::text, 40) from vals where record_image_ne(row(x), row(trip(x)));
                when form = 'set' then
                    insert into differences
                        select type, cluster, form, left(vals.x::text, 40) from vals, trip(vals.x) t where record_image_ne(row(vals.x), row(y));
                    insert into differences
                        select type, cluster, form, 'count' from vals, trip(vals.x) t having count(*) <> 2 * (select count(*) from vals);
                else
                    insert into differences
                        select type, cluster, form, left(x::text, 40)
                          from vals full join trip(array(select x from vals order by n)) t using (n)
                         where record_image_ne(row(x), row(y)) or vals.n is null or t.n is null;
                end case;
            exception when others then
                insert into differences values (type, cluster, form, sqlerrm);
            end;
            execute format('drop function trip(%s)', case when form in ('array', 'split') then type || '[]' else type end);
        end loop;
    end loop;
    return (select count(*) from vals);
end $$;

create function check_type(type text, maker text, edges text[], more integer) returns bigint language plpgsql as $$
declare
    tried bigint;
    arrays text[];
begin
    execute format('create table vals (n serial, x %s)', type);
    execute format('insert into vals (x) select e::%s from unnest($1) e', type) using edges || null::text;
    execute format('insert into vals (x) select (%s)::text::%s from generate_series(1, $1) i', maker, type) using more;
    tried := check_values(type, true);
    arrays := array(select arrays_of(type));
    drop table vals;
    execute format('create table vals (n serial, x %s[])', type);
    execute format('insert into vals (x) select e::%s[] from unnest($1) e', type) using arrays;
    tried := tried + check_values(type || '[]', false);
    drop table vals;
    return tried;
end $$;

select setseed(0.5);
select type, check_type(type, maker, edges, 100) as values from types;
select * from differences;

-- A client of another encoding: what it couldn't read isn't its business.
set client_encoding = 'LATIN1';
select sum(check_type(type, maker, edges, 20)) as values from types where type ~ 'text|char|range|json|colour';
set client_encoding = 'EUC_JP';
select sum(check_type(type, maker, edges, 20)) as values from types where type ~ 'text|char|range|json|colour';
reset client_encoding;
select * from differences;

-- A long array.
select from on_shards($$ create function binary_test.one_array(n integer) returns integer[] language sql as 'select array_agg(i) from generate_series(1, n) i' $$);
create function one_array(n integer) returns integer[] language plproxy as $$ cluster 'binary'; run on 0; $$;
select cardinality(a), (select sum(v) from unnest(a) v) from one_array(1000000) a;

set client_min_messages = warning;
drop schema binary_test cascade;
