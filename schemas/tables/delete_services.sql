-- Deletes this batch's deleted services from open and late. Their closed rows are dead, and are removed later.

DELETE FROM {{table}}_open WHERE (service_key, service_id) IN
  (SELECT (service_key, service_id) FROM deletions WHERE batch = getvariable('batch'));
DELETE FROM {{table}}_late WHERE (service_key, service_id) IN
  (SELECT (service_key, service_id) FROM deletions WHERE batch = getvariable('batch'));
