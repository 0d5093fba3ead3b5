-- Carries a database of layout 2 over to layout 3. This file is never changed again, whatever layout 3 becomes: a later
-- layout gets a further step.
--
-- What layout 2 did not record is unknown, which is cautious: where the
-- first reading began, whether a file was read to its end, when a gap was met.

DROP VIEW services;
DROP VIEW services_rows;
DROP VIEW services_merged;
DROP VIEW states;
DROP VIEW states_rows;
DROP VIEW states_merged;
DROP VIEW tasks;
DROP VIEW tasks_rows;
DROP VIEW tasks_merged;

ALTER TABLE partitions RENAME TO partitions_2;
ALTER TABLE exports RENAME TO exports_2;
ALTER TABLE deletions RENAME TO deletions_2;
ALTER TABLE layout RENAME TO layout_2;

CREATE TABLE layout (
  version INTEGER NOT NULL,
  store_id UUID NOT NULL,
  older_marks BOOLEAN NOT NULL
);
CREATE TABLE partitions (
  source        INTEGER NOT NULL,
  log           INTEGER NOT NULL,
  topic         VARCHAR NOT NULL,
  partition     INTEGER NOT NULL,
  origin        VARCHAR NOT NULL,
  kind          VARCHAR NOT NULL,
  listed        BOOLEAN NOT NULL,
  first_offset  BIGINT,
  next_offset   BIGINT,
  bookmark      VARCHAR,
  first_time    TIMESTAMP,
  records_read  BIGINT NOT NULL,
  applied       BIGINT NOT NULL,
  quarantined   BIGINT NOT NULL,
  batch         BIGINT NOT NULL,
  latest_event  TIMESTAMP,
  ended_by      VARCHAR,
  ended_who     VARCHAR,
  ended_at      TIMESTAMP,
  vouched_at    TIMESTAMP,
  looked_at     TIMESTAMP,
  look_stable   BIGINT,
  look_high     BIGINT,
  changed       VARCHAR
);
CREATE TABLE topics (
  topic      VARCHAR NOT NULL,
  declared   VARCHAR,
  partitions BIGINT,
  listed_at  TIMESTAMP,
  ended_who  VARCHAR,
  ended_at   TIMESTAMP
);
CREATE TABLE readings (
  number      INTEGER NOT NULL,
  source      INTEGER NOT NULL,
  from_offset BIGINT NOT NULL,
  next_offset BIGINT NOT NULL
);
CREATE TABLE coverage (covers_until TIMESTAMP);
INSERT INTO coverage VALUES (NULL);
CREATE TABLE gaps (
  source      INTEGER NOT NULL,
  from_offset BIGINT NOT NULL,
  to_offset   BIGINT NOT NULL,
  reason      VARCHAR NOT NULL,
  watermark   TIMESTAMP,
  time_after  TIMESTAMP
);
CREATE TABLE contradictions (
  request_id  VARCHAR NOT NULL,
  batch       BIGINT NOT NULL,
  stored_at   TIMESTAMP NOT NULL,
  topic       VARCHAR NOT NULL,
  partition   INTEGER NOT NULL,
  "offset"    BIGINT NOT NULL,
  services    BIGINT NOT NULL
);
CREATE TABLE deletions (service_key BIGINT NOT NULL, service_id VARCHAR NOT NULL, batch BIGINT NOT NULL, log INTEGER NOT NULL);
CREATE TABLE deleted_logs (service_key BIGINT NOT NULL, service_id VARCHAR NOT NULL, log INTEGER NOT NULL, split BOOLEAN NOT NULL);
CREATE TABLE exports (
  request_id  VARCHAR NOT NULL,
  state       VARCHAR NOT NULL,
  door        VARCHAR NOT NULL,
  client      VARCHAR NOT NULL,
  accepted_at TIMESTAMP NOT NULL,
  ended_at    TIMESTAMP,
  parameters  VARCHAR NOT NULL,
  plan        VARCHAR NOT NULL,
  manifest    VARCHAR,
  error       VARCHAR,
  cancelled_by VARCHAR,
  sequence    BIGINT NOT NULL,
  completeness   VARCHAR,
  snapshot_batch BIGINT,
  reported    BOOLEAN NOT NULL
);

CREATE TEMP TABLE kinds AS
SELECT source, CASE
  WHEN (regexp_full_match(topic, 'file-[0-9a-f]{16}') AND partition = 0) OR topic LIKE 'stdin@%' THEN 'file'
  WHEN origin LIKE 'kafka %' THEN 'live'
  ELSE 'folder' END AS kind
FROM partitions_2;

-- Offsets of files and local logs have no holes but lines of white space, so the first offset follows from the counts. Those
-- of a topic may have holes; only where the counts leave none did its reading begin at 0.
INSERT INTO partitions
SELECT p.source, CASE WHEN kind = 'file' THEN (SELECT min(source) FROM kinds WHERE kind = 'file') ELSE p.source END,
  p.topic, p.partition, p.origin, kind, kind = 'live',
  CASE
    WHEN kind = 'file' THEN 0
    WHEN kind = 'folder' THEN p.next_offset - p.records_read
    WHEN p.next_offset = p.records_read + coalesce((SELECT sum(l.to_offset - l.from_offset) FROM lost_records l
                                                    WHERE l.topic = p.topic AND l.partition = p.partition), 0) THEN 0
  END,
  p.next_offset, p.bookmark, NULL, p.records_read, p.applied, p.quarantined, p.batch, p.watermark,
  NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM partitions_2 p JOIN kinds USING (source)
ORDER BY p.source;

INSERT INTO gaps
SELECT p.source, l.from_offset, l.to_offset, l.reason, NULL, NULL
FROM lost_records l JOIN partitions_2 p ON p.topic = l.topic AND p.partition = l.partition;

INSERT INTO deletions SELECT service_key, service_id, batch, -1 FROM deletions_2;

-- A plan of layout 2 has no look at the log: an export that is run again looks anew.
INSERT INTO exports
SELECT request_id, state, door, client, accepted_at, ended_at, parameters,
  left(plan, length(plan) - 1) || ',"look":null}', manifest, error, cancelled_by, sequence,
  manifest ->> '$.status',
  CASE WHEN manifest IS NOT NULL THEN (SELECT coalesce(max(batch), 0) FROM partitions_2) END, false
FROM exports_2;

INSERT INTO layout SELECT version, store_id, (SELECT count(*) > 0 FROM kinds WHERE kind <> 'file') FROM layout_2;

DROP TABLE partitions_2;
DROP TABLE exports_2;
DROP TABLE deletions_2;
DROP TABLE layout_2;
DROP TABLE lost_records;
