-- The vault's guards on SQLite: what keeps it append-only, and what moves balances.
-- Statements are separated by blank lines.
-- An INSERT OR IGNORE, OR FAIL or OR REPLACE passes its policy on to the statements of its triggers:
-- a row that a trigger may not write would be left out, or half done, and the INSERT still kept.
-- So whatever a trigger is about to write is proved before, where RAISE(ABORT) obeys no policy.

CREATE TRIGGER accounts_open BEFORE INSERT ON accounts BEGIN
  SELECT RAISE(ABORT, 'guard: an account opens empty') WHERE NEW.posted <> 0 OR NEW.held <> 0
    OR NEW.seq <> 0 OR NEW.revision <> 0 OR NEW.overdraft_limit <> 0
    OR NEW.head_hash <> zeroblob(32) OR NEW.revision_hash <> zeroblob(32)
    OR NEW.name <> '' OR NEW.tier <> '' OR NEW.next_tier IS NOT NULL OR NEW.status <> 'active'
    OR NEW.time_zone <> 'UTC' OR NEW.anchor_at <> 0 OR NEW.period_start <> 0
    OR NEW.period_end <> 0 OR NEW.changed_at <> 0 OR NEW.next_due_at IS NOT NULL
    OR NEW.touched <> 0;
  SELECT RAISE(ABORT, 'guard: the account exists')
    WHERE EXISTS (SELECT 1 FROM accounts WHERE id = NEW.id OR rowid = NEW.rowid);
END

CREATE TRIGGER accounts_follow BEFORE UPDATE ON accounts BEGIN
  SELECT RAISE(ABORT, 'guard: an account never changes its id or birth')
    WHERE NEW.id <> OLD.id OR NEW.created_at <> OLD.created_at OR NEW.touched <> OLD.touched;
  SELECT RAISE(ABORT, 'guard: only an entry moves a balance')
    WHERE (NEW.seq <> OLD.seq OR NEW.posted <> OLD.posted OR NEW.held <> OLD.held
      OR NEW.head_hash <> OLD.head_hash OR NEW.next_due_at IS NOT OLD.next_due_at
      OR (NEW.changed_at <> OLD.changed_at AND NEW.revision = OLD.revision))
    AND NOT EXISTS (SELECT 1 FROM entries e WHERE e.account_id = NEW.id AND e.seq = NEW.seq
      AND NEW.seq = OLD.seq + 1 AND e.posted_after = NEW.posted AND e.held_after = NEW.held
      AND e.hash = NEW.head_hash AND e.due_after IS NEW.next_due_at);
  SELECT RAISE(ABORT, 'guard: only a revision changes the terms')
    WHERE (NEW.revision <> OLD.revision OR NEW.revision_hash <> OLD.revision_hash
      OR NEW.name <> OLD.name OR NEW.tier <> OLD.tier OR NEW.next_tier IS NOT OLD.next_tier
      OR NEW.status <> OLD.status OR NEW.overdraft_limit <> OLD.overdraft_limit
      OR NEW.time_zone <> OLD.time_zone OR NEW.anchor_at <> OLD.anchor_at
      OR NEW.period_start <> OLD.period_start OR NEW.period_end <> OLD.period_end)
    AND NOT EXISTS (SELECT 1 FROM account_revisions r WHERE r.account_id = NEW.id
      AND r.revision = NEW.revision AND NEW.revision = OLD.revision + 1
      AND r.hash = NEW.revision_hash AND r.overdraft_limit = NEW.overdraft_limit
      AND r.tier = NEW.tier AND r.status = NEW.status);
END

CREATE TRIGGER accounts_stay BEFORE DELETE ON accounts BEGIN
  SELECT RAISE(ABORT, 'guard: accounts are never deleted');
END

CREATE TRIGGER account_revisions_follow BEFORE INSERT ON account_revisions BEGIN
  SELECT RAISE(ABORT, 'guard: a revision follows the one before')
    WHERE NOT EXISTS (SELECT 1 FROM accounts a WHERE a.id = NEW.account_id
      AND a.revision + 1 = NEW.revision AND a.revision_hash = NEW.prev_hash
      AND length(NEW.hash) = 32 AND NEW.recorded_at >= a.changed_at
      AND NEW.overdraft_limit >= 0
      AND NEW.status IN ('active', 'suspended', 'frozen', 'closed'));
END

CREATE TRIGGER account_revisions_move AFTER INSERT ON account_revisions BEGIN
  UPDATE accounts SET name = NEW.name, tier = NEW.tier, next_tier = NEW.next_tier,
    status = NEW.status, overdraft_limit = NEW.overdraft_limit, time_zone = NEW.time_zone,
    anchor_at = NEW.anchor_at, period_start = NEW.period_start, period_end = NEW.period_end,
    revision = NEW.revision, revision_hash = NEW.hash, changed_at = NEW.recorded_at
  WHERE id = NEW.account_id;
END

CREATE TRIGGER grants_begin BEFORE INSERT ON grants BEGIN
  SELECT RAISE(ABORT, 'guard: a grant begins empty; its entry fills it')
    WHERE NEW.remaining <> 0 OR NEW.pinned <> 0;
  SELECT RAISE(ABORT, 'guard: the grant exists')
    WHERE EXISTS (SELECT 1 FROM grants WHERE id = NEW.id OR rowid = NEW.rowid);
  SELECT RAISE(ABORT, 'guard: a grant belongs to an entry still to come')
    WHERE NOT EXISTS (SELECT 1 FROM accounts a WHERE a.id = NEW.account_id AND a.seq < NEW.seq);
END

CREATE TRIGGER grants_follow BEFORE UPDATE ON grants BEGIN
  SELECT RAISE(ABORT, 'guard: only what remains of a grant changes')
    WHERE NEW.id <> OLD.id OR NEW.account_id <> OLD.account_id OR NEW.seq <> OLD.seq
      OR NEW.origin <> OLD.origin OR NEW.priority <> OLD.priority OR NEW.amount <> OLD.amount
      OR NEW.effective_at <> OLD.effective_at OR NEW.expires_at IS NOT OLD.expires_at
      OR NEW.operations IS NOT OLD.operations OR NEW.parent_id IS NOT OLD.parent_id;
END

CREATE TRIGGER grants_stay BEFORE DELETE ON grants BEGIN
  SELECT RAISE(ABORT, 'guard: grants are never deleted');
END

-- The few draws on overdraft, which their guard adds up.
CREATE INDEX draws_on_overdraft ON draws (account_id, amount, pinned) WHERE grant_id IS NULL

CREATE TRIGGER draws_follow BEFORE INSERT ON draws BEGIN
  SELECT RAISE(ABORT, 'guard: a draw belongs to an entry still to come')
    WHERE NOT EXISTS (SELECT 1 FROM accounts a WHERE a.id = NEW.account_id AND a.seq < NEW.seq);
  SELECT RAISE(ABORT, 'guard: the draw exists')
    WHERE EXISTS (SELECT 1 FROM draws d WHERE d.account_id = NEW.account_id
      AND d.seq = NEW.seq AND d.position = NEW.position);
  SELECT RAISE(ABORT, 'guard: a draw moves a grant of its own account, by what it has')
    WHERE NEW.grant_id IS NOT NULL AND NOT EXISTS
      (SELECT 1 FROM grants g WHERE g.id = NEW.grant_id AND g.account_id = NEW.account_id
        AND NEW.amount BETWEEN -9000000000000000 AND 9000000000000000
        AND g.pinned + NEW.pinned BETWEEN 0 AND g.remaining + NEW.amount);
  SELECT RAISE(ABORT, 'guard: no more overdraft is repaid than is owed, or freed than is pinned')
    WHERE NEW.grant_id IS NULL AND (NEW.amount > 0 OR NEW.pinned < 0) AND NOT EXISTS
      (SELECT 1 FROM (SELECT coalesce(sum(d.amount), 0) AS owed, coalesce(sum(d.pinned), 0) AS kept
        FROM draws d WHERE d.account_id = NEW.account_id AND d.grant_id IS NULL) lent
      WHERE lent.owed + NEW.amount <= 0 AND lent.kept + NEW.pinned >= 0);
END

CREATE TRIGGER draws_move AFTER INSERT ON draws WHEN NEW.grant_id IS NOT NULL BEGIN
  UPDATE grants SET remaining = remaining + NEW.amount, pinned = pinned + NEW.pinned
  WHERE id = NEW.grant_id;
END

CREATE TRIGGER draws_stay_put BEFORE UPDATE ON draws BEGIN
  SELECT RAISE(ABORT, 'guard: draws are append-only');
END

CREATE TRIGGER draws_stay BEFORE DELETE ON draws BEGIN
  SELECT RAISE(ABORT, 'guard: draws are append-only');
END

CREATE TRIGGER entries_follow BEFORE INSERT ON entries BEGIN
  SELECT RAISE(ABORT, 'guard: an entry follows the one before, within the overdraft')
    WHERE NOT EXISTS (SELECT 1 FROM accounts a WHERE a.id = NEW.account_id
      AND a.seq + 1 = NEW.seq AND a.posted + NEW.amount = NEW.posted_after
      AND a.held + NEW.hold_amount = NEW.held_after AND a.head_hash = NEW.prev_hash
      AND length(NEW.hash) = 32 AND NEW.recorded_at >= a.changed_at AND NEW.held_after >= 0
      AND NEW.posted_after BETWEEN -9000000000000000 AND 9000000000000000
      AND (NEW.amount >= NEW.hold_amount
        OR NEW.posted_after - NEW.held_after >= -a.overdraft_limit));
  SELECT RAISE(ABORT, 'guard: an entry is the sum of its draws')
    WHERE NOT EXISTS (SELECT 1 FROM (SELECT coalesce(sum(d.amount), 0) AS amount,
        coalesce(sum(d.pinned), 0) AS pinned FROM draws d
        WHERE d.account_id = NEW.account_id AND d.seq = NEW.seq) drawn
      WHERE drawn.amount = NEW.amount AND drawn.pinned = NEW.hold_amount);
  SELECT RAISE(ABORT, 'guard: the entry exists')
    WHERE EXISTS (SELECT 1 FROM entries WHERE id = NEW.id OR rowid = NEW.rowid);
  SELECT RAISE(ABORT, 'guard: a reference is debited once')
    WHERE NEW.kind = 'debit' AND EXISTS (SELECT 1 FROM entries e
      WHERE e.account_id = NEW.account_id AND e.operation = NEW.operation
      AND e.reference_type = NEW.reference_type AND e.reference_id = NEW.reference_id
      AND e.kind = 'debit');
  SELECT RAISE(ABORT, 'guard: a payment or period gives credits once')
    WHERE NEW.kind = 'grant' AND ((NEW.reference_type = 'payment' AND EXISTS
        (SELECT 1 FROM entries e WHERE e.reference_type = 'payment'
          AND e.reference_id = NEW.reference_id AND e.kind = 'grant'))
      OR (NEW.reference_type = 'period' AND NEW.reason <> 'rollover' AND EXISTS
        (SELECT 1 FROM entries e WHERE e.account_id = NEW.account_id
          AND e.reference_id = NEW.reference_id AND e.kind = 'grant'
          AND e.reference_type = 'period' AND e.reason <> 'rollover')));
  SELECT RAISE(ABORT, 'guard: a hold ends once')
    WHERE NEW.hold_id IS NOT NULL AND ((NEW.resolution IS NOT NULL AND EXISTS
        (SELECT 1 FROM entries e WHERE e.hold_id = NEW.hold_id AND e.resolution IS NOT NULL))
      OR (NEW.kind = 'debit' AND EXISTS
        (SELECT 1 FROM entries e WHERE e.hold_id = NEW.hold_id AND e.kind = 'debit')));
  SELECT RAISE(ABORT, 'guard: a hold is placed once, and whole')
    WHERE NEW.kind = 'hold' AND NEW.reason = 'placed' AND (NEW.operation IS NULL
      OR NEW.quantity IS NULL OR NEW.tariff IS NULL OR NEW.reference_type IS NULL
      OR NEW.reference_id IS NULL OR NEW.expires_at IS NULL
      OR EXISTS (SELECT 1 FROM holds h WHERE h.id = NEW.hold_id)
      OR EXISTS (SELECT 1 FROM holds h WHERE h.account_id = NEW.account_id
        AND h.operation = NEW.operation AND h.reference_type = NEW.reference_type
        AND h.reference_id = NEW.reference_id AND h.status IN ('open', 'captured')));
  SELECT RAISE(ABORT, 'guard: the hold is not open, or its rest is another')
    WHERE NEW.hold_id IS NOT NULL AND NOT (NEW.kind = 'hold' AND NEW.reason = 'placed')
    AND NOT EXISTS (SELECT 1 FROM holds h WHERE h.id = NEW.hold_id
      AND h.account_id = NEW.account_id AND CASE
        WHEN NEW.kind = 'debit' THEN h.status = 'expired'
        WHEN h.status <> 'open' THEN 0
        WHEN NEW.kind = 'hold' THEN NEW.quantity IS NOT NULL AND NEW.expires_at IS NOT NULL
        WHEN NEW.kind NOT IN ('capture', 'release') THEN 0
        WHEN NEW.resolution IS NOT NULL THEN NEW.hold_amount = h.captured - h.amount
        ELSE NEW.hold_amount = NEW.amount AND h.captured - NEW.amount <= h.amount END);
  SELECT RAISE(ABORT, 'guard: what is counted has a quantity')
    WHERE NEW.operation IS NOT NULL AND NEW.quantity IS NULL
    AND NEW.kind IN ('debit', 'capture', 'refund');
  SELECT RAISE(ABORT, 'guard: only a refund reverses')
    WHERE NEW.reverses_id IS NOT NULL AND NEW.kind <> 'refund';
  SELECT RAISE(ABORT, 'guard: refunds never pass what was charged')
    WHERE NEW.kind = 'refund' AND NOT EXISTS (SELECT 1 FROM entries c
      WHERE c.id = NEW.reverses_id AND c.account_id = NEW.account_id
      AND c.kind IN ('debit', 'capture') AND NEW.amount + c.amount
        + (SELECT coalesce(sum(r.amount), 0) FROM entries r WHERE r.reverses_id = c.id) <= 0);
END

CREATE TRIGGER entries_move AFTER INSERT ON entries BEGIN
  UPDATE accounts SET posted = NEW.posted_after, held = NEW.held_after, seq = NEW.seq,
    head_hash = NEW.hash, changed_at = NEW.recorded_at, next_due_at = NEW.due_after
  WHERE id = NEW.account_id;
END

CREATE TRIGGER entries_place AFTER INSERT ON entries
WHEN NEW.kind = 'hold' AND NEW.reason = 'placed' BEGIN
  INSERT INTO holds (id, account_id, seq, service, operation, quantity, tariff, reference_type,
    reference_id, amount, captured, expires_at, created_at, status)
  VALUES (NEW.hold_id, NEW.account_id, NEW.seq, NEW.actor, NEW.operation, NEW.quantity,
    NEW.tariff, NEW.reference_type, NEW.reference_id, NEW.hold_amount, 0, NEW.expires_at,
    NEW.recorded_at, 'open');
END

CREATE TRIGGER entries_resolve AFTER INSERT ON entries
WHEN NEW.hold_id IS NOT NULL AND NEW.kind <> 'debit'
  AND NOT (NEW.kind = 'hold' AND NEW.reason = 'placed') BEGIN
  UPDATE holds SET
    amount = amount + CASE NEW.kind WHEN 'hold' THEN NEW.hold_amount ELSE 0 END,
    quantity = CASE NEW.kind WHEN 'hold' THEN NEW.quantity ELSE quantity END,
    expires_at = CASE NEW.kind WHEN 'hold' THEN NEW.expires_at ELSE expires_at END,
    captured = captured - NEW.amount,
    status = coalesce(NEW.resolution, status),
    resolved_seq = CASE WHEN NEW.resolution IS NOT NULL THEN NEW.seq END
  WHERE id = NEW.hold_id;
END

CREATE TRIGGER entries_count AFTER INSERT ON entries
WHEN NEW.operation IS NOT NULL AND NEW.kind IN ('debit', 'capture', 'refund') BEGIN
  INSERT INTO usage_days (account_id, day, operation, charged, refunded, quantity, jobs)
  VALUES (NEW.account_id, NEW.occurred_at / 86400000000, NEW.operation,
    CASE NEW.kind WHEN 'refund' THEN 0 ELSE -NEW.amount END,
    CASE NEW.kind WHEN 'refund' THEN NEW.amount ELSE 0 END,
    CASE WHEN NEW.kind = 'debit' OR NEW.resolution = 'captured' THEN NEW.quantity ELSE 0 END,
    CASE WHEN NEW.kind = 'debit' OR NEW.resolution = 'captured' THEN 1 ELSE 0 END)
  ON CONFLICT (account_id, day, operation) DO UPDATE SET
    charged = charged + excluded.charged, refunded = refunded + excluded.refunded,
    quantity = quantity + excluded.quantity, jobs = jobs + excluded.jobs;
END

CREATE TRIGGER entries_stay_put BEFORE UPDATE ON entries BEGIN
  SELECT RAISE(ABORT, 'guard: entries are append-only');
END

CREATE TRIGGER entries_stay BEFORE DELETE ON entries BEGIN
  SELECT RAISE(ABORT, 'guard: entries are append-only');
END

CREATE TRIGGER holds_follow BEFORE UPDATE ON holds BEGIN
  SELECT RAISE(ABORT, 'guard: a hold ends once')
    WHERE OLD.status <> 'open' OR NEW.id <> OLD.id OR NEW.account_id <> OLD.account_id
      OR NEW.seq <> OLD.seq OR NEW.created_at <> OLD.created_at OR NEW.service <> OLD.service
      OR NEW.operation <> OLD.operation OR NEW.tariff <> OLD.tariff
      OR NEW.reference_type <> OLD.reference_type OR NEW.reference_id <> OLD.reference_id;
END

CREATE TRIGGER holds_stay BEFORE DELETE ON holds BEGIN
  SELECT RAISE(ABORT, 'guard: holds are never deleted');
END

CREATE TRIGGER account_revisions_stay_put BEFORE UPDATE ON account_revisions BEGIN
  SELECT RAISE(ABORT, 'guard: revisions are append-only');
END

CREATE TRIGGER account_revisions_stay BEFORE DELETE ON account_revisions BEGIN
  SELECT RAISE(ABORT, 'guard: revisions are append-only');
END

CREATE TRIGGER requests_new BEFORE INSERT ON requests BEGIN
  SELECT RAISE(ABORT, 'guard: the key is answered') WHERE EXISTS
    (SELECT 1 FROM requests WHERE service = NEW.service AND "key" = NEW."key");
  SELECT RAISE(ABORT, 'guard: a key is answered by what was entered under it') WHERE NOT EXISTS
    (SELECT 1 FROM entries e WHERE e.account_id = NEW.account_id AND e.seq = NEW.seq
      AND (e.idempotency_key = NEW."key" AND e.actor = NEW.service
        OR e.idempotency_key IS NULL AND e.reason = 'allocation'))
    AND NOT EXISTS (SELECT 1 FROM refusals f WHERE f.id = NEW.refusal_id
      AND f.account_id = NEW.account_id AND f.idempotency_key = NEW."key"
      AND f.actor = NEW.service);
END

CREATE TRIGGER requests_stay_put BEFORE UPDATE ON requests BEGIN
  SELECT RAISE(ABORT, 'guard: requests are append-only');
END

CREATE TRIGGER requests_stay BEFORE DELETE ON requests BEGIN
  SELECT RAISE(ABORT, 'guard: requests are append-only');
END

CREATE TRIGGER refusals_new BEFORE INSERT ON refusals BEGIN
  SELECT RAISE(ABORT, 'guard: the refusal exists')
    WHERE EXISTS (SELECT 1 FROM refusals WHERE id = NEW.id OR rowid = NEW.rowid);
END

CREATE TRIGGER refusals_stay_put BEFORE UPDATE ON refusals BEGIN
  SELECT RAISE(ABORT, 'guard: refusals are append-only');
END

CREATE TRIGGER refusals_stay BEFORE DELETE ON refusals BEGIN
  SELECT RAISE(ABORT, 'guard: refusals are append-only');
END

CREATE TRIGGER tariffs_new BEFORE INSERT ON tariffs BEGIN
  SELECT RAISE(ABORT, 'guard: a published tariff is never replaced')
    WHERE EXISTS (SELECT 1 FROM tariffs
      WHERE name = NEW.name OR effective_at = NEW.effective_at OR rowid = NEW.rowid);
END

CREATE TRIGGER tariffs_stay_put BEFORE UPDATE ON tariffs BEGIN
  SELECT RAISE(ABORT, 'guard: tariffs are append-only');
END

CREATE TRIGGER tariffs_stay BEFORE DELETE ON tariffs BEGIN
  SELECT RAISE(ABORT, 'guard: tariffs are append-only');
END

CREATE VIEW profiles AS
SELECT id AS account_id, name, NULL AS owner, tier, status, posted, held,
  posted - held AS credits_remaining
FROM accounts
