-- The addresses of the states or tasks of the selected services, with the ranks of their services; no wide columns. A
-- row that was last changed before its service was deleted is dead and is left out. Two statements, because a join and
-- a sort that spill to disk at the same time run out of memory.

CREATE OR REPLACE TEMP TABLE {{table}}_unsorted_addresses AS
SELECT s.rank, x.address, x.bytes, x.split OR x.log <> s.log AS is_split
FROM {{rows}} x JOIN selected_services s ON {{join_condition}}
WHERE coalesce(x.batch >= s.deleted_in, true);
CREATE OR REPLACE TEMP TABLE {{table}}_addresses AS FROM {{table}}_unsorted_addresses ORDER BY rank;
