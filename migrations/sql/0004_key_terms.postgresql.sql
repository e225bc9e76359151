CREATE TABLE service_key_caps (
    kid VARCHAR NOT NULL,
    operation VARCHAR NOT NULL,
    max_units BIGINT,
    daily_units BIGINT,
    CONSTRAINT service_key_caps_pk PRIMARY KEY (kid, operation),
    CONSTRAINT service_key_caps_kid_foreign FOREIGN KEY (kid) REFERENCES service_keys (kid),
    CONSTRAINT service_key_caps_max_units_check CHECK (max_units > 0),
    CONSTRAINT service_key_caps_daily_units_check CHECK (daily_units > 0),
    CONSTRAINT service_key_caps_some_check CHECK (coalesce(max_units, daily_units) IS NOT NULL)
)

CREATE TABLE service_key_operation_days (
    kid VARCHAR NOT NULL,
    operation VARCHAR NOT NULL,
    day INTEGER NOT NULL,
    units BIGINT NOT NULL,
    CONSTRAINT service_key_operation_days_pk PRIMARY KEY (kid, operation, day),
    CONSTRAINT service_key_operation_days_cap_foreign FOREIGN KEY (kid, operation)
        REFERENCES service_key_caps (kid, operation),
    CONSTRAINT service_key_operation_days_units_check CHECK (units >= 0)
)

CREATE TABLE service_key_uses (
    kid VARCHAR NOT NULL,
    used_at BIGINT NOT NULL,
    CONSTRAINT service_key_uses_pk PRIMARY KEY (kid),
    CONSTRAINT service_key_uses_kid_foreign FOREIGN KEY (kid) REFERENCES service_keys (kid)
)

CREATE FUNCTION service_key_caps_stay() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'guard: a cap of a key never changes';
END $$

CREATE TRIGGER service_key_caps_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON service_key_caps
  FOR EACH STATEMENT EXECUTE FUNCTION service_key_caps_stay()

ALTER TABLE service_key_caps ENABLE ALWAYS TRIGGER service_key_caps_stay

-- A key's terms never change: it ends, once for good or sooner than was said, and another is issued.
CREATE OR REPLACE FUNCTION service_keys_end() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP <> 'UPDATE' OR OLD.revoked_at IS NOT NULL
    OR to_jsonb(NEW) - 'revoked_at' - 'not_after' <> to_jsonb(OLD) - 'revoked_at' - 'not_after'
    OR (NEW.not_after IS NULL AND OLD.not_after IS NOT NULL) OR NEW.not_after > OLD.not_after THEN
    RAISE EXCEPTION 'guard: a key can only end sooner';
  END IF;
  RETURN NEW;
END $$

GRANT SELECT ON service_key_caps, service_key_operation_days, service_key_uses
  TO portal_app, portal_audit

GRANT UPDATE (not_after) ON service_keys TO portal_app

GRANT INSERT ON service_key_caps TO portal_app

GRANT INSERT, UPDATE (units) ON service_key_operation_days TO portal_app

GRANT INSERT, UPDATE (used_at) ON service_key_uses TO portal_app
