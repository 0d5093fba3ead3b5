-- A template for the tables of one entity: service, state or task. The columns come from schemas/columns.ts. A row lies
-- in one of two tables: open (without an end timestamp) or closed (append-only, nearly in time order). A change to a
-- row that is not open is a late fragment: it is appended to `late`, merged with its row whenever the row is read, and
-- later settled, which stores the merged row. So the cost of a batch grows with the open rows, and not with all rows
-- that were ever stored.

CREATE TABLE {{table}}_open (
{{definitions}},
  extensions STRUCT(name VARCHAR, json VARCHAR, paths VARCHAR[], texts VARCHAR[])[],
  row_key BIGINT NOT NULL,          -- hash of the ids, for narrow joins and for the filter of seen keys
  service_key BIGINT NOT NULL,      -- hash of the service_id
  batch BIGINT NOT NULL,            -- the last batch that changed the row
  log INTEGER NOT NULL,             -- the log of its events: partitions.log
  split BOOLEAN NOT NULL,           -- true when its events come from more than one log
  bytes BIGINT NOT NULL             -- the length of its texts, or more where events replaced some
);
CREATE TABLE {{table}}_closed AS FROM {{table}}_open;
CREATE TABLE {{table}}_late AS FROM {{table}}_open;

-- Extensions that are kept apart from their row, because the row has many bytes of them and each batch that changes an open
-- row writes it anew: one row for each name that a batch set. They are newer than the extensions in the row itself. The
-- last of a name has its value, the first has its place among the names.
CREATE TABLE {{table}}_apart (
{{id_definitions}},
  name VARCHAR NOT NULL,
  json VARCHAR NOT NULL,            -- the value as compact JSON
  bytes BIGINT NOT NULL,            -- the length of json
  place INTEGER NOT NULL,           -- among the names that the batch set
  row_key BIGINT NOT NULL,
  service_key BIGINT NOT NULL,
  batch BIGINT NOT NULL
);
