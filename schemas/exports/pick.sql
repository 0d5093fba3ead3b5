-- The services of the window, in file order. Every file of an export is made from this one selection.

CREATE TEMP TABLE picked AS
SELECT service_key, service_id, start_timestamp, row_number() OVER (ORDER BY start_timestamp NULLS LAST, service_id) AS rank
FROM services_rows
WHERE {{events}} AND {{state}}
ORDER BY rank;
