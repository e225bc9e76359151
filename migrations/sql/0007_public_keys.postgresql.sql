-- Thirty-two bytes in base64, where a service signs with a key pair; nothing where it has a secret.
ALTER TABLE service_keys ADD COLUMN public_key VARCHAR
    CONSTRAINT service_keys_public_key_check CHECK (
        (algorithm = 'ed25519') = (public_key IS NOT NULL) AND length(public_key) = 44
    )
