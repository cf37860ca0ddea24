-- complain if this script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION plproxy UPDATE" to load this file. \quit

-- From every version since 2.3.0: the others come by way of 2.12.0. Nothing is dropped, so what uses the language and the
-- wrapper stays as it is.
-- The session must not have called the older library before: the new functions are not in that one.

CREATE OR REPLACE FUNCTION plproxy_call_handler() RETURNS language_handler
LANGUAGE C AS 'MODULE_PATHNAME', 'plproxy_call_handler';

-- New for those who come from before 2.6.0.
CREATE OR REPLACE FUNCTION plproxy_validator(oid) RETURNS void
LANGUAGE C AS 'MODULE_PATHNAME', 'plproxy_validator';

CREATE OR REPLACE LANGUAGE plproxy HANDLER plproxy_call_handler VALIDATOR plproxy_validator;

CREATE OR REPLACE FUNCTION plproxy_fdw_validator(text[], oid) RETURNS boolean
LANGUAGE C AS 'MODULE_PATHNAME', 'plproxy_fdw_validator';

-- From here on as in plproxy--3.0.0.sql.

-- Hash functions for RUN ON that never change, with any version of PostgreSQL or on any platform.

CREATE FUNCTION plproxy_xxh3(text) RETURNS int8
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'plproxy_xxh3_text';

CREATE FUNCTION plproxy_xxh3(bytea) RETURNS int8
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'plproxy_xxh3_bytea';

CREATE FUNCTION plproxy_xxh3(int8) RETURNS int8
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'plproxy_xxh3_int8';

CREATE FUNCTION plproxy_xxh3(uuid) RETURNS int8
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'plproxy_xxh3_uuid';

-- Where a hash value goes: the partition's number and its connection string without secrets.

CREATE FUNCTION plproxy_route(cluster text, hash int8, OUT partition int4, OUT endpoint text)
LANGUAGE C STRICT AS 'MODULE_PATHNAME', 'plproxy_route';

-- What a session has: its connections to shards, the clusters that it has read, the functions that it has compiled. Times are
-- in milliseconds.

CREATE FUNCTION plproxy_connections(
    OUT cluster text, OUT partition int4, OUT host text, OUT port int4, OUT database text, OUT role text,
    OUT remote_user text, OUT remote_pid int4, OUT state text, OUT in_use boolean, OUT age interval,
    OUT idle_time interval, OUT tls text, OUT prepared_statements int4, OUT calls int8, OUT bytes_in int8,
    OUT bytes_out int8
) RETURNS SETOF record
LANGUAGE C STRICT ROWS 10 AS 'MODULE_PATHNAME', 'plproxy_connections';

CREATE VIEW plproxy_connections AS SELECT * FROM plproxy_connections();
GRANT SELECT ON plproxy_connections TO PUBLIC;

CREATE FUNCTION plproxy_clusters(
    OUT cluster text, OUT source text, OUT version int4, OUT options text[], OUT partitions text[]
) RETURNS SETOF record
LANGUAGE C STRICT ROWS 10 AS 'MODULE_PATHNAME', 'plproxy_clusters';

CREATE VIEW plproxy_clusters AS SELECT * FROM plproxy_clusters();
GRANT SELECT ON plproxy_clusters TO PUBLIC;

CREATE FUNCTION plproxy_functions(
    OUT function regprocedure, OUT destination text, OUT remote_sql text, OUT calls int8, OUT errors int8,
    OUT total_time float8, OUT max_time float8
) RETURNS SETOF record
LANGUAGE C STRICT ROWS 100 AS 'MODULE_PATHNAME', 'plproxy_functions';

CREATE VIEW plproxy_functions AS SELECT * FROM plproxy_functions();
GRANT SELECT ON plproxy_functions TO PUBLIC;

-- Closes the session's connections, or those that a cluster uses; returns how many.

CREATE FUNCTION plproxy_disconnect(cluster text DEFAULT NULL) RETURNS int4
LANGUAGE C AS 'MODULE_PATHNAME', 'plproxy_disconnect';

-- What the call of a plproxy function would do, or, if it is to be analyzed, does.

CREATE FUNCTION plproxy_explain(call text, "analyze" boolean DEFAULT false, format text DEFAULT 'text')
RETURNS SETOF text
LANGUAGE C STRICT ROWS 10 AS 'MODULE_PATHNAME', 'plproxy_explain';

-- Whether the servers of a cluster's partitions are there, and how far away: latency is that of a round trip, in milliseconds.

CREATE FUNCTION plproxy_ping(cluster text, OUT partition int4, OUT host text, OUT port int4, OUT database text,
    OUT reachable boolean, OUT latency float8, OUT server_version text, OUT in_recovery boolean, OUT error text)
RETURNS SETOF record
LANGUAGE C STRICT ROWS 10 AS 'MODULE_PATHNAME', 'plproxy_ping';

-- What the calls of all sessions have done to each shard.

CREATE FUNCTION plproxy_stat(
    OUT database text,
    OUT role text,
    OUT cluster text,
    OUT partition int4,
    OUT calls int8,
    OUT rows int8,
    OUT bytes_in int8,
    OUT bytes_out int8,
    OUT errors int8,
    OUT remote_errors int8,
    OUT connection_errors int8,
    OUT timeouts int8,
    OUT canceled int8,
    OUT other_errors int8,
    OUT connects int8,
    OUT reconnects int8,
    OUT cancels int8,
    OUT connect_time float8,
    OUT wait_time float8,
    OUT max_time float8,
    OUT p50 float8,
    OUT p95 float8,
    OUT p99 float8,
    OUT stats_reset timestamptz
) RETURNS SETOF record
LANGUAGE C STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'plproxy_stat';

CREATE VIEW plproxy_stat AS SELECT * FROM plproxy_stat();
GRANT SELECT ON plproxy_stat TO PUBLIC;

-- How many of these calls took how long, in milliseconds.

CREATE FUNCTION plproxy_latency(
    OUT database text,
    OUT role text,
    OUT cluster text,
    OUT partition int4,
    OUT up_to float8,
    OUT calls int8
) RETURNS SETOF record
LANGUAGE C STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'plproxy_latency';

CREATE VIEW plproxy_latency AS SELECT * FROM plproxy_latency();
GRANT SELECT ON plproxy_latency TO PUBLIC;

CREATE FUNCTION plproxy_stat_reset() RETURNS void
LANGUAGE C STRICT AS 'MODULE_PATHNAME', 'plproxy_stat_reset';

REVOKE ALL ON FUNCTION plproxy_stat_reset() FROM PUBLIC;
