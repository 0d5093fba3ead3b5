-- Joins the rows of each ended export to one, which keeps the first event and the sum. The rows of an export that still
-- runs stay: which of them count depends on its snapshot.

BEGIN TRANSACTION;
CREATE OR REPLACE TEMP TABLE compacted AS
SELECT c.request_id, min(c.batch) AS batch, arg_min(c.stored_at, c.batch) AS stored_at, arg_min(c.topic, c.batch) AS topic,
  arg_min(c.partition, c.batch) AS partition, arg_min(c."offset", c.batch) AS "offset", sum(c.services)::BIGINT AS services
FROM contradictions c JOIN exports e USING (request_id)
WHERE e.state = 'completed' AND c.batch > coalesce(e.snapshot_batch, 0)
GROUP BY c.request_id;
DELETE FROM contradictions WHERE request_id IN (SELECT request_id FROM compacted);
INSERT INTO contradictions FROM compacted;
COMMIT;
