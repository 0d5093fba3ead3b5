-- {{path}}: NDJSON of the services deleted in this batch.

CREATE OR REPLACE TEMP TABLE deleted AS
FROM read_json('{{path}}', format = 'newline_delimited', maximum_object_size = {{longest}},
  columns = {service_id: 'VARCHAR', service_key: 'BIGINT'});
INSERT INTO deletions SELECT service_key, service_id, {{batch}} FROM deleted;
