-- Accounts, what proves who they are, and the log of everything that was decided.

CREATE TABLE accounts (
    account TEXT NOT NULL PRIMARY KEY CHECK (length(account) BETWEEN 10 AND 64),
    role TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- Set once: an account is never enabled again, and its id never given to somebody else.
    disabled_at INTEGER,
    -- Argon2id in the PHC form.
    password TEXT NOT NULL,
    password_changed_at INTEGER NOT NULL,
    -- Whether the password was chosen by somebody else and has to be changed before anything else.
    must_change INTEGER NOT NULL CHECK (must_change IN (0, 1)),
    -- The secret of the second factor, sealed with the installation's key.
    totp BLOB,
    -- Whether a code was given once: before, the factor does not count.
    totp_confirmed INTEGER NOT NULL DEFAULT 0 CHECK (totp_confirmed IN (0, 1)),
    -- The time step of the last code: a code counts once.
    totp_step INTEGER NOT NULL DEFAULT 0,
    -- Wrong passwords in a row.
    failures INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0),
    failed_at INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Hashes of passwords that were used before: none is used again.
CREATE TABLE old_passwords (
    account TEXT NOT NULL REFERENCES accounts (account),
    password TEXT NOT NULL,
    retired_at INTEGER NOT NULL,
    PRIMARY KEY (account, password)
) STRICT;

CREATE TABLE recovery_codes (
    account TEXT NOT NULL REFERENCES accounts (account),
    -- SHA-256 of the code.
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    used_at INTEGER,
    PRIMARY KEY (account, digest)
) STRICT;

CREATE TABLE tokens (
    token TEXT NOT NULL PRIMARY KEY CHECK (length(token) = 16),
    account TEXT NOT NULL REFERENCES accounts (account),
    -- SHA-256 of the secret half.
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    -- Words with spaces between.
    scopes TEXT NOT NULL,
    label TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;

CREATE INDEX tokens_by_account ON tokens (account, created_at);

-- One line for each effect, written in the transaction that made it; chained by digests.
CREATE TABLE audit (
    sequence INTEGER NOT NULL PRIMARY KEY CHECK (sequence > 0),
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    act TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    previous BLOB NOT NULL CHECK (length(previous) = 32),
    digest BLOB NOT NULL CHECK (length(digest) = 32)
) STRICT;

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;
CREATE TRIGGER audit_is_not_shortened BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;
