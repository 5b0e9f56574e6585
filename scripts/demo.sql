-- The demo's database: a table of profiles, and flame graphs in the terminal.
--
--   SELECT draw(flamegraph(profile)) FROM profiles WHERE service = '...';

CREATE EXTENSION pyro_ext;

CREATE TABLE profiles (
  ts      timestamptz NOT NULL,
  service text        NOT NULL,
  name    text        NOT NULL,
  labels  jsonb       NOT NULL DEFAULT '{}',
  profile profile     NOT NULL
);
CREATE INDEX ON profiles (service, name, ts);

-- A value with its unit, as people write it.
CREATE FUNCTION readable(value numeric, sample_type text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT
RETURN CASE split_part(sample_type, '/', 2)
  WHEN 'nanoseconds' THEN
    CASE WHEN abs(value) >= 1e9 THEN round(value / 1e9, 2) || ' s'
         WHEN abs(value) >= 1e6 THEN round(value / 1e6, 1) || ' ms'
         ELSE round(value / 1e3, 1) || ' us' END
  WHEN 'microseconds' THEN
    CASE WHEN abs(value) >= 1e6 THEN round(value / 1e6, 2) || ' s'
         ELSE round(value / 1e3, 1) || ' ms' END
  WHEN 'milliseconds' THEN round(value / 1e3, 2) || ' s'
  WHEN 'bytes' THEN pg_size_pretty(value)
  ELSE value::text
END;

-- One line per frame: its share, a bar where it stands in the graph, its name.
-- A bar of a child lies under the bar of its parent.
CREATE FUNCTION draw(graph flamegraph, max_nodes int DEFAULT 40,
                     width int DEFAULT 120, colours boolean DEFAULT false)
RETURNS SETOF text
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  WITH frames AS MATERIALIZED (
    SELECT *, max(value) OVER () AS whole
    FROM flamegraph_frames(graph, max_nodes)
  ), placed AS (
    -- what lies left of a frame: the self values of all frames before it in
    -- pre-order, without those of the frames above it
    SELECT n.*,
           (SELECT coalesce(sum(b.self), 0) FROM frames b
            WHERE b.ord < n.ord
              AND EXISTS (SELECT FROM frames x
                          WHERE x.ord > b.ord AND x.ord <= n.ord
                            AND x.level <= b.level)) AS before,
           width / 3 AS cells
    FROM frames n
  ), bars AS (
    SELECT *,
           least(cells - 1, floor(before * cells / nullif(whole, 0)))::int AS start,
           greatest(1, round(value * cells * 8 / nullif(whole, 0)))::int AS eighths
    FROM placed
  )
  SELECT concat(
    to_char(100.0 * value / nullif(whole, 0), '990.0'), '% ',
    repeat(' ', start),
    CASE WHEN colours THEN
      format(E'\033[38;5;%sm',
             CASE WHEN label IN ('other', 'total') THEN 246
                  ELSE ('{160,166,172,178,196,202,208,214,220}'::int[])
                       [1 + abs(hashtext(label)::bigint) % 9] END)
    END,
    rpad(repeat('█', eighths / 8)
         || substr(' ▏▎▍▌▋▊▉', eighths % 8 + 1, 1),
         greatest(0, cells + 1 - start)),
    CASE WHEN colours THEN E'\033[0m' END,
    ' ', repeat(' ', level),
    CASE WHEN length(label) > room THEN left(label, room - 1) || '…'
         ELSE label END,
    CASE WHEN level = 0 THEN ' ' || readable(value, flamegraph_sample_type(graph)) END)
  FROM bars
  CROSS JOIN LATERAL (SELECT greatest(20, width - cells - 10 - level)) AS r(room)
  ORDER BY ord;
END;

COMMENT ON TABLE profiles IS 'one row per profile';
COMMENT ON FUNCTION readable(numeric, text) IS 'a value with its unit';
COMMENT ON FUNCTION draw(flamegraph, int, int, boolean) IS 'a flame graph in the terminal';
