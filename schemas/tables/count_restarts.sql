-- How many services of this batch get a start although they have one. Rows that have an end are known in another way.

SELECT
  (SELECT count(*) FROM seen_services s JOIN services_open o ON o.row_key = s.row_key AND o.service_id = s.service_id
   WHERE s.start_timestamp IS NOT NULL AND o.start_timestamp IS NOT NULL)
  + (SELECT count(*) FROM seen_services s JOIN services_late l ON l.row_key = s.row_key AND l.service_id = s.service_id
     WHERE s.start_timestamp IS NOT NULL AND l.start_timestamp IS NOT NULL);
