-- The distinct lists of extension paths among the rows of a file, each with the first row in file order that has it.

CREATE OR REPLACE TEMP TABLE path_lists (
  paths VARCHAR[],
  first_row STRUCT(rank UINTEGER, started TIMESTAMP, id VARCHAR) -- compared as one value; NULL inside it sorts last
);
