-- The vault's guards on PostgreSQL: what keeps it append-only, and what moves balances.
-- Statements are separated by blank lines. All of it belongs to ledger_owner, whose functions
-- move what the application may not; statement triggers see a whole append at once.

-- The few draws on overdraft, which their guard adds up.
CREATE INDEX draws_on_overdraft ON draws (account_id, amount, pinned) WHERE grant_id IS NULL

CREATE FUNCTION guard_append_only() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  RAISE EXCEPTION USING MESSAGE = 'guard: ' || TG_TABLE_NAME || ' is append-only';
END $$

CREATE FUNCTION accounts_open() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.posted <> 0 OR NEW.held <> 0 OR NEW.seq <> 0 OR NEW.revision <> 0
    OR NEW.overdraft_limit <> 0 OR NEW.head_hash <> decode(repeat('00', 32), 'hex')
    OR NEW.revision_hash <> decode(repeat('00', 32), 'hex')
    OR (NEW.name, NEW.tier, NEW.status, NEW.time_zone) <> ('', '', 'active', 'UTC')
    OR (NEW.anchor_at, NEW.period_start, NEW.period_end, NEW.changed_at, NEW.touched)
      <> (0, 0, 0, 0, 0) OR NEW.next_tier IS NOT NULL OR NEW.next_due_at IS NOT NULL THEN
    RAISE EXCEPTION 'guard: an account opens empty';
  END IF;
  RETURN NEW;
END $$

CREATE FUNCTION accounts_follow() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'guard: only an entry or a revision moves an account';
END $$

CREATE FUNCTION account_revisions_move() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  UPDATE accounts SET name = NEW.name, tier = NEW.tier, next_tier = NEW.next_tier,
    status = NEW.status, overdraft_limit = NEW.overdraft_limit, time_zone = NEW.time_zone,
    anchor_at = NEW.anchor_at, period_start = NEW.period_start, period_end = NEW.period_end,
    revision = NEW.revision, revision_hash = NEW.hash, changed_at = NEW.recorded_at
  WHERE id = NEW.account_id AND revision + 1 = NEW.revision AND revision_hash = NEW.prev_hash
    AND octet_length(NEW.hash) = 32 AND NEW.recorded_at >= changed_at;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'guard: a revision follows the one before';
  END IF;
  RETURN NULL;
END $$

CREATE FUNCTION grants_begin() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.remaining <> 0 OR NEW.pinned <> 0 THEN
    RAISE EXCEPTION 'guard: a grant begins empty; its entry fills it';
  END IF;
  -- Locked, so that no other session enters meanwhile what this grant would then hang on.
  PERFORM 1 FROM accounts a WHERE a.id = NEW.account_id AND a.seq < NEW.seq FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'guard: a grant belongs to an entry still to come';
  END IF;
  RETURN NEW;
END $$

CREATE FUNCTION grants_follow() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'guard: only a draw moves a grant';
END $$

CREATE FUNCTION draws_move() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  asked bigint;
  done bigint;
BEGIN
  -- This runs before what moves the accounts by the entries of the same statement.
  IF EXISTS (SELECT 1 FROM appended d LEFT JOIN accounts a ON a.id = d.account_id
      LEFT JOIN entries e ON e.account_id = d.account_id AND e.seq = d.seq
      WHERE a.seq IS NULL OR d.seq <= a.seq OR e.seq IS NULL) THEN
    RAISE EXCEPTION 'guard: a draw is written with an entry that is new';
  END IF;
  SELECT count(DISTINCT (grant_id, account_id)) INTO asked FROM appended
  WHERE grant_id IS NOT NULL;
  IF asked > 0 THEN
    UPDATE grants g SET remaining = g.remaining + s.amount, pinned = g.pinned + s.pinned
    FROM (SELECT grant_id, account_id, sum(amount) AS amount, sum(pinned) AS pinned
      FROM appended WHERE grant_id IS NOT NULL GROUP BY grant_id, account_id) s
    WHERE g.id = s.grant_id AND g.account_id = s.account_id;
    GET DIAGNOSTICS done = ROW_COUNT;
    IF done <> asked THEN
      RAISE EXCEPTION 'guard: a draw moves a grant of its own account';
    END IF;
  END IF;
  IF EXISTS (SELECT 1 FROM appended WHERE grant_id IS NULL AND (amount > 0 OR pinned < 0))
    AND EXISTS (SELECT 1 FROM draws d WHERE d.grant_id IS NULL
      AND d.account_id IN (SELECT n.account_id FROM appended n WHERE n.grant_id IS NULL)
      GROUP BY d.account_id HAVING sum(d.amount) > 0 OR sum(d.pinned) < 0) THEN
    RAISE EXCEPTION 'guard: no more overdraft is repaid than is owed, or freed than is pinned';
  END IF;
  RETURN NULL;
END $$

CREATE FUNCTION entries_move() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  wrong record;
BEGIN
  SELECT n.account_id, n.seq INTO wrong FROM (
    SELECT e.account_id, e.seq, e.amount, e.hold_amount, e.posted_after, e.held_after,
      e.prev_hash, e.hash, e.recorded_at, a.overdraft_limit, a.changed_at,
      coalesce(lag(e.seq) OVER w, a.seq) AS seq_before,
      coalesce(lag(e.posted_after) OVER w, a.posted) AS posted_before,
      coalesce(lag(e.held_after) OVER w, a.held) AS held_before,
      coalesce(lag(e.hash) OVER w, a.head_hash) AS hash_before,
      coalesce(lag(e.recorded_at) OVER w, a.changed_at) AS recorded_before
    FROM appended e JOIN accounts a ON a.id = e.account_id
    WINDOW w AS (PARTITION BY e.account_id ORDER BY e.seq)) n
  LEFT JOIN LATERAL (SELECT coalesce(sum(d.amount), 0) AS amount,
      coalesce(sum(d.pinned), 0) AS pinned
    FROM draws d WHERE d.account_id = n.account_id AND d.seq = n.seq) drawn ON true
  WHERE n.seq <> n.seq_before + 1 OR n.posted_after <> n.posted_before + n.amount
    OR n.held_after <> n.held_before + n.hold_amount OR n.prev_hash <> n.hash_before
    OR octet_length(n.hash) <> 32 OR n.recorded_at < n.recorded_before
    OR (n.amount < n.hold_amount AND n.posted_after - n.held_after < -n.overdraft_limit)
    OR drawn.amount <> n.amount OR drawn.pinned <> n.hold_amount
  LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION USING MESSAGE = 'guard: entry ' || wrong.seq || ' of account '
      || wrong.account_id || ' does not follow the one before, its draws or the overdraft';
  END IF;
  UPDATE accounts a SET posted = e.posted_after, held = e.held_after, seq = e.seq,
    head_hash = e.hash, changed_at = e.recorded_at, next_due_at = e.due_after
  FROM (SELECT DISTINCT ON (account_id) * FROM appended ORDER BY account_id, seq DESC) e
  WHERE a.id = e.account_id;
  INSERT INTO usage_days AS u
    (account_id, day, operation, charged, refunded, quantity, jobs)
  SELECT e.account_id, (e.occurred_at / 86400000000)::integer, e.operation,
    sum(CASE e.kind WHEN 'refund' THEN 0 ELSE -e.amount END),
    sum(CASE e.kind WHEN 'refund' THEN e.amount ELSE 0 END),
    sum(CASE WHEN e.kind = 'debit' OR e.resolution = 'captured' THEN e.quantity ELSE 0 END),
    sum(CASE WHEN e.kind = 'debit' OR e.resolution = 'captured' THEN 1 ELSE 0 END)
  FROM appended e
  WHERE e.operation IS NOT NULL AND e.kind IN ('debit', 'capture', 'refund')
  GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
  ON CONFLICT (account_id, day, operation) DO UPDATE SET
    charged = u.charged + excluded.charged, refunded = u.refunded + excluded.refunded,
    quantity = u.quantity + excluded.quantity, jobs = u.jobs + excluded.jobs;
  IF EXISTS (SELECT 1 FROM appended WHERE hold_id IS NOT NULL OR reverses_id IS NOT NULL) THEN
    PERFORM entries_resolve_rows(array_agg(e ORDER BY e.account_id, e.seq))
    FROM appended a JOIN entries e ON e.account_id = a.account_id AND e.seq = a.seq
    WHERE e.hold_id IS NOT NULL OR e.reverses_id IS NOT NULL;
  END IF;
  RETURN NULL;
END $$

CREATE FUNCTION entries_resolve_rows(rows entries[]) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  e entries;
BEGIN
  FOREACH e IN ARRAY rows LOOP
    IF e.kind = 'refund' THEN
      IF e.hold_id IS NOT NULL OR NOT EXISTS (SELECT 1 FROM entries c WHERE c.id = e.reverses_id
          AND c.account_id = e.account_id AND c.kind IN ('debit', 'capture')
          AND (SELECT sum(r.amount) FROM entries r WHERE r.reverses_id = c.id) <= -c.amount) THEN
        RAISE EXCEPTION 'guard: refunds never pass what was charged';
      END IF;
    ELSIF e.reverses_id IS NOT NULL THEN
      RAISE EXCEPTION 'guard: only a refund reverses';
    ELSIF e.kind = 'hold' AND e.reason = 'placed' THEN
      INSERT INTO holds (id, account_id, seq, service, operation, quantity, tariff,
        reference_type, reference_id, amount, captured, expires_at, created_at, status)
      VALUES (e.hold_id, e.account_id, e.seq, e.actor, e.operation, e.quantity, e.tariff,
        e.reference_type, e.reference_id, e.hold_amount, 0, e.expires_at, e.recorded_at, 'open');
    ELSIF e.kind = 'debit' THEN
      IF NOT EXISTS (SELECT 1 FROM holds h WHERE h.id = e.hold_id AND h.status = 'expired'
          AND h.account_id = e.account_id) THEN
        RAISE EXCEPTION 'guard: only an expired hold is captured late';
      END IF;
    ELSE
      UPDATE holds SET
        amount = amount + CASE e.kind WHEN 'hold' THEN e.hold_amount ELSE 0 END,
        quantity = CASE e.kind WHEN 'hold' THEN e.quantity ELSE quantity END,
        expires_at = CASE e.kind WHEN 'hold' THEN e.expires_at ELSE expires_at END,
        captured = captured - e.amount,
        status = coalesce(e.resolution, status),
        resolved_seq = CASE WHEN e.resolution IS NOT NULL THEN e.seq END
      WHERE id = e.hold_id AND account_id = e.account_id AND status = 'open'
        AND CASE WHEN e.kind = 'hold' THEN true
          WHEN e.kind NOT IN ('capture', 'release') THEN false
          WHEN e.resolution IS NOT NULL THEN e.hold_amount = captured - amount
          ELSE e.hold_amount = e.amount END;
      IF NOT FOUND THEN
        RAISE EXCEPTION 'guard: the hold is not open, or its rest is another';
      END IF;
    END IF;
  END LOOP;
END $$

CREATE FUNCTION requests_answered() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM appended r
      LEFT JOIN entries e ON e.account_id = r.account_id AND e.seq = r.seq
      LEFT JOIN refusals f ON f.id = r.refusal_id AND f.account_id = r.account_id
      WHERE NOT coalesce((e.idempotency_key, e.actor) = (r.key, r.service), false)
        AND NOT coalesce(e.idempotency_key IS NULL AND e.reason = 'allocation', false)
        AND NOT coalesce((f.idempotency_key, f.actor) = (r.key, r.service), false)) THEN
    RAISE EXCEPTION 'guard: a key is answered by what was entered under it';
  END IF;
  RETURN NULL;
END $$

CREATE FUNCTION holds_follow() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF OLD.status <> 'open' OR (NEW.id, NEW.account_id, NEW.seq, NEW.created_at, NEW.service,
      NEW.operation, NEW.tariff, NEW.reference_type, NEW.reference_id)
    IS DISTINCT FROM (OLD.id, OLD.account_id, OLD.seq, OLD.created_at, OLD.service,
      OLD.operation, OLD.tariff, OLD.reference_type, OLD.reference_id) THEN
    RAISE EXCEPTION 'guard: a hold ends once';
  END IF;
  IF pg_trigger_depth() < 2 THEN
    RAISE EXCEPTION 'guard: only an entry moves a hold';
  END IF;
  RETURN NEW;
END $$

CREATE TRIGGER accounts_open BEFORE INSERT ON accounts
FOR EACH ROW EXECUTE FUNCTION accounts_open()

-- The application may update no grant, and of an account what nothing reads; whoever may is let
-- through to them by a trigger alone. The condition is the whole proof: to call a function for each
-- row would cost as much as the update.
CREATE TRIGGER accounts_follow BEFORE UPDATE ON accounts
FOR EACH ROW WHEN (pg_trigger_depth() < 1 OR NEW.touched <> OLD.touched OR NEW.id <> OLD.id
  OR NEW.created_at <> OLD.created_at)
EXECUTE FUNCTION accounts_follow()

CREATE TRIGGER account_revisions_move AFTER INSERT ON account_revisions
FOR EACH ROW EXECUTE FUNCTION account_revisions_move()

CREATE TRIGGER grants_begin BEFORE INSERT ON grants
FOR EACH ROW EXECUTE FUNCTION grants_begin()

CREATE TRIGGER grants_follow BEFORE UPDATE ON grants
FOR EACH ROW WHEN (pg_trigger_depth() < 1) EXECUTE FUNCTION grants_follow()

CREATE TRIGGER draws_move AFTER INSERT ON draws REFERENCING NEW TABLE AS appended
FOR EACH STATEMENT EXECUTE FUNCTION draws_move()

CREATE TRIGGER entries_move AFTER INSERT ON entries REFERENCING NEW TABLE AS appended
FOR EACH STATEMENT EXECUTE FUNCTION entries_move()

CREATE TRIGGER requests_answered AFTER INSERT ON requests REFERENCING NEW TABLE AS appended
FOR EACH STATEMENT EXECUTE FUNCTION requests_answered()

CREATE TRIGGER holds_follow BEFORE UPDATE ON holds
FOR EACH ROW EXECUTE FUNCTION holds_follow()

CREATE TRIGGER entries_stay BEFORE UPDATE OR DELETE ON entries
FOR EACH ROW EXECUTE FUNCTION guard_append_only()

CREATE TRIGGER draws_stay BEFORE UPDATE OR DELETE ON draws
FOR EACH ROW EXECUTE FUNCTION guard_append_only()

CREATE TRIGGER account_revisions_stay BEFORE UPDATE OR DELETE ON account_revisions
FOR EACH ROW EXECUTE FUNCTION guard_append_only()

CREATE TRIGGER requests_stay BEFORE UPDATE OR DELETE ON requests
FOR EACH ROW EXECUTE FUNCTION guard_append_only()

CREATE TRIGGER refusals_stay BEFORE UPDATE OR DELETE ON refusals
FOR EACH ROW EXECUTE FUNCTION guard_append_only()

CREATE TRIGGER tariffs_stay BEFORE UPDATE OR DELETE ON tariffs
FOR EACH ROW EXECUTE FUNCTION guard_append_only()

CREATE TRIGGER accounts_stay BEFORE DELETE ON accounts
FOR EACH ROW EXECUTE FUNCTION guard_append_only()

CREATE TRIGGER grants_stay BEFORE DELETE ON grants
FOR EACH ROW EXECUTE FUNCTION guard_append_only()

CREATE TRIGGER holds_stay BEFORE DELETE ON holds
FOR EACH ROW EXECUTE FUNCTION guard_append_only()

CREATE TRIGGER entries_whole BEFORE TRUNCATE ON entries
FOR EACH STATEMENT EXECUTE FUNCTION guard_append_only()

CREATE TRIGGER draws_whole BEFORE TRUNCATE ON draws
FOR EACH STATEMENT EXECUTE FUNCTION guard_append_only()

CREATE TRIGGER account_revisions_whole BEFORE TRUNCATE ON account_revisions
FOR EACH STATEMENT EXECUTE FUNCTION guard_append_only()

CREATE TRIGGER requests_whole BEFORE TRUNCATE ON requests
FOR EACH STATEMENT EXECUTE FUNCTION guard_append_only()

CREATE TRIGGER refusals_whole BEFORE TRUNCATE ON refusals
FOR EACH STATEMENT EXECUTE FUNCTION guard_append_only()

CREATE TRIGGER tariffs_whole BEFORE TRUNCATE ON tariffs
FOR EACH STATEMENT EXECUTE FUNCTION guard_append_only()

CREATE TRIGGER accounts_whole BEFORE TRUNCATE ON accounts
FOR EACH STATEMENT EXECUTE FUNCTION guard_append_only()

CREATE TRIGGER grants_whole BEFORE TRUNCATE ON grants
FOR EACH STATEMENT EXECUTE FUNCTION guard_append_only()

CREATE TRIGGER holds_whole BEFORE TRUNCATE ON holds
FOR EACH STATEMENT EXECUTE FUNCTION guard_append_only()

ALTER TABLE accounts ENABLE ALWAYS TRIGGER accounts_open

ALTER TABLE accounts ENABLE ALWAYS TRIGGER accounts_follow

ALTER TABLE account_revisions ENABLE ALWAYS TRIGGER account_revisions_move

ALTER TABLE grants ENABLE ALWAYS TRIGGER grants_begin

ALTER TABLE grants ENABLE ALWAYS TRIGGER grants_follow

ALTER TABLE draws ENABLE ALWAYS TRIGGER draws_move

ALTER TABLE entries ENABLE ALWAYS TRIGGER entries_move

ALTER TABLE requests ENABLE ALWAYS TRIGGER requests_answered

ALTER TABLE holds ENABLE ALWAYS TRIGGER holds_follow

ALTER TABLE entries ENABLE ALWAYS TRIGGER entries_stay

ALTER TABLE draws ENABLE ALWAYS TRIGGER draws_stay

ALTER TABLE account_revisions ENABLE ALWAYS TRIGGER account_revisions_stay

ALTER TABLE requests ENABLE ALWAYS TRIGGER requests_stay

ALTER TABLE refusals ENABLE ALWAYS TRIGGER refusals_stay

ALTER TABLE tariffs ENABLE ALWAYS TRIGGER tariffs_stay

ALTER TABLE accounts ENABLE ALWAYS TRIGGER accounts_stay

ALTER TABLE grants ENABLE ALWAYS TRIGGER grants_stay

ALTER TABLE holds ENABLE ALWAYS TRIGGER holds_stay

ALTER TABLE entries ENABLE ALWAYS TRIGGER entries_whole

ALTER TABLE draws ENABLE ALWAYS TRIGGER draws_whole

ALTER TABLE account_revisions ENABLE ALWAYS TRIGGER account_revisions_whole

ALTER TABLE requests ENABLE ALWAYS TRIGGER requests_whole

ALTER TABLE refusals ENABLE ALWAYS TRIGGER refusals_whole

ALTER TABLE tariffs ENABLE ALWAYS TRIGGER tariffs_whole

ALTER TABLE accounts ENABLE ALWAYS TRIGGER accounts_whole

ALTER TABLE grants ENABLE ALWAYS TRIGGER grants_whole

ALTER TABLE holds ENABLE ALWAYS TRIGGER holds_whole

CREATE VIEW profiles AS
SELECT id AS account_id, name, NULL::text AS owner, tier, status, posted, held,
  posted - held AS credits_remaining
FROM accounts

-- Who may execute a trigger's function can hang it on a table of his own, and feed it rows there:
-- it would then move the vault with its owner's rights.
REVOKE ALL ON FUNCTION guard_append_only(), accounts_open(), accounts_follow(),
  account_revisions_move(), grants_begin(), grants_follow(), draws_move(), entries_move(),
  entries_resolve_rows(entries[]), requests_answered(), holds_follow() FROM PUBLIC

GRANT SELECT ON accounts, account_revisions, entries, draws, grants, holds, requests, refusals,
  usage_days, tariffs, profiles, alembic_version TO portal_app, portal_audit

GRANT INSERT ON account_revisions, entries, draws, requests, refusals, tariffs TO portal_app

GRANT INSERT (id, head_hash, revision_hash, created_at) ON accounts TO portal_app

GRANT INSERT (id, account_id, seq, origin, priority, amount, effective_at, expires_at, operations,
  parent_id) ON grants TO portal_app

GRANT UPDATE (touched) ON accounts TO portal_app
