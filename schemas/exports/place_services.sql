-- The services of the window, ranked in file order, and where they lie: what states and tasks are chosen and ordered by.
-- A row number over sorted rows instead of a window that sorts: half the work, and it needs no more memory for more rows.

CREATE OR REPLACE TEMP TABLE picked AS
SELECT (row_number() OVER ())::UINTEGER AS rank, *
FROM (
  SELECT x.address, x.service_key, hash(x.service_id) AS service_hash, x.source, x.split AS is_split, {{deleted_in}} AS deleted_in
  FROM {{rows}} x
  {{deletions}}
  WHERE {{selected}} AND {{is_alive}}
  ORDER BY x.start_timestamp NULLS LAST, x.service_id
);
