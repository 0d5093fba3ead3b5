-- Adds the distinct lists of extension paths of one slice's rows. The first row that has a path is the first row of one
-- of the lists that hold it, so the order of first appearance (contract 4.11) follows from the lists alone.

INSERT INTO path_lists
SELECT paths, min(row_order)
FROM (
  SELECT flatten(list_transform(x.extensions, lambda e: e.paths)) AS paths,
    {'rank': x.rank, 'started': x.start_timestamp, 'id': x.{{id}}} AS row_order
  FROM {{rows}} x
  WHERE len(x.extensions) > 0
)
WHERE len(paths) > 0
GROUP BY paths;
