-- Owns how the coordinator "sqlmed" knows its clusters: by foreign servers.

select format('create server %I foreign data wrapper plproxy options (%s, connection_lifetime ''3600'')', name,
              string_agg(format('p%s %L', number,
                                format('dbname=shard%s host=%s', number, current_setting('unix_socket_directories'))),
                         ', ' order by number)),
       format('create user mapping for public server %I', name)
from (values ('one', 1), ('four', 4), ('sixteen', 16)) as cluster (name, size), generate_series(0, size - 1) as number
group by name
\gexec
