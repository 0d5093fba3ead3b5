-- The start and end of the services in `marked_services`, in milliseconds, before the batch. Closed rows are read by
-- rowid, so that only these rows are read in full.

SELECT service_id, epoch_ms(arg_max(start_timestamp, batch)), epoch_ms(arg_max(end_timestamp, batch))
FROM (
  SELECT service_key, service_id, start_timestamp, end_timestamp, batch FROM services_open
  WHERE rowid IN (SELECT rowid FROM services_open WHERE row_key IN (SELECT service_key FROM marked_services))
  UNION ALL
  SELECT service_key, service_id, start_timestamp, end_timestamp, batch FROM services_late
  WHERE row_key IN (SELECT service_key FROM marked_services)
  UNION ALL
  SELECT c.service_key, c.service_id, c.start_timestamp, c.end_timestamp, c.batch FROM services_closed c
  WHERE c.rowid IN (SELECT rowid FROM services_closed WHERE row_key IN (SELECT service_key FROM marked_services))
    AND NOT EXISTS (FROM deletions d
                    WHERE d.service_key = c.service_key AND d.service_id = c.service_id AND d.batch > c.batch)
)
WHERE service_id IN (SELECT service_id FROM marked_services)
GROUP BY service_key, service_id;
