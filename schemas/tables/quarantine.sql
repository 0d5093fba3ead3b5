-- The records set aside in this batch, staged with their bytes in base64.

INSERT INTO quarantine
SELECT topic, partition::INTEGER, "offset"::BIGINT, make_timestamp(record_time::BIGINT * 1000),
  from_base64(key), from_base64(value), headers, schema_id::BIGINT, reason, field, message
FROM quarantined;
