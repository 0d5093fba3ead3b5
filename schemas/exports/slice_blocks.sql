-- The blocks of each table that each slice reads by itself. A slice that needs few blocks reads all of them; any other
-- reads those of which at least a sixteenth are its own rows. Its rows elsewhere are scattered rows.

CREATE OR REPLACE TEMP TABLE {{table}}_slice_blocks AS
SELECT slice, part, block, rows
FROM (
  SELECT (rank - 1) // {{services_per_slice}} AS slice, address % {{step}} AS part,
    address // ({{step}} * {{block_rows}}) AS block, count(*) AS rows
  FROM {{table}}_addresses
  GROUP BY ALL
)
QUALIFY count(*) OVER (PARTITION BY slice) <= {{few_blocks}} OR rows * 16 >= {{block_rows}};
