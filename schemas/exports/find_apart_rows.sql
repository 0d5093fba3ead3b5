-- The selected rows whose extensions are kept apart, copied in file order, with a placeholder as their only extension:
-- exports insert the extensions in place of it. `own` has the extensions that lie in the row itself.

CREATE OR REPLACE TEMP TABLE {{table}}_found AS
SELECT a.rank, a.address
FROM {{rows}} x JOIN {{addresses}} a ON a.address = x.address
WHERE x.row_key IN (SELECT row_key FROM {{table}}_apart)
  AND {{ids_tuple}} IN (SELECT {{ids_tuple}} FROM {{table}}_apart);

CREATE OR REPLACE TEMP TABLE {{table}}_placed AS
SELECT row_number() OVER () AS number, *, [{
    'name': {{placeholder}},
    'json': '{{letter}}' || row_number() OVER (),
    'paths': [{{placeholder}}],
    'texts': ['{{letter}}' || row_number() OVER ()]
  }] AS extensions
FROM (
  SELECT f.rank, x.address AS old_address, x.row_key, {{columns}}, x.extensions AS own
  FROM {{found_rows}} x JOIN {{table}}_found f ON f.address = x.address
  ORDER BY {{order}}
);

-- The extensions of these rows, numbered row by row in the order of their names' places. `piece` is the rowid of the value
-- where it is kept apart, or its position in `own`, below 0. Batch and place are one number, because an aggregate of
-- structs cannot spill to disk.
CREATE OR REPLACE TEMP TABLE {{table}}_apart_values AS
SELECT row_number() OVER () AS sequence, * EXCLUDE (first_at)
FROM (
  SELECT rank, number, name, min(set_at) AS first_at, arg_max(piece, set_at) AS piece, arg_max(bytes, set_at) AS bytes
  FROM (
    SELECT r.rank, r.number, a.name, (a.batch << 31) + a.place AS set_at, a.rowid AS piece, a.bytes
    FROM {{table}}_apart a JOIN {{table}}_placed r ON a.row_key = r.row_key AND {{same_apart_ids}}
    UNION ALL
    SELECT rank, number, own.name, place - (1::BIGINT << 31) AS set_at, -place AS piece, length(own.json)
    FROM (SELECT rank, number, unnest(own) AS own, generate_subscripts(own, 1) AS place FROM {{table}}_placed)
  )
  GROUP BY rank, number, name
  ORDER BY number, first_at
);

-- The bytes count what is inserted, too: scratch files of a slice hold it.
UPDATE {{addresses}} SET address = p.rowid * {{step}} + {{part}}, bytes = {{addresses}}.bytes + p.apart_bytes
FROM (
  SELECT r.rowid, r.old_address, v.apart_bytes
  FROM {{table}}_placed r JOIN (SELECT number, sum(bytes)::BIGINT AS apart_bytes FROM {{table}}_apart_values GROUP BY number) v
    ON v.number = r.number
) p
WHERE {{addresses}}.address = p.old_address;
