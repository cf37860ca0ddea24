--
-- Values whose types run functions of users when they are read: domains, and arrays, rows and ranges with domains inside. What
-- such a function has begun is its call's own: not a nested call's, not the next call's after an error, and not another role's.
--
create schema dom;
set search_path = dom, public;

-- A check that makes the call again whose result it checks, with another value. The value of the inner call must not be taken
-- for that of the outer one, which is to be refused.
create function nesting_check(v text) returns boolean language plpgsql as $$
begin
    if v = 'outer' then execute replace(current_setting('dom.call'), 'outer', 'inner'); end if;
    return true;
end $$;
create domain nested as text check (dom.nesting_check(value) and value <> 'outer');
create function nesting(v text) returns nested language plproxy as $$ cluster 'shards'; run on 0; select v; $$;
create function nesting_set(v text) returns setof nested language plproxy as $$
    cluster 'shards'; run on all; select v from generate_series(1, 3);
$$;
create function nesting_array(v text) returns nested[] language plproxy as $$ cluster 'shards'; run on 0; select array['first', v, 'last']; $$;
create type nested_row as (a nested, b int);
create function nesting_row(v text) returns nested_row language plproxy as $$ cluster 'shards'; run on 0; select v as a, 1 as b; $$;
create function nesting_rows(v text) returns setof nested_row language plproxy as $$ cluster 'shards'; run on all; select v as a, 1 as b; $$;
create type nested_pair as (x nested_row, y nested_row[]);
create function nesting_pair(v text) returns nested_pair language plproxy as $$
    cluster 'shards'; run on 0; select '(first,1)' as x, '{"(first,1)","(' || v || ',2)"}' as y;
$$;
create domain nested_array as nested[] check (array_length(value, 1) < 9);
create function nesting_array_domain(v text) returns nested_array language plproxy as $$ cluster 'shards'; run on 0; select array[v]; $$;
create domain nested_row_domain as nested_row check ((value).a <> 'never');
create function nesting_row_domain(v text) returns nested_row_domain language plproxy as $$ cluster 'shards'; run on 0; select v as a, 1 as b; $$;
create function nesting_row_domains(v text) returns setof nested_row_domain language plproxy as $$ cluster 'shards'; run on all; select v as a, 1 as b; $$;
create type nested_range as range (subtype = nested, subtype_opclass = text_ops);
create function nesting_range(v text) returns nested_range language plproxy as $$ cluster 'shards'; run on 0; select '[' || v || ',z]'; $$;
create function nesting_record(v text) returns setof record language plproxy as $$ cluster 'shards'; run on all; target dom.pairs; $$;
select from on_shards('create schema dom; create domain dom.nested as text;
    create function dom.pairs(v text) returns setof record language sql as ''select v::dom.nested, 1''');
-- Its first value, or why there is none.
create function result_of(call text) returns text language plpgsql as $$
declare
    result text;
begin
    perform set_config('dom.call', call, true);
    execute call into result;
    return result;
exception when check_violation or not_null_violation or division_by_zero then
    return sqlerrm;
end $$;
select f, result_of(format('select dom.%s(%L)', f, 'inner')), result_of(format('select dom.%s(%L)', f, 'outer'))
from unnest(array['nesting', 'nesting_set', 'nesting_array', 'nesting_row', 'nesting_rows', 'nesting_pair', 'nesting_array_domain',
                  'nesting_row_domain', 'nesting_row_domains', 'nesting_range']) f;
select result_of('select t from dom.nesting_record(''outer'') as t (a dom.nested, b int)');
-- What isn't refused goes on, with whole sets inside of the reading of a set.
create function calling_check(v text) returns boolean language plpgsql as $$
begin
    return case v when 'calls' then (select count(*) from dom.calling('leaf')) = 12 else true end;
end $$;
create domain caller as text check (dom.calling_check(value));
create function calling(v text) returns setof caller language plproxy as $$ cluster 'shards'; run on all; select v from generate_series(1, 3); $$;
select count(*), min(c), max(c) from calling('calls') c;
select count(*) from calling('calls') a, calling('calls') b where a = b;

-- After an error in the check, in the same transaction: what the SQL function had begun isn't gone on with.
create table three (x int);
insert into three values (3);
create function breaking_check(v text) returns boolean language sql volatile as $$
    select count(*) from dom.three; select 10 / (length(v) - x) is not null from dom.three;
$$;
create domain breaking as text check (dom.breaking_check(value));
create type breaking_row as (a breaking, b int);
create type breaking_range as range (subtype = breaking, subtype_opclass = text_ops);
create function broken(v text) returns breaking language plproxy as $$ cluster 'shards'; run on 0; select v; $$;
create function breaking_set(v text) returns setof breaking language plproxy as $$ cluster 'shards'; run on all; select v; $$;
create function breaking_array(v text) returns breaking[] language plproxy as $$ cluster 'shards'; run on 0; select array['first', v]; $$;
create function breaking_row(v text) returns breaking_row language plproxy as $$ cluster 'shards'; run on 0; select v as a, 1 as b; $$;
create function breaking_rows(v text) returns setof breaking_row[] language plproxy as $$ cluster 'shards'; run on 0; select '{"(first,0)","(' || v || ',1)"}'; $$;
create function breaking_in_range(v text) returns breaking_range language plproxy as $$ cluster 'shards'; run on 0; select '[' || v || ',zzzz]'; $$;
begin;
select broken('okay'), breaking_array('okay'), breaking_row('okay'), breaking_in_range('okay');
select breaking_set('okay'), breaking_rows('okay') limit 1;
select f, v, result_of(format('select dom.%s(%L)', f, v))
from unnest(array['broken', 'breaking_set', 'breaking_array', 'breaking_row', 'breaking_rows', 'breaking_in_range']) with ordinality f (f, fn),
     unnest(array['okay', 'bad', 'okay', 'bad', 'other']) with ordinality v (v, vn)
order by fn, vn;
savepoint s;
select broken('bad');
rollback to s;
select broken('okay'), breaking_row('okay');
commit;
select broken('okay'), breaking_row('okay');
-- An error of another kind in the middle of an array, and a NULL that the domain doesn't want.
create domain filled as int not null check (value > 0);
create function filled_array(v text) returns filled[] language plproxy as $$ cluster 'shards'; run on 0; select v; $$;
select v, result_of(format('select dom.filled_array(%L)', v)) from unnest(array['{1,2}', '{1,-2}', '{3}', '{1,NULL}', '{4}']) v;

-- Who may call the check is asked for each role, also inside of functions that run as another one.
create role regress_plproxy_domains;
grant usage on schema dom to regress_plproxy_domains;
create function guarding_check(v text) returns boolean language plpgsql as $$ begin return v <> 'bad'; end $$;
revoke all on function guarding_check(text) from public;
create domain guarded as text check (dom.guarding_check(value));
create type guarded_row as (a guarded, b int);
create function guarding_as_owner(v text) returns guarded language plpgsql security definer as $$ begin return dom.guarding(v); end $$;
select add_cluster('domain_roles', connstr('plproxy_shard0') || ' user=' || current_user);
create function guarding(v text) returns guarded language plproxy as $$ cluster 'domain_roles'; run on 0; select v; $$;
create function guarding_array(v text) returns guarded[] language plproxy as $$ cluster 'domain_roles'; run on 0; select array[v]; $$;
create function guarding_row(v text) returns guarded_row language plproxy as $$ cluster 'domain_roles'; run on 0; select v as a, 1 as b; $$;
set role regress_plproxy_domains;
select guarding('x');
reset role;
select guarding('x'), guarding_array('x'), guarding_row('x');
set role regress_plproxy_domains;
select guarding('x');
select guarding_array('x');
select guarding_row('x');
select guarding_as_owner('x');
select guarding('x');
reset role;
grant execute on function guarding_check(text) to regress_plproxy_domains;
set role regress_plproxy_domains;
select guarding('x'), guarding_array('x'), guarding_row('x');
select guarding('bad');
reset role;
revoke execute on function guarding_check(text) from regress_plproxy_domains;
set role regress_plproxy_domains;
select guarding_row('x');
reset role;

-- Another check from now on: by replacing its function, by the function that the name stands for, by ALTER DOMAIN.
create or replace function guarding_check(v text) returns boolean language plpgsql as $$ begin return v <> 'x'; end $$;
select guarding('bad');
select guarding('x');
select guarding_row('x');
create schema dom_other;
create function dom.looking_up() returns int language sql as 'select 1';
create function dom_other.looking_up() returns int language sql as 'select 2';
create function finding_check(v text) returns boolean language sql volatile as 'select 1; select looking_up() = length(v)';
create domain finding as text check (dom.finding_check(value));
create function found(v text) returns finding language plproxy as $$ cluster 'shards'; run on 0; select v; $$;
begin;
select found('1');
set local search_path = dom_other, dom, public;
select found('12');
savepoint s;
select found('1');
rollback to s;
set local search_path = dom, public;
select found('1');
commit;
alter domain finding add check (value <> '1');
select found('1');
alter domain finding drop constraint finding_check;
select found('12');

-- Other tables of the same names, in one transaction: in a check, and in a hash function.
create table known (v text);
insert into known values ('1');
create function knowing_check(v text) returns boolean language sql volatile as $$
    select count(*) > 0 from known; select exists (select from known k where k.v = $1)
$$;
create domain knowing as text check (dom.knowing_check(value));
create function knows(v text) returns knowing language plproxy as $$ cluster 'shards'; run on 0; select v; $$;
create function hash_of(v text) returns int language sql volatile as $$ select count(*) from known; select known.v::int from known $$;
create function hashed(v text) returns text language plproxy as $$ cluster 'shards'; run on hash_of(v); select current_database(); $$;
begin;
select knows('1'), hashed('1');
drop table known;
create table known (id int, v text);
insert into known values (2, '2');
select knows('2'), hashed('2');
create temp table known (v text);
insert into pg_temp.known values ('3');
select knows('3'), hashed('3');
select knows('2');
rollback;
select knows('1'), hashed('1');

-- Types that get a domain inside later.
create type late as (a int);
create function lately(v text) returns late[] language plproxy as $$ cluster 'shards'; run on 0; select v; $$;
select lately('{(1)}');
alter type late add attribute b filled;
select lately('{"(1,2)"}');
select lately('{"(1,-2)"}');
select lately('{"(1,2)"}');

-- Rows with domains as arguments.
create function echo_row(v nested_pair) returns nested_pair language plproxy as $$ cluster 'shards'; run on 0; select (v).x, (v).y; $$;
select from on_shards('create type dom.nested_row as (a dom.nested, b int); create type dom.nested_pair as (x dom.nested_row, y dom.nested_row[])');
select echo_row(row(row('inner', 1), array[row('first', 2)::nested_row])::nested_pair);

reset search_path;
set client_min_messages = warning;
drop schema dom cascade;
drop schema dom_other cascade;
drop role regress_plproxy_domains;
select from on_shards('drop schema dom cascade');
