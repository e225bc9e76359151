CREATE TABLE service_keys (
    kid VARCHAR NOT NULL,
    service VARCHAR NOT NULL,
    algorithm VARCHAR NOT NULL,
    scopes VARCHAR NOT NULL,
    operations VARCHAR,
    max_units BIGINT,
    daily_units BIGINT,
    not_before BIGINT NOT NULL,
    not_after BIGINT,
    revoked_at BIGINT,
    created_at BIGINT NOT NULL,
    CONSTRAINT service_keys_pk PRIMARY KEY (kid),
    CONSTRAINT service_keys_max_units_check CHECK (max_units > 0),
    CONSTRAINT service_keys_daily_units_check CHECK (daily_units > 0)
)

CREATE TABLE service_key_days (
    kid VARCHAR NOT NULL,
    day INTEGER NOT NULL,
    units BIGINT NOT NULL,
    CONSTRAINT service_key_days_pk PRIMARY KEY (kid, day),
    CONSTRAINT service_key_days_kid_foreign FOREIGN KEY (kid) REFERENCES service_keys (kid),
    CONSTRAINT service_key_days_units_check CHECK (units >= 0)
)

CREATE TABLE spent_nonces (
    kid VARCHAR NOT NULL,
    nonce VARCHAR NOT NULL,
    expires_at BIGINT NOT NULL,
    CONSTRAINT spent_nonces_pk PRIMARY KEY (kid, nonce),
    CONSTRAINT spent_nonces_kid_foreign FOREIGN KEY (kid) REFERENCES service_keys (kid)
)

CREATE INDEX spent_nonces_expires_at_index ON spent_nonces (expires_at)

CREATE FUNCTION service_keys_end() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP <> 'UPDATE' OR OLD.revoked_at IS NOT NULL OR NEW.revoked_at IS NULL
    OR to_jsonb(NEW) - 'revoked_at' <> to_jsonb(OLD) - 'revoked_at' THEN
    RAISE EXCEPTION 'guard: a key can only be revoked, once';
  END IF;
  RETURN NEW;
END $$

CREATE TRIGGER service_keys_end BEFORE UPDATE OR DELETE ON service_keys
  FOR EACH ROW EXECUTE FUNCTION service_keys_end()

CREATE TRIGGER service_keys_stay BEFORE TRUNCATE ON service_keys
  FOR EACH STATEMENT EXECUTE FUNCTION service_keys_end()

ALTER TABLE service_keys ENABLE ALWAYS TRIGGER service_keys_end

ALTER TABLE service_keys ENABLE ALWAYS TRIGGER service_keys_stay

GRANT SELECT ON service_keys, service_key_days, spent_nonces TO portal_app, portal_audit

-- A key's terms never change: it ends, and another is issued.
GRANT INSERT, UPDATE (revoked_at) ON service_keys TO portal_app

GRANT INSERT, UPDATE (units) ON service_key_days TO portal_app

GRANT INSERT, DELETE ON spent_nonces TO portal_app
