-- How many of the picked services have events from more than one partition: they have no order in the log.

SELECT count(DISTINCT rank)
FROM (FROM services_placed UNION ALL FROM states_placed UNION ALL FROM tasks_placed)
WHERE is_split;
