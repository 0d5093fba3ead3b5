-- All tables but those of services, states and tasks: positions, quarantine, deletions, exports and replays.

CREATE TABLE layout (
  version     INTEGER NOT NULL,
  store_id    UUID NOT NULL,
  older_marks BOOLEAN NOT NULL      -- true when an earlier version, which took each file for a log of its own, may have set `split`
);

-- One row for each source: a partition, a file or standard input. Its position is written in the transaction that writes
-- the rows of its events (contract 2.10).
CREATE TABLE partitions (
  source        INTEGER NOT NULL,   -- the source's number in other tables of this file
  log           INTEGER NOT NULL,   -- the number of its log in rows of services, states and tasks; files share one
  topic         VARCHAR NOT NULL,
  partition     INTEGER NOT NULL,
  origin        VARCHAR NOT NULL,   -- where it was last read from, as the user knows it: a path or a broker list
  kind          VARCHAR NOT NULL,   -- live (`run` follows it), folder (a log that `ingest` read), file (also standard input)
  listed        BOOLEAN NOT NULL,   -- true when a topic that `run` follows listed it
  first_offset  BIGINT,             -- where its first batch began; NULL before that, or when it was not recorded
  next_offset   BIGINT,             -- NULL before its first batch
  bookmark      VARCHAR,
  first_time    TIMESTAMP,          -- the log's own time of the first record stored
  records_read  BIGINT NOT NULL,
  applied       BIGINT NOT NULL,
  quarantined   BIGINT NOT NULL,
  batch         BIGINT NOT NULL,    -- the last batch stored from it; 0 before the first
  latest_event  TIMESTAMP,          -- highest event time that was not later than the clock as it was read
  ended_by      VARCHAR,            -- NULL while it may give events; ingest: read to its last record; hand: by an operator
  ended_who     VARCHAR,            -- the operator
  ended_at      TIMESTAMP,          -- when the operator did
  vouched_at    TIMESTAMP,          -- the clock of the latest look whose end has been stored
  looked_at     TIMESTAMP,          -- the clock of the latest look, and the ends that it found
  look_stable   BIGINT,
  look_high     BIGINT,
  changed       VARCHAR,            -- why the log is another one than what was stored; NULL when it is the same
  cluster_id    VARCHAR,            -- the ids of Kafka's cluster and of the topic; NULL where there are none
  topic_id      VARCHAR,
  last_offset   BIGINT,             -- the last record below next_offset: its offset, time and SHA-256 (contract 4.36)
  last_time     TIMESTAMP,
  last_sha256   VARCHAR
);

-- The topics that `run` follows, or the folder of logs that it follows.
CREATE TABLE topics (
  topic      VARCHAR NOT NULL,
  declared   VARCHAR,               -- JSON: the partitions that kafka_partitions declares; NULL when the topic lists them
  partitions BIGINT,                -- how many partitions it had at the latest look
  listed_at  TIMESTAMP,             -- the clock of that look
  ended_who  VARCHAR,               -- who ended it by hand, and when; NULL while it may get further partitions
  ended_at   TIMESTAMP
);

-- The parts of files and standard input in the order in which they were stored; [from_offset, next_offset).
CREATE TABLE readings (
  number      INTEGER NOT NULL,     -- from 0
  source      INTEGER NOT NULL,
  from_offset BIGINT NOT NULL,
  next_offset BIGINT NOT NULL
);

-- The settings that records were read with, in the order in which they came into use: rows depend on them.
CREATE TABLE decodings (
  number           INTEGER NOT NULL,  -- from 0
  key_format       VARCHAR NOT NULL,
  max_record_bytes BIGINT,            -- NULL: no record was too large
  registry         BOOLEAN NOT NULL   -- whether a schema registry was configured
);

-- What the replay that makes this database was asked for, as JSON; no row where no replay makes it.
CREATE TABLE replay (plan VARCHAR NOT NULL);

-- One row: until when all events have been given, as `ingest --covers-until` declared; NULL without a declaration.
CREATE TABLE coverage (covers_until TIMESTAMP);
INSERT INTO coverage VALUES (NULL);

-- Gaps [from_offset, to_offset): records that were never stored and cannot be read any more (contract 2.15).
CREATE TABLE gaps (
  source      INTEGER NOT NULL,
  from_offset BIGINT NOT NULL,
  to_offset   BIGINT NOT NULL,
  reason      VARCHAR NOT NULL,
  watermark   TIMESTAMP,            -- the source's watermark when the gap was met
  time_after  TIMESTAMP             -- the log's own time of the first record stored after it
);

-- What was stored after the snapshot of an export and contradicts it; one row for each batch (contract 4.29).
CREATE TABLE contradictions (
  request_id  VARCHAR NOT NULL,
  batch       BIGINT NOT NULL,
  stored_at   TIMESTAMP NOT NULL,   -- when the batch was stored
  topic       VARCHAR NOT NULL,     -- where the first of its events lies
  partition   INTEGER NOT NULL,
  "offset"    BIGINT NOT NULL,
  services    BIGINT NOT NULL       -- how many services its events concern
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
CREATE TABLE deletions (service_key BIGINT NOT NULL, service_id VARCHAR NOT NULL, batch BIGINT NOT NULL, log INTEGER NOT NULL);

-- The logs that the events of deleted services came from: a service that another log begins anew is split (contract 2.9).
CREATE TABLE deleted_logs (service_key BIGINT NOT NULL, service_id VARCHAR NOT NULL, log INTEGER NOT NULL, split BOOLEAN NOT NULL);

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
  sequence    BIGINT NOT NULL,      -- the number of its last status; 0 before the first
  completeness   VARCHAR,           -- complete or provisional; NULL before the verdict
  snapshot_batch BIGINT,            -- the last batch in its snapshot: later ones may contradict it
  reported    BOOLEAN NOT NULL      -- true when a status has said that later events contradict it
);

-- Replays that the service was asked for. Each has a database of its own, in the folder of the setting replay_folder.
CREATE TABLE replays (
  request_id  VARCHAR NOT NULL,     -- no export has the same id
  state       VARCHAR NOT NULL,     -- accepted, running, completed, failed, cancelled
  door        VARCHAR NOT NULL,     -- http, control, cli
  client      VARCHAR NOT NULL,     -- who made the request
  accepted_at TIMESTAMP NOT NULL,
  ended_at    TIMESTAMP,
  parameters  VARCHAR NOT NULL,     -- JSON, as given, without defaults
  plan        VARCHAR NOT NULL,     -- JSON: everything decided when the request was accepted
  progress    VARCHAR,              -- JSON: what was read and stored; NULL before it ran
  error       VARCHAR,              -- JSON: code and message
  cancelled_by VARCHAR,             -- who cancelled it, or NULL; a cancelled replay never completes, even after a crash
  used_at     TIMESTAMP,            -- when an export last read from its database, or when it completed
  dropped_at  TIMESTAMP,            -- when its database was removed
  sequence    BIGINT NOT NULL       -- the number of its last status; 0 before the first
);
