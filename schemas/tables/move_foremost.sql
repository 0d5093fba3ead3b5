-- Moves the foremost open rows to the end of their table, so that a checkpoint drops the row groups they kept.

CREATE OR REPLACE TEMP TABLE foremost_{{table}} AS
SELECT *, rowid AS place FROM {{table}}_open WHERE rowid IN (SELECT rowid FROM {{table}}_open ORDER BY rowid LIMIT 10000);
DELETE FROM {{table}}_open WHERE rowid IN (SELECT place FROM foremost_{{table}});
INSERT INTO {{table}}_open SELECT * EXCLUDE (place) FROM foremost_{{table}};
DROP TABLE foremost_{{table}};
