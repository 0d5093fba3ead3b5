INSERT INTO {{table}}_open SELECT {{staged}} FROM staged_{{table}} WHERE seen = 0 AND end_timestamp IS NULL;
