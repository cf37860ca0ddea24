\ir users-cluster.sql
