-- Takes the rows of this batch that were perhaps seen before.

CREATE OR REPLACE TEMP TABLE seen_{{table}} AS FROM {{table}}_open LIMIT 0;
