-- A refund gives something back, and to no grant more than the charge took from it; what was
-- reinstated stands for the grant it is of. Code from before entries that are their own draws finds
-- no draws of such a charge, and would write that it gave nothing back.

CREATE TRIGGER entries_give_back BEFORE INSERT ON entries WHEN NEW.kind = 'refund' BEGIN
  SELECT RAISE(ABORT, 'guard: a refund gives something back') WHERE NEW.amount <= 0;
  SELECT RAISE(ABORT, 'guard: a refund takes nothing from a grant') WHERE EXISTS
    (SELECT 1 FROM draws d WHERE d.account_id = NEW.account_id AND d.seq = NEW.seq AND d.amount < 0);
  SELECT RAISE(ABORT, 'guard: a refund gives no grant more than was taken from it')
    WHERE EXISTS (SELECT 1 FROM (
        SELECT NEW.account_id AS account_id, NEW.seq AS seq, NEW.grant_id AS grant_id,
          NEW.amount AS amount WHERE NEW.grant_id IS NOT NULL
        UNION ALL SELECT d.account_id, d.seq, d.grant_id, d.amount FROM draws d
        WHERE d.account_id = NEW.account_id AND d.seq = NEW.seq
        UNION ALL SELECT e.account_id, e.seq, e.grant_id, e.amount FROM entries e
        WHERE (e.id = NEW.reverses_id OR e.reverses_id = NEW.reverses_id)
          AND e.grant_id IS NOT NULL
        UNION ALL SELECT d.account_id, d.seq, d.grant_id, d.amount FROM entries e
        JOIN draws d ON d.account_id = e.account_id AND d.seq = e.seq
        WHERE e.id = NEW.reverses_id OR e.reverses_id = NEW.reverses_id) drawn
      LEFT JOIN grants made ON made.id = drawn.grant_id AND made.seq = drawn.seq
        AND made.account_id = drawn.account_id
      GROUP BY CASE WHEN made.id IS NULL THEN drawn.grant_id ELSE made.parent_id END
      HAVING sum(drawn.amount) > 0);
END
