INSERT INTO {{table}}_closed SELECT {{staged}} FROM staged_{{table}} WHERE seen = 0 AND end_timestamp IS NOT NULL;
