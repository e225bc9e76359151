CREATE TABLE service_key_caps (
    kid TEXT NOT NULL,
    operation TEXT NOT NULL,
    max_units INTEGER,
    daily_units INTEGER,
    CONSTRAINT service_key_caps_pk PRIMARY KEY (kid, operation),
    CONSTRAINT service_key_caps_kid_foreign FOREIGN KEY (kid) REFERENCES service_keys (kid),
    CONSTRAINT service_key_caps_max_units_check CHECK (max_units > 0),
    CONSTRAINT service_key_caps_daily_units_check CHECK (daily_units > 0),
    CONSTRAINT service_key_caps_some_check CHECK (coalesce(max_units, daily_units) IS NOT NULL)
)
 STRICT, WITHOUT ROWID

CREATE TABLE service_key_operation_days (
    kid TEXT NOT NULL,
    operation TEXT NOT NULL,
    day INTEGER NOT NULL,
    units INTEGER NOT NULL,
    CONSTRAINT service_key_operation_days_pk PRIMARY KEY (kid, operation, day),
    CONSTRAINT service_key_operation_days_cap_foreign FOREIGN KEY (kid, operation)
        REFERENCES service_key_caps (kid, operation),
    CONSTRAINT service_key_operation_days_units_check CHECK (units >= 0)
)
 STRICT, WITHOUT ROWID

CREATE TABLE service_key_uses (
    kid TEXT NOT NULL,
    used_at INTEGER NOT NULL,
    CONSTRAINT service_key_uses_pk PRIMARY KEY (kid),
    CONSTRAINT service_key_uses_kid_foreign FOREIGN KEY (kid) REFERENCES service_keys (kid)
)
 STRICT, WITHOUT ROWID

CREATE TRIGGER service_key_caps_keep_terms BEFORE UPDATE ON service_key_caps
BEGIN
    SELECT RAISE(ABORT, 'service_key_caps: a cap never changes');
END

CREATE TRIGGER service_key_caps_keep_rows BEFORE DELETE ON service_key_caps
BEGIN
    SELECT RAISE(ABORT, 'service_key_caps: a cap is never lifted');
END

DROP TRIGGER service_keys_keep_terms

-- A key's terms never change: it ends, once for good or sooner than was said, and another is issued.
CREATE TRIGGER service_keys_keep_terms BEFORE UPDATE ON service_keys
WHEN OLD.revoked_at IS NOT NULL
    OR (NEW.kid, NEW.service, NEW.algorithm, NEW.scopes, NEW.not_before, NEW.created_at)
        <> (OLD.kid, OLD.service, OLD.algorithm, OLD.scopes, OLD.not_before, OLD.created_at)
    OR NEW.operations IS NOT OLD.operations OR NEW.max_units IS NOT OLD.max_units
    OR NEW.daily_units IS NOT OLD.daily_units
    OR NEW.not_after IS NULL AND OLD.not_after IS NOT NULL OR NEW.not_after > OLD.not_after
BEGIN
    SELECT RAISE(ABORT, 'service_keys: a key can only end sooner');
END
