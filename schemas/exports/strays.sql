-- Strays whole, in file order, so that each slice finds its own side by side.

CREATE OR REPLACE TEMP TABLE {{table}}_strays AS
SELECT k.rank, {{columns}}
FROM {{pieces}} x JOIN {{table}}_astray k ON k.address = x.address
ORDER BY k.rank;
