-- Owns what a shard of the benchmark has: functions that do next to nothing, so that the way to them is what is measured.

create function echo(key text) returns text language plpgsql as $$
begin
    return key;
end $$;

create function get_user(key text)
returns table (id int8, name text, email text, created timestamptz, balance numeric) language plpgsql as $$
begin
    id := 1234567890123;
    name := key;
    email := 'somebody@example.com';
    created := '2024-02-29 12:34:56.789+00';
    balance := 12345.67;
    return next;
end $$;

-- One row for RUN ON ALL, another one from each shard.
create function shard_name(number int4) returns text language plpgsql as $$
begin
    return current_database();
end $$;

create function put_pairs(keys text[], vals text[]) returns int4 language plpgsql as $$
begin
    return cardinality(vals);
end $$;

-- These two are part of the query that calls them, so their rows go straight to the socket. No table is read.
create function gather_rows(count int4)
returns table (id int4, big int8, label text, at timestamptz, amount float8) language sql stable as $$
    select n, n * 1000003::int8, 'customer ' || (10000000000 + n), to_timestamp(1700000000 + n), n * 0.37::float8
    from (select generate_series(1, count) as n) as numbers
$$;

create function gather_numbers(count int8) returns setof int8 language sql stable as $$
    select generate_series(1, count)
$$;

-- What postgres_fdw can read.
create view rows as select * from gather_rows(250000);
create view numbers as select number from gather_numbers(1000000) as number;
