-- Deletes the extensions that are kept apart of the services that the batches of this transaction delete.

DELETE FROM {{table}}_apart WHERE (service_key, service_id) IN
  (SELECT (service_key, service_id) FROM deletions WHERE batch >= getvariable('first_batch'));
