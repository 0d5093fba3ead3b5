-- The control topic: how far it was read, written in the transaction that writes what its records ask for; and what is
-- to be said on the status topic, written in the transaction of the change that it tells of, deleted when it was sent.

CREATE TABLE control_positions (
  topic       VARCHAR NOT NULL,
  partition   INTEGER NOT NULL,
  origin      VARCHAR NOT NULL,     -- where it was last read from, in the user's words
  next_offset BIGINT NOT NULL,
  bookmark    VARCHAR
);

CREATE TABLE outbox (
  number     BIGINT NOT NULL,       -- the order in which they are sent
  request_id VARCHAR NOT NULL,      -- the key of the record
  status     VARCHAR NOT NULL       -- its value, JSON
);
