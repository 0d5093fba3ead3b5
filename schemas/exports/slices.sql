-- Cuts the selection into runs of services whose rows together are few enough to be gathered in memory.

CREATE TEMP TABLE slices AS
WITH members AS (
  SELECT service_key, service_id, count(*) AS rows FROM (
    SELECT service_key, service_id FROM states_rows UNION ALL SELECT service_key, service_id FROM tasks_rows
  ) JOIN picked USING (service_key, service_id) GROUP BY ALL
)
SELECT rank, p.service_key, p.service_id,
  (sum(1 + coalesce(rows, 0)) OVER (ORDER BY rank) // {{rows_per_slice}})::INTEGER AS slice
FROM picked p LEFT JOIN members USING (service_key, service_id)
ORDER BY rank;
