-- The services of the window with their ranks (their numbers in file order, from 1) and their addresses. States and
-- tasks are selected and sorted by this table. Numbering rows that are sorted already takes half the work of a window
-- function that sorts, and its memory does not grow with the number of rows.

CREATE OR REPLACE TEMP TABLE selected_services AS
SELECT (row_number() OVER ())::UINTEGER AS rank, *
FROM (
  SELECT x.address, x.bytes, x.service_key, hash(x.service_id) AS service_hash, x.log, x.split AS is_split, x.start_timestamp IS NULL AS has_no_start, {{deleted_in}} AS deleted_in
  FROM {{rows}} x
  {{deletions}}
  WHERE {{condition}} AND {{is_alive}}
  ORDER BY x.start_timestamp NULLS LAST, x.service_id
);
