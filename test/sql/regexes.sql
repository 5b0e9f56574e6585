-- Hostile regular expressions: thousands of random ones, the same in every
-- run, and some that are made to be costly.  Each either works, as
-- PostgreSQL's own ~ does, or is an error of class 22, soon.
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS regexes CASCADE;
CREATE SCHEMA regexes;
SET search_path = regexes, public;
RESET client_min_messages;

-- Bytes by number: of any value, or what expressions are made of.
CREATE FUNCTION random_bytes(number int) RETURNS bytea LANGUAGE sql IMMUTABLE RETURN
	substr(sha512(convert_to(number::text, 'UTF8')), 1, 1 + number * 7919 % 40);
CREATE FUNCTION random_regex(number int) RETURNS text LANGUAGE sql IMMUTABLE RETURN
	CASE number % 3
		WHEN 0 THEN convert_from(decode(replace(encode(random_bytes(number), 'hex'), '00', '2e'), 'hex'), 'LATIN1')
		ELSE (SELECT string_agg(tokens[1 + get_byte(bytes, i) % cardinality(tokens)], '' ORDER BY i)
			  FROM random_bytes(number) bytes, generate_series(0, length(bytes) - 1) i,
				(VALUES (CASE number % 3
					WHEN 1 THEN string_to_array('a b m n i . * + ? | ( ) [ ] { } ^ $ \ , - : = ! < > 0 1 2 9 " '' ü 火', ' ') || E'\n'::text
					ELSE string_to_array('main a. .* [^a] (?: ) | + {2} {0,3} {1,200} \w \m \y \1 (a ) [[:alpha:]] [[.a.]] [[=a=]]'
						' (?=a) (?!b) (?<=n) (?i) ***= ***: *** (?x) \x41 \u0061 \U0001F600 ^ $ \A \Z .*? +? [a-z] [z-a] \d', ' ') END))
				t (tokens)) END;

CREATE FUNCTION in_selector(regex text) RETURNS text LANGUAGE sql IMMUTABLE RETURN
	'{service_name=~"' || replace(replace(replace(regex, '\', '\\'), '"', '\"'), E'\n', '\n') || '"}';

-- What each use makes of a regular expression: its result, or the class of its
-- error.
CREATE FUNCTION outcome(command text, regex text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE command INTO result USING regex;
	RETURN coalesce(result, 'NULL');
EXCEPTION WHEN OTHERS THEN
	RETURN 'error ' || left(SQLSTATE, 2);
END $$;
CREATE TABLE uses (name text, command text);
INSERT INTO uses VALUES
	('~ of PostgreSQL', $$SELECT bool_or(name COLLATE "C" ~ $1) FROM unnest('{main,main.run,a,naïve}'::text[]) name$$),
	('anchored ~ of PostgreSQL', $$SELECT 'a' COLLATE "C" ~ ('^(?:' || $1 || ')$')$$),
	('profile ~', $$SELECT E'main;main.run;a 1\nmain;naïve 2'::profile ~ $1$$),
	('flamegraph_focus', $$SELECT flamegraph_total(flamegraph_focus(E'main;main.run;a 1\nmain;naïve 2', $1)) > 0$$),
	('flamegraph_share', $$SELECT flamegraph_share(E'main;main.run;a 1\nmain;naïve 2', $1) > 0$$),
	('profile_source', $$SELECT count(*) > 0 FROM profile_source(E'main;main.run;a 1\nmain;naïve 2'::profile, $1)$$),
	('pyro.matches', $$SELECT pyro.matches('a', 'cpu', '{"a": "b"}', regexes.in_selector($1))$$),
	('pyro.matches, as selector', $$SELECT pyro.matches('a', 'cpu', '{"a": "b"}', $1)$$);

CREATE TABLE given AS
	SELECT number, random_regex(number) AS regex FROM generate_series(1, 3000) number
	UNION ALL
	SELECT -row_number() OVER (), regex FROM unnest(ARRAY[repeat('(', 20000), repeat('(a', 5000) || repeat(')', 5000),
		repeat('(a|', 1000) || repeat(')*', 1000), 'a{255}{255}{255}', '((a{255}){255}){255}', repeat('(a*)*', 200),
		repeat('[[:alpha:]]', 2000), repeat('.*', 100) || 'z', '(' || repeat('a?', 100) || ')' || repeat('a', 100),
		repeat('\1', 50), '(.*)(.*)(.*)\1\2\3', repeat('(?=', 2000) || repeat(')', 2000), '(a{1,255}){1,255}b',
		repeat('a|', 20000), repeat('\', 999), repeat('[', 999), '[' || repeat('a-z', 5000) || ']', '***=', '***:(', '***:']) regex;
SELECT count(*) AS expressions, count(DISTINCT regex) > 2800 AS different FROM given;

-- One statement for each use: the server cancels what is not over in time.
SET statement_timeout = '60s';
CREATE TABLE found (number int, name text, outcome text);
SELECT format('INSERT INTO found SELECT number, %L, outcome(%L, regex) FROM given', name, command) FROM uses \gexec
RESET statement_timeout;

SELECT name, count(*) AS tried, count(*) FILTER (WHERE outcome NOT IN ('true', 'false', 'error 22')) AS neither,
	   count(*) FILTER (WHERE outcome LIKE 'error%') > 0 AS some_refused,
	   count(*) FILTER (WHERE outcome = 'true') > 0 AS some_match,
	   count(*) FILTER (WHERE outcome = 'false') > 0 AS some_do_not
FROM found GROUP BY name ORDER BY name COLLATE "C";
-- All names are looked for as PostgreSQL looks for them.
SELECT f.name, count(*) FILTER (WHERE f.outcome <> own.outcome) AS differ
FROM found f JOIN found own USING (number)
WHERE own.name = '~ of PostgreSQL' AND f.name ~ '^(profile|flamegraph)' GROUP BY f.name ORDER BY f.name COLLATE "C";
-- Those of selectors match whole values.
SELECT count(*) > 200 AS accepted, count(*) FILTER (WHERE f.outcome <> own.outcome) AS differ
FROM found f JOIN found own USING (number) JOIN given USING (number)
WHERE f.name = 'pyro.matches' AND f.outcome <> 'error 22' AND own.name = 'anchored ~ of PostgreSQL' AND regex !~ '^\(\?';
SELECT 'main 1'::profile ~ 'main' AS alive;

SET client_min_messages = warning;
DROP SCHEMA regexes CASCADE;
