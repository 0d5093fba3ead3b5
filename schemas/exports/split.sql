-- How many of the picked services have events from more than one partition: they have no order in the log.

SELECT count(*) FROM (
  SELECT service_key, service_id
  FROM (
    SELECT service_key, service_id, source, split FROM services_rows
    UNION ALL SELECT service_key, service_id, source, split FROM states_rows
    UNION ALL SELECT service_key, service_id, source, split FROM tasks_rows
  ) JOIN picked USING (service_key, service_id)
  GROUP BY ALL HAVING min(source) <> max(source) OR bool_or(split)
)
