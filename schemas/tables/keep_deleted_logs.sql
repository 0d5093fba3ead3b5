-- Keeps from which log each deletion of the batches of this transaction came, once for each service and log.

INSERT INTO deleted_logs
SELECT DISTINCT service_key, service_id, log, false FROM deletions x
WHERE batch >= getvariable('first_batch')
  AND NOT EXISTS (FROM deleted_logs d WHERE d.service_key = x.service_key AND d.service_id = x.service_id AND d.log = x.log);
