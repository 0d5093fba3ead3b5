-- A template for the tables of one entity: service, state or task. The columns come from schemas/columns.ts. A row lies
-- in one of two tables: open (without an end timestamp) or closed (append-only, nearly in time order). A change to a
-- row that is not open is a late fragment: it is appended to `late`, merged with its row whenever the row is read, and
-- later settled, which stores the merged row. So the cost of a batch grows with the open rows, and not with all rows
-- that were ever stored.

CREATE TABLE {{table}}_open (
{{definitions}},
  extensions STRUCT(name VARCHAR, json VARCHAR, paths VARCHAR[], texts VARCHAR[])[],
  row_key BIGINT NOT NULL,          -- hash of the ids, for narrow joins and for the filter of seen keys
  service_key BIGINT NOT NULL,      -- hash of the service_id
  batch BIGINT NOT NULL,            -- the last batch that changed the row
  source INTEGER NOT NULL,          -- the partition of its events: partitions.source
  split BOOLEAN NOT NULL            -- true when its events come from more than one partition
);
CREATE TABLE {{table}}_closed AS FROM {{table}}_open;
CREATE TABLE {{table}}_late AS FROM {{table}}_open;

-- Late fragments merged with the closed rows that they change: one row for each id.
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
  -- By rowid, so that only these rows are read in full. A condition on row_key would read all rows in full.
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

-- The view for users: the columns of the exports, then the extensions as JSON text (contract 2.16).
CREATE VIEW {{table}} AS
SELECT
  {{exported}},
  CASE WHEN len(extensions) > 0 THEN
    '{' || list_aggregate(list_transform(extensions, lambda e: to_json(e.name)::VARCHAR || ':' || e.json), 'string_agg', ',') || '}'
  END AS extensions
FROM {{table}}_rows;
