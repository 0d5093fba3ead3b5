-- The distinct lists of extension paths among a slice's rows, each with the place of its first row in file order:
-- a path appears first within the first row of some list.

INSERT INTO signatures
SELECT paths, min(place)
FROM (
  SELECT flatten(list_transform(x.extensions, lambda e: e.paths)) AS paths,
    {'rank': x.rank, 'started': x.start_timestamp, 'id': x.{{id}}} AS place
  FROM {{rows}} x
  WHERE len(x.extensions) > 0
)
WHERE len(paths) > 0
GROUP BY paths;
