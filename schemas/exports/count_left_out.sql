-- How many values of a slice's rows have no column, because the columns are fixed (contract 4.13). Extensions that
-- are kept apart are counted elsewhere.

SELECT count(*)
FROM (SELECT unnest(list_distinct(flatten(list_transform(x.extensions, lambda e: e.paths)))) AS path FROM {{rows}} x)
WHERE path <> {{placeholder}} AND NOT list_contains(getvariable('extension_paths'), path);
