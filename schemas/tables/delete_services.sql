-- Deletes the services that the batches of this transaction, from `first_batch` on, delete from open and late, and keeps
-- which logs their rows came from. Their closed rows are dead, and are removed later.

INSERT INTO deleted_logs
SELECT DISTINCT service_key, service_id, log, split FROM (FROM {{table}}_open UNION ALL FROM {{table}}_late) x
WHERE (service_key, service_id) IN (SELECT (service_key, service_id) FROM deletions WHERE batch >= getvariable('first_batch'))
  AND NOT EXISTS (FROM deleted_logs d WHERE d.service_key = x.service_key AND d.service_id = x.service_id
                  AND d.log = x.log AND d.split = x.split);
DELETE FROM {{table}}_open WHERE (service_key, service_id) IN
  (SELECT (service_key, service_id) FROM deletions WHERE batch >= getvariable('first_batch'));
DELETE FROM {{table}}_late WHERE (service_key, service_id) IN
  (SELECT (service_key, service_id) FROM deletions WHERE batch >= getvariable('first_batch'));
