-- complain if this script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION plproxy UPDATE" to load this file. \quit

-- The same from every version. Nothing is dropped, so what uses the language and the wrapper stays as it is.
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
