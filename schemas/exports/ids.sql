-- The ids of the services of a window, in file order.

SELECT x.service_id
FROM services_rows x
WHERE {{selected}}
ORDER BY x.start_timestamp NULLS LAST, x.service_id;
