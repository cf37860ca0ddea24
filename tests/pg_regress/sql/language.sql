--
-- The statements of a body, and what is wrong with bodies that are wrong, with the line where it is noticed.
--
\pset format unaligned
\pset tuples_only on
create schema language;
set search_path = language, public;
select from on_shards('create schema language;
    create function language.f(a int, b text) returns text language sql
    as ''select format(''''%s %s'''', a, b)'';
    create function language.i(a int, b text) returns text language sql
    as ''select format(''''i %s %s'''', a, b)''');

-- Tries to create a function with this body, and if that works calls it with (2, 'x').
create function try(body text) returns text language plpgsql as $$
begin
    execute format('create or replace function language.f(a int, b text) returns text language plproxy as %L', body);
    return language.f(2, 'x');
exception when others then
    return sqlstate || ' ' || sqlerrm;
end
$$;

-- order, case and spelling of statements
select try('cluster ''shards'';');
select try('CLUSTER ''shards''; RUN ON ANY;');
select try('run on 1; Cluster ''shards'';');
select try('target language.i; run on a; cluster ''shards'';');
select try('target language . i; run on a; cluster ''shards'';');
select try(E'target\nlanguage\n.\ni\n;\nrun\non\na\n;\ncluster\n''shards''\n;\n');
select try('select b || a; run on $1; cluster ''shards'';');
select try('SELECT $2 || A; RUN ON A; cluster ''shards'';');
select try('select (b || a); run on $1; cluster ''shards'';');
select try('select(b || a); run on $1; cluster ''shards'';');
select try(format('connect %L; select b;', connstr('plproxy_shard1')));
-- comments
select try(E'-- cluster ''nonesuch'';\n/* run\non all; */ cluster /**/ ''shards'' -- x\n; run on /* not nested /* */ 1;--');
select try(E'cluster ''shards''; /* open at the end');
select try(E'cluster ''shards''; select a/* x */::text -- b;\n || b;');
-- text within SQL isn't touched
select try($x$cluster 'shards'; select 'a ''b; --' || e'\' b; /* $1' || "b" || $$a; $1$$ || $q$b; $$ $2$q$ from (values ('B')) x("b");$x$);
select try($x$cluster 'shards'; select '  ' || a || '  -- b'  ;$x$);
-- a keyword is an ordinary name where no statement begins
select try('cluster ''shards''; select connect from (values (''run on all'')) target (connect);');
-- names that aren't arguments pass
select try('cluster ''shards''; run on 0; select x.b || b from (values (''xb'')) x ("b");');
select try('cluster ''shards''; run on 0; select x.b || b from (values (''xb'')) x (b);');

-- what is missing, there twice, or doesn't go together
select try('');
select try(E'\n\n');
select try(E'\n-- x\n');
select try(E'run on 1;\nrun on any;');
select try(E'run on 1;\nselect 1;\n');
select try(E'cluster ''a'';\ncluster ''b'';');
select try(E'cluster ''a'';\ncluster f(b);');
select try(E'connect ''a'';\n\nconnect ''b'';');
select try(E'connect ''a'';\n\nconnect b;');
select try(E'cluster ''a''; run on 1;\nrun on\nall;\n');
select try(E'cluster ''a''; target x;\ntarget\ny\n;');
select try(E'cluster ''a'';\nselect 1;\nselect\n2\n;');
select try(E'cluster ''a'';\nselect 1;\ntarget x;\n');
select try(E'cluster ''a'';\nconnect ''b'';\n');
select try(E'connect ''b'';\nrun on 1;');
select try(E'connect b;\nrun on all;\n\n');

-- syntax errors
select try('x');
select try('cluster');
select try(E'cluster\n''a''');
select try(E'\ncluster a;');
select try('cluster $2;');
select try('cluster "a";');
select try(E'cluster ''a'';\n;');
select try(E'cluster ''a'' run on 1;');
select try(E'cluster ''a'';\nrun 1;');
select try(E'cluster ''a'';\nrun on;');
select try(E'cluster ''a'';\nrun on -1;');
select try(E'cluster ''a'';\nrun on 1.5;');
select try(E'cluster ''a'';\nrun on ''1'';');
select try(E'cluster ''shards'';\nrun on f(a;');
select try(E'cluster ''a'';\nrun on all\n');
select try(E'cluster ''a'';\nrun on a + 1;');
select try(E'connect;');
select try(E'connect ''it''s;\n');
select try(E'connect \n''open\n');
select try(E'cluster ''a'';\ntarget f(a);');
select try(E'cluster ''a'';\ntarget $1;');
select try(E'cluster ''a'';\ntarget ''f'';');
select try(E'cluster ''a'';\ntarget a.;');
select try(E'cluster ''a'';\nselect;');
select try(E'cluster ''a'';\nselect 1');
select try(E'cluster ''a'';\nselect ''1;\n\n');
select try(E'cluster ''a'';\nselect "x;\n\n');
select try(E'cluster ''a'';\nselect $$x;\n\n');
select try(E'cluster ''a'';\nselect /* x;\n\n');
select try(E'cluster ''a'';\n\nselect `x`;');
select try(E'cluster ''a'';\nselect $;');
select try(E'cluster ''a''; `');
select try(E'cluster ''a''; insert into x values (1);');

-- argument references
select try('cluster ''shards''; select $2;');
select try(E'cluster ''shards'';\nselect $3;');
select try(E'cluster ''shards'';\nselect $0;');
select try(E'cluster ''shards'';\nrun on $4;');
select try(E'cluster ''shards'';\n\nrun on hashtext($4);');
select try(E'cluster name_of($99999999999999999999);');
select try(E'connect\n$3;');
select try(E'cluster ''shards''; run on nonesuch;');

-- SPLIT
create or replace function try_split(body text) returns text language plpgsql as $$
begin
    execute format('create or replace function language.s(a int, b text[], c int[]) returns setof text language plproxy as %L', body);
    perform language.s(1, '{}', '{}');
    return 'works';
exception when others then
    return sqlstate || ' ' || sqlerrm;
end
$$;
select try_split('cluster ''shards''; split b;');
select try_split('cluster ''shards''; split B, $3; run on hashtext(b);');
select try_split('cluster ''shards''; split all; run on all;');
select try_split('cluster ''shards''; run on c; split $2, C;');
select try_split(E'cluster ''shards'';\nsplit b, c, b;');
select try_split(E'cluster ''shards'';\nsplit b, $2;');
select try_split(E'cluster ''shards'';\nsplit b; split b;');
select try_split(E'cluster ''shards'';\nsplit b; split c;');
select try_split(E'cluster ''shards'';\nsplit a;');
select try_split(E'cluster ''shards'';\nsplit b, $1;');
select try_split(E'cluster ''shards'';\nsplit b, x;');
select try_split(E'cluster ''shards'';\nsplit b, $4;');
select try_split(E'cluster ''shards'';\nsplit all, b;');
select try_split(E'cluster ''shards'';\nsplit;');
select try_split(E'cluster ''shards'';\nsplit b c;');
select try_split(E'connect ''x''; split b;');

-- the function's name in messages
\set VERBOSITY terse
create schema "Odd schema";
create function "Odd schema"."select"(int, out x int, inout y int, out z int) language plproxy as 'nonesuch';
create function "Odd schema".f(x text, y text, table_ out text) language plproxy as 'nonesuch';
create function language.t(int) returns table (x int, y int) language plproxy as 'nonesuch';
create function language.none() returns int language plproxy as 'nonesuch';
create procedure language.p(int, inout int) language plproxy as 'nonesuch';

-- only IN and INOUT arguments can be referred to, and are counted
create function language.modes(out o int, a int, out p int, inout b int) language plproxy as
    $$ cluster 'shards'; run on 0; select $2 as "b", a as o, a + $2 as p; $$;
select * from language.modes(3, 4);
create or replace function language.modes(out o int, a int, out p int, inout b int) language plproxy as
    $$ cluster 'shards'; select $1, $3; $$;
create or replace function language.modes(out o int, a int, out p int, inout b int) language plproxy as
    $$ cluster 'shards'; select 1 as o, 2 as p, 3 as "b"; run on o; $$;
select * from language.modes(3, 4);
-- an argument's name is a reference even where it can't be one
create or replace function language.modes(out o int, a int, out p int, inout b int) language plproxy as
    $$ cluster 'shards'; run on 0; select 1 as o, 2 as p, 3 as b; $$;
select * from language.modes(3, 4);
-- names match without regard to case, the first of them; quoted ones and parts of dotted ones pass
create function language.names("Abc" int, "abC" int, b int) returns text language plproxy as
    $$ cluster 'shards'; select format('%s %s %s %s %s', abc, ABC, $2, "abc", x.b) from (values (7, 8)) x ("abc", "b"); $$;
select language.names(1, 2, 3);
-- $n is numbered anew, by first use
create function language.numbers(a int, b int, c int) returns text language plproxy as
    $$ cluster 'shards'; select c || ' ' || a || ' ' || c || substring(current_query() from '\$1.*\$1::int4');$$;
select language.numbers(1, 2, 3);
\pset tuples_only off
\pset format aligned
reset search_path;
set client_min_messages = warning;
drop schema language cascade;
drop schema "Odd schema" cascade;
