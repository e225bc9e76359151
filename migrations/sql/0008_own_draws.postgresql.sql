-- An entry that draws on one grant alone names it, and is its draw itself: of its own amounts. Rows of
-- draws are for entries on several grants or on the overdraft, and for all that was drawn before.

ALTER TABLE entries ADD COLUMN grant_id TEXT

CREATE OR REPLACE FUNCTION draws_move() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  -- This runs before what moves the accounts by the entries of the same statement.
  IF EXISTS (SELECT 1 FROM appended d LEFT JOIN accounts a ON a.id = d.account_id
      LEFT JOIN entries e ON e.account_id = d.account_id AND e.seq = d.seq
      WHERE a.seq IS NULL OR d.seq <= a.seq OR e.seq IS NULL OR e.grant_id IS NOT NULL) THEN
    RAISE EXCEPTION 'guard: a draw is written with an entry that is new, and not its draw itself';
  END IF;
  IF EXISTS (SELECT 1 FROM appended WHERE grant_id IS NULL AND (amount > 0 OR pinned < 0))
    AND EXISTS (SELECT 1 FROM draws d WHERE d.grant_id IS NULL
      AND d.account_id IN (SELECT n.account_id FROM appended n WHERE n.grant_id IS NULL)
      GROUP BY d.account_id HAVING sum(d.amount) > 0 OR sum(d.pinned) < 0) THEN
    RAISE EXCEPTION 'guard: no more overdraft is repaid than is owed, or freed than is pinned';
  END IF;
  RETURN NULL;
END $$

CREATE OR REPLACE FUNCTION entries_move() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  wrong record;
  asked bigint;
  done bigint;
BEGIN
  SELECT n.account_id, n.seq INTO wrong FROM (
    SELECT e.account_id, e.seq, e.amount, e.hold_amount, e.posted_after, e.held_after,
      e.prev_hash, e.hash, e.recorded_at, e.grant_id, a.overdraft_limit, a.changed_at,
      coalesce(lag(e.seq) OVER w, a.seq) AS seq_before,
      coalesce(lag(e.posted_after) OVER w, a.posted) AS posted_before,
      coalesce(lag(e.held_after) OVER w, a.held) AS held_before,
      coalesce(lag(e.hash) OVER w, a.head_hash) AS hash_before,
      coalesce(lag(e.recorded_at) OVER w, a.changed_at) AS recorded_before
    FROM appended e LEFT JOIN accounts a ON a.id = e.account_id
    WINDOW w AS (PARTITION BY e.account_id ORDER BY e.seq)) n
  WHERE n.seq_before IS NULL OR n.seq <> n.seq_before + 1 OR n.posted_after <> n.posted_before + n.amount
    OR n.held_after <> n.held_before + n.hold_amount OR n.prev_hash <> n.hash_before
    OR octet_length(n.hash) <> 32 OR n.recorded_at < n.recorded_before
    OR (n.amount < n.hold_amount AND n.posted_after - n.held_after < -n.overdraft_limit)
    OR (n.grant_id IS NULL AND (n.amount, n.hold_amount) <> (SELECT coalesce(sum(d.amount), 0),
        coalesce(sum(d.pinned), 0) FROM draws d WHERE d.account_id = n.account_id AND d.seq = n.seq))
  LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION USING MESSAGE = 'guard: entry ' || wrong.seq || ' of account '
      || wrong.account_id || ' does not follow the one before, its draws or the overdraft';
  END IF;
  -- Of rows of their own, too: another entry of this statement may have made what they draw on.
  WITH drawn AS (SELECT grant_id, account_id, amount, hold_amount AS pinned
      FROM appended WHERE grant_id IS NOT NULL
      UNION ALL SELECT d.grant_id, d.account_id, d.amount, d.pinned FROM appended e
      CROSS JOIN LATERAL (SELECT * FROM draws o WHERE o.account_id = e.account_id
        AND o.seq = e.seq AND o.grant_id IS NOT NULL OFFSET 0) d
      WHERE e.grant_id IS NULL),
    asked_for AS (SELECT grant_id, account_id, sum(amount) AS amount, sum(pinned) AS pinned
      FROM drawn GROUP BY grant_id, account_id),
    moved AS (UPDATE grants g SET remaining = g.remaining + s.amount, pinned = g.pinned + s.pinned
      FROM asked_for s WHERE g.id = s.grant_id AND g.account_id = s.account_id RETURNING 1)
  SELECT (SELECT count(*) FROM asked_for), (SELECT count(*) FROM moved) INTO asked, done;
  IF done <> asked THEN
    RAISE EXCEPTION 'guard: a draw moves a grant of its own account';
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
