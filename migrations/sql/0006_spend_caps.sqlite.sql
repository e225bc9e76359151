-- An account's own caps on what it may spend are terms of the account.

ALTER TABLE accounts ADD COLUMN caps TEXT

ALTER TABLE account_revisions ADD COLUMN caps TEXT

DROP TRIGGER accounts_open

CREATE TRIGGER accounts_open BEFORE INSERT ON accounts BEGIN
  SELECT RAISE(ABORT, 'guard: an account opens empty') WHERE NEW.posted <> 0 OR NEW.held <> 0
    OR NEW.seq <> 0 OR NEW.revision <> 0 OR NEW.overdraft_limit <> 0
    OR NEW.head_hash <> zeroblob(32) OR NEW.revision_hash <> zeroblob(32)
    OR NEW.name <> '' OR NEW.tier <> '' OR NEW.next_tier IS NOT NULL OR NEW.status <> 'active'
    OR NEW.time_zone <> 'UTC' OR NEW.anchor_at <> 0 OR NEW.period_start <> 0
    OR NEW.period_end <> 0 OR NEW.changed_at <> 0 OR NEW.next_due_at IS NOT NULL
    OR NEW.touched <> 0 OR NEW.caps IS NOT NULL;
  SELECT RAISE(ABORT, 'guard: the account exists')
    WHERE EXISTS (SELECT 1 FROM accounts WHERE id = NEW.id OR rowid = NEW.rowid);
END

DROP TRIGGER accounts_follow

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
      OR NEW.period_start <> OLD.period_start OR NEW.period_end <> OLD.period_end
      OR NEW.caps IS NOT OLD.caps)
    AND NOT EXISTS (SELECT 1 FROM account_revisions r WHERE r.account_id = NEW.id
      AND r.revision = NEW.revision AND NEW.revision = OLD.revision + 1
      AND r.hash = NEW.revision_hash AND r.overdraft_limit = NEW.overdraft_limit
      AND r.tier = NEW.tier AND r.status = NEW.status AND r.caps IS NEW.caps);
END

DROP TRIGGER account_revisions_move

CREATE TRIGGER account_revisions_move AFTER INSERT ON account_revisions BEGIN
  UPDATE accounts SET name = NEW.name, tier = NEW.tier, next_tier = NEW.next_tier,
    status = NEW.status, overdraft_limit = NEW.overdraft_limit, time_zone = NEW.time_zone,
    anchor_at = NEW.anchor_at, period_start = NEW.period_start, period_end = NEW.period_end,
    caps = NEW.caps, revision = NEW.revision, revision_hash = NEW.hash,
    changed_at = NEW.recorded_at
  WHERE id = NEW.account_id;
END
