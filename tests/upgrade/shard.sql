-- What every shard has: the users whose number leads there, and functions on them.
create type mood as enum ('low', 'high');
create type place as (name text, longitude numeric(6, 3));
create table users (id int8 primary key, name text, mood mood, home place);
grant select on users to public;

insert into users
select id, 'user ' || id, case id % 3 when 0 then 'low' when 1 then 'high' end::mood, ('place ' || id, id * 1.5)::place
from generate_series(0, 11) id
where id & 3 = substr(current_database(), 6)::int;

create function get_name(id int8) returns text language sql as 'select name from users u where u.id = $1';
create function get_mood(id int8) returns mood language sql as 'select mood from users u where u.id = $1';
create function get_user(id int8, out name text, out mood mood) language sql as
    'select name, mood from users u where u.id = $1';
create function list_names() returns setof text language sql as 'select name from users order by id';
create function list_homes() returns setof place language sql as 'select (home).* from users order by id';
create function list_users() returns table (id int8, name text, mood mood, home place) language sql as
    'select id, name, mood, home from users order by id';
create function count_users() returns int8 language sql as 'select count(*) from users';
create function twice(inout x int4, out y numeric) language sql as 'select 2 * x, x / 4.0';
create function rename(ids int8[], names text[], suffix text) returns setof text language sql as $$
    select current_database() || ': ' || id || ' is ' || coalesce(name, 'null') || suffix
    from unnest(ids, names) as u (id, name)
$$;
create function place() returns text language sql as 'select current_database()::text';
create function who() returns text language sql as 'select current_database() || '' as '' || current_user';
create function nothing(id int8) returns void language sql as '';
create function fail(message text) returns text language plpgsql as $$
    begin
        raise exception '%', message using errcode = '22023', detail = 'a detail', hint = 'a hint';
    end
$$;
create function echo(inout a bool, inout b bytea, inout c timestamptz, inout d numeric, inout e text[], inout f jsonb,
                     inout g uuid, inout h int4range, inout i float8) language sql as
    'select $1, $2, $3, $4, $5, $6, $7, $8, $9';
create function run_query(query text) returns setof record language plpgsql as
    'begin return query execute query; end';
create schema hidden;
create function hidden.get_name(id int8) returns text language sql as 'select upper(public.get_name(id))';
