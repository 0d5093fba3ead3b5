-- One slice of services as JSON, one a line, with their states and tasks inside; a comma before all but the first where
-- an array is made.

WITH part AS (FROM slices WHERE slice = {{slice}}),
state_rows AS (SELECT x.*, p.rank FROM states_rows x JOIN part p ON p.service_key = x.service_key AND p.service_id = x.service_id),
task_rows AS (
  SELECT p.rank, x.end_timestamp IS NULL AS active, x.start_timestamp, x.task_id, s.state_id AS held_by, {{task_json}} AS text
  FROM tasks_rows x JOIN part p ON p.service_key = x.service_key AND p.service_id = x.service_id
  LEFT JOIN state_rows s ON s.rank = p.rank AND s.state_id = x.state_id
),
task_lists AS (
  SELECT rank, held_by,
    string_agg(text, ',' ORDER BY start_timestamp NULLS LAST, task_id) FILTER (active) AS active_tasks,
    string_agg(text, ',' ORDER BY start_timestamp NULLS LAST, task_id) FILTER (NOT active) AS completed_tasks
  FROM task_rows GROUP BY rank, held_by
),
state_texts AS (
  SELECT x.rank, x.end_timestamp IS NULL AS active, x.start_timestamp, x.state_id,
    {{state_json}} || {{task_arrays}} || '}' AS text
  FROM state_rows x LEFT JOIN task_lists t ON t.rank = x.rank AND t.held_by = x.state_id
),
state_lists AS (
  SELECT rank,
    string_agg(text, ',' ORDER BY start_timestamp NULLS LAST, state_id) FILTER (active) AS active_states,
    string_agg(text, ',' ORDER BY start_timestamp NULLS LAST, state_id) FILTER (NOT active) AS completed_states
  FROM state_texts GROUP BY rank
)
SELECT {{comma}} || {{service_json}}
  || concat(',"active_states":[', s.active_states, '],"completed_states":[', s.completed_states, ']')
  || {{task_arrays}} || '}' AS line
FROM part p
JOIN services_rows x ON x.service_key = p.service_key AND x.service_id = p.service_id
LEFT JOIN state_lists s ON s.rank = p.rank
LEFT JOIN task_lists t ON t.rank = p.rank AND t.held_by IS NULL
ORDER BY p.rank
