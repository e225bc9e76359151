CREATE TABLE people (
    id VARCHAR NOT NULL,
    email VARCHAR NOT NULL,
    password_hash VARCHAR NOT NULL,
    account_id VARCHAR,
    role VARCHAR NOT NULL,
    created_at BIGINT NOT NULL,
    disabled_at BIGINT,
    CONSTRAINT people_pk PRIMARY KEY (id),
    CONSTRAINT people_email_unique UNIQUE (email),
    CONSTRAINT people_role_check CHECK (role IN ('customer', 'admin')),
    CONSTRAINT people_account_check CHECK (role = 'admin' OR account_id IS NOT NULL),
    CONSTRAINT people_account_id_foreign FOREIGN KEY (account_id) REFERENCES accounts (id)
)

CREATE INDEX people_account_id_index ON people (account_id, created_at, id)

-- `id` is the SHA-256 of the cookie: who reads this table cannot take a session over.
CREATE TABLE sessions (
    id BYTEA NOT NULL,
    person_id VARCHAR NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    CONSTRAINT sessions_pk PRIMARY KEY (id),
    CONSTRAINT sessions_person_id_foreign FOREIGN KEY (person_id) REFERENCES people (id)
)

CREATE INDEX sessions_person_id_index ON sessions (person_id)

CREATE INDEX sessions_created_at_index ON sessions (created_at)

CREATE INDEX sessions_seen_at_index ON sessions (seen_at)

CREATE TABLE login_attempts (
    id BYTEA NOT NULL,
    first_at BIGINT NOT NULL,
    attempts INTEGER NOT NULL,
    CONSTRAINT login_attempts_pk PRIMARY KEY (id),
    CONSTRAINT login_attempts_attempts_check CHECK (attempts > 0)
)

CREATE INDEX login_attempts_first_at_index ON login_attempts (first_at)

CREATE OR REPLACE VIEW profiles AS
SELECT id AS account_id, name,
  (SELECT email::text FROM people WHERE people.account_id = accounts.id
   ORDER BY people.created_at, people.id LIMIT 1) AS owner,
  tier, status, posted, held, posted - held AS credits_remaining
FROM accounts

GRANT SELECT, INSERT, UPDATE (password_hash, role, disabled_at) ON people TO portal_app

GRANT SELECT, INSERT, DELETE, UPDATE (seen_at) ON sessions TO portal_app

GRANT SELECT, INSERT, DELETE, UPDATE (attempts) ON login_attempts TO portal_app

GRANT SELECT (id, email, account_id, role, created_at, disabled_at) ON people TO portal_audit
