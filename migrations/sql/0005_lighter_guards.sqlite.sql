-- A grant says whether it has credits in a column of its own, as on PostgreSQL.

ALTER TABLE grants ADD COLUMN funded INTEGER
  GENERATED ALWAYS AS (CASE WHEN remaining > 0 THEN 1 ELSE 0 END) VIRTUAL

DROP INDEX grants_with_credits

CREATE INDEX grants_with_credits ON grants (account_id) WHERE funded = 1
