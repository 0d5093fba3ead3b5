-- The services of the window, ranked in file order, and where they lie: what states and tasks are chosen and ordered by.

CREATE OR REPLACE TEMP TABLE picked AS
SELECT (row_number() OVER (ORDER BY x.start_timestamp NULLS LAST, x.service_id))::UINTEGER AS rank,
  x.address, x.service_key, hash(x.service_id) AS service_hash, x.source
FROM {{rows}} x
WHERE {{selected}};
CREATE OR REPLACE TEMP VIEW services_placed AS SELECT rank, address FROM picked;
