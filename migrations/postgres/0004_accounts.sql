-- Accounts, what proves who they are, and the log of everything that was decided.

CREATE TABLE accounts (
    account TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(account) BETWEEN 10 AND 64),
    role TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- Set once: an account is never enabled again, and its id never given to somebody else.
    disabled_at BIGINT,
    -- Argon2id in the PHC form.
    password TEXT NOT NULL,
    password_changed_at BIGINT NOT NULL,
    -- Whether the password was chosen by somebody else and has to be changed before anything else.
    must_change BOOLEAN NOT NULL,
    -- The secret of the second factor, sealed with the installation's key.
    totp BYTEA,
    -- Whether a code was given once: before, the factor does not count.
    totp_confirmed BOOLEAN NOT NULL DEFAULT FALSE,
    -- The time step of the last code: a code counts once.
    totp_step BIGINT NOT NULL DEFAULT 0,
    -- Wrong passwords in a row.
    failures BIGINT NOT NULL DEFAULT 0 CHECK (failures >= 0),
    failed_at BIGINT NOT NULL DEFAULT 0
);

-- Hashes of passwords that were used before: none is used again.
CREATE TABLE old_passwords (
    account TEXT COLLATE "C" NOT NULL REFERENCES accounts (account),
    password TEXT NOT NULL,
    retired_at BIGINT NOT NULL,
    PRIMARY KEY (account, password)
);

CREATE TABLE recovery_codes (
    account TEXT COLLATE "C" NOT NULL REFERENCES accounts (account),
    -- SHA-256 of the code.
    digest BYTEA NOT NULL CHECK (length(digest) = 32),
    used_at BIGINT,
    PRIMARY KEY (account, digest)
);

CREATE TABLE tokens (
    token TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(token) = 16),
    account TEXT COLLATE "C" NOT NULL REFERENCES accounts (account),
    -- SHA-256 of the secret half.
    digest BYTEA NOT NULL CHECK (length(digest) = 32),
    -- Words with spaces between.
    scopes TEXT NOT NULL,
    label TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);

CREATE INDEX tokens_by_account ON tokens (account, created_at);

-- One line for each effect, written in the transaction that made it; chained by digests.
CREATE TABLE audit (
    sequence BIGINT NOT NULL PRIMARY KEY CHECK (sequence > 0),
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    act TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    previous BYTEA NOT NULL CHECK (length(previous) = 32),
    digest BYTEA NOT NULL CHECK (length(digest) = 32)
);

CREATE RULE audit_is_not_changed AS ON UPDATE TO audit DO INSTEAD NOTHING;
CREATE RULE audit_is_not_shortened AS ON DELETE TO audit DO INSTEAD NOTHING;
