-- {{path}}: NDJSON of the records set aside in this batch, bytes in base64.

INSERT INTO quarantine
SELECT topic, partition, "offset", make_timestamp(record_time * 1000), from_base64(key), from_base64(value),
  headers, schema_id, reason, field, message
FROM read_json('{{path}}', format = 'newline_delimited', maximum_object_size = {{longest}}, columns = {
  topic: 'VARCHAR', partition: 'INTEGER', "offset": 'BIGINT', record_time: 'BIGINT', key: 'VARCHAR', value: 'VARCHAR',
  headers: 'VARCHAR', schema_id: 'INTEGER', reason: 'VARCHAR', field: 'VARCHAR', message: 'VARCHAR'
});
