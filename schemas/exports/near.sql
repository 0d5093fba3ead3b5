-- The blocks of each table that a slice reads by itself: all where it needs few, else those that hold enough rows of it
-- to be worth reading. Rows elsewhere are strays, read once for all slices.

CREATE OR REPLACE TEMP TABLE {{table}}_near AS
SELECT slice, home, block, rows
FROM (
  SELECT (rank - 1) // {{services_per_slice}} AS slice, address % {{step}} AS home,
    address // ({{step}} * {{block_rows}}) AS block, count(*) AS rows
  FROM {{table}}_placed
  GROUP BY ALL
)
QUALIFY count(*) OVER (PARTITION BY slice) <= {{few_blocks}} OR rows * 16 >= {{block_rows}};
