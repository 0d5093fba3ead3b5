-- Which lists of extension paths a file's rows have, each with the place of a first row that has it.

CREATE OR REPLACE TEMP TABLE signatures (
  paths VARCHAR[],
  place STRUCT(rank UINTEGER, started TIMESTAMP, id VARCHAR) -- compared as one value; inside of it NULL comes last
);
