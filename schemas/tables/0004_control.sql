-- The control topic and the status topic. A position is written in the transaction that carries out the requests of the
-- records before it (contract 5.17). A status is written in the transaction of the change that it reports, and deleted
-- when it was sent (contract 5.18).

CREATE TABLE control_positions (
  topic       VARCHAR NOT NULL,
  partition   INTEGER NOT NULL,
  origin      VARCHAR NOT NULL,     -- where it was last read from, as the user knows it: a broker list
  next_offset BIGINT NOT NULL,
  bookmark    VARCHAR
);

CREATE TABLE outbox (
  number     BIGINT NOT NULL,       -- statuses are sent in this order
  request_id VARCHAR NOT NULL,      -- the key of the record
  status     VARCHAR NOT NULL       -- its value, JSON
);
