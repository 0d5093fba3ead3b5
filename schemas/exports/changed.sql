-- Rows that late fragments speak of, merged once for the whole export: at most as many as wait to be settled.

CREATE OR REPLACE TEMP TABLE {{table}}_changed AS FROM {{table}}_merged;
