-- How many of the selected services have events from more than one partition. Such events have no order (contract 2.9).

SELECT count(DISTINCT rank)
FROM (FROM services_addresses UNION ALL FROM states_addresses UNION ALL FROM tasks_addresses)
WHERE is_split;
