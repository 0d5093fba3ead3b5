-- The rows that no slice reads by itself.

CREATE OR REPLACE TEMP TABLE {{table}}_astray AS
SELECT p.rank, p.address
FROM {{table}}_placed p
WHERE NOT EXISTS (FROM {{table}}_near n
                  WHERE n.slice = (p.rank - 1) // {{services_per_slice}} AND n.home = p.address % {{step}}
                    AND n.block = p.address // ({{step}} * {{block_rows}}));
