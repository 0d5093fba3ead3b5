-- Moves the first 10,000 open rows to the end of their table, so that the next checkpoint can drop the row groups that
-- they were in.

CREATE OR REPLACE TEMP TABLE moved_{{table}} AS
SELECT *, rowid AS old_rowid FROM {{table}}_open WHERE rowid IN (SELECT rowid FROM {{table}}_open ORDER BY rowid LIMIT 10000);
DELETE FROM {{table}}_open WHERE rowid IN (SELECT old_rowid FROM moved_{{table}});
INSERT INTO {{table}}_open SELECT * EXCLUDE (old_rowid) FROM moved_{{table}};
DROP TABLE moved_{{table}};
