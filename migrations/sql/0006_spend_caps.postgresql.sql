-- An account's own caps on what it may spend are terms of the account.

ALTER TABLE accounts ADD COLUMN caps TEXT

ALTER TABLE account_revisions ADD COLUMN caps TEXT

CREATE OR REPLACE FUNCTION accounts_open() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.posted <> 0 OR NEW.held <> 0 OR NEW.seq <> 0 OR NEW.revision <> 0
    OR NEW.overdraft_limit <> 0 OR NEW.head_hash <> decode(repeat('00', 32), 'hex')
    OR NEW.revision_hash <> decode(repeat('00', 32), 'hex')
    OR (NEW.name, NEW.tier, NEW.status, NEW.time_zone) <> ('', '', 'active', 'UTC')
    OR (NEW.anchor_at, NEW.period_start, NEW.period_end, NEW.changed_at, NEW.touched)
      <> (0, 0, 0, 0, 0) OR NEW.next_tier IS NOT NULL OR NEW.next_due_at IS NOT NULL
    OR NEW.caps IS NOT NULL THEN
    RAISE EXCEPTION 'guard: an account opens empty';
  END IF;
  RETURN NEW;
END $$

CREATE OR REPLACE FUNCTION account_revisions_move() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  UPDATE accounts SET name = NEW.name, tier = NEW.tier, next_tier = NEW.next_tier,
    status = NEW.status, overdraft_limit = NEW.overdraft_limit, time_zone = NEW.time_zone,
    anchor_at = NEW.anchor_at, period_start = NEW.period_start, period_end = NEW.period_end,
    caps = NEW.caps, revision = NEW.revision, revision_hash = NEW.hash,
    changed_at = NEW.recorded_at
  WHERE id = NEW.account_id AND revision + 1 = NEW.revision AND revision_hash = NEW.prev_hash
    AND octet_length(NEW.hash) = 32 AND NEW.recorded_at >= changed_at;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'guard: a revision follows the one before';
  END IF;
  RETURN NULL;
END $$
