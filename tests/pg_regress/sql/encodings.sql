-- Text between databases of different encodings: values, names and messages arrive right, or not at all.
set client_min_messages = warning;
set client_encoding = 'UTF8';
drop database if exists plproxy_eucjp with (force);
drop database if exists plproxy_latin1 with (force);
drop database if exists plproxy_ascii with (force);
drop database if exists plproxy_utf8 with (force);
create database plproxy_eucjp template template0 encoding 'EUC_JP' lc_collate 'C' lc_ctype 'C';
create database plproxy_latin1 template template0 encoding 'LATIN1' lc_collate 'C' lc_ctype 'C';
create database plproxy_ascii template template0 encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C';
create database plproxy_utf8 template template0 encoding 'UTF8' lc_collate 'C' lc_ctype 'C';
reset client_min_messages;

-- the same remote side in each: functions, a table and a column that have names in ASCII only here
\set remote 'create function echo(v text, out len int, out bytes text, out back text) language sql as ''select length(v), encode(convert_to(v, getdatabaseencoding()), ''''hex''''), v''; create function fail(v text) returns text language plpgsql as ''begin raise notice ''''notice %'''', v; raise exception ''''error %'''', v using detail = v, hint = v; end'';'
\c plproxy_latin1
set client_encoding = 'UTF8';
:remote
create function "größe"("straße" text) returns text language sql as 'select upper(''ä'') || $1';
create type "farbe" as enum ('grün', 'weiß');
create function farben() returns setof farbe language sql as 'select unnest(enum_range(null::farbe))';
\c plproxy_utf8
:remote
create function "größe"("straße" text) returns text language sql as 'select upper(''ä'') || $1';
create function "日本"("引数" text) returns text language sql as 'select $1 || ''本''';
create function euro() returns text language sql as 'select ''€''::text';
create function kanji() returns text language sql as 'select ''漢字''::text';
create function texts(db text, inout t text, inout v varchar, inout c bpchar, inout a text[], out bytes text) language sql as
    'select t, v, c, a, encode(convert_to(concat_ws(''|'', t, v, c, a), ''UTF8''), ''hex'')';
create function kanjis() returns text[] language sql as 'select ''{a,漢字}''::text[]';
create function notice_kanji() returns int language plpgsql as 'begin raise notice ''漢字 und €''; return 1; end';
create function fail_kanji() returns int language plpgsql as 'begin raise exception ''漢字 und € und ä''; end';
\c plproxy_ascii
create function bytes(v text) returns text language sql as 'select encode(v::bytea, ''hex'')';
create function raw() returns text language sql as $$ select convert_from('\xe4f6fc', 'SQL_ASCII') $$;

-- the connection string of a database of this server; the other databases have no setup of their own
\set connstr 'create function connstr(db text) returns text language sql as ''select format(''''host=%s port=%s dbname=%s'''', split_part(current_setting(''''unix_socket_directories''''), '''','''', 1), current_setting(''''port''''), db)'';'
\set local 'create extension plproxy; create function echo(db text, v text, out len int, out bytes text, out back text) language plproxy as ''connect connstr(db); select * from echo(v);''; create function fail(db text, v text) returns text language plproxy as ''connect connstr(db); select fail(v);'';'

-- a UTF8 database here, LATIN1 there, and a client of a third encoding
\c plproxy_utf8
:connstr
:local
select * from echo('plproxy_latin1', 'Grüße');
select * from echo('plproxy_latin1', '漢');
select fail('plproxy_latin1', 'Müßig');
create function "größe"(db text, "straße" text) returns text language plproxy as
    'connect connstr(db); select "größe"(straße);';
select "größe"('plproxy_latin1', 'ö');
create type farbe as enum ('grün', 'weiß');
create function farben() returns setof farbe language plproxy as 'connect connstr(''plproxy_latin1'');';
select * from farben();
set client_encoding = 'LATIN1';
select bytes, length(back) from echo('plproxy_latin1', convert_from('\xfc', 'LATIN1'));
reset client_encoding;

-- a LATIN1 database here, UTF8 there
\c plproxy_latin1
set client_encoding = 'UTF8';
:connstr
:local
select * from echo('plproxy_utf8', 'Grüße');
select fail('plproxy_utf8', 'Müßig');
create function "größe"(db text, "straße" text) returns text language plproxy as
    'connect connstr(db); select "größe"(straße);';
select "größe"('plproxy_utf8', 'ö');
create function euro() returns text language plproxy as 'connect connstr(''plproxy_utf8'');';
select euro();
-- every character of LATIN1, alone and in an array, in every kind of text; the client speaks another encoding
create function texts(db text, inout t text, inout v varchar, inout c bpchar, inout a text[], out bytes text) language plproxy as
    'connect connstr(db);';
create function each_text(db text, all_texts text[], out n int, out t text) returns setof record language plproxy as
    'connect connstr(db); select ordinality::int as "n", v as "t" from unnest(all_texts) with ordinality as u (v);';
create table characters as select n, convert_from(set_byte('\x00', 0, n), 'LATIN1') as c from generate_series(1, 255) n;
select count(*), sum((record_image_ne(row(t.t, t.v, t.c, t.a), row(x.c, x.c::varchar, x.c::bpchar, array[x.c, null, x.c]))
                      or t.bytes <> encode(convert_to(concat_ws('|', x.c, x.c, x.c, array[x.c, null, x.c]), 'UTF8'), 'hex'))::int) as differ
  from characters x, texts('plproxy_utf8', c, c, c, array[c, null, c]) t;
select count(*), sum(record_image_ne(row(t.t), row(x.c))::int) as differ
  from each_text('plproxy_utf8', array(select c from characters order by n)) t full join characters x using (n);
create function kanjis() returns text[] language plproxy as 'connect connstr(''plproxy_utf8'');';
select kanjis();
create function fail_kanji() returns int language plproxy as 'connect connstr(''plproxy_utf8'');';
select fail_kanji();
create function notice_kanji() returns int language plproxy as 'connect connstr(''plproxy_utf8'');';
select notice_kanji();

-- EUC_JP here, UTF8 there, and a client that speaks SJIS
\c plproxy_eucjp
set client_encoding = 'UTF8';
:connstr
:local
select * from echo('plproxy_utf8', '日本語');
select fail('plproxy_utf8', '日本語');
create function "日本"("引数" text) returns text language plproxy as
    'connect connstr(''plproxy_utf8''); select "日本"(引数);';
select "日本"('日');
create function kanji() returns text language plproxy as 'connect connstr(''plproxy_utf8'');';
select kanji();
set client_encoding = 'SJIS';
select encode(convert_to(kanji(), 'SJIS'), 'hex');
reset client_encoding;

-- SQL_ASCII here: bytes that are UTF-8 pass as they are
\c plproxy_ascii
:connstr
:local
select encode(back::bytea, 'hex'), len from echo('plproxy_utf8', convert_from('\xc3bc', 'SQL_ASCII'));
-- and SQL_ASCII on both sides passes any byte
create function bytes(db text, v text) returns text language plproxy as 'connect connstr(db); select bytes(v);';
select bytes('plproxy_ascii', convert_from('\xe4f6fc', 'SQL_ASCII'));
create function raw(db text) returns text language plproxy as 'connect connstr(db); select raw();';
select encode(raw('plproxy_ascii')::bytea, 'hex');
-- a server that wants valid text refuses what isn't
\set VERBOSITY sqlstate
select fail('plproxy_utf8', convert_from('\xe4f6fc', 'SQL_ASCII'));

\c regression
set client_min_messages = warning;
drop database plproxy_eucjp with (force);
drop database plproxy_latin1 with (force);
drop database plproxy_ascii with (force);
drop database plproxy_utf8 with (force);
