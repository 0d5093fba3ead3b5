-- The tables of one entity (service, state or task), a template: {{…}} is filled from schemas/columns.ts.
-- A row lies in exactly one place: open (no end side) or closed (append-only, near time order). What an event says of
-- a row that is not open but may be closed is appended to `late` and merged when read, until it is settled: a batch
-- then costs what is open, never what was ever stored.

CREATE TABLE {{table}}_open (
{{definitions}},
  extensions STRUCT(name VARCHAR, json VARCHAR, paths VARCHAR[], texts VARCHAR[])[],
  row_key BIGINT NOT NULL,          -- hash of the ids: narrow joins, and the membership filter
  service_key BIGINT NOT NULL,      -- hash of the service_id
  batch BIGINT NOT NULL,            -- the last batch that changed the row
  source INTEGER NOT NULL,          -- the partition its events come from
  split BOOLEAN NOT NULL            -- true when they come from more than one
);
CREATE TABLE {{table}}_closed AS FROM {{table}}_open;
CREATE TABLE {{table}}_late AS FROM {{table}}_open;

-- Late fragments and the closed rows they speak of, folded into one row each.
CREATE VIEW {{table}}_merged AS
SELECT
  {{ids}},
  {{latest_values}},
  list_reduce(list(extensions ORDER BY batch) FILTER (extensions IS NOT NULL),
              lambda older, newer: merge_extensions(older, newer)) AS extensions,
  row_key,
  service_key,
  max(batch) AS batch,
  arg_min(source, batch) AS source,
  bool_or(split) OR min(source) <> max(source) AS split
FROM (
  FROM {{table}}_late
  UNION ALL
  SELECT c.* FROM {{table}}_closed c
  -- By rowid: whole rows are then read where they lie, which a search by key would do of all rows.
  WHERE c.rowid IN (SELECT k.rowid FROM {{table}}_closed k WHERE k.row_key IN (SELECT row_key FROM {{table}}_late))
    AND NOT EXISTS (FROM deletions d
                    WHERE d.service_key = c.service_key AND d.service_id = c.service_id AND d.batch > c.batch)
)
GROUP BY {{ids}}, row_key, service_key;

CREATE VIEW {{table}}_rows AS
FROM {{table}}_open
UNION ALL
SELECT c.* FROM {{table}}_closed c
WHERE NOT EXISTS (FROM {{table}}_late l WHERE l.row_key = c.row_key)
  AND NOT EXISTS (FROM deletions d
                  WHERE d.service_key = c.service_key AND d.service_id = c.service_id AND d.batch > c.batch)
UNION ALL
FROM {{table}}_merged;

-- What a user queries: the columns of the exports, then the extensions as JSON text.
CREATE VIEW {{table}} AS
SELECT
  {{exported}},
  CASE WHEN len(extensions) > 0 THEN
    '{' || list_aggregate(list_transform(extensions, lambda e: to_json(e.name)::VARCHAR || ':' || e.json), 'string_agg', ',') || '}'
  END AS extensions
FROM {{table}}_rows;
