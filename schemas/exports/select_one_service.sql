-- The service in the variables service_key and service_id: one row, or none. Its states and tasks are joined to it.

CREATE TEMP TABLE selected_services AS
SELECT x.service_key, hash(x.service_id) AS service_hash, 1::UINTEGER AS rank
FROM services_rows x
WHERE {{condition}};
