-- Carries the tables of one entity over from layout 2: all files become one log. Where every source is a file or standard
-- input, no service is split; else the marks stay, because nobody can tell which of them files caused.

ALTER TABLE {{table}}_open RENAME COLUMN source TO log;
UPDATE {{table}}_open SET log = (SELECT min(source) FROM kinds WHERE kind = 'file')
  WHERE log IN (SELECT source FROM kinds WHERE kind = 'file') AND log <> (SELECT min(source) FROM kinds WHERE kind = 'file');
UPDATE {{table}}_open SET split = false WHERE split AND NOT (SELECT older_marks FROM layout);
ALTER TABLE {{table}}_closed RENAME COLUMN source TO log;
UPDATE {{table}}_closed SET log = (SELECT min(source) FROM kinds WHERE kind = 'file')
  WHERE log IN (SELECT source FROM kinds WHERE kind = 'file') AND log <> (SELECT min(source) FROM kinds WHERE kind = 'file');
UPDATE {{table}}_closed SET split = false WHERE split AND NOT (SELECT older_marks FROM layout);
ALTER TABLE {{table}}_late RENAME COLUMN source TO log;
UPDATE {{table}}_late SET log = (SELECT min(source) FROM kinds WHERE kind = 'file')
  WHERE log IN (SELECT source FROM kinds WHERE kind = 'file') AND log <> (SELECT min(source) FROM kinds WHERE kind = 'file');
UPDATE {{table}}_late SET split = false WHERE split AND NOT (SELECT older_marks FROM layout);
