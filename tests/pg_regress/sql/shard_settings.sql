--
-- Values that travel as text mean the same whatever the settings of the sessions are, there and here; at the first call as at
-- later ones.
--
set client_min_messages = warning;
drop database if exists plproxy_odd with (force);
drop database if exists plproxy_german with (force);
create database plproxy_odd template template0;
create database plproxy_german template template0;
alter database plproxy_odd set datestyle = 'SQL, DMY';
alter database plproxy_odd set intervalstyle = 'sql_standard';
alter database plproxy_odd set extra_float_digits = 0;
alter database plproxy_odd set lc_monetary = 'POSIX';
alter database plproxy_odd set xmloption = 'document';
alter database plproxy_odd set array_nulls = off;
alter database plproxy_odd set bytea_output = 'escape';
alter database plproxy_odd set timezone = 'Asia/Kathmandu';
alter database plproxy_german set datestyle = 'German';
alter database plproxy_german set intervalstyle = 'iso_8601';
alter database plproxy_german set extra_float_digits = -10;
alter database plproxy_german set timezone = 'America/New_York';

-- The same types on both sides.
\set types 'create schema shard_settings; set search_path = shard_settings; create domain day as date; create domain days as date[]; create domain span as interval; create domain short_span as interval(0) check (value < interval \'1 year\'); create domain measure as float8; create domain amount as money; create type mood as enum (\'sad\', \'NULL\'); create type log as (d date, i interval, f float8, p point[], m mood); create domain logs as log; create type dayrange as range (subtype = day); create type grown as (a integer); create type exact; create function exact_in(cstring) returns exact language internal immutable strict as \'float8in\'; create function exact_out(exact) returns cstring language internal immutable strict as \'float8out\'; create type exact (input = exact_in, output = exact_out, like = float8);'
:types
\set functions 'set search_path = shard_settings; create function echo(x anyelement) returns anyelement language sql as \'select x\'; create function twice(x anyelement) returns setof anyelement language sql as \'values (x), (x)\'; create function elements(x anyarray) returns setof anyelement language sql as \'select * from unnest(x)\'; create function run(sql text) returns void language plpgsql as \'begin execute sql; end\''
\set home :DBNAME
\c plproxy_odd
set client_min_messages = warning;
:types
:functions;
\c plproxy_german
set client_min_messages = warning;
:types
:functions;
\c :home
set client_min_messages = warning;
set search_path = shard_settings, public;
set timezone = 'UTC';

-- All ways to a shard.
select from (values ('odd', ''), ('odd_text', 'disable_binary'), ('odd_off', 'off'), ('odd_on', 'on')) v (name, option),
    add_cluster(name, connstr('plproxy_odd'), connstr('plproxy_german'));
insert into plproxy.options values ('odd_text', 'disable_binary', '1'), ('odd_off', 'prepared_statements', 'off'), ('odd_on', 'prepared_statements', 'on');

create table samples (type text, value text);
insert into samples values
    ('date', '2001-02-03'), ('date', '0044-03-05 BC'), ('date', '12345-06-07'), ('date', 'infinity'),
    ('timestamp', '2001-02-03 04:05:06.789'), ('timestamptz', '2001-02-03 04:05:06+05:45'), ('timestamptz', '1890-01-02 03:04:05+00'),
    ('time', '04:05:06'), ('timetz', '04:05:06+05:30'),
    ('interval', '-1 days -02:00:00'), ('interval', '-1 years -2 mons +3 days -04:05:06.789'), ('interval', '1 mon -1 days'),
    ('interval', '-00:00:01'), ('interval', '-1 mons +00:00:01'),
    ('real', '0.1'), ('double precision', '0.30000000000000004'), ('double precision', '1e-300'),
    ('point', '(0.30000000000000004,1)'), ('circle', '<(0.1,0.30000000000000004),0.7000000000000001>'), ('path', '[(0.1,0.2),(0.30000000000000004,1)]'),
    ('date[]', '{2001-02-03,NULL,2001-12-11}'), ('interval[]', '{"-1 days -02:00:00"}'), ('double precision[]', '{0.30000000000000004}'),
    ('point[]', '{"(0.30000000000000004,1)"}'),
    ('daterange', '[2001-02-03,2001-12-11)'), ('datemultirange', '{[2001-02-03,2001-12-11)}'),
    ('tstzmultirange', '{["2001-02-03 04:05:06+00","2001-12-11 00:00:00+00")}'), ('datemultirange[]', '{"{[2001-02-03,2001-12-11)}",NULL}'),
    ('day', '2001-02-03'), ('day[]', '{2001-02-03,NULL}'), ('days', '{2001-02-03,2001-12-11}'), ('span', '-1 days -02:00:00'),
    ('short_span', '-1 days -02:00:00'), ('measure', '0.30000000000000004'), ('dayrange', '[2001-02-03,2001-12-11)'),
    ('log', '(2001-02-03,"-1 days -02:00:00",0.30000000000000004,"{""(0.1,0.30000000000000004)""}",sad)'),
    ('log[]', '{"(2001-02-03,\"-1 days -02:00:00\",0.30000000000000004,,sad)"}'),
    ('logs', '(2001-02-03,"-1 days -02:00:00",0.30000000000000004,,)'),
    -- A base type of a user, as extensions have them.
    ('exact', '0.30000000000000004'), ('exact[]', '{0.30000000000000004,NULL}'),
    ('mood[]', '{sad,"NULL"}'), ('money', '-1234.50'), ('money[]', '{1.50,NULL}'), ('amount', '0.99'),
    ('bytea', '\x5c00ff27'), ('bytea[]', '{"\\x5c00ff27"}'), ('jsonb[]', '{"{\"a\": 1.50}"}'), ('numeric', '0.30000000000000004'),
    ('text', '03/02/2001'), ('inet[]', '{10.0.0.1}');

-- Sends each value there, has each made there, and reads it, four times: all results that aren't the value.
create function check_value(type text, value text, cluster text, part integer, out form text, out calls text) returns setof record
language plpgsql as $$
declare
    is_row boolean := type in ('log', 'logs');
    qualified text := (select format('%I.%I', nspname, typname) from pg_type t join pg_namespace n on n.oid = typnamespace where t.oid = to_regtype(type));
    source text;
    result text;
begin
    foreach form in array array['made', 'made in a set', 'sent', 'sent to a set', 'sent by select', 'split'] loop
        continue when is_row and form in ('made', 'made in a set', 'sent by select', 'split') or type like '%[]' and form = 'split'
                      -- A literal there would be read under `array_nulls = off`.
                      or value like '%NULL%' and form like 'made%';
        source := format('cluster %L; run on %s; ', cluster, part) || case form
            when 'sent' then 'target shard_settings.echo;'
            when 'sent to a set' then 'target shard_settings.twice;'
            when 'sent by select' then 'select x;'
            when 'split' then 'split x; target shard_settings.elements;'
            else format('select %L::%s;', value, qualified) end;
        if form = 'split' then
            execute format('create function trip(x %1$s[]) returns setof %1$s language plproxy as %2$L', type, source);
        else
            execute format('create function trip(x %1$s) returns %2$s %1$s language plproxy as %3$L', type,
                           case when form like '% set' then 'setof' end, source);
        end if;
        calls := null;
        for round in 1 .. 4 loop
            begin
                execute format(case form when 'split' then 'select distinct format(''%%s'', trip(array[$1::%1$s])) from generate_series(1, 1)'
                               else 'select distinct format(''%%s'', trip($1::%1$s))' end, type) into strict result using value;
            exception when others then
                result := sqlerrm;
            end;
            execute format('select nullif($1, format(''%%s'', $2::%s))', type) into result using result, value;
            if result is not null then
                calls := concat_ws(' | ', calls, round || ': ' || result);
            end if;
        end loop;
        if calls is not null then
            return next;
        end if;
        execute format('drop function trip(%s)', case form when 'split' then type || '[]' else type end);
    end loop;
exception when others then
    form := type; calls := sqlerrm; return next;
end $$;
create view differences as
    select type, value, cluster, part, form, left(calls, 80) as calls
      from samples, unnest(array['odd', 'odd_text', 'odd_off', 'odd_on']) cluster, generate_series(0, 1) part,
           check_value(type, value, cluster, part);
select count(*) as samples from samples;
select * from differences order by 1, 2, 3, 4, 5;
-- Whatever the settings are here.
set datestyle = 'German';
set intervalstyle = 'sql_standard';
set extra_float_digits = 0;
set lc_monetary = 'POSIX';
set bytea_output = 'escape';
select * from differences where value !~ '0000000000' order by 1, 2, 3, 4, 5;
set datestyle = 'Postgres, MDY';
set intervalstyle = 'iso_8601';
select * from differences where type ~ 'date|time|interval|day|span' and cluster in ('odd', 'odd_text') order by 1, 2, 3, 4, 5;
reset datestyle; reset intervalstyle; reset extra_float_digits; reset lc_monetary; reset bytea_output;
-- Several columns, by a SELECT that gives them in another order.
create function columns(out d day, out t text, out i interval, out f measure) language plproxy as $$
    cluster 'odd'; run on 0;
    select 0.1::float8 + 0.2::float8 as f, 'x'::text as t, '2001-02-03'::date as d, '-1 days -02:00:00'::interval as i;
$$;
select * from columns();
select * from columns();
select * from columns();
-- A dynamic record.
create function made(x log) returns setof record language plproxy as $$ cluster 'odd'; run on 0; target shard_settings.made; $$;
\c plproxy_odd
create function shard_settings.made(x shard_settings.log) returns setof record language sql as
    $$ select x.d, x.i, x.f, array[x] $$;
\c :home
set client_min_messages = warning;
set search_path = shard_settings, public;
select * from made('(2001-02-03,"-1 days -02:00:00",0.30000000000000004,,)') r (d day, i span, f measure, l log[]);
select * from made('(2001-02-03,"-1 days -02:00:00",0.30000000000000004,,)') r (d date, i interval, f float8, l log[]);

-- NULL in arrays, and XML, where either side has another opinion.
create function send(x mood[]) returns text language plproxy as $$ cluster 'odd'; run on 0; select array_position(x, null)::text || ' of ' || cardinality(x); $$;
create function fetched() returns mood[] language plproxy as $$ cluster 'odd'; run on 0; select array[null, 'NULL', 'sad']::shard_settings.mood[]; $$;
select send(array['sad', null]::mood[]), send(array['NULL', null]::mood[]);
set array_nulls = off;
select fetched()::text;
select fetched()::text;
reset array_nulls;
do $$
declare
    called text;
begin
    perform xml '<a/>';
    execute $f$ create function trip(x xml) returns xml language plproxy as 'cluster ''odd''; run on 0; target shard_settings.echo;' $f$;
    foreach called in array array['content', 'document'] loop
        perform set_config('xmloption', called, true);
        execute $f$ select trip(xmlparse(content 'no <b>document</b>'))::text $f$ into strict called;
        if called <> 'no <b>document</b>' then
            raise warning '%', called;
        end if;
    end loop;
exception when feature_not_supported then
end $$;

-- The settings last as long as they are needed, and others stay as they are. Money travels in the one locale that is
-- everywhere.
create function during(out d day, out m money, out settings text) language plproxy as $$
    cluster 'odd'; run on 0;
    select '2001-02-03'::date as d, 1.50::numeric::money as m, concat_ws(' | ', current_setting('datestyle'), current_setting('intervalstyle'),
        current_setting('extra_float_digits'), current_setting('lc_monetary'), current_setting('array_nulls')) as settings;
$$;
create function without() returns text language plproxy as $$
    cluster 'odd'; run on 0;
    select concat_ws(' | ', current_setting('datestyle'), current_setting('intervalstyle'),
        current_setting('extra_float_digits'), current_setting('lc_monetary'), current_setting('array_nulls'));
$$;
select * from during();
select * from during();
select without();

-- A row type that changes.
create function grow(x grown[]) returns grown[] language plproxy as $$ cluster 'odd'; run on 0; target shard_settings.echo; $$;
select grow('{(1)}');
\c plproxy_odd
alter type shard_settings.grown add attribute i interval;
\c :home
set client_min_messages = warning;
set search_path = shard_settings, public;
\set VERBOSITY sqlstate
select grow('{(1)}');
\set VERBOSITY default
alter type grown add attribute i interval;
select grow('{"(1,\"-1 days -02:00:00\")"}');

-- A function that changes a setting while it runs can't be understood, if that matters.
\c plproxy_odd
set search_path = shard_settings;
create function set_style() returns day language plpgsql as $$ begin set datestyle = 'German'; return '2001-02-03'; end $$;
create function set_local() returns setof day language plpgsql as $$ begin set local datestyle = 'German'; return next '2001-02-03'; end $$;
create function set_digits() returns measure language plpgsql as $$ begin set local extra_float_digits = 0; return 0.1::float8 + 0.2::float8; end $$;
create function set_for_itself() returns day language plpgsql set datestyle = 'German' as $$ begin return '03.02.2001'; end $$;
create function set_without_harm() returns integer language plpgsql as $$ begin set datestyle = 'German'; return 1; end $$;
\c :home
set client_min_messages = warning;
set search_path = shard_settings, public;
create function set_style() returns day language plproxy as $$ cluster 'odd'; run on 0; target shard_settings.set_style; $$;
create function set_local() returns setof day language plproxy as $$ cluster 'odd'; run on 0; target shard_settings.set_local; $$;
create function set_digits() returns measure language plproxy as $$ cluster 'odd'; run on 0; target shard_settings.set_digits; $$;
create function set_for_itself() returns day language plproxy as $$ cluster 'odd'; run on 0; target shard_settings.set_for_itself; $$;
create function set_without_harm() returns integer language plproxy as $$ cluster 'odd'; run on 0; target shard_settings.set_without_harm; $$;
create function today() returns date language plproxy as $$ cluster 'odd'; run on 0; select '2001-02-03'::date; $$;
select set_style();
\set VERBOSITY sqlstate
select set_local();
select set_digits();
select set_style();
\set VERBOSITY default
select set_for_itself();
select set_without_harm();
-- It has stayed what it was set to, in that session; what it sends is understood.
select without();
select today();
select today();
select today();
-- All of that was one session.
select count(*) from plproxy_connections where database = 'plproxy_odd';

select plproxy_disconnect() > 0 as disconnected;
drop database plproxy_odd with (force);
drop database plproxy_german with (force);
