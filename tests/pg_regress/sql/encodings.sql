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
