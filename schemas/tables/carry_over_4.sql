-- Carries a database of layout 4 over to layout 5. This file is never changed again, whatever layout 5 becomes. What layout 4
-- did not record of a partition is unknown until its next batch; the settings that its records were read with stay unknown.

ALTER TABLE partitions ADD COLUMN cluster_id VARCHAR;
ALTER TABLE partitions ADD COLUMN topic_id VARCHAR;
ALTER TABLE partitions ADD COLUMN last_offset BIGINT;
ALTER TABLE partitions ADD COLUMN last_time TIMESTAMP;
ALTER TABLE partitions ADD COLUMN last_sha256 VARCHAR;
CREATE TABLE decodings (
  number           INTEGER NOT NULL,
  key_format       VARCHAR NOT NULL,
  max_record_bytes BIGINT,
  registry         BOOLEAN NOT NULL
);
CREATE TABLE replay (plan VARCHAR NOT NULL);
CREATE TABLE replays (
  request_id  VARCHAR NOT NULL,
  state       VARCHAR NOT NULL,
  door        VARCHAR NOT NULL,
  client      VARCHAR NOT NULL,
  accepted_at TIMESTAMP NOT NULL,
  ended_at    TIMESTAMP,
  parameters  VARCHAR NOT NULL,
  plan        VARCHAR NOT NULL,
  progress    VARCHAR,
  error       VARCHAR,
  cancelled_by VARCHAR,
  used_at     TIMESTAMP,
  dropped_at  TIMESTAMP,
  sequence    BIGINT NOT NULL
);
