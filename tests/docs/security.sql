\ir operations.sql
