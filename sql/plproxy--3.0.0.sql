-- complain if this script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION plproxy" to load this file. \quit

-- The names of the C functions are those of every version since 2.3.0, so that a database made by an older version finds
-- them in this library, and one made by this script in an older library.

CREATE FUNCTION plproxy_call_handler() RETURNS language_handler
LANGUAGE C AS 'MODULE_PATHNAME', 'plproxy_call_handler';

CREATE FUNCTION plproxy_validator(oid) RETURNS void
LANGUAGE C AS 'MODULE_PATHNAME', 'plproxy_validator';

CREATE LANGUAGE plproxy HANDLER plproxy_call_handler VALIDATOR plproxy_validator;

CREATE FUNCTION plproxy_fdw_validator(text[], oid) RETURNS boolean
LANGUAGE C AS 'MODULE_PATHNAME', 'plproxy_fdw_validator';

CREATE FOREIGN DATA WRAPPER plproxy VALIDATOR plproxy_fdw_validator;

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

-- Whether the servers of a cluster's partitions are there, and how far away: latency is that of a round trip, in milliseconds.

CREATE FUNCTION plproxy_ping(cluster text, OUT partition int4, OUT host text, OUT port int4, OUT database text,
    OUT reachable boolean, OUT latency float8, OUT server_version text, OUT in_recovery boolean, OUT error text)
RETURNS SETOF record
LANGUAGE C STRICT AS 'MODULE_PATHNAME', 'plproxy_ping';
