\ir users-cluster.sql
create function put_users(usernames text[], emails text[]) returns setof int4 language plproxy as $$
    cluster 'users';
    split usernames, emails;
    run on hashtext(usernames);
$$;
select put_users('{bob}', '{bob@example.com}');
