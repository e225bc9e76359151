-- References are made one after the other, and are seldom shared: where they come first, what is new
-- goes to the end of an index instead of to a page of each account's.

DROP INDEX entries_by_reference

CREATE INDEX entries_by_reference ON entries (reference_id, account_id, seq) WHERE kind <> 'debit' AND reference_id IS NOT NULL

DROP INDEX holds_one_per_reference

CREATE UNIQUE INDEX holds_one_per_reference ON holds (reference_id, account_id, operation, reference_type) WHERE status IN ('open', 'captured')
