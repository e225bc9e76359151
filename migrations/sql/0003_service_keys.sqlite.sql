CREATE TABLE service_keys (
    kid TEXT NOT NULL,
    service TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    scopes TEXT NOT NULL,
    operations TEXT,
    max_units INTEGER,
    daily_units INTEGER,
    not_before INTEGER NOT NULL,
    not_after INTEGER,
    revoked_at INTEGER,
    created_at INTEGER NOT NULL,
    CONSTRAINT service_keys_pk PRIMARY KEY (kid),
    CONSTRAINT service_keys_max_units_check CHECK (max_units > 0),
    CONSTRAINT service_keys_daily_units_check CHECK (daily_units > 0)
)
 STRICT

CREATE TABLE service_key_days (
    kid TEXT NOT NULL,
    day INTEGER NOT NULL,
    units INTEGER NOT NULL,
    CONSTRAINT service_key_days_pk PRIMARY KEY (kid, day),
    CONSTRAINT service_key_days_kid_foreign FOREIGN KEY (kid) REFERENCES service_keys (kid),
    CONSTRAINT service_key_days_units_check CHECK (units >= 0)
)
 STRICT, WITHOUT ROWID

CREATE TABLE spent_nonces (
    kid TEXT NOT NULL,
    nonce TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    CONSTRAINT spent_nonces_pk PRIMARY KEY (kid, nonce),
    CONSTRAINT spent_nonces_kid_foreign FOREIGN KEY (kid) REFERENCES service_keys (kid)
)
 STRICT, WITHOUT ROWID

CREATE INDEX spent_nonces_expires_at_index ON spent_nonces (expires_at)

-- A key's terms never change: it ends, and another is issued.
CREATE TRIGGER service_keys_keep_terms BEFORE UPDATE ON service_keys
WHEN OLD.revoked_at IS NOT NULL OR NEW.revoked_at IS NULL
    OR (NEW.kid, NEW.service, NEW.algorithm, NEW.scopes, NEW.not_before, NEW.created_at)
        <> (OLD.kid, OLD.service, OLD.algorithm, OLD.scopes, OLD.not_before, OLD.created_at)
    OR NEW.operations IS NOT OLD.operations OR NEW.max_units IS NOT OLD.max_units
    OR NEW.daily_units IS NOT OLD.daily_units OR NEW.not_after IS NOT OLD.not_after
BEGIN
    SELECT RAISE(ABORT, 'service_keys: a key can only be revoked, once');
END

CREATE TRIGGER service_keys_keep_rows BEFORE DELETE ON service_keys
BEGIN
    SELECT RAISE(ABORT, 'service_keys: a key is never forgotten');
END
