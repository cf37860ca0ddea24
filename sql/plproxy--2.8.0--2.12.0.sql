-- complain if this script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION plproxy UPDATE" to load this file. \quit

-- On the way to 3.0.0. There is nothing to do here: the next script begins with what any of these versions may have.
