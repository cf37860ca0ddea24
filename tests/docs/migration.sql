-- A coordinator such as docs/migration.md is about.
create extension plproxy;
create server users foreign data wrapper plproxy options (p0 'dbname=shard0', p1 'dbname=shard1');
create user mapping for public server users;
create function get_email(i_username text) returns text language plproxy as $$
    cluster 'users'; run on hashtext(i_username);
$$;
create function version_of(i_connstr text) returns text language plproxy as $$
    connect i_connstr; select version();
$$;
-- What its queries find.
create function plproxy_route(i_username text) returns int language sql as $$ select hashtext(i_username) & 1 $$;
create schema app;
create type app.plproxy_stat as (calls int8);
alter database proxy set plproxy.my_dc = 'north';
create function is_down() returns boolean language plpgsql as $$
begin
    perform get_email('nobody');
    return false;
exception when internal_error then
    return sqlerrm ~ 'PQconnectPoll: ';
end $$;
create role deployer;
create server old_users foreign data wrapper plproxy options (p0 'dbname=shard0');
alter server old_users owner to deployer;
grant usage on foreign server users to deployer;
create user mapping for deployer server users options (user 'deployer');
grant create on database proxy to deployer;
create schema plproxy authorization deployer;
