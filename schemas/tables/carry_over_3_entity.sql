-- Carries the tables of one entity over from layout 3 to layout 4. This file is never changed again, whatever layout 4
-- becomes. Extensions that layout 3 stored stay in their rows. The length of older rows is not known; 1,000 is more than most
-- have.

ALTER TABLE {{table}}_open ADD COLUMN bytes BIGINT DEFAULT 1000;
ALTER TABLE {{table}}_open ALTER COLUMN bytes DROP DEFAULT;
ALTER TABLE {{table}}_open ALTER COLUMN bytes SET NOT NULL;
ALTER TABLE {{table}}_closed ADD COLUMN bytes BIGINT DEFAULT 1000;
ALTER TABLE {{table}}_closed ALTER COLUMN bytes DROP DEFAULT;
ALTER TABLE {{table}}_late ADD COLUMN bytes BIGINT DEFAULT 1000;
ALTER TABLE {{table}}_late ALTER COLUMN bytes DROP DEFAULT;

CREATE TABLE {{table}}_apart (
{{id_definitions}},
  name VARCHAR NOT NULL,
  json VARCHAR NOT NULL,
  bytes BIGINT NOT NULL,
  place INTEGER NOT NULL,
  row_key BIGINT NOT NULL,
  service_key BIGINT NOT NULL,
  batch BIGINT NOT NULL
);
