-- How many values of a slice's rows have no column, because the columns are fixed (contract 4.13).

SELECT count(*)
FROM (SELECT unnest(list_distinct(flatten(list_transform(x.extensions, lambda e: e.paths)))) AS path FROM {{rows}} x)
WHERE NOT list_contains(getvariable('extension_paths'), path);
