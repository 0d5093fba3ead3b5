-- The distinct lists of extension paths among a file's rows, each with the place of its first row in file order:
-- a path appears first within the first row of some list.

CREATE OR REPLACE TEMP TABLE signatures AS
SELECT paths, min(place) AS place
FROM (
  SELECT flatten(list_transform(x.extensions, lambda e: e.paths)) AS paths, {{place}} AS place
  FROM {{rows}} AND len(x.extensions) > 0
)
WHERE len(paths) > 0
GROUP BY paths;
