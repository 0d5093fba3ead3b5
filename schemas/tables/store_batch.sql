-- One batch of fragments of one entity meets the tables; runs inside the batch's transaction. {{path}}: NDJSON of the fragments.

CREATE OR REPLACE TEMP TABLE staged_{{table}} AS
SELECT {{staged}}, extensions, row_key, service_key, {{batch}}::BIGINT AS batch, {{source}}::INTEGER AS source, seen
FROM read_json('{{path}}', format = 'newline_delimited', maximum_object_size = {{longest}}, columns = {
  {{staged_types}},
  extensions: 'STRUCT(name VARCHAR, json VARCHAR, paths VARCHAR[], texts VARCHAR[])[]',
  row_key: 'BIGINT', service_key: 'BIGINT', seen: 'BOOLEAN'
});

-- A row that was never seen needs no look-up.
INSERT INTO {{table}}_closed SELECT * EXCLUDE (seen), false FROM staged_{{table}} WHERE NOT seen AND end_timestamp IS NOT NULL;
INSERT INTO {{table}}_open SELECT * EXCLUDE (seen), false FROM staged_{{table}} WHERE NOT seen AND end_timestamp IS NULL;
