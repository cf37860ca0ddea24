-- Owns what every coordinator has: the functions that go to the shards, and the pairs for SPLIT.

create function echo(key text) returns text language plproxy as $$
    cluster 'four';
    run on hashtext($1);
$$;

create function get_user(key text)
returns table (id int8, name text, email text, created timestamptz, balance numeric) language plproxy as $$
    cluster 'four';
    run on hashtext($1);
$$;

create function echo_one(key text) returns text language plproxy as $$
    cluster 'one';
    run on hashtext($1);
    target echo;
$$;

create function all_4(number int4) returns setof text language plproxy as $$
    cluster 'four';
    run on all;
    target shard_name;
$$;

create function all_16(number int4) returns setof text language plproxy as $$
    cluster 'sixteen';
    run on all;
    target shard_name;
$$;

create function gather_rows(count int4)
returns table (id int4, big int8, label text, at timestamptz, amount float8) language plproxy as $$
    cluster 'four';
    run on all;
$$;

create function gather_numbers(count int8) returns setof int8 language plproxy as $$
    cluster 'four';
    run on all;
$$;

create function put_pairs(keys text[], vals text[]) returns setof int4 language plproxy as $$
    cluster 'four';
    split keys, vals;
    run on hashtext(keys);
$$;

-- The arrays are stored as they are, so that little else than reading them is added to the call.
create table pairs (size int4 primary key, keys text[], vals text[]);
alter table pairs alter keys set storage external, alter vals set storage external;
insert into pairs
select size, array_agg('key ' || n), array_agg('value number ' || n)
from (values (1000), (100000)) as size (size), generate_series(1, size) as n
group by size;
