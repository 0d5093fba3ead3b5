-- A template for the views of one entity. A new version replaces them, so they may change without a new layout.

-- Late fragments merged with the closed rows that they change: one row for each id.
CREATE OR REPLACE VIEW {{table}}_merged AS
SELECT
  {{ids}},
  {{latest_values}},
  list_reduce(list(extensions ORDER BY batch) FILTER (extensions IS NOT NULL),
              lambda older, newer: merge_extensions(older, newer)) AS extensions,
  row_key,
  service_key,
  max(batch) AS batch,
  arg_min(log, batch) AS log,
  bool_or(split) OR min(log) <> max(log) AS split,
  sum(bytes)::BIGINT AS bytes
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

CREATE OR REPLACE VIEW {{table}}_rows AS
FROM {{table}}_open
UNION ALL
SELECT c.* FROM {{table}}_closed c
WHERE NOT EXISTS (FROM {{table}}_late l WHERE l.row_key = c.row_key)
  AND NOT EXISTS (FROM deletions d
                  WHERE d.service_key = c.service_key AND d.service_id = c.service_id AND d.batch > c.batch)
UNION ALL
FROM {{table}}_merged;

-- Rows whose extensions are kept apart, with all their extensions as JSON text.
CREATE OR REPLACE VIEW {{table}}_apart_objects AS
SELECT {{ids}}, '{' || string_agg(to_json(name)::VARCHAR || ':' || json, ',' ORDER BY first_at) || '}' AS extensions
FROM (
  SELECT {{ids}}, name, min(set_at) AS first_at, arg_max(json, set_at) AS json
  FROM (
    SELECT {{ids}}, name, json, {'batch': batch, 'place': place} AS set_at FROM {{table}}_apart
    UNION ALL
    SELECT {{ids}}, own.name, own.json, {'batch': -1, 'place': place} AS set_at
    FROM (
      SELECT {{row_ids}}, unnest(r.extensions) AS own, generate_subscripts(r.extensions, 1) AS place
      FROM {{table}}_rows r
      WHERE r.row_key IN (SELECT row_key FROM {{table}}_apart)
        AND EXISTS (FROM {{table}}_apart a WHERE a.row_key = r.row_key AND {{same_apart_ids}})
    )
  )
  GROUP BY {{ids}}, name
)
GROUP BY {{ids}};

-- The view for users: the columns of the exports, then the extensions as JSON text (contract 2.16).
CREATE OR REPLACE VIEW {{table}} AS
SELECT
  {{exported}},
  CASE
    WHEN a.extensions IS NOT NULL THEN a.extensions
    WHEN len(r.extensions) > 0 THEN
      '{' || list_aggregate(list_transform(r.extensions, lambda e: to_json(e.name)::VARCHAR || ':' || e.json), 'string_agg', ',') || '}'
  END AS extensions
FROM {{table}}_rows r LEFT JOIN {{table}}_apart_objects a USING ({{ids}});
