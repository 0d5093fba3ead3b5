-- How many of the picked services have events from more than one partition: they have no order in the log.

SELECT count(DISTINCT p.rank) FROM (
  SELECT service_key, service_id, source, split FROM services_rows
  UNION ALL SELECT service_key, service_id, source, split FROM states_rows
  UNION ALL SELECT service_key, service_id, source, split FROM tasks_rows
) x JOIN picked p ON {{is_picked}}
WHERE x.split OR x.source <> p.source;
