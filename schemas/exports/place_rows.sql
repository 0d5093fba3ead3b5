-- Where the rows of the picked services lie: rank of the service and address, and nothing that is wide. Rows from before
-- their service was deleted are dead. Two steps: a join and a sort that spill at the same time run out of memory.

CREATE OR REPLACE TEMP TABLE {{table}}_found AS
SELECT p.rank, x.address, x.split OR x.source <> p.source AS is_split
FROM {{rows}} x JOIN picked p ON {{is_picked}}
WHERE coalesce(x.batch >= p.deleted_in, true);
CREATE OR REPLACE TEMP TABLE {{table}}_placed AS FROM {{table}}_found ORDER BY rank;
