--
-- Connection strings: all that libpq understands, and in its words what it doesn't.
--
\set VERBOSITY terse
\set home :DBNAME
create schema conninfo;
set search_path = conninfo, public;
create function server(connstr text, out database text, out role text, out application text, out mem text)
language plproxy as $$
    connect connstr;
    select current_database()::text as database, session_user::text as role,
           current_setting('application_name') as application, current_setting('work_mem') as mem;
$$;
-- HERE is the directory of this server's sockets, U-HERE the same as a URI has it, PORT the port.
create function here() returns text language sql as
    $$ select btrim(split_part(current_setting('unix_socket_directories'), ',', 1)) $$;
create function filled(connstr text) returns text language sql as $$
    select replace(replace(replace(connstr, 'U-HERE', replace(here(), '/', '%2F')), 'HERE', here()),
                   'PORT', current_setting('port'))
$$;
-- Where a connection string leads, or the error.
create function try(connstr text) returns text language plpgsql as $$
declare
    found record;
    message text;
begin
    select * into found from server(filled(connstr));
    return found.database;
exception when others then
    message := replace(sqlerrm, 'PL/Proxy function conninfo.server(1): ', '');
    return replace(message, format('"%s/.s.PGSQL.%s"', here(), current_setting('port')), '"SOCKET"');
end $$;
-- What is the string's own, then.
set plproxy.application_name = '';
\pset format unaligned
\pset tuples_only

-- key=value: blanks, quotes and backslashes; the last of two counts
select database, application from server(filled('host=HERE port=PORT dbname=plproxy_shard0'));
select database, application from server(filled($$ host = 'HERE'  port=PORT
    dbname	= plproxy_shard0 application_name='it\'s \\ it' $$));
select database, application from server(filled($$host=HERE port=PORT dbname='plproxy\_shard0' application_name=two\ words$$));
select database, application from server(filled($$host=HERE port=PORT dbname=x application_name='a b' dbname=plproxy_shard1$$));
-- URIs
select database, application from server(filled('postgresql://U-HERE:PORT/plproxy_shard1'));
select database, application from server(filled('postgres://U-HERE:PORT/plproxy%5Fshard1?application_name=a%20b%26c'));
select database, application from server(filled('postgresql:///plproxy_shard2?host=U-HERE&port=PORT&application_name=x'));
select database, application from server(filled('postgresql:///?host=HERE&port=PORT&dbname=plproxy_shard2'));
-- what the server is told
select * from server(filled($$host=HERE port=PORT dbname=plproxy_shard0 options='-c work_mem=123kB'$$)) s (d, r, a, mem) \gset told_
\echo :told_mem
select application from server(filled('host=HERE port=PORT dbname=plproxy_shard0 fallback_application_name=fallback'));
select application from server(filled('host=HERE port=PORT dbname=plproxy_shard0 fallback_application_name=fallback application_name=first'));
set client_min_messages = warning;
drop role if exists regress_plproxy_conninfo;
reset client_min_messages;
create role regress_plproxy_conninfo login;
select role from server(filled('host=HERE port=PORT dbname=plproxy_shard0 user=regress_plproxy_conninfo'));
select role from server(filled('postgresql://regress_plproxy_conninfo:secret@U-HERE:PORT/plproxy_shard0'));
-- accepted for what they are worth on a socket
select try('host=HERE port=PORT dbname=plproxy_shard0 connect_timeout=10 keepalives=1 keepalives_idle=10 keepalives_interval=10 keepalives_count=3 tcp_user_timeout=1000');
select try('host=HERE port=PORT dbname=plproxy_shard0 sslmode=verify-full sslrootcert=/nonesuch sslcert=/nonesuch sslkey=/nonesuch gssencmode=prefer channel_binding=prefer');
\c :home
set search_path = conninfo, public;

-- several hosts: the first that can be reached
select try('host=/nonesuch,HERE port=1,PORT dbname=plproxy_shard0');
select try('host=/nonesuch,@nonesuch,HERE port=PORT dbname=plproxy_shard1 connect_timeout=60');
select try('postgresql://%2Fnonesuch:1,U-HERE:PORT/plproxy_shard2');
select try('host=/nonesuch1,/nonesuch2 port=1,2 dbname=d');
-- one that answers, and doesn't want us, ends the search
select try('host=/nonesuch,HERE,HERE port=1,PORT,PORT dbname=plproxy_nonesuch');
-- lists of different lengths
select try('host=HERE,HERE port=1,2,3');
select try('host=HERE,HERE hostaddr=127.0.0.1');
-- places that can't be
select try(format('host=/%s,HERE port=1,PORT dbname=plproxy_shard0', repeat('long', 30)));
select try(format('host=/%s port=1 dbname=d', repeat('long', 30)));
select try('hostaddr=256.1.1.1 dbname=d');
select try('hostaddr=localhost dbname=d');

-- load balancing: both are tried first, sooner or later; all are tried in the end
select count(distinct try('host=/nonesuch1,/nonesuch2 port=1 dbname=d load_balance_hosts=random')) from generate_series(1, 60);
select count(distinct try('host=/nonesuch1,/nonesuch2 port=1 dbname=d load_balance_hosts=disable')) from generate_series(1, 60);
select try('host=/nonesuch,HERE,HERE port=1,PORT,PORT dbname=plproxy_shard0 load_balance_hosts=random');

-- what kind of server
set client_min_messages = warning;
drop database if exists plproxy_conninfo with (force);
reset client_min_messages;
create database plproxy_conninfo template template0;
alter database plproxy_conninfo set default_transaction_read_only = on;
select wanted, try('host=HERE port=PORT dbname=plproxy_shard0 target_session_attrs=' || wanted) as primary,
       try('host=HERE port=PORT dbname=plproxy_conninfo target_session_attrs=' || wanted) as "read-only"
  from unnest(array['any', 'read-write', 'read-only', 'primary', 'standby', 'prefer-standby']) wanted;
-- the next host might be
select try('host=HERE,/nonesuch,HERE port=PORT,1,PORT dbname=plproxy_shard0 target_session_attrs=standby');
select try('host=HERE,/nonesuch port=PORT,1 dbname=plproxy_shard0 target_session_attrs=prefer-standby');
drop database plproxy_conninfo with (force);
\c :home
set search_path = conninfo, public;

-- who the server must be
select substring(message from '(.* is ")'), substring(message from '.* is "(.*)"') as peer
  from try('host=HERE port=PORT dbname=plproxy_shard0 requirepeer=plproxy_nonesuch') message
\gset
\echo :substring
select try('host=HERE port=PORT dbname=plproxy_shard0 requirepeer=' || :'peer');
-- how it may ask who we are: this one doesn't
select try('host=HERE port=PORT dbname=plproxy_shard0 require_auth=none');
select try('host=HERE port=PORT dbname=plproxy_shard0 require_auth=!password,!md5');
select try('host=HERE port=PORT dbname=plproxy_shard0 require_auth=scram-sha-256');
select try('host=HERE port=PORT dbname=plproxy_shard0 require_auth=!none');

-- the password file: one that others can read isn't read (and it is no file for long)
select current_setting('data_directory') || '/regress_plproxy_passfile' as passfile,
       format('copy (select %L) to %L', '*:*:*:*:sesame', current_setting('data_directory') || '/regress_plproxy_passfile') as write
\gset
:write;
select try('host=HERE port=PORT dbname=plproxy_shard0 passfile=regress_plproxy_passfile');
-- cat: a program that ends without having read what it is sent can make COPY fail
copy (select) to program 'cat && chmod 600 regress_plproxy_passfile';
select try('host=HERE port=PORT dbname=plproxy_shard1 passfile=regress_plproxy_passfile');
copy (select) to program 'cat && rm regress_plproxy_passfile';
select try('host=HERE port=PORT dbname=plproxy_shard2 passfile=regress_plproxy_passfile');
select try('host=HERE port=PORT dbname=plproxy_shard2 passfile=base');
-- with a password at hand nobody looks for it
select try('host=HERE port=PORT dbname=plproxy_shard3 passfile=base password=sesame');
-- the service file
select try('service=plproxy_nonesuch');

-- what there is not
\pset tuples_only off
create table wrong (connstr text);
insert into wrong values
    ('nonesuch=1'), ('dbname'), ('dbname=''x'), ('dbname x'), ('=x'), ('HOST=x'),
    ('host=a port=x'), ('host=a port=0'), ('host=a port=65536'), ('host=a port=1,b'),
    ('connect_timeout=soon'), ('keepalives=yes'), ('keepalives_idle=1.5'), ('tcp_user_timeout=1s'),
    ('sslmode=maybe'), ('sslnegotiation=maybe'), ('sslcertmode=maybe'), ('channel_binding=maybe'), ('gssencmode=maybe'),
    ('ssl_min_protocol_version=TLSv9'), ('ssl_min_protocol_version=TLSv1.3 ssl_max_protocol_version=TLSv1.2'),
    ('sslnegotiation=direct'), ('sslrootcert=system sslmode=require'),
    ('target_session_attrs=maybe'), ('load_balance_hosts=maybe'), ('require_auth=maybe'), ('require_auth=md5,!none'), ('require_auth=md5,md5'),
    ('postgresql://a:b/'), ('postgresql://[::1/d'), ('postgresql://[]/d'), ('postgresql://[::1]x/d'), ('postgresql://a/%zz'), ('postgresql://a/%00'),
    ('postgresql://a/d?nonesuch=1'), ('postgresql://a/d?sslmode'), ('postgresql://a/d?sslmode=a=b'), ('postgresql://u:p/w@a/d'), ('postgresql://a b/d');
select connstr, try(connstr) as error from wrong;
-- what libpq can do, and we can't
select connstr, try(connstr) as error
  from unnest(array['host=HERE gssencmode=require', 'host=HERE replication=database', 'host=HERE min_protocol_version=3.2',
                    'host=HERE scram_client_key=AAAA', 'host=HERE dbname=postgresql://HERE/d'])
       connstr;

-- no password in any of it
insert into wrong values
    ('password=sesame dbname'), ('password=''sesame'), ('password=sesame nonesuch=1'), ('password = sesame port=x'),
    ('password=open sesame'), ('password=open sesame=1'), ('host=/nonesuch password=sesame'), ('host=/nonesuch password=sesame target_session_attrs=x'),
    ('postgresql://user:sesame@/d?host=/nonesuch'), ('postgresql://user:sesame@host:port/d'), ('postgresql://user:sesame@[::1/d'),
    ('postgresql://user:ses%ame@host/d'), ('postgresql://user:sesame@host/d?nonesuch=1'), ('postgresql:///d?password=sesame&host=/nonesuch'),
    ('postgresql://user:open/sesame@host/d'), ('postgresql://user:open@sesame@host/d'), ('postgresql:///d?password=open&sesame'),
    ('dbname=postgresql://user:sesame@host/d host=/nonesuch'), ('host=HERE port=PORT dbname=plproxy_nonesuch password=sesame'),
    ('host=HERE port=PORT dbname=plproxy_shard0 user=plproxy_nonesuch password=sesame'),
    ('host=HERE port=PORT dbname=plproxy_shard0 password=sesame require_auth=md5'),
    ('host=HERE port=PORT dbname=plproxy_shard0 password=sesame sslpassword=sesame channel_binding=require');
select connstr, try(connstr) as error from wrong where connstr ~ 'sesame' and try(connstr) ~ 'sesame';

set client_min_messages = warning;
drop schema conninfo cascade;
drop role regress_plproxy_conninfo;
