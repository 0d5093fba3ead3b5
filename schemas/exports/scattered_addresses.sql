-- The addresses of the scattered rows: those that lie in no block which their slice reads.

CREATE OR REPLACE TEMP TABLE {{table}}_scattered_addresses AS
SELECT a.rank, a.address
FROM {{table}}_addresses a
WHERE NOT EXISTS (FROM {{table}}_slice_blocks b
                  WHERE b.slice = (a.rank - 1) // {{services_per_slice}} AND b.part = a.address % {{step}}
                    AND b.block = a.address // ({{step}} * {{block_rows}}));
