CREATE TABLE accounts (
    id TEXT NOT NULL,
    name TEXT DEFAULT '' NOT NULL,
    tier TEXT DEFAULT '' NOT NULL,
    next_tier TEXT,
    status TEXT DEFAULT 'active' NOT NULL,
    overdraft_limit INTEGER DEFAULT '0' NOT NULL,
    time_zone TEXT DEFAULT 'UTC' NOT NULL,
    anchor_at INTEGER DEFAULT '0' NOT NULL,
    period_start INTEGER DEFAULT '0' NOT NULL,
    period_end INTEGER DEFAULT '0' NOT NULL,
    posted INTEGER DEFAULT '0' NOT NULL,
    held INTEGER DEFAULT '0' NOT NULL,
    seq INTEGER DEFAULT '0' NOT NULL,
    head_hash BLOB NOT NULL,
    changed_at INTEGER DEFAULT '0' NOT NULL,
    next_due_at INTEGER,
    revision INTEGER DEFAULT '0' NOT NULL,
    revision_hash BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    touched INTEGER DEFAULT '0' NOT NULL,
    CONSTRAINT accounts_pk PRIMARY KEY (id),
    CONSTRAINT accounts_held_check CHECK (held >= 0),
    CONSTRAINT accounts_overdraft_limit_check CHECK (overdraft_limit >= 0),
    CONSTRAINT accounts_posted_check CHECK (abs(posted) <= 9000000000000000),
    CONSTRAINT accounts_status_check CHECK (status IN ('active', 'suspended', 'frozen', 'closed'))
)
 STRICT

CREATE INDEX accounts_next_due_at_index ON accounts (next_due_at)

CREATE TABLE holds (
    id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    service TEXT NOT NULL,
    operation TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    tariff TEXT NOT NULL,
    reference_type TEXT NOT NULL,
    reference_id TEXT NOT NULL,
    amount INTEGER NOT NULL,
    captured INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    status TEXT NOT NULL,
    resolved_seq INTEGER,
    CONSTRAINT holds_pk PRIMARY KEY (id),
    CONSTRAINT holds_status_check CHECK (status IN ('open', 'captured', 'released', 'expired')),
    CONSTRAINT holds_captured_check CHECK (captured BETWEEN 0 AND amount)
)
 STRICT

CREATE UNIQUE INDEX holds_one_per_reference ON holds (account_id, operation, reference_type, reference_id) WHERE status IN ('open', 'captured')

CREATE INDEX holds_open ON holds (account_id, expires_at) WHERE status = 'open'

CREATE TABLE requests (
    service TEXT NOT NULL,
    "key" TEXT NOT NULL,
    account_id TEXT NOT NULL,
    seq INTEGER,
    refusal_id TEXT,
    body TEXT NOT NULL,
    recorded_at INTEGER NOT NULL,
    hash BLOB NOT NULL,
    CONSTRAINT requests_pk PRIMARY KEY (service, "key"),
    CONSTRAINT requests_outcome_check CHECK ((seq IS NULL) <> (refusal_id IS NULL))
)
 WITHOUT ROWID,
 STRICT

CREATE TABLE tariffs (
    name TEXT NOT NULL,
    effective_at INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    document TEXT NOT NULL,
    published_at INTEGER NOT NULL,
    published_by TEXT NOT NULL,
    hash BLOB NOT NULL,
    CONSTRAINT tariffs_pk PRIMARY KEY (name),
    CONSTRAINT tariffs_effective_at_unique UNIQUE (effective_at)
)
 STRICT

CREATE TABLE usage_days (
    account_id TEXT NOT NULL,
    day INTEGER NOT NULL,
    operation TEXT NOT NULL,
    charged INTEGER NOT NULL,
    refunded INTEGER NOT NULL,
    quantity INTEGER NOT NULL,
    jobs INTEGER NOT NULL,
    CONSTRAINT usage_days_pk PRIMARY KEY (account_id, day, operation)
)
 WITHOUT ROWID,
 STRICT

CREATE TABLE account_revisions (
    account_id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    reason TEXT NOT NULL,
    name TEXT NOT NULL,
    tier TEXT NOT NULL,
    next_tier TEXT,
    status TEXT NOT NULL,
    overdraft_limit INTEGER NOT NULL,
    time_zone TEXT NOT NULL,
    anchor_at INTEGER NOT NULL,
    period_start INTEGER NOT NULL,
    period_end INTEGER NOT NULL,
    actor_kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    note TEXT,
    as_of_seq INTEGER NOT NULL,
    occurred_at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    prev_hash BLOB NOT NULL,
    hash BLOB NOT NULL,
    CONSTRAINT account_revisions_pk PRIMARY KEY (account_id, revision),
    CONSTRAINT account_revisions_account_id_foreign FOREIGN KEY(account_id) REFERENCES accounts (id)
)
 WITHOUT ROWID,
 STRICT

CREATE TABLE entries (
    account_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    amount INTEGER NOT NULL,
    hold_amount INTEGER NOT NULL,
    posted_after INTEGER NOT NULL,
    held_after INTEGER NOT NULL,
    due_after INTEGER,
    reason TEXT NOT NULL,
    reference_type TEXT,
    reference_id TEXT,
    operation TEXT,
    quantity INTEGER,
    tariff TEXT,
    actor_kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    key_id TEXT,
    idempotency_key TEXT,
    hold_id TEXT,
    reverses_id TEXT,
    resolution TEXT,
    expires_at INTEGER,
    approved_by TEXT,
    note TEXT,
    labels TEXT,
    metadata TEXT,
    occurred_at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    prev_hash BLOB NOT NULL,
    hash BLOB NOT NULL,
    CONSTRAINT entries_pk PRIMARY KEY (account_id, seq),
    CONSTRAINT entries_kind_check CHECK (kind IN ('grant', 'debit', 'hold', 'capture', 'release', 'expiry', 'refund', 'adjustment')),
    CONSTRAINT entries_size_check CHECK (abs(amount) <= 1000000000000 AND abs(hold_amount) <= 1000000000000),
    CONSTRAINT entries_shape_check CHECK (CASE kind WHEN 'grant' THEN amount >= 0 AND hold_amount = 0 WHEN 'debit' THEN amount <= 0 AND hold_amount = 0 WHEN 'hold' THEN amount = 0 AND hold_amount >= 0 AND hold_id IS NOT NULL WHEN 'capture' THEN amount <= 0 AND hold_amount <= amount AND hold_id IS NOT NULL WHEN 'release' THEN amount = 0 AND hold_amount <= 0 AND hold_id IS NOT NULL AND resolution IS NOT NULL WHEN 'expiry' THEN amount <= 0 AND hold_amount = 0 WHEN 'refund' THEN amount >= 0 AND hold_amount = 0 AND reverses_id IS NOT NULL ELSE hold_amount = 0 AND approved_by IS NOT NULL END),
    CONSTRAINT entries_resolution_check CHECK (resolution IS NULL OR (resolution = 'captured' AND kind = 'capture') OR (resolution IN ('released', 'expired') AND kind = 'release')),
    CONSTRAINT entries_seq_check CHECK (seq > 0),
    CONSTRAINT entries_account_id_foreign FOREIGN KEY(account_id) REFERENCES accounts (id),
    CONSTRAINT entries_id_unique UNIQUE (id)
)
 STRICT

CREATE INDEX entries_by_hold ON entries (hold_id, seq) WHERE hold_id IS NOT NULL

CREATE INDEX entries_by_kind ON entries (account_id, kind, seq) WHERE kind <> 'debit'

CREATE INDEX entries_by_reference ON entries (account_id, reference_id, seq) WHERE kind <> 'debit' AND reference_id IS NOT NULL

CREATE INDEX entries_by_reversed ON entries (reverses_id) WHERE reverses_id IS NOT NULL

CREATE UNIQUE INDEX entries_one_allocation_per_period ON entries (account_id, reference_id) WHERE kind = 'grant' AND reference_type = 'period' AND reason <> 'rollover'

CREATE UNIQUE INDEX entries_one_debit_per_reference ON entries (reference_id, account_id, operation, reference_type) WHERE kind = 'debit'

CREATE UNIQUE INDEX entries_one_grant_per_payment ON entries (reference_type, reference_id) WHERE kind = 'grant' AND reference_type = 'payment'

CREATE UNIQUE INDEX entries_one_late_capture_per_hold ON entries (hold_id) WHERE kind = 'debit' AND hold_id IS NOT NULL

CREATE UNIQUE INDEX entries_one_resolution_per_hold ON entries (hold_id) WHERE resolution IS NOT NULL

CREATE TABLE refusals (
    id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    as_of_seq INTEGER NOT NULL,
    command TEXT NOT NULL,
    code TEXT NOT NULL,
    operation TEXT,
    quantity INTEGER,
    required INTEGER,
    available INTEGER NOT NULL,
    held INTEGER NOT NULL,
    reference_type TEXT,
    reference_id TEXT,
    actor_kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    key_id TEXT,
    idempotency_key TEXT,
    details TEXT NOT NULL,
    recorded_at INTEGER NOT NULL,
    hash BLOB NOT NULL,
    CONSTRAINT refusals_pk PRIMARY KEY (id),
    CONSTRAINT refusals_account_id_foreign FOREIGN KEY(account_id) REFERENCES accounts (id)
)
 STRICT

CREATE INDEX refusals_by_account ON refusals (account_id, recorded_at)

CREATE TABLE draws (
    account_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    position INTEGER NOT NULL,
    grant_id TEXT,
    amount INTEGER NOT NULL,
    pinned INTEGER NOT NULL,
    CONSTRAINT draws_pk PRIMARY KEY (account_id, seq, position),
    CONSTRAINT draws_account_id_seq_foreign FOREIGN KEY(account_id, seq) REFERENCES entries (account_id, seq) DEFERRABLE INITIALLY DEFERRED
)
 WITHOUT ROWID,
 STRICT

CREATE TABLE grants (
    id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    origin TEXT NOT NULL,
    priority INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    effective_at INTEGER NOT NULL,
    expires_at INTEGER,
    operations TEXT,
    parent_id TEXT,
    remaining INTEGER DEFAULT '0' NOT NULL,
    pinned INTEGER DEFAULT '0' NOT NULL,
    CONSTRAINT grants_pk PRIMARY KEY (id),
    CONSTRAINT grants_origin_check CHECK (origin IN ('allocation', 'purchase', 'promotion', 'goodwill', 'rollover', 'import', 'reinstatement')),
    CONSTRAINT grants_amount_check CHECK (amount BETWEEN 0 AND 1000000000000),
    CONSTRAINT grants_pinned_check CHECK (pinned >= 0 AND pinned <= remaining),
    CONSTRAINT grants_life_check CHECK (expires_at IS NULL OR expires_at > effective_at),
    CONSTRAINT grants_account_id_seq_foreign FOREIGN KEY(account_id, seq) REFERENCES entries (account_id, seq) DEFERRABLE INITIALLY DEFERRED
)
 STRICT

CREATE INDEX grants_by_account ON grants (account_id, seq)

CREATE INDEX grants_with_credits ON grants (account_id) WHERE remaining > 0
