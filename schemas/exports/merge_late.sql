-- The rows that late fragments change, merged once for the whole export. There are at most as many as late fragments.

CREATE OR REPLACE TEMP TABLE {{table}}_changed AS FROM {{table}}_merged;
