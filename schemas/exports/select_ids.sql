-- The ids of the services of a window, in file order (contract 4.17).

SELECT x.service_id
FROM services_rows x
WHERE {{condition}}
ORDER BY x.start_timestamp NULLS LAST, x.service_id;
