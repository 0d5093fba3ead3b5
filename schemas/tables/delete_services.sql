-- Services deleted in this batch: gone from open and late at once; closed rows are dead from now on.

DELETE FROM {{table}}_open WHERE (service_key, service_id) IN 
  (SELECT (service_key, service_id) FROM deletions WHERE batch = getvariable('batch'));
DELETE FROM {{table}}_late WHERE (service_key, service_id) IN 
  (SELECT (service_key, service_id) FROM deletions WHERE batch = getvariable('batch'));
