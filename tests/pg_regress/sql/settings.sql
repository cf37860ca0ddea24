--
-- The settings: what they are, what they may be, who may change them.
--
-- They are there when the library is.
load '$libdir/plproxy';
\pset format unaligned
select name, vartype, context, unit, min_val, max_val, enumvals, boot_val from pg_settings where name like 'plproxy.%' order by name collate "C";
-- Each says what it is, and when to change it.
select name, short_desc, extra_desc from pg_settings where name like 'plproxy.%' order by name collate "C";
select name from pg_settings where name like 'plproxy.%' and (short_desc !~ '\.$' or extra_desc !~ 'Change it .*\.$' or category <> 'Customized Options');

-- Names that aren't ours are a site's own; own_settings.sql has more of them.
set plproxy.nonesuch = 1;
show plproxy.nonesuch;

-- Whoever isn't a superuser changes what is his own business.
create role regress_settings;
set role regress_settings;
set plproxy.application_name = 'mine';
set plproxy.idle_timeout = '1min';
set plproxy.prepared_statements = 'off';
set plproxy.sqlstate = 'precise';
set plproxy.dynamic_connect = 'any';
set plproxy.max_connections = 1;
set plproxy.max_depth = 8;
set plproxy.max_message_size = '64kB';
reset role;
drop role regress_settings;

-- Units and bounds.
set plproxy.idle_timeout = '2min';
show plproxy.idle_timeout;
-- (PostgreSQL's versions word it differently.)
\set VERBOSITY sqlstate
set plproxy.idle_timeout = -1;
set plproxy.max_connections = -1;
set plproxy.max_depth = 0;
set plproxy.max_depth = 9;
set plproxy.max_message_size = '1MB';
show plproxy.max_message_size;
set plproxy.max_message_size = '63kB';
set plproxy.max_message_size = '2GB';
