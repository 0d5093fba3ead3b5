-- The services of the window, ranked in file order: what states and tasks are chosen and ordered by.

CREATE TEMP TABLE picked AS
SELECT x.service_key, hash(x.service_id) AS service_hash,
  row_number() OVER (ORDER BY x.start_timestamp NULLS LAST, x.service_id) AS rank
FROM services_rows x
WHERE {{selected}};
