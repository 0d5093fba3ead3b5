-- All tables but those of services, states and tasks: positions, quarantine, deletions and export requests.

CREATE TABLE layout (version INTEGER NOT NULL, store_id UUID NOT NULL);

-- One row for each partition, written in the transaction that writes the rows of its events (contract 2.10).
CREATE TABLE partitions (
  source        INTEGER NOT NULL,   -- the partition's number in rows of other tables
  topic         VARCHAR NOT NULL,
  partition     INTEGER NOT NULL,
  origin        VARCHAR NOT NULL,   -- where it was last read from, as the user knows it: a path or a broker list
  next_offset   BIGINT NOT NULL,
  bookmark      VARCHAR,
  records_read  BIGINT NOT NULL,
  applied       BIGINT NOT NULL,
  quarantined   BIGINT NOT NULL,
  batch         BIGINT NOT NULL,    -- the last batch stored from it
  watermark     TIMESTAMP           -- highest event time at most skew_ms after its record's own time
);

-- Gaps [from_offset, to_offset): records that the log deleted before they were read (contract 2.15).
CREATE TABLE lost_records (
  topic       VARCHAR NOT NULL,
  partition   INTEGER NOT NULL,
  from_offset BIGINT NOT NULL,
  to_offset   BIGINT NOT NULL,
  reason      VARCHAR NOT NULL
);

-- The ids of the Avro schemas that the records of a topic were written with.
CREATE TABLE schema_ids (topic VARCHAR NOT NULL, schema_id BIGINT NOT NULL);

CREATE TABLE quarantine (
  topic       VARCHAR NOT NULL,
  partition   INTEGER NOT NULL,
  "offset"    BIGINT NOT NULL,
  record_time TIMESTAMP,
  key         BLOB,
  value       BLOB,
  headers     VARCHAR,              -- JSON array of [name, value in base64]
  schema_id   BIGINT,               -- the schema id that the record names, 0 to 2^32-1; NULL when it names none
  reason      VARCHAR NOT NULL,
  field       VARCHAR,
  message     VARCHAR NOT NULL
);

-- Deleted services that may still have rows in a closed table. A row that was last changed before this batch is dead.
CREATE TABLE deletions (service_key BIGINT NOT NULL, service_id VARCHAR NOT NULL, batch BIGINT NOT NULL);

CREATE TABLE exports (
  request_id  VARCHAR NOT NULL,
  state       VARCHAR NOT NULL,     -- accepted, running, publishing, completed, failed, cancelled
  door        VARCHAR NOT NULL,     -- http, control, cli
  client      VARCHAR NOT NULL,     -- who made the request
  accepted_at TIMESTAMP NOT NULL,
  ended_at    TIMESTAMP,
  parameters  VARCHAR NOT NULL,     -- JSON, as given, without defaults
  plan        VARCHAR NOT NULL,     -- JSON: everything decided when the request was accepted
  manifest    VARCHAR,              -- JSON
  error       VARCHAR,              -- JSON: code and message
  cancelled_by VARCHAR,             -- who cancelled it, or NULL; a cancelled request gets no files, even after a crash
  sequence    BIGINT NOT NULL       -- the number of its last status; 0 before the first
);

-- Merges extensions by name: a newer value replaces the whole older one and takes its place (contract 2.5).
CREATE MACRO merge_extensions(older, newer) AS CASE
  WHEN newer IS NULL THEN older
  WHEN older IS NULL THEN newer
  ELSE list_concat(
    list_transform(older, lambda o: coalesce(list_filter(newer, lambda n: n.name = o.name)[1], o)),
    list_filter(newer, lambda n: NOT list_contains(list_transform(older, lambda o: o.name), n.name)))
END;
