-- Thirty-two bytes in base64, where a service signs with a key pair; nothing where it has a secret.
ALTER TABLE service_keys ADD COLUMN public_key TEXT
    CONSTRAINT service_keys_public_key_check CHECK (
        (algorithm = 'ed25519') = (public_key IS NOT NULL) AND length(public_key) = 44
    )

DROP TRIGGER service_keys_keep_terms

-- A key's terms never change: it ends, once for good or sooner than was said, and another is issued.
CREATE TRIGGER service_keys_keep_terms BEFORE UPDATE ON service_keys
WHEN OLD.revoked_at IS NOT NULL
    OR (NEW.kid, NEW.service, NEW.algorithm, NEW.scopes, NEW.not_before, NEW.created_at)
        <> (OLD.kid, OLD.service, OLD.algorithm, OLD.scopes, OLD.not_before, OLD.created_at)
    OR NEW.operations IS NOT OLD.operations OR NEW.max_units IS NOT OLD.max_units
    OR NEW.daily_units IS NOT OLD.daily_units OR NEW.public_key IS NOT OLD.public_key
    OR NEW.not_after IS NULL AND OLD.not_after IS NOT NULL OR NEW.not_after > OLD.not_after
BEGIN
    SELECT RAISE(ABORT, 'service_keys: a key can only end sooner');
END
