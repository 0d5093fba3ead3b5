-- How many of the selected services have events from more than one log. Such events have no order (contract 2.9). Events
-- before a deletion count too: whether they came before it depends on the order in which the logs were read.

SELECT count(DISTINCT rank)
FROM (
  SELECT rank FROM (FROM services_addresses UNION ALL FROM states_addresses UNION ALL FROM tasks_addresses) WHERE is_split
  UNION ALL
  SELECT s.rank
  FROM (
    SELECT service_key, service_id, log, split FROM deleted_logs
    {{dead_rows}}
  ) x JOIN selected_services s ON {{join_condition}}
  WHERE x.split OR x.log <> s.log
);
