-- What is refused stays refused; a debit costs the server an eighth less. Most appends hold one entry
-- an account, each its own draw: there what moves an account proves the entry as well, since it
-- finds no account that an entry does not follow. Else rows are held against their neighbours. What
-- holds become is written for all of them at once there, and asked row by row for the few others.

CREATE OR REPLACE FUNCTION entries_move() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  wrong record;
  written bigint;
  movers bigint;
  drawing bigint;
  opening bigint;
  moving bigint;
  others bigint;
  asked bigint;
  done bigint;
BEGIN
  SELECT count(*), count(DISTINCT account_id), count(grant_id),
    count(*) FILTER (WHERE hold_id IS NOT NULL OR reverses_id IS NOT NULL)
  INTO written, movers, drawing, others FROM appended;
  IF written = movers AND written = drawing THEN
    UPDATE accounts a SET posted = e.posted_after, held = e.held_after, seq = e.seq,
      head_hash = e.hash, changed_at = e.recorded_at, next_due_at = e.due_after
    FROM appended e
    WHERE a.id = e.account_id AND e.seq = a.seq + 1 AND e.posted_after = a.posted + e.amount
      AND e.held_after = a.held + e.hold_amount AND e.prev_hash = a.head_hash
      AND octet_length(e.hash) = 32 AND e.recorded_at >= a.changed_at
      AND (e.amount >= e.hold_amount OR e.posted_after - e.held_after >= -a.overdraft_limit);
    GET DIAGNOSTICS done = ROW_COUNT;
    IF done <> written THEN
      SELECT e.account_id, e.seq INTO wrong FROM appended e WHERE NOT EXISTS
        (SELECT 1 FROM accounts a
          WHERE a.id = e.account_id AND a.seq = e.seq AND a.head_hash = e.hash)
      LIMIT 1;
      RAISE EXCEPTION USING MESSAGE = 'guard: entry ' || wrong.seq || ' of account '
        || wrong.account_id || ' does not follow the one before, or the overdraft';
    END IF;
    UPDATE grants g SET remaining = g.remaining + e.amount, pinned = g.pinned + e.hold_amount
    FROM appended e WHERE g.id = e.grant_id AND g.account_id = e.account_id;
    GET DIAGNOSTICS done = ROW_COUNT;
    IF done <> written THEN
      RAISE EXCEPTION 'guard: a draw moves a grant of its own account';
    END IF;
    INSERT INTO usage_days AS u
      (account_id, day, operation, charged, refunded, quantity, jobs)
    SELECT e.account_id, (e.occurred_at / 86400000000)::integer, e.operation,
      CASE e.kind WHEN 'refund' THEN 0 ELSE -e.amount END,
      CASE e.kind WHEN 'refund' THEN e.amount ELSE 0 END,
      CASE WHEN e.kind = 'debit' OR e.resolution = 'captured' THEN e.quantity ELSE 0 END,
      CASE WHEN e.kind = 'debit' OR e.resolution = 'captured' THEN 1 ELSE 0 END
    FROM appended e
    WHERE e.operation IS NOT NULL AND e.kind IN ('debit', 'capture', 'refund')
    ON CONFLICT (account_id, day, operation) DO UPDATE SET
      charged = u.charged + excluded.charged, refunded = u.refunded + excluded.refunded,
      quantity = u.quantity + excluded.quantity, jobs = u.jobs + excluded.jobs;
    IF others > 0 THEN
      SELECT count(*) FILTER (WHERE kind = 'hold' AND reason = 'placed'),
        count(*) FILTER (WHERE kind IN ('capture', 'release')
          OR (kind = 'hold' AND reason <> 'placed'))
      INTO opening, moving FROM appended WHERE hold_id IS NOT NULL AND reverses_id IS NULL;
      IF opening > 0 THEN
        INSERT INTO holds (id, account_id, seq, service, operation, quantity, tariff,
          reference_type, reference_id, amount, captured, expires_at, created_at, status)
        SELECT e.hold_id, e.account_id, e.seq, e.actor, e.operation, e.quantity, e.tariff,
          e.reference_type, e.reference_id, e.hold_amount, 0, e.expires_at, e.recorded_at, 'open'
        FROM appended e
        WHERE e.kind = 'hold' AND e.reason = 'placed' AND e.reverses_id IS NULL;
      END IF;
      IF moving > 0 THEN
        UPDATE holds h SET
          amount = h.amount + CASE e.kind WHEN 'hold' THEN e.hold_amount ELSE 0 END,
          quantity = CASE e.kind WHEN 'hold' THEN e.quantity ELSE h.quantity END,
          expires_at = CASE e.kind WHEN 'hold' THEN e.expires_at ELSE h.expires_at END,
          captured = h.captured - e.amount,
          status = coalesce(e.resolution, h.status),
          resolved_seq = CASE WHEN e.resolution IS NOT NULL THEN e.seq END
        FROM appended e
        WHERE h.id = e.hold_id AND h.account_id = e.account_id AND h.status = 'open'
          AND e.reverses_id IS NULL AND NOT (e.kind = 'hold' AND e.reason = 'placed')
          AND CASE WHEN e.kind = 'hold' THEN true
            WHEN e.kind NOT IN ('capture', 'release') THEN false
            WHEN e.resolution IS NOT NULL THEN e.hold_amount = h.captured - h.amount
            ELSE e.hold_amount = e.amount END;
        GET DIAGNOSTICS done = ROW_COUNT;
        IF done <> moving THEN
          RAISE EXCEPTION 'guard: the hold is not open, or its rest is another';
        END IF;
      END IF;
      others := others - opening - moving;
    END IF;
  ELSE
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
    WHERE n.seq_before IS NULL OR n.seq <> n.seq_before + 1
      OR n.posted_after <> n.posted_before + n.amount
      OR n.held_after <> n.held_before + n.hold_amount OR n.prev_hash <> n.hash_before
      OR octet_length(n.hash) <> 32 OR n.recorded_at < n.recorded_before
      OR (n.amount < n.hold_amount AND n.posted_after - n.held_after < -n.overdraft_limit)
      OR (n.grant_id IS NULL AND (n.amount, n.hold_amount) <>
        (SELECT coalesce(sum(d.amount), 0), coalesce(sum(d.pinned), 0)
          FROM draws d WHERE d.account_id = n.account_id AND d.seq = n.seq))
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
  END IF;
  IF others > 0 THEN
    PERFORM entries_resolve_rows(array_agg(e ORDER BY e.account_id, e.seq))
    FROM appended a JOIN entries e ON e.account_id = a.account_id AND e.seq = a.seq
    WHERE e.reverses_id IS NOT NULL OR (e.hold_id IS NOT NULL
      AND (opening IS NULL OR e.kind NOT IN ('hold', 'capture', 'release')));
  END IF;
  RETURN NULL;
END $$
