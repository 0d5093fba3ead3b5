-- What the warehouse holds besides rows: where reading goes on, what was set aside, what was deleted, what was asked for.

CREATE TABLE layout (version INTEGER NOT NULL, store_id UUID NOT NULL);

-- One row a partition; written in the transaction that writes its rows, so that no crash can part the two.
CREATE TABLE partitions (
  source        INTEGER NOT NULL,   -- short name of the partition inside rows
  topic         VARCHAR NOT NULL,
  partition     INTEGER NOT NULL,
  origin        VARCHAR NOT NULL,   -- where it was last read from, in the user's words
  next_offset   BIGINT NOT NULL,
  bookmark      VARCHAR,
  records_read  BIGINT NOT NULL,
  applied       BIGINT NOT NULL,
  quarantined   BIGINT NOT NULL,
  batch         BIGINT NOT NULL,    -- the last batch stored from it
  watermark     TIMESTAMP           -- highest event time not later than its record's own time + skew
);

-- Gaps [from_offset, to_offset): records that the log had deleted before they were read, and reading went on by policy.
CREATE TABLE lost_records (
  topic       VARCHAR NOT NULL,
  partition   INTEGER NOT NULL,
  from_offset BIGINT NOT NULL,
  to_offset   BIGINT NOT NULL,
  reason      VARCHAR NOT NULL
);

-- The schemas that the records of a topic were written with.
CREATE TABLE schema_ids (topic VARCHAR NOT NULL, schema_id BIGINT NOT NULL);

CREATE TABLE quarantine (
  topic       VARCHAR NOT NULL,
  partition   INTEGER NOT NULL,
  "offset"    BIGINT NOT NULL,
  record_time TIMESTAMP,
  key         BLOB,
  value       BLOB,
  headers     VARCHAR,              -- JSON array of [name, value in base64]
  schema_id   BIGINT,               -- of the writer, where the record names one; four bytes without a sign
  reason      VARCHAR NOT NULL,
  field       VARCHAR,
  message     VARCHAR NOT NULL
);

-- Services deleted while rows of theirs may lie in a closed table: such a row is dead when it changed before this batch.
CREATE TABLE deletions (service_key BIGINT NOT NULL, service_id VARCHAR NOT NULL, batch BIGINT NOT NULL);

CREATE TABLE exports (
  request_id  VARCHAR NOT NULL,
  state       VARCHAR NOT NULL,     -- accepted, running, publishing, completed, failed, cancelled
  door        VARCHAR NOT NULL,     -- http, control, cli
  client      VARCHAR NOT NULL,     -- who asked
  accepted_at TIMESTAMP NOT NULL,
  ended_at    TIMESTAMP,
  parameters  VARCHAR NOT NULL,     -- JSON, as given, before defaults
  plan        VARCHAR NOT NULL,     -- JSON: everything decided when the request was accepted
  manifest    VARCHAR,              -- JSON
  error       VARCHAR,              -- JSON: code and message
  cancelled_by VARCHAR,             -- who wants its end: from then on it gets no files, even after a crash
  sequence    BIGINT NOT NULL       -- of its last status; 0 before the first
);

-- Merges extensions by name: a name's value is replaced whole, its place among the names stays.
CREATE MACRO merge_extensions(older, newer) AS CASE
  WHEN newer IS NULL THEN older
  WHEN older IS NULL THEN newer
  ELSE list_concat(
    list_transform(older, lambda o: coalesce(list_filter(newer, lambda n: n.name = o.name)[1], o)),
    list_filter(newer, lambda n: NOT list_contains(list_transform(older, lambda o: o.name), n.name)))
END;
