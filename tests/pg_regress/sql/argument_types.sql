--
-- Values of every common type, there and back, compared with what they are here.
--
select from on_shards($$
    create type mood as enum ('sad', 'it''s "ok"', 'naïve');
    create domain short as character varying(5) check (value <> 'bad');
    create domain ints as integer[];
    create domain blank as character(4);
    create type inner_row as (a integer, b text, c text[]);
    create type outer_row as (x inner_row, y inner_row[], z mood);
    create function echo(x anyelement) returns anyelement language sql as 'select x'
$$);
create type mood as enum ('sad', 'it''s "ok"', 'naïve');
create domain short as character varying(5) check (value <> 'bad');
create domain ints as integer[];
create domain blank as character(4);
create type inner_row as (a integer, b text, c text[]);
create type outer_row as (x inner_row, y inner_row[], z mood);

create table samples (type text, value text);
insert into samples values
    ('boolean', 't'), ('boolean', 'f'),
    ('"char"', 'x'), ('"char"', ''), ('"char"', ''''), ('"char"', '\'),
    ('smallint', '-32768'), ('smallint', '32767'), ('integer', '-2147483648'), ('integer', '2147483647'),
    ('bigint', '-9223372036854775808'), ('bigint', '9223372036854775807'), ('oid', '4294967295'),
    ('real', '3.4028235e38'), ('real', '1e-45'), ('real', '0.1'), ('real', 'NaN'), ('real', '-Infinity'), ('real', '-0'),
    ('double precision', '1.7976931348623157e308'), ('double precision', '5e-324'), ('double precision', '0.1'),
    ('double precision', '0.30000000000000004'), ('double precision', 'NaN'), ('double precision', 'Infinity'),
    ('double precision', '-Infinity'), ('double precision', '-0'),
    ('numeric', '0'), ('numeric', '-1.50'), ('numeric', 'NaN'), ('numeric', 'Infinity'), ('numeric', '-Infinity'),
    ('numeric', repeat('1234567890', 100)), ('numeric', '-' || repeat('9', 500) || '.' || repeat('10', 250)),
    ('numeric', '0.' || repeat('0', 999) || '1'),
    ('text', ''), ('text', ' '), ('text', 'it''s'), ('text', '"quoted"'), ('text', 'back\slash \\ \n'),
    ('text', E'line\nbreak\r\n\ttab\x01'), ('text', 'NULL'), ('text', 'žluťoučký kůň 馬 🐎'), ('text', '{a,b}'), ('text', '$1 %s'),
    ('text', repeat('0123456789abcdef', 65536)), ('text', repeat('ž', 524288)),
    ('character varying', '  blanks  '), ('character varying(3)', 'abc'), ('character(5)', 'ab'), ('character', 'x'),
    ('bpchar', 'trailing   '), ('name', 'a name'), ('name', repeat('n', 63)),
    ('bytea', ''), ('bytea', '\x00'), ('bytea', '\x5c27220a00ff'), ('bytea', (select '\x' || string_agg(lpad(to_hex(i), 2, '0'), '' order by i) from generate_series(0, 255) i)),
    ('date', '2000-02-29'), ('date', 'infinity'), ('date', '-infinity'), ('date', '0044-03-15 BC'), ('date', '5874897-12-31'),
    ('time', '24:00:00'), ('time', '00:00:00.000001'), ('time with time zone', '12:34:56.789+05:30'),
    ('timestamp', '2024-02-29 23:59:59.999999'), ('timestamp', 'infinity'), ('timestamp', '0001-01-01 00:00:00 BC'),
    ('timestamp with time zone', '2024-03-31 02:30:00+01'), ('timestamp with time zone', '1890-01-01 00:00:00+00'),
    ('timestamp with time zone', '-infinity'), ('timestamp with time zone', '2024-11-03 01:30:00 America/New_York'),
    ('interval', '1 year -2 months 3 days -04:05:06.789'), ('interval', '0'), ('interval', '-178000000 years'),
    ('uuid', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'),
    ('inet', '192.168.0.1'), ('inet', '192.168.0.1/24'), ('inet', '::ffff:1.2.3.4'), ('cidr', '10.0.0.0/8'), ('cidr', '2001:db8::/32'),
    ('macaddr', '08:00:2b:01:02:03'), ('macaddr8', '08:00:2b:01:02:03:04:05'),
    ('bit', '1'), ('bit(8)', '10101010'), ('"bit"', '101'), ('bit varying', ''), ('bit varying', '0001'),
    ('json', '{"a": 1,  "a":"ž\u0041\n" }'), ('json', 'null'), ('jsonb', '{"b": [1, 2.50, null], "a": "it''s \\ \" 馬"}'), ('jsonb', '"x"'),
    ('jsonpath', '$.a[*] ? (@ > 1)'), ('tsvector', 'a:1 ''it''''s'':2A'), ('tsquery', '''a'' & !''b'':*'),
    ('point', '(0.1,-1e300)'), ('line', '{1,2,3}'), ('box', '(1,1),(0,0)'), ('path', '[(0,0),(1,1)]'), ('polygon', '((0,0),(1,1),(1,0))'), ('circle', '<(0,0),1.5>'),
    ('int4range', 'empty'), ('int4range', '[1,5)'), ('int8range', '(,)'), ('numrange', '(1.5,2.50]'), ('daterange', '[2020-01-01,infinity)'),
    ('tsrange', '["2020-01-01 00:00:00","2020-01-02 00:00:00"]'), ('tstzrange', '["2020-01-01 00:00:00+00",)'),
    ('int4multirange', '{}'), ('int4multirange', '{[1,3),[5,9)}'), ('nummultirange', '{(,1.5),[2.5,)}'), ('tsmultirange', '{["2020-01-01 00:00:00","2020-01-02 00:00:00"]}'),
    ('regclass', 'pg_catalog.pg_class'), ('regtype', 'integer'), ('regproc', 'pg_catalog.now'), ('pg_lsn', 'FFFFFFFF/FFFFFFFF'), ('xid', '4294967295'), ('tid', '(1,2)'), ('money', '1.50'),
    ('integer[]', '{}'), ('integer[]', '{1,NULL,-3}'), ('integer[]', '{{1,2},{3,NULL}}'), ('integer[]', '[0:1]={1,2}'),
    ('text[]', '{"",NULL,"NULL","it''s","a\"b\\c","{}",",",žluť," ","line
break"}'),
    ('bytea[]', '{"\\x00ff",NULL}'), ('double precision[]', '{NaN,0.1,-Infinity,5e-324}'), ('timestamp with time zone[]', '{"2024-01-01 00:00:00+00",infinity,NULL}'),
    ('boolean[]', '{t,NULL,f}'), ('numeric[]', '{1.50,NaN}'), ('jsonb[]', '{"{\"a\": [1, \"x\"]}",NULL}'), ('point[]', '{"(1,2)"}'), ('box[]', '{(1,1),(0,0);(2,2),(1,1)}'),
    ('int4range[]', '{"[1,2)",empty}'), ('"char"[]', '{a,""}'), ('name[]', '{a,b}'), ('character(3)[]', '{"a  ",NULL}'), ('uuid[]', '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'),
    ('mood', 'sad'), ('mood', 'it''s "ok"'), ('mood', 'naïve'), ('mood[]', '{sad,NULL,"it''s \"ok\""}'),
    ('short', 'abcde'), ('short', ''), ('short[]', '{a,NULL}'), ('ints', '{1,2}'), ('blank', 'a'),
    ('inner_row', '(,,)'), ('inner_row', '(1,"it''s ""x"" \\ (a,b)","{""a,b"",NULL,""\\""q\\""""}")'), ('inner_row[]', '{"(1,x,{})",NULL,"(,,)"}'),
    ('outer_row', '("(1,""a b"",""{c,d}"")","{""(2,\\""x \\""\\""y\\""\\""\\"",)""}","it''s ""ok""")'), ('outer_row', '(,,)'),
    ('information_schema.cardinal_number', '7'), ('information_schema.yes_or_no', 'YES');

-- Each value goes as an argument and comes back as a result, by a call and by a SELECT, alone and in a set. What differs?
create function check_type(type text, sample text, out form text, out result text) returns setof record language plpgsql as $$
declare
    forms text[] := array['target_one', 'target_set', 'select_one', 'select_set'];
    same boolean;
begin
    foreach form in array forms loop
        execute format('create function trip(x %1$s) returns %2$s %1$s language plproxy as %3$L', type,
                       case when form like '%set' then 'setof' end,
                       'cluster ''shards''; run on 2;' || case when form like 'target%' then 'target public.echo;' else 'select x;' end);
        begin
            execute format('select format(''%%s'', trip($1::%1$s)) = format(''%%s'', $1::%1$s)', type) into strict same using sample;
            if same is not true then
                execute format('select left(trip($1::%1$s)::text, 60)', type) into strict result using sample;
                return next;
            end if;
            -- NULL as a row is a row of NULLs.
            execute format('select trip(null::%1$s) is null', type) into strict same;
            if same is not true then
                result := 'NULL';
                return next;
            end if;
        exception when others then
            result := sqlerrm;
            return next;
        end;
        execute format('drop function trip(%s)', type);
    end loop;
end $$;
-- A row type as the one column of a SELECT would be a row of one column.
create view differences as
    select type, left(value, 40) as value, form, result from samples, check_type(type, value)
     where not (type in ('inner_row', 'outer_row') and form like 'select%' and result like '%Got too few fields%')
     order by 1, 2, 3;
select count(*) as samples, count(distinct type) as types from samples;
select * from differences;

-- Whatever the local session's output settings are.
begin;
set local timezone = 'Asia/Kathmandu';
set local bytea_output = 'escape';
set local extra_float_digits = 3;
select * from differences where type ~ 'time|bytea|real|double|point|range|date';
rollback;
begin;
set local datestyle = 'SQL, DMY';
set local intervalstyle = 'sql_standard';
set local timezone = 'Europe/Berlin';
set local extra_float_digits = -3;
select * from differences where type ~ 'time|date|range|interval|real|double|point' or value ~ 'e';
rollback;
begin;
set local intervalstyle = 'iso_8601';
set local datestyle = 'German';
select * from differences where type ~ 'time|date|range|interval';
rollback;

-- Types that not every server has.
do $$
declare
    extension text;
    bad record;
begin
    begin
        perform xml '<a/>';
        delete from samples;
        insert into samples values ('xml', '<a b="c">it''s &amp; ž<!-- x --></a>'), ('xml', 'text'), ('xml[]', '{<a/>,NULL}');
        for bad in select * from differences loop
            raise warning '%', bad;
        end loop;
    exception when feature_not_supported then
    end;
    foreach extension in array array['citext', 'hstore'] loop
        if exists (select from pg_available_extensions where name = extension) then
            execute 'create extension ' || extension;
            perform on_shards('create extension ' || extension);
            delete from samples;
            insert into samples values (extension, case extension when 'citext' then 'It''s "ME"  ' else '"a"=>"it''s \\ \"x\"", "b"=>NULL' end);
            for bad in select * from differences loop
                raise warning '%', bad;
            end loop;
        end if;
    end loop;
end $$;

-- Several arguments of one kind, in another order, more than once, and not at all.
create function mixed(a text, b text, c integer, d text) returns text language plproxy as $$
    cluster 'shards'; run on c; select coalesce(d, 'null') || '|' || b || '|' || $1 || '|' || B || '|' || c || '|d $1 a';
$$;
select mixed('x''$2', E'y\\z\n', 1, null);

-- An argument that the type there doesn't accept.
create domain here as text;
select from on_shards($$ create domain here as text check (length(value) < 5) $$);
create function to_domain(x here) returns text language plproxy as $$ cluster 'shards'; run on 0; select x; $$;
select to_domain('four');
\set SHOW_CONTEXT never
select to_domain('fifth');
\set SHOW_CONTEXT errors

-- A hundred arguments.
do $$
begin
    execute format('create function hundred(%s) returns text language plproxy as %L',
                   (select string_agg(format('a%s integer', i), ', ' order by i) from generate_series(1, 100) i),
                   'cluster ''shards''; run on a100;');
    perform on_shards(format('create function hundred(%s) returns text language sql as %L',
                   (select string_agg(format('a%s integer', i), ', ' order by i) from generate_series(1, 100) i),
                   'select array_to_string(array[' || (select string_agg('a' || i, ', ' order by i) from generate_series(1, 100) i) || '], '','')'));
end $$;
select format('select hundred(%s) = %L as hundred', string_agg(i::text, ',' order by i), string_agg(i::text, ',' order by i))
  from generate_series(1, 100) i
\gexec

-- Three hundred columns.
do $$
declare
    columns text := (select string_agg(format('"c %s" text', i), ', ' order by i) from generate_series(1, 300) i);
    row_list text := (select string_agg(format('%L', i), ', ' order by i) from generate_series(1, 300) i);
begin
    execute format('create function columns() returns table (%s) language plproxy as %L', columns, 'cluster ''shards''; run on all;');
    execute format('create function selected() returns table (%s) language plproxy as %L', columns,
                   'cluster ''shards''; run on all; select ' ||
                   (select string_agg(format('%L::text as "c %s"', i, i), ', ' order by i desc) from generate_series(1, 300) i) || ';');
    perform on_shards(format('create function columns() returns table (%s) language sql as %L', columns, 'select ' || row_list));
end $$;
select count(*), count(distinct c), md5(min(c::text)) = md5('(' || (select string_agg(i::text, ',' order by i) from generate_series(1, 300) i) || ')') as same
  from columns() c;
select count(*), count(distinct c), md5(min(c::text)) = md5('(' || (select string_agg(i::text, ',' order by i) from generate_series(1, 300) i) || ')') as same
  from selected() c;

-- A large value in every place at once.
create function big(a text, b bytea, c text[], out d text, out e bytea, out f text[]) language plproxy as $$
    cluster 'shards'; run on 3; select c as f, b as e, a as d;
$$;
select md5(d) = md5(a) as d, md5(e) = md5(b) as e, md5(f::text) = md5(c::text) as f
  from (values (repeat('až''\', 200000), decode(repeat('00ff5c27', 250000), 'hex'), array[repeat('q"\', 200000), null, repeat('x', 400000)])) v (a, b, c),
       lateral big(a, b, c);

-- An argument of type void: a query that calls a function with it calls it without.
select from on_shards('create schema voids');
select from on_shards('create function voids.none() returns text language sql as ''select ''''none()''''::text''');
select from on_shards('create function voids.both(i int) returns text language sql as ''select ''''both('''' || i || '''')''''''');
create schema voids;
create function voids.hash() returns int language sql as 'select 0';
create function voids.cluster() returns text language sql as $$ select 'shards'::text $$;
create function voids.none(void) returns text language plproxy as $$ cluster 'shards'; run on 0; $$;
create function voids.both(a void, i int) returns text language plproxy as $$ cluster 'shards'; run on i; $$;
create function voids.hashed(v void) returns text language plproxy as $$ cluster voids.cluster(v); run on voids.hash(v); target voids.none; $$;
create function voids.hashed_by(v void) returns text language plproxy as $$ cluster 'shards'; run on v; target voids.none; $$;
create function voids.selected(v void) returns text language plproxy as $$ cluster 'shards'; run on 0; select voids.none(v); $$;
create function voids.value_of(v void) returns setof text language plproxy as $$ cluster 'shards'; run on 0; select v::text where v is not null; $$;
create function voids.nothing(v void) returns void language plproxy as $$ cluster 'shards'; run on 0; select voids.none(v); $$;
select voids.none(null), voids.none(''), voids.none(null::void), voids.both(null, 3), voids.both('', 1);
select voids.hashed(null), voids.hashed(''), voids.selected(null), voids.selected(''), '[' || voids.nothing(null)::text || ']' as nothing;
select '[' || voids.value_of('') || ']' as value;
select voids.value_of(null);
select voids.hashed_by(null);
create function voids.split(v void) returns text language plproxy as $$ cluster 'shards'; split v; $$;
set client_min_messages = warning;
drop schema voids cascade;
