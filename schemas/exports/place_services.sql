-- The services of the window, ranked in file order, and where they lie: what states and tasks are chosen and ordered by.
-- A row number over sorted rows instead of a window that sorts: half the work, and it needs no more memory for more rows.

CREATE OR REPLACE TEMP TABLE picked AS
SELECT (row_number() OVER ())::UINTEGER AS rank, *
FROM (
  SELECT x.address, x.service_key, hash(x.service_id) AS service_hash, x.source, x.split AS is_split, d.batch AS deleted_in
  FROM {{rows}} x
  LEFT JOIN (SELECT service_key, hash(service_id) AS service_hash, max(batch) AS batch FROM deletions GROUP BY ALL) d
    ON d.service_key = x.service_key AND d.service_hash = hash(x.service_id)
  WHERE {{selected}} AND coalesce(x.batch >= d.batch, true)
  ORDER BY x.start_timestamp NULLS LAST, x.service_id
);
