-- Merges extensions by name: a newer value replaces the whole older one and takes its place (contract 2.5).
CREATE OR REPLACE MACRO merge_extensions(older, newer) AS CASE
  WHEN newer IS NULL THEN older
  WHEN older IS NULL THEN newer
  ELSE list_concat(
    list_transform(older, lambda o: coalesce(list_filter(newer, lambda n: n.name = o.name)[1], o)),
    list_filter(newer, lambda n: NOT list_contains(list_transform(older, lambda o: o.name), n.name)))
END;
