-- Copies the scattered rows whole, sorted by rank, so that those of one slice lie side by side.

CREATE OR REPLACE TEMP TABLE {{table}}_scattered AS
SELECT a.rank, {{columns}}
FROM {{rows}} x JOIN {{table}}_scattered_addresses a ON a.address = x.address
ORDER BY a.rank;
