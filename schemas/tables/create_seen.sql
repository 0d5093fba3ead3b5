-- An empty table for the fragments of this batch whose rows may be stored already.

CREATE OR REPLACE TEMP TABLE seen_{{table}} AS FROM {{table}}_open LIMIT 0;
