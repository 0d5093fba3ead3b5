-- Where the rows of the picked services lie: rank of the service and address, and nothing that is wide.

CREATE OR REPLACE TEMP TABLE {{table}}_placed AS
SELECT p.rank, x.address
FROM {{rows}} x JOIN picked p ON {{is_picked}}
ORDER BY p.rank;
