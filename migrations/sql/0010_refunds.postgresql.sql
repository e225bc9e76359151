-- A refund gives something back, and to no grant more than the charge took from it; what was
-- reinstated stands for the grant it is of. Code from before entries that are their own draws finds
-- no draws of such a charge, and would write that it gave nothing back.

CREATE OR REPLACE FUNCTION entries_resolve_rows(rows entries[]) RETURNS void
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
      IF e.amount <= 0 THEN
        RAISE EXCEPTION 'guard: a refund gives something back';
      END IF;
      IF EXISTS (SELECT 1 FROM draws d WHERE d.account_id = e.account_id AND d.seq = e.seq
          AND d.amount < 0) THEN
        RAISE EXCEPTION 'guard: a refund takes nothing from a grant';
      END IF;
      IF EXISTS (SELECT 1 FROM (
            SELECT o.account_id, o.seq, o.grant_id, o.amount FROM entries o
            WHERE (o.id = e.reverses_id OR o.reverses_id = e.reverses_id)
              AND o.grant_id IS NOT NULL
            UNION ALL SELECT d.account_id, d.seq, d.grant_id, d.amount FROM entries o
            JOIN draws d ON d.account_id = o.account_id AND d.seq = o.seq
            WHERE o.id = e.reverses_id OR o.reverses_id = e.reverses_id) drawn
          LEFT JOIN grants made ON made.id = drawn.grant_id AND made.seq = drawn.seq
            AND made.account_id = drawn.account_id
          GROUP BY CASE WHEN made.id IS NULL THEN drawn.grant_id ELSE made.parent_id END
          HAVING sum(drawn.amount) > 0) THEN
        RAISE EXCEPTION 'guard: a refund gives no grant more than was taken from it';
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

-- It moves nothing since entries move what they and their draws draw on: it is a guard, and is
-- named as on SQLite. Its rights, and that it always fires, stay with it.
ALTER FUNCTION draws_move() RENAME TO draws_follow

ALTER TRIGGER draws_move ON draws RENAME TO draws_follow
