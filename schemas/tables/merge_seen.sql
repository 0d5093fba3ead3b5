-- Merges the fragments in `seen` with their open rows. Fragments without an open row go to `late`.

CREATE OR REPLACE TEMP TABLE touched_{{table}} AS
SELECT
  {{seen_ids}},
  {{merged_values}},
  merge_extensions(o.extensions, s.extensions) AS extensions,
  s.row_key, s.service_key, s.batch,
  coalesce(o.log, s.log) AS log,
  coalesce(o.split OR o.log <> s.log, false) AS split,
  s.bytes + coalesce(o.bytes, 0) AS bytes,
  o.rowid AS open_row
FROM seen_{{table}} s
LEFT JOIN {{table}}_open o ON {{same_ids}} AND o.row_key = s.row_key;

DELETE FROM {{table}}_open WHERE rowid IN (SELECT open_row FROM touched_{{table}} WHERE open_row IS NOT NULL);
INSERT INTO {{table}}_closed SELECT * EXCLUDE (open_row) FROM touched_{{table}}
  WHERE open_row IS NOT NULL AND end_timestamp IS NOT NULL;
INSERT INTO {{table}}_open SELECT * EXCLUDE (open_row) FROM touched_{{table}}
  WHERE open_row IS NOT NULL AND end_timestamp IS NULL;
INSERT INTO {{table}}_late SELECT * EXCLUDE (open_row) FROM touched_{{table}} WHERE open_row IS NULL;
