-- Stores the rows that late fragments change, merged, and removes dead rows from the closed table. Readers see the same
-- rows before and after.

CREATE OR REPLACE TEMP TABLE settled_{{table}} AS FROM {{table}}_merged;
INSERT INTO deleted_logs SELECT DISTINCT c.service_key, c.service_id, c.log, c.split FROM {{table}}_closed c JOIN deletions d
  ON d.service_key = c.service_key AND d.service_id = c.service_id WHERE d.batch > c.batch
  AND NOT EXISTS (FROM deleted_logs k WHERE k.service_key = c.service_key AND k.service_id = c.service_id
                  AND k.log = c.log AND k.split = c.split);
DELETE FROM {{table}}_closed WHERE row_key IN (SELECT row_key FROM {{table}}_late) AND {{ids_tuple}} IN (SELECT {{ids_tuple}} FROM {{table}}_late);
DELETE FROM {{table}}_closed USING deletions d
  WHERE d.service_key = {{table}}_closed.service_key AND d.service_id = {{table}}_closed.service_id AND d.batch > {{table}}_closed.batch;
DELETE FROM {{table}}_late;
INSERT INTO {{table}}_closed FROM settled_{{table}} WHERE end_timestamp IS NOT NULL;
INSERT INTO {{table}}_open FROM settled_{{table}} WHERE end_timestamp IS NULL;
DROP TABLE settled_{{table}};
