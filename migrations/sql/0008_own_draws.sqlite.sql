-- An entry that draws on one grant alone names it, and is its draw itself: of its own amounts. Rows of
-- draws are for entries on several grants or on the overdraft, and for all that was drawn before.

ALTER TABLE entries ADD COLUMN grant_id TEXT

DROP TRIGGER entries_follow

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
    WHERE NEW.grant_id IS NULL AND NOT EXISTS (SELECT 1 FROM
        (SELECT coalesce(sum(d.amount), 0) AS amount, coalesce(sum(d.pinned), 0) AS pinned
        FROM draws d WHERE d.account_id = NEW.account_id AND d.seq = NEW.seq) drawn
      WHERE drawn.amount = NEW.amount AND drawn.pinned = NEW.hold_amount);
  SELECT RAISE(ABORT, 'guard: an entry that is its draw has no other')
    WHERE NEW.grant_id IS NOT NULL AND EXISTS
      (SELECT 1 FROM draws d WHERE d.account_id = NEW.account_id AND d.seq = NEW.seq);
  SELECT RAISE(ABORT, 'guard: a draw moves a grant of its own account, by what it has')
    WHERE NEW.grant_id IS NOT NULL AND NOT EXISTS
      (SELECT 1 FROM grants g WHERE g.id = NEW.grant_id AND g.account_id = NEW.account_id
        AND NEW.amount BETWEEN -9000000000000000 AND 9000000000000000
        AND g.pinned + NEW.hold_amount BETWEEN 0 AND g.remaining + NEW.amount);
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

CREATE TRIGGER entries_draw AFTER INSERT ON entries WHEN NEW.grant_id IS NOT NULL BEGIN
  UPDATE grants SET remaining = remaining + NEW.amount, pinned = pinned + NEW.hold_amount
  WHERE id = NEW.grant_id;
END

-- When something falls due seldom changes with an entry: its index is written only then.
DROP TRIGGER entries_move

CREATE TRIGGER entries_move AFTER INSERT ON entries BEGIN
  UPDATE accounts SET posted = NEW.posted_after, held = NEW.held_after, seq = NEW.seq,
    head_hash = NEW.hash, changed_at = NEW.recorded_at
  WHERE id = NEW.account_id AND next_due_at IS NEW.due_after;
  UPDATE accounts SET posted = NEW.posted_after, held = NEW.held_after, seq = NEW.seq,
    head_hash = NEW.hash, changed_at = NEW.recorded_at, next_due_at = NEW.due_after
  WHERE id = NEW.account_id AND next_due_at IS NOT NEW.due_after;
END
